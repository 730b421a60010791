"""Measurements on a set of poses: energies, reconstruction, and fits to synthetic photos."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from benchmarks.cache import Result
from benchmarks.fitting.contenders import Contender as Fit
from benchmarks.fitting.people import photographed
from benchmarks.fitting.protocol import Bench, measure, tuned
from benchmarks.foreign.poses import PoseSet
from benchmarks.prior.plausibility import measure_poses
from benchmarks.prior.protocol import in_chunks, joints_mm
from fitting.body.body import Body
from fitting.optimise.regressor import Regressor
from qposer.baselines.interface import PosePrior
from qposer.evaluation.metrics import mpjpe
from qposer.vposer import VPoserV2

CONDITIONS = ("clean", "noise", "legs missing")
TUNING_PEOPLE = 48


@dataclass(frozen=True)
class Settings:
    """How many poses, and which."""

    poses: int = 2000
    """Of each set, whose energies are taken."""
    people: int = 200
    """Of each set, who are fitted."""
    seed: int = 0

    def generator(self) -> torch.Generator:
        """A fresh one."""
        return torch.Generator().manual_seed(self.seed)


@dataclass(frozen=True)
class Plausibility:
    """Energies of one set under one prior."""

    poses: PoseSet
    """The poses that were measured."""
    result: Result
    """As `measure_poses`."""


def plausibility(prior: PosePrior, poses: PoseSet, settings: Settings) -> Plausibility:
    """Energies of real poses, and of negatives made from them.

    Args:
        prior: prior with an energy.
        poses: poses to sample from, evenly over the sequences.
        settings: number of poses and seed.

    Returns:
        The energies, and the poses that they belong to.
    """
    generator = settings.generator()
    chosen = poses.evenly(settings.poses, generator)
    return Plausibility(chosen, measure_poses(prior, chosen.body_pose, generator))


@torch.no_grad()
def drop_in_error(poses: Float[Tensor, "poses 21 3"]) -> Float[Tensor, " poses"]:
    """MPJPE in mm of poses that the drop-in for VPoser keeps in 32 numbers."""
    model = VPoserV2.from_pretrained()

    def error(part: Float[Tensor, "part 21 3"]) -> Float[Tensor, " part"]:
        return mpjpe(joints_mm(model.decode(model.encode(part.flatten(1)).mean)["pose_body"]), joints_mm(part))

    return in_chunks(error, poses)


@dataclass(frozen=True)
class Fits:
    """Errors of fits of one set."""

    poses: PoseSet
    pa_mpjpe: dict[str, Float[Tensor, " poses"]]
    """In mm, by condition."""


def fits(fit: Fit, poses: PoseSet, validation: PoseSet, mean_pose: Float[Tensor, "21 3 3"], settings: Settings) -> Fits:
    """Fit synthetic photos of some poses.

    Args:
        fit: prior and weights; a weight to be searched is chosen on validation poses.
        poses: poses to sample from, evenly over the sequences.
        validation: validation poses for the weight search.
        mean_pose: mean training pose, the initial pose of some fits.
        settings: number of poses and seed.

    Returns:
        The errors, and the poses that they belong to.
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
