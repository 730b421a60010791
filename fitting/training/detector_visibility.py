"""Self-occlusion of keypoints, computed with a body of capsules."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from fitting.inputs.keypoints import FORMATS, FormatName

_OWN_DEPTH = 0.14
"""Maximum depth of keypoints below the surface, in metres."""

_STATURE = 1.7

_CAPSULES: dict[str, tuple[tuple[str, ...], tuple[str, ...], float]] = {
    "trunk": (("left_shoulder", "right_shoulder"), ("left_hip", "right_hip"), 0.13),
    "head": (("nose", "left_ear", "right_ear", "head"), ("nose", "left_ear", "right_ear", "head"), 0.1),
    **{f"{side}_upper_arm": ((f"{side}_shoulder",), (f"{side}_elbow",), 0.05) for side in ("left", "right")},
    **{f"{side}_forearm": ((f"{side}_elbow",), (f"{side}_wrist",), 0.04) for side in ("left", "right")},
    **{f"{side}_thigh": ((f"{side}_hip",), (f"{side}_knee",), 0.08) for side in ("left", "right")},
    **{f"{side}_shin": ((f"{side}_knee",), (f"{side}_ankle",), 0.055) for side in ("left", "right")},
}
"""Ends, each the mean of the keypoints that a format has, and radius in metres."""

_WITHIN = {
    "shoulder": ("upper_arm",),
    "elbow": ("upper_arm", "forearm"),
    **dict.fromkeys(("wrist", "pinky", "index", "thumb"), ("forearm",)),
    "hip": ("thigh",),
    "knee": ("thigh", "shin"),
    **dict.fromkeys(("ankle", "heel", "foot_index", "big_toe", "small_toe"), ("shin",)),
}
"""Capsules that do not hide a keypoint because they contain it."""


class _Capsules(NamedTuple):
    ends: Float[Tensor, "2 capsules joints"]
    radius: Float[Tensor, " capsules"]
    within: Bool[Tensor, "joints capsules"]


@cache
def _capsules(format: FormatName) -> _Capsules:
    names = FORMATS[format].names
    ends = torch.zeros(2, len(_CAPSULES), len(names))
    for capsule, (start, end, _) in enumerate(_CAPSULES.values()):
        for side, points in enumerate((start, end)):
            there = [names.index(point) for point in points if point in names]
            ends[side, capsule, there] = 1.0 / len(there)
    held = [
        [capsule in {f"{side}_{part}" for part in _WITHIN.get(kind, ())} for capsule in _CAPSULES]
        for side, _, kind in (name.partition("_") for name in names)
    ]
    return _Capsules(ends, torch.tensor([radius for *_, radius in _CAPSULES.values()]), torch.tensor(held))


def hidden_behind_body(
    landmarks: Float[Tensor, "people joints 3"],
    xy: Float[Tensor, "people joints 2"],
    height: Float[Tensor, " people"],
    format: FormatName,
) -> Bool[Tensor, "people joints"]:
    """Keypoints hidden by the trunk, the head, an arm or a leg.

    Args:
        landmarks: keypoints on the bodies in camera space, metres.
        xy: the same in pixels.
        height: standing heights of the people in pixels.
        format: keypoint format.

    Returns:
        True where a keypoint is hidden.
    """
    ends, radius, within = _capsules(format)
    points = torch.cat([xy * (_STATURE / height)[:, None, None], landmarks[..., 2:]], dim=-1)  # metres, as projected
    start, end = (side @ points for side in ends)
    along = end - start
    length = along[..., :2].square().sum(-1).clamp(min=1e-6)
    x, y, z = (points[:, :, None] - start[:, None]).unbind(-1)
    t = ((x * along[:, None, :, 0] + y * along[:, None, :, 1]) / length[:, None]).clamp(0.0, 1.0)
    apart = (x - t * along[:, None, :, 0]).square() + (y - t * along[:, None, :, 1]).square()
    deeper = z - t * along[:, None, :, 2]
    hidden: Tensor = ((apart < radius.square()) & (deeper > _OWN_DEPTH - radius) & ~within).any(-1)
    return hidden
