"""Protocol 5: denoising of joint positions."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from benchmarks.baselines.interface import PosePrior
from benchmarks.baselines.no_prior import NoPrior
from benchmarks.cache import Result
from benchmarks.prior.poses import Poses, drawn
from benchmarks.prior.protocol import joints_mm
from benchmarks.tuning import lowest
from qposer.evaluation.metrics import mpjpe

LEVELS_MM = (20, 40, 100)
"""Standard deviations of the noise on every coordinate."""

START = {20: -2, 40: -1, 100: 1}
"""Initial exponents of the weight search, in half decades: near twice the squared noise in decimetres, the weight of an
energy that is a negative log density."""


@dataclass(frozen=True)
class TuningSettings:
    """Settings of the weight search on validation poses."""

    poses: int = 64
    seed: int = 1


@dataclass(frozen=True)
class DenoisingSettings:
    """Settings of protocol 5."""

    poses: int = 300
    seed: int = 0
    weights: tuple[float, ...] = ()
    """Weight of the prior for each noise level, as chosen by `tune`."""


def tune(prior: PosePrior | NoPrior, poses: Poses, settings: TuningSettings) -> Result:
    """Choose the weight of the prior with the lowest error on validation poses, for each noise level.

    Args:
        prior: prior to tune.
        poses: body poses by split.
        settings: settings of the search.

    Returns:
        ``weights``, one for each level; ``tried_mm``, the mean MPJPE in millimetres of each weight tried, by level.
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
    """Measure the error of every denoised pose at each noise level.

    Args:
        prior: prior to denoise with.
        poses: body poses by split.
        settings: settings of the protocol.

    Returns:
        For each level, the MPJPE of each pose over 22 joints, in millimetres.
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
