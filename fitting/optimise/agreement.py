"""Agreement of a fitted body with its keypoints."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float
from numpy import ndarray
from torch import Tensor

from fitting.inputs.camera import Camera
from fitting.inputs.keypoints import FORMATS, FormatName

ERROR_WARNING = 3.0
"""In percent of the person's height; real people's keypoints are closer to a body."""

EXPLODED = 1.5
"""A body is too large if it exceeds the size of the keypoints by this factor; foreshortening explains less."""

PARTS = ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
"""Parts of a fully visible person, in addition to the head."""

_HEAD = ("nose", "left_eye", "right_eye", "left_ear", "right_ear", "head")

_BONES = (("shoulder", "elbow"), ("elbow", "wrist"), ("shoulder", "hip"), ("hip", "knee"), ("knee", "ankle"))

_LEAST_FORESHORTENED = 0.9
"""Quantile of bones, ordered by the ratio of image length to body length."""


@runtime_checkable
class Sight(Protocol):
    """Keypoints of people and their cameras: a `fitting.optimise.problem.Problem`, or a part of one."""

    @property
    def keypoints(self) -> Float[Tensor, "people joints 2"]:
        """In pixels."""

    @property
    def confidence(self) -> Float[Tensor, "people joints"]:
        """Zero where a keypoint is unseen."""

    @property
    def format(self) -> FormatName:
        """Format of the keypoints."""

    @property
    def camera(self) -> Camera:
        """One camera for all people, or one for each."""


def warnings_of(names: Sequence[str], seen: Bool[ndarray, " joints"], error_percent: float) -> tuple[str, ...]:
    """Warnings about one person's fit.

    Args:
        names: names of the person's keypoints.
        seen: mask of the seen keypoints.
        error_percent: 2D error as a percentage of the person's height.

    Returns:
        Warning sentences, or none.
    """
    found = []
    if error_percent >= ERROR_WARNING:
        found.append(f"2D error of {error_percent:.1f} % of the person's height: the body may be wrong")
    unseen = _unseen_parts({name for name, is_seen in zip(names, seen, strict=True) if is_seen})
    if unseen:
        found.append(f"cut off or hidden, and guessed: {', '.join(unseen)}")
    return tuple(found)


def _unseen_parts(seen: set[str]) -> list[str]:
    """Parts with neither side seen."""
    unseen = [] if seen.intersection(_HEAD) else ["head"]
    return unseen + [f"{part}s" for part in PARTS if not seen.intersection((f"left_{part}", f"right_{part}"))]


def person_height(
    problem: Sight,
    landmarks: Float[Tensor, "people joints 3"],
    stature: Float[Tensor, " people"],
    depth: Float[Tensor, " people"],
) -> Float[Tensor, " people"]:
    """Heights of people in the image in pixels: those of their bodies, unless the keypoints are much smaller.

    Bodies that are far too large or too close to the camera would make any error look small.

    Args:
        problem: keypoints and camera.
        landmarks: the bodies' keypoints in camera space, metres.
        stature: standing heights of the bodies in metres.
        depth: distances of the bodies in metres.

    Returns:
        Pixels.
    """
    height = problem.camera.focal * stature / depth
    shown = _pixels_a_metre(problem, landmarks) * stature
    return torch.where(height > EXPLODED * shown, shown, height)


def _pixels_a_metre(problem: Sight, landmarks: Float[Tensor, "people joints 3"]) -> Float[Tensor, " people"]:
    """Scale of the least foreshortened bones between seen keypoints; infinite where no bone is seen."""
    names = FORMATS[problem.format].names
    ends = [(f"{side}_{a}", f"{side}_{b}") for side in ("left", "right") for a, b in _BONES]
    a, b = ([names.index(name) for name in side] for side in zip(*ends, strict=True))
    seen = (problem.confidence[:, a] > 0) & (problem.confidence[:, b] > 0)
    pixels = torch.linalg.vector_norm(problem.keypoints[:, a] - problem.keypoints[:, b], dim=-1)
    metres = torch.linalg.vector_norm(landmarks[:, a] - landmarks[:, b], dim=-1)
    scale = (pixels / metres).masked_fill(~seen, torch.nan).nanquantile(_LEAST_FORESHORTENED, dim=-1)
    finite: Tensor = scale.nan_to_num(nan=torch.inf)
    return finite


def check_in_view(
    landmarks: Float[Tensor, "people joints 3"],
    seen: Float[Tensor, "people joints"],
    whose: str = "person",
    first: int = 0,
) -> None:
    """Reject bodies that are not in front of the camera.

    Args:
        landmarks: the bodies' keypoints in camera space, metres.
        seen: zero where a keypoint is unseen.
        whose: noun for the error message, such as ``person``.
        first: number of the first body.

    Raises:
        ValueError: a seen keypoint is behind the camera or not finite.
    """
    in_front = (landmarks[..., 2] > 0) | (seen == 0)
    for person in (~(in_front & landmarks.isfinite().all(-1)).all(-1)).nonzero().flatten().tolist():
        raise ValueError(
            f"the body of {whose} {first + person} is behind the camera: check that the keypoints are "
            "those of this image and that the focal length is in pixels"
        )
