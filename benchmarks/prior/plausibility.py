"""Protocol 2: separation of test poses from implausible poses."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from benchmarks.cache import Result
from benchmarks.prior.contenders import Reconstructs
from benchmarks.prior.negatives import NEGATIVES
from benchmarks.prior.poses import Poses, drawn
from benchmarks.prior.protocol import in_chunks, joints_mm
from qposer.baselines.interface import PosePrior
from qposer.evaluation.metrics import mpjpe

REAL = "real"


@dataclass(frozen=True)
class PlausibilitySettings:
    """Of protocol 2."""

    poses: int = 2000
    """Test poses, and as many of each kind of negatives."""
    seed: int = 0


def measure(prior: PosePrior, poses: Poses, settings: PlausibilitySettings) -> Result:
    """As `measure_poses`, of test poses.

    Args:
        prior: prior to measure.
        poses: body poses by split.
        settings: settings of the protocol.

    Returns:
        Figures by kind of negatives.
    """
    generator = torch.Generator().manual_seed(settings.seed)
    return measure_poses(prior, drawn(poses.test, settings.poses, generator), generator)


@torch.no_grad()
def measure_poses(prior: PosePrior, real: Float[Tensor, "poses 21 3"], generator: torch.Generator) -> Result:
    """Energies of real poses and of each kind of negatives; of an autoencoder the reconstruction gap (mm), too.

    Args:
        prior: prior with an energy.
        real: real poses, axis-angle in radians.
        generator: random generator of the negatives.

    Returns:
        ``energy`` and ``gap_mm`` by kind of poses; negatives are in the order of the real poses that they are made
        from.
    """
    sets = {REAL: real} | {kind: spoil(real, generator) for kind, spoil in NEGATIVES.items()}
    result: Result = {"energy": {kind: in_chunks(prior.energy, members).tolist() for kind, members in sets.items()}}
    if isinstance(prior, Reconstructs):
        reconstruct = prior.reconstruct
        result["gap_mm"] = {
            kind: in_chunks(lambda part: mpjpe(joints_mm(reconstruct(part)), joints_mm(part)), members).tolist()
            for kind, members in sets.items()
        }
    return result
