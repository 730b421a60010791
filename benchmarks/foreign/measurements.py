"""Measurements on a set of poses: energies, reconstruction, and fits to synthetic photos."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from benchmarks.baselines.interface import PosePrior
from benchmarks.cache import Result
from benchmarks.fitting.contenders import Contender as Fit
from benchmarks.fitting.people import photographed
from benchmarks.fitting.protocol import Bench, measure, tuned
from benchmarks.foreign.poses import PoseSet
from benchmarks.prior.plausibility import measure_poses
from benchmarks.prior.protocol import in_chunks, joints_mm
from fitting.body.body import Body
from fitting.optimise.regressor import Regressor
from qposer.evaluation.metrics import mpjpe
from qposer.vposer import VPoserV2

CONDITIONS = ("clean", "noise", "legs missing")
TUNING_PEOPLE = 48


@dataclass(frozen=True)
class Settings:
    """Numbers of poses, and seed."""

    poses: int = 2000
    """Number of poses of each set for the energies."""
    people: int = 200
    """Number of fitted people of each set."""
    seed: int = 0

    def generator(self) -> torch.Generator:
        """Make a random generator with the seed."""
        return torch.Generator().manual_seed(self.seed)


@dataclass(frozen=True)
class Plausibility:
    """Energies of one set under one prior."""

    poses: PoseSet
    """Measured poses."""
    result: Result
    """Result of `measure_poses`."""


def plausibility(prior: PosePrior, poses: PoseSet, settings: Settings) -> Plausibility:
    """Measure the energies of real poses, and of negatives made from them.

    Args:
        prior: prior with an energy.
        poses: poses to sample from, evenly over the sequences.
        settings: number of poses and seed.

    Returns:
        Energies and their poses.
    """
    generator = settings.generator()
    chosen = poses.evenly(settings.poses, generator)
    return Plausibility(chosen, measure_poses(prior, chosen.body_pose, generator))


@torch.no_grad()
def drop_in_error(poses: Float[Tensor, "poses 21 3"]) -> Float[Tensor, " poses"]:
    """MPJPE of poses reconstructed by the VPoser replacement from 32 numbers, in millimetres."""
    model = VPoserV2.from_pretrained()

    def error(part: Float[Tensor, "part 21 3"]) -> Float[Tensor, " part"]:
        return mpjpe(joints_mm(model.decode(model.encode(part.flatten(1)).mean)["pose_body"]), joints_mm(part))

    return in_chunks(error, poses)


@dataclass(frozen=True)
class Fits:
    """Errors of fits on one set."""

    poses: PoseSet
    pa_mpjpe: dict[str, Float[Tensor, " poses"]]
    """Errors in millimetres, by condition."""


def fits(fit: Fit, poses: PoseSet, validation: PoseSet, mean_pose: Float[Tensor, "21 3 3"], settings: Settings) -> Fits:
    """Fit synthetic photos of some poses.

    Args:
        fit: prior and weights; the weight is chosen on validation poses if `Contender.first_weight` is given.
        poses: poses to sample from, evenly over the sequences.
        validation: validation poses for the weight search.
        mean_pose: mean training pose, the initial pose of some fits.
        settings: number of poses and seed.

    Returns:
        Errors and their poses.
    """
    body, regressor = Body.open(), Regressor.from_pretrained()

    def bench(chosen: PoseSet, generator: torch.Generator) -> Bench:
        return Bench(body, regressor, photographed(body, chosen.body_pose, generator), mean_pose, settings.seed)

    if fit.first_weight is not None:
        generator = settings.generator()
        fit = fit.weighing(tuned(bench(validation.evenly(TUNING_PEOPLE, generator), generator), fit)["weight"])
    generator = settings.generator()
    chosen = poses.evenly(settings.people, generator)
    seen = bench(chosen, generator)
    return Fits(chosen, {c: torch.tensor(measure(seen, fit, c)["pa_mpjpe"]) for c in CONDITIONS})
