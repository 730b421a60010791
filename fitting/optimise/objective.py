"""What a fit minimises, one small pure function a term; every term is a number a person, so that batches do not mix."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import pad

_UNSEEN = 1e-9  # a sum of weights below which nothing is seen, and the term is zero


def gmof(squared: Float[Tensor, " *shape"], rho: float) -> Float[Tensor, " *shape"]:
    """Geman-McClure of squared residuals: quadratic near zero, ``rho**2`` at most (SMPLify, eq. 2).

    Args:
        squared: squares of the residuals.
        rho: residual, in the same unit, at which half of the largest cost is reached.

    Returns:
        ``rho**2 * squared / (squared + rho**2)``.
    """
    return rho**2 * squared / (squared + rho**2)


def gmof_weight(squared: Float[Tensor, " *shape"], rho: float) -> Float[Tensor, " *shape"]:
    """The derivative of `gmof`: how much a residual counts where squares stand in for the function.

    Args:
        squared: squares of the residuals.
        rho: as in `gmof`.

    Returns:
        Numbers from 1, for a residual of zero, towards 0.
    """
    return (rho**2 / (squared + rho**2)).square()


def shares(confidence: Float[Tensor, "people joints"]) -> Float[Tensor, "people joints"]:
    """Squared confidences as parts of their sum."""
    weight = confidence.square()
    return weight / weight.sum(-1, keepdim=True).clamp(min=_UNSEEN)


def reprojection(
    projected: Float[Tensor, "people joints 2"],
    keypoints: Float[Tensor, "people joints 2"],
    confidence: Float[Tensor, "people joints"],
    height: Float[Tensor, " people"],
    rho: float,
) -> Float[Tensor, " people"]:
    """Robust distance of projections (pixels) to keypoints, as parts of the person's ``height`` in pixels.

    Squared confidences weigh the keypoints (SMPLify-X, eq. 2); their sum is divided out, so that a person of whom half
    is seen is fitted as closely as a whole one.

    Args:
        projected: of the body, pixels.
        keypoints: detected, pixels.
        confidence: zero where a keypoint is unseen.
        height: of the people, pixels.
        rho: of `gmof`, as a part of the height.

    Returns:
        One number for each person.
    """
    squared = ((projected - keypoints) / height[:, None, None]).square().sum(-1)
    return (shares(confidence) * gmof(squared, rho)).sum(-1)


def depth_gap(
    depths: Float[Tensor, "people joints"],
    cue: Float[Tensor, "people joints"],
    confidence: Float[Tensor, "people joints"],
    rho: float,
) -> Float[Tensor, " people"]:
    """Robust distance of keypoints' depths, metres behind their weighted mean, to those that a detector estimates.

    Only differences of depth count: how far the person is, is for the reprojection to tell.

    Args:
        depths: of the body's keypoints, metres.
        cue: depths that the detector estimates, metres.
        confidence: zero where a keypoint is unseen.
        rho: of `gmof`, metres.

    Returns:
        One number for each person.
    """
    weight = shares(confidence)
    behind, cued = (values - (weight * values).sum(-1, keepdim=True) for values in (depths, cue))
    return (weight * gmof((behind - cued).square(), rho)).sum(-1)


def shape_prior(betas: Float[Tensor, "people shapes"]) -> Float[Tensor, " people"]:
    """Squared norm of the shape components, which have unit variance."""
    return betas.square().sum(-1)


def guess_gap(
    body_pose: Float[Tensor, "people 21 3 3"],
    guess: Float[Tensor, "people 21 3 3"],
    init_weight: Float[Tensor, "people 21"],
) -> Float[Tensor, " people"]:
    """Half the squared distance (Frobenius) of rotations from guessed ones, mean over the joints, weighted.

    Args:
        body_pose: rotations of the fit.
        guess: rotations of the regressor.
        init_weight: weights of the joints.

    Returns:
        One number for each person.
    """
    return 0.5 * (init_weight * (body_pose - guess).square().sum((-1, -2))).mean(-1)


def roughness(values: Float[Tensor, " frames *numbers"]) -> Float[Tensor, " frames"]:
    """Squared second difference of numbers over consecutive frames, mean over the numbers.

    Each belongs to the middle one of its three frames; the first and the last frame have none.
    """
    bend = (values[2:] - 2 * values[1:-1] + values[:-2]).flatten(1).square().mean(-1)
    return pad(bend, (min(1, len(values)), len(values) - len(bend) - min(1, len(values))))
