"""Protocol 5: denoising of joint positions."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from benchmarks.cache import Result
from benchmarks.prior.poses import Poses, drawn
from benchmarks.prior.protocol import joints_mm
from benchmarks.tuning import lowest
from qposer.baselines.interface import PosePrior
from qposer.baselines.no_prior import NoPrior
from qposer.evaluation.metrics import mpjpe

LEVELS_MM = (20, 40, 100)
"""Standard deviations of the noise on every coordinate."""

START = {20: -2, 40: -1, 100: 1}
"""Where the search for a weight begins, in half decades: near the square of the noise in decimetres, twice, which is
the weight of an energy that is a negative logarithm of a density."""


@dataclass(frozen=True)
class TuningSettings:
    """Of the choice of weights on validation poses."""

    poses: int = 64
    seed: int = 1


@dataclass(frozen=True)
class DenoisingSettings:
    """Of protocol 5."""

    poses: int = 300
    seed: int = 0
    weights: tuple[float, ...] = ()
    """For each level of noise; ``tune`` chooses them."""


def tune(prior: PosePrior | NoPrior, poses: Poses, settings: TuningSettings) -> Result:
    """For each level, the weight with the lowest error on validation poses, and all that were tried.

    Args:
        prior: prior to tune.
        poses: body poses by split.
        settings: settings of the search.

    Returns:
        Weights and errors by level.
    """
    truth = drawn(poses.validation, settings.poses, torch.Generator().manual_seed(settings.seed))
    chosen, tried = [], []
    for level in LEVELS_MM:
        noisy = _noisy(truth, level, torch.Generator().manual_seed(settings.seed))

        def error(exponent: int, noisy: Tensor = noisy) -> float:
            found = prior.fit_joints(noisy, _weight(exponent))
            return mpjpe(joints_mm(found), joints_mm(truth)).mean().item()

        best, errors = lowest(error, START[level])
        chosen.append(_weight(best))
        tried.append({f"{_weight(exponent):.3g}": value for exponent, value in sorted(errors.items())})
    return {"weights": chosen, "tried_mm": tried}


def measure(prior: PosePrior | NoPrior, poses: Poses, settings: DenoisingSettings) -> Result:
    """For each level, the error of every pose in millimetres, 22 joints.

    Args:
        prior: prior to denoise with.
        poses: body poses by split.
        settings: settings of the protocol.

    Returns:
        Millimetres by level.
    """
    truth = drawn(poses.test, settings.poses, torch.Generator().manual_seed(settings.seed))
    joints = joints_mm(truth)
    result: Result = {}
    for level, weight in zip(LEVELS_MM, settings.weights, strict=True):
        noisy = _noisy(truth, level, torch.Generator().manual_seed(settings.seed))
        found = prior.fit_joints(noisy, weight)
        result[str(level)] = mpjpe(joints_mm(found), joints).tolist()
    return result


def _noisy(truth: Float[Tensor, "poses 21 3"], level: int, generator: torch.Generator) -> Float[Tensor, "poses 22 3"]:
    """Joints in metres with Gaussian noise of ``level`` millimetres."""
    joints = joints_mm(truth)
    return (joints + level * torch.randn(joints.shape, generator=generator)) / 1000


def _weight(exponent: int) -> float:
    return float(10 ** (exponent / 2))
