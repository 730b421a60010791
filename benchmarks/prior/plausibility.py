"""Protocol 2: whether a prior tells test poses from such that nobody takes."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from benchmarks.cache import Result
from benchmarks.prior.contenders import Reconstructs
from benchmarks.prior.negatives import NEGATIVES
from benchmarks.prior.poses import Poses, drawn
from benchmarks.prior.protocol import in_chunks, joints_mm
from qposer.baselines.interface import PosePrior
from qposer.metrics import mpjpe

REAL = "real"


@dataclass(frozen=True)
class PlausibilitySettings:
    """Of protocol 2."""

    poses: int = 2000
    """Test poses, and as many of each kind of negatives."""
    seed: int = 0


@torch.no_grad()
def measure(prior: PosePrior, poses: Poses, settings: PlausibilitySettings) -> Result:
    """Energies of test poses and of each kind of negatives; of an autoencoder the reconstruction gap (mm), too."""
    generator = torch.Generator().manual_seed(settings.seed)
    real = drawn(poses.test, settings.poses, generator)
    sets = {REAL: real} | {kind: spoil(real, generator) for kind, spoil in NEGATIVES.items()}
    result: Result = {"energy": {kind: in_chunks(prior.energy, members).tolist() for kind, members in sets.items()}}
    if isinstance(prior, Reconstructs):
        reconstruct = prior.reconstruct
        result["gap_mm"] = {
            kind: in_chunks(lambda part: mpjpe(joints_mm(reconstruct(part)), joints_mm(part)), members).tolist()
            for kind, members in sets.items()
        }
    return result
