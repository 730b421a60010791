"""How probable it is that a fit is far off, from its alternatives and from the detector's positions in metres."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float

from fitting.inputs.keypoints import FORMATS, FormatName
from qposer.body_pose.skeleton import JOINT_NAMES

FAR_OFF = 0.15
"""Mean error of the joints, in metres, above which a fit is far off."""

RISKY = 0.35
"""Risk from which a result is doubtful: 5 % of the rendered people that are not far off have a higher one."""

CONSTANT, SPREAD, DISAGREEMENT, DENSITY = 13.919, 2.216, 3.239, -0.565
"""Logistic regression on rendered and detected people of the half of the poses that does not evaluate
(`benchmarks.evidence.risk`)."""

_LEAST = 1e-3
"""Metres; smaller distances make no difference."""


def risk_of(spread: float, disagreement: float, density: float) -> float:
    """Probability that the joints of a fit are more than `FAR_OFF` from the truth on average.

    Args:
        spread: mean distance of the joints to those of other candidates, weighted by their probabilities, in metres.
        disagreement: distance from the detector's positions (`disagreement_of`), in metres.
        density: logarithm of the density of the sampler's draws at the fit, a feature of `hypotheses.WEIGHTS`.

    Returns:
        A probability.
    """
    numbers = regressors_of(spread, disagreement, density)
    weights = CONSTANT, SPREAD, DISAGREEMENT, DENSITY
    logit = sum(weight * number for weight, number in zip(weights, numbers, strict=True))
    return 1 / (1 + math.exp(-min(max(logit, -50.0), 50.0)))


def regressors_of(spread: float, disagreement: float, density: float) -> tuple[float, float, float, float]:
    """The numbers that the logistic regression weighs.

    Args:
        spread: as for `risk_of`.
        disagreement: as for `risk_of`.
        density: as for `risk_of`.

    Returns:
        1 for the constant, the logarithms of the two distances, and the density.
    """
    return 1.0, math.log(spread + _LEAST), math.log(disagreement + _LEAST), density


def disagreement_of(
    joints: Float[np.ndarray, "joints 3"], world: Float[np.ndarray, "landmarks 3"], format: FormatName
) -> float:
    """Mean distance of a body's joints from a detector's positions, both relative to the middle of the hips.

    Args:
        joints: SMPL's joints in camera axes, metres.
        world: the detector's positions in camera axes, metres.
        format: format of the keypoints.

    Returns:
        Metres, over the joints that have a keypoint of the same name.
    """
    names = FORMATS[format].names
    shared = [name for name in JOINT_NAMES if name in names]
    hips = [shared.index("left_hip"), shared.index("right_hip")]
    of_body = joints[[JOINT_NAMES.index(name) for name in shared]]
    of_detector = world[[names.index(name) for name in shared]]
    apart = (of_body - of_body[hips].mean(0)) - (of_detector - of_detector[hips].mean(0))
    return float(np.linalg.norm(apart, axis=-1).mean())
