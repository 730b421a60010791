"""Random errors like those of keypoint detectors, for training; docs/benchmarks/detector.md has the measurements.

Detector errors are not independent between keypoints. Hidden limbs, and sometimes visible ones, are misplaced as a
whole, increasingly towards the end, and often with high confidence. Left and right are swapped for the legs, the arms
or the whole body. The whole person is slightly shifted and scaled, and a detector's hips or ankles are offset from the
body's. Lengths are fractions of the person's height.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from fitting.inputs.keypoints import FORMATS, SEEN_CONFIDENCE, FormatName
from fitting.training.detector_visibility import hidden_behind_body


class _Kind(NamedTuple):
    """Error model of a kind of keypoint."""

    own: float
    """Standard deviation of its own error on each axis."""
    parent: str = ""
    """Kind of the keypoint on the same side whose error it inherits."""
    passed_on: float = 0.0
    """Inherited fraction of the parent's small error."""
    lost: tuple[float, float] = (0.0, 0.0)
    """Probability that the limb is misplaced from here on, if the keypoint is visible and if it is hidden."""
    follows: float = 0.0
    """Inherited fraction of a misplaced parent's error if visible; if hidden, all of it."""
    confidence: tuple[float, float] = (5.5, 5.5)
    """Mean logit of the confidence, if the keypoint is visible and if it is hidden."""


_TRUNK = _Kind(0.008)
_FACE = _Kind(0.005, "nose", 0.6)
_HAND = _Kind(0.007, "wrist", 0.6, (0.01, 0.20), 1.0, (3.0, -3.3))
_FOOT = _Kind(0.007, "ankle", 0.6, (0.02, 0.15), 0.9, (2.8, -0.1))
_KINDS: dict[str, _Kind] = {
    "nose": _Kind(0.008),
    **dict.fromkeys(("eye", "eye_inner", "eye_outer", "ear", "mouth", "head"), _FACE),
    **dict.fromkeys(("neck", "thorax", "spine", "shoulder", "mid_hip", "pelvis", "hip"), _TRUNK),
    "elbow": _Kind(0.008, "shoulder", 0.5, (0.04, 0.50), 0.0, (3.0, -2.3)),
    "wrist": _Kind(0.006, "elbow", 0.4, (0.01, 0.40), 0.5, (3.4, -3.2)),
    **dict.fromkeys(("pinky", "index", "thumb"), _HAND),
    "knee": _Kind(0.007, "hip", 0.5, (0.03, 0.20), 0.0, (2.8, -1.1)),
    "ankle": _Kind(0.006, "knee", 0.4, (0.02, 0.50), 0.6, (2.8, -0.4)),
    **dict.fromkeys(("heel", "foot_index", "big_toe", "small_toe"), _FOOT),
}
"""Keypoints of trunk and face are never misplaced: the others depend on them."""

HIDDEN = 1.8
"""Small errors of hidden keypoints are larger by this factor."""

LOST, LOST_TAIL = 0.048, 0.5
"""Standard deviation of the additional error of a misplaced limb on each axis, and of the logarithm of its size."""

SHIFT, SCALE, TAIL = 0.004, 0.02, 0.3
"""Standard deviations of a person's shift, log scale, and log scale of small errors."""

LAYOUT: dict[str, tuple[str, str, float]] = {
    "shoulder": ("hip", "shoulder", 0.04),
    "hip": ("hip", "shoulder", 0.04),
    "knee": ("knee", "hip", 0.03),
    "ankle": ("ankle", "knee", 0.03),
    "heel": ("ankle", "knee", 0.03),
}
"""Offsets of a kind of keypoint from the body's, equal on both sides: along the line between two kinds of keypoints,
with this standard deviation as a fraction of its length."""

SWAPS: dict[str, float] = {"body": 0.015, "legs": 0.02, "arms": 0.02}
"""Fractions of people with left and right swapped."""

COVERED = 0.35
"""Fraction of people with an occluder."""

CONFIDENCE_SPREAD = 1.9, 2.6
"""Standard deviations of the confidence's logit, if a keypoint is visible and if it is hidden."""

_LOGISTIC_DEVIATION = math.pi / math.sqrt(3)
"""Standard deviation of the standard logistic distribution."""

LOST_IN_VIEW = -4.5
"""Change of the logit of a visible keypoint if its limb is misplaced."""

_LIMBS = {
    "arms": ("elbow", "wrist", "pinky", "index", "thumb"),
    "legs": ("hip", "knee", "ankle", "heel", "foot_index", "big_toe", "small_toe"),
}


class Detected(NamedTuple):
    """Keypoints as a detector reports them."""

    xy: Float[Tensor, "people joints 2"]
    confidence: Float[Tensor, "people joints"]
    """Zero if too low to count."""
    hidden: Bool[Tensor, "people joints"]
    """Occluded by the person's own body or by an object; estimated if the confidence is not zero."""


@dataclass(frozen=True)
class _Table:
    """The kinds of a format's keypoints, as tensors."""

    kinds: tuple[str, ...]
    levels: tuple[tuple[Int[Tensor, " _level"], Int[Tensor, " _level"]], ...]
    """Keypoints and their parents, parents first."""
    own: Float[Tensor, " joints"]
    passed_on: Float[Tensor, " joints"]
    follows: Float[Tensor, " joints"]
    lost: Float[Tensor, "2 joints"]
    """Visible, hidden."""
    confidence: Float[Tensor, "2 joints"]
    layout: Float[Tensor, "kinds joints joints"]
    """For each kind of `LAYOUT` the matrix from keypoints to offsets."""
    swapped: Bool[Tensor, "groups joints"]
    """For the body, the legs and the arms: which keypoints are swapped."""


@cache
def _table(format: FormatName) -> _Table:
    names = FORMATS[format].names
    kinds = tuple(_side_and_kind(name)[1] for name in names)
    rows = [_KINDS[kind] for kind in kinds]
    in_limb = {"body": tuple(_KINDS), **_LIMBS}
    sided = [_side_and_kind(name)[0] != "" for name in names]
    return _Table(
        kinds,
        _levels(names),
        torch.tensor([row.own for row in rows]),
        torch.tensor([row.passed_on for row in rows]),
        torch.tensor([row.follows for row in rows]),
        torch.tensor([row.lost for row in rows]).T.contiguous(),
        torch.tensor([row.confidence for row in rows]).T.contiguous(),
        _layout_matrices(names),
        torch.tensor([[s and kind in in_limb[group] for s, kind in zip(sided, kinds, strict=True)] for group in SWAPS]),
    )


def _levels(names: tuple[str, ...]) -> tuple[tuple[Int[Tensor, " _level"], Int[Tensor, " _level"]], ...]:
    """Keypoints and their parents by level, from those without a parent."""
    split = [_side_and_kind(name) for name in names]
    parents = [
        next((i for i, (s, k) in enumerate(split) if k == _KINDS[kind].parent and s in ("", side)), -1)
        for side, kind in split
    ]
    depth = [len(list(_ancestors(joint, parents))) for joint in range(len(names))]
    levels = [[joint for joint, at in enumerate(depth) if at == level] for level in range(1, max(depth) + 1)]
    return tuple((torch.tensor(level), torch.tensor([parents[joint] for joint in level])) for level in levels)


def _layout_matrices(names: tuple[str, ...]) -> Float[Tensor, "kinds joints joints"]:
    matrices = torch.zeros(len(LAYOUT), len(names), len(names))
    for matrix, (kind, (start, end, _)) in zip(matrices, LAYOUT.items(), strict=True):
        for joint, (side, of) in enumerate(map(_side_and_kind, names)):
            if of == kind:
                matrix[joint, names.index(f"{side}_{end}")] += 1.0
                matrix[joint, names.index(f"{side}_{start}")] -= 1.0
    return matrices


def _side_and_kind(name: str) -> tuple[str, str]:
    side, _, kind = name.partition("_")
    return (side, kind) if side in ("left", "right") else ("", name)


def _ancestors(joint: int, parents: list[int]) -> Iterator[int]:
    while (joint := parents[joint]) >= 0:
        yield joint


def draw_detections(
    landmarks: Float[Tensor, "people joints 3"],
    xy: Float[Tensor, "people joints 2"],
    height: Float[Tensor, " people"],
    format: FormatName,
    generator: torch.Generator,
) -> Detected:
    """Simulate a detector's keypoints.

    Args:
        landmarks: keypoints on the bodies in camera space, metres.
        xy: the same in pixels.
        height: standing heights of the people in pixels.
        format: keypoint format.
        generator: random generator.

    Returns:
        Keypoints with errors and confidences.
    """
    table, people = _table(format), len(xy)
    hidden = hidden_behind_body(landmarks, xy, height, format) | _covered(xy, height, generator)
    normal = torch.randn(3, people, len(table.kinds), 2, generator=generator)
    chance = torch.rand(2, people, len(table.kinds), generator=generator)

    size = torch.exp(TAIL * torch.randn(people, 1, generator=generator)) * torch.where(hidden, HIDDEN, 1.0) * table.own
    small = size[..., None] * normal[0]
    lost = chance[0] < torch.where(hidden, table.lost[1], table.lost[0])
    large = (LOST * torch.exp(LOST_TAIL * normal[2, ..., :1])) * normal[1] * lost[..., None]
    follows = torch.where(hidden, 1.0, table.follows)[..., None]
    for level, parents in table.levels:
        small[:, level] += table.passed_on[level, None] * small[:, parents]
        large[:, level] += follows[:, level] * large[:, parents]

    error = small + large + SHIFT * torch.randn(people, 1, 2, generator=generator)
    scale = torch.exp(SCALE * torch.randn(people, 1, 1, generator=generator))
    middle = xy.mean(1, keepdim=True)
    found = middle + scale * (xy - middle) + _layout(xy, table, generator) + height[:, None, None] * error

    state = torch.where(hidden, table.confidence[1], table.confidence[0])
    state = state + LOST_IN_VIEW * (~hidden & (torch.linalg.vector_norm(large, dim=-1) > 0.03) & (table.lost[0] > 0))
    spread = torch.where(hidden & (table.lost[1] > 0), CONFIDENCE_SPREAD[1], CONFIDENCE_SPREAD[0])
    logistic = torch.logit(chance[1].clamp(1e-4, 1 - 1e-4)) / _LOGISTIC_DEVIATION
    confidence = torch.sigmoid(state + spread * logistic)
    confidence = torch.where(confidence > SEEN_CONFIDENCE, confidence, 0.0)

    mirror = list(FORMATS[format].mirror)
    swap = _swapped(people, table, generator)
    found = torch.where(swap[..., None], found[:, mirror], found)
    return Detected(found, torch.where(swap, confidence[:, mirror], confidence), hidden)


def _covered(
    xy: Float[Tensor, "people joints 2"], height: Float[Tensor, " people"], generator: torch.Generator
) -> Bool[Tensor, "people joints"]:
    """Keypoints hidden by a box around a random keypoint, for some of the people."""
    people, joints = xy.shape[:2]
    draw = torch.rand(people, 6, generator=generator)
    chosen = (draw[:, 0] * joints).long().clamp(max=joints - 1)
    middle = xy[torch.arange(people), chosen] + height[:, None] * 0.2 * (draw[:, 1:3] - 0.5)
    half = height[:, None] * (0.06 + 0.19 * draw[:, 3:5])
    inside = ((xy - middle[:, None]).abs() < half[:, None]).all(-1)
    return inside & (draw[:, 5:] < COVERED)


def _layout(
    xy: Float[Tensor, "people joints 2"], table: _Table, generator: torch.Generator
) -> Float[Tensor, "people joints 2"]:
    """Offsets of a detector's or person's keypoints from the body's."""
    spread = torch.tensor([deviation for _, _, deviation in LAYOUT.values()])
    drawn = spread * torch.randn(len(xy), len(LAYOUT), generator=generator)
    return torch.einsum("pk,kij,pjc->pic", drawn, table.layout, xy)


def _swapped(people: int, table: _Table, generator: torch.Generator) -> Bool[Tensor, "people joints"]:
    ends = torch.tensor(list(SWAPS.values())).cumsum(0)
    draw = torch.rand(people, 1, generator=generator)
    group = (draw >= ends).sum(-1)  # the number of groups if nothing is swapped
    none = torch.zeros(1, table.swapped.shape[1], dtype=torch.bool)
    return torch.cat([table.swapped, none])[group]
