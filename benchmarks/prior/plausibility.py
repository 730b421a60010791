"""Protocol 2: separation of test poses from implausible poses."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from benchmarks.baselines.interface import PosePrior
from benchmarks.cache import Result
from benchmarks.prior.contenders import Reconstructs
from benchmarks.prior.negatives import NEGATIVES
from benchmarks.prior.poses import Poses, drawn
from benchmarks.prior.protocol import in_chunks, joints_mm
from qposer.evaluation.metrics import mpjpe

REAL = "real"


@dataclass(frozen=True)
class PlausibilitySettings:
    """Settings of protocol 2."""

    poses: int = 2000
    """Number of test poses, and of negatives of each kind."""
    seed: int = 0


def measure(prior: PosePrior, poses: Poses, settings: PlausibilitySettings) -> Result:
    """Measure a prior on test poses and on negatives made from them.

    Args:
        prior: prior with an energy.
        poses: body poses by split.
        settings: settings of the protocol.

    Returns:
        Energies and reconstruction gaps, as `measure_poses` returns them.
    """
    generator = torch.Generator().manual_seed(settings.seed)
    return measure_poses(prior, drawn(poses.test, settings.poses, generator), generator)


@torch.no_grad()
def measure_poses(prior: PosePrior, real: Float[Tensor, "poses 21 3"], generator: torch.Generator) -> Result:
    """Measure the energies of real poses and of negatives; for an autoencoder, also the reconstruction gaps.

    Args:
        prior: prior with an energy.
        real: real poses, axis-angle in radians.
        generator: random generator of the negatives.

    Returns:
        ``energy`` (no unit) and ``gap_mm`` (MPJPE in millimetres) by kind of pose, one value for each pose; negatives
        are in the order of the real poses that they are made from.
    """
    sets = {REAL: real} | {kind: make(real, generator) for kind, make in NEGATIVES.items()}
    result: Result = {"energy": {kind: in_chunks(prior.energy, members).tolist() for kind, members in sets.items()}}
    if isinstance(prior, Reconstructs):
        reconstruct = prior.reconstruct
        result["gap_mm"] = {
            kind: in_chunks(lambda part: mpjpe(joints_mm(reconstruct(part)), joints_mm(part)), members).tolist()
            for kind, members in sets.items()
        }
    return result
