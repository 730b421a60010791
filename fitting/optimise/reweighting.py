"""Outliers among the keypoints and the error of the others, estimated from a fitted body."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from fitting.body.body import Body
from fitting.inputs.keypoints import MIN_SEEN
from fitting.optimise.initialize import joint_weights
from fitting.optimise.problem import Problem
from fitting.optimise.regressor import Regressor

TYPICAL_ERROR = 0.01
"""Keypoint error, as a fraction of the person's height, at which the prior's scale is 1."""

OUTLIER_FACTOR, OUTLIER_MIN = 4.0, 0.05
"""Keypoints are rejected if their error exceeds this multiple of the median and this fraction of the person's
height."""


@dataclass(frozen=True)
class PriorScale:
    """Growth of the weights of prior and predicted pose with the keypoints' error.

    In theory the weight grows with the squared error, but a part of the measured error is due to the unfinished fit.
    """

    power: float
    """Exponent of the error."""
    least: float
    most: float


@torch.no_grad()
def reject_outliers(
    problem: Problem,
    landmarks: Float[Tensor, "people joints 3"],
    body: Body,
    regressor: Regressor | None,
) -> Problem:
    """The problem without keypoints that are far from the body's landmarks, if enough remain.

    A regressor updates its prediction without them.

    Args:
        problem: keypoints and camera.
        landmarks: the body's keypoints in camera space, metres.
        body: body model.
        regressor: updates the prediction; None keeps it.

    Returns:
        The problem with zero confidence for the rejected keypoints.
    """
    distance = torch.linalg.vector_norm(problem.camera.project(landmarks) - problem.keypoints, dim=-1)
    limit = (OUTLIER_FACTOR * relative_residual(landmarks, problem)).clamp(min=OUTLIER_MIN) * problem.height
    seen = problem.confidence > 0
    outlying = seen & (distance > limit[:, None])
    outlying &= (seen & ~outlying).sum(-1, keepdim=True) >= MIN_SEEN
    confidence = torch.where(outlying, 0.0, problem.confidence)
    guess = problem.guess
    if regressor is not None:
        xy = torch.where(confidence[..., None] > 0, problem.keypoints, 0.0)
        again = regressor.predict_with_flip(xy, confidence, problem.format, problem.camera)[1]
        guess = torch.where(outlying.any(-1)[:, None, None, None], again, guess)
    init_weight = joint_weights(body, confidence, problem.format)
    return dataclasses.replace(problem, confidence=confidence, guess=guess, init_weight=init_weight)


def update_prior_scale(problem: Problem, error: Float[Tensor, " #people"], by: PriorScale) -> Problem:
    """The problem with weights for a given keypoint error, as a fraction of the person's height.

    The error is at least the problem's `noise_floor`.

    Args:
        problem: keypoints and camera.
        error: measured error, in the unit of `noise_floor`.
        by: growth of the prior's weight with the error.

    Returns:
        The problem with updated weights.
    """
    prior_scale = (error.clamp(min=problem.noise_floor) / TYPICAL_ERROR).pow(by.power).clamp(by.least, by.most)
    return dataclasses.replace(problem, prior_scale=prior_scale.expand_as(problem.prior_scale))


def relative_residual(landmarks: Float[Tensor, "people joints 3"], problem: Problem) -> Float[Tensor, " people"]:
    """Median distance of seen keypoints from the body's landmarks, as a fraction of the person's height.

    Args:
        landmarks: the body's keypoints in camera space, metres.
        problem: keypoints and camera.

    Returns:
        One number per person; NaN without seen keypoints.
    """
    distance = torch.linalg.vector_norm(problem.camera.project(landmarks) - problem.keypoints, dim=-1)
    inexact: Tensor = distance.masked_fill(problem.confidence == 0, torch.nan).nanmedian(-1).values / problem.height
    return inexact
