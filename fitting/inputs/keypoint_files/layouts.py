"""In which order tools write the points of a body; hands, faces and the top of the head are left out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from fitting.inputs.keypoints import FORMATS, SEEN_CONFIDENCE, FormatName

_MIDDLES = {"neck": ("left_shoulder", "right_shoulder"), "mid_hip": ("left_hip", "right_hip")}
"""Keypoints that OpenPose defines as the middle of two others, which a layout may lack."""

_TELLING_LIMBS = 8
"""Of a layout: fewer do not tell it from another."""

_SHORTER = 0.5
"""Limbs that are as much shorter than another layout's are those of a body."""


@dataclass(frozen=True)
class Layout:
    """An order of points, and the format that holds those of the body."""

    name: str
    count: int
    """Of all points, those that are left out included."""
    points: tuple[str, ...]
    """Names of the first points; a name that the format does not have is left out."""
    format: FormatName

    def joints(self, points: Float[np.ndarray, "people points 3"]) -> Float[np.ndarray, "people joints 3"]:
        """The points (x, y, score) in the order of the format."""
        names = FORMATS[self.format].names
        found = np.zeros((len(points), len(names), 3))
        for joint, name in enumerate(names):
            if name in self.points:
                found[:, joint] = points[:, self.points.index(name)]
            else:
                ends = points[:, [self.points.index(end) for end in _MIDDLES[name]]]
                found[:, joint, :2] = ends[..., :2].mean(axis=1)
                found[:, joint, 2] = ends[..., 2].min(axis=1)
        return found

    def limb_length(self, points: Float[np.ndarray, "people points 3"]) -> float:
        """Mean length in pixels of the limbs of which both ends are seen; infinite where they are too few to tell."""
        joints = self.joints(points)
        a, b = np.array(FORMATS[self.format].limbs).T
        seen = (joints[:, a, 2] > SEEN_CONFIDENCE) & (joints[:, b, 2] > SEEN_CONFIDENCE)
        lengths = np.linalg.norm(joints[:, a, :2] - joints[:, b, :2], axis=-1)[seen]
        return float(lengths.mean()) if len(lengths) >= _TELLING_LIMBS and np.isfinite(lengths).all() else np.inf


_COCO = FORMATS["coco"].names
_BODY_25 = FORMATS["openpose"].names
_FEET = tuple(f"{side}_{part}" for side in ("left", "right") for part in ("big_toe", "small_toe", "heel"))
_FEET_IN_PAIRS = tuple(f"{side}_{part}" for part in ("big_toe", "small_toe", "heel") for side in ("left", "right"))
_BODY_25B = (*_COCO, "upper_neck", "head_top", *_FEET)
_HALPE = (*_COCO, "head_top", "neck", "mid_hip", *_FEET_IN_PAIRS)
_COCO_18 = tuple(name for name in _BODY_25[:19] if name != "mid_hip")

LAYOUTS = (
    Layout("COCO", 17, _COCO, "coco"),
    Layout("OpenPose's COCO", 18, _COCO_18, "coco"),
    Layout("COCO with feet", 23, (*_COCO, *_FEET), "openpose"),
    Layout("BODY_25", 25, _BODY_25, "openpose"),
    Layout("BODY_25B", 25, _BODY_25B, "openpose"),
    Layout("HALPE 26", 26, _HALPE, "openpose"),
    Layout("MediaPipe", 33, FORMATS["mediapipe"].names, "mediapipe"),
    Layout("COCO-WholeBody", 133, (*_COCO, *_FEET), "openpose"),
    Layout("BODY_135", 135, _BODY_25B, "openpose"),
    Layout("BODY_25 with hands and face", 135, _BODY_25, "openpose"),
    Layout("HALPE 136", 136, _HALPE, "openpose"),
)


def layout_of(points: Float[np.ndarray, "people points 3"]) -> Layout:
    """The layout of that many points; of several the first, unless the limbs of another one are much shorter.

    Limbs of a wrong layout join ends that are far apart: on projections of whole bodies they are more than twice as
    long, but for one in a hundred.

    Raises:
        ValueError: no layout has that many points.
    """
    count = points.shape[1]
    candidates = [layout for layout in LAYOUTS if layout.count == count]
    if not candidates:
        known = ", ".join(f"{layout.count} ({layout.name})" for layout in LAYOUTS)
        raise ValueError(f"no known layout has {count} keypoints ({3 * count} numbers): give {known}")
    first, *others = candidates
    length = first.limb_length(points)
    if not np.isfinite(length):
        return first
    return next((layout for layout in others if layout.limb_length(points) < _SHORTER * length), first)
