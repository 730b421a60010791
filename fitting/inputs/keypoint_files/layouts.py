"""Orders in which tools write points of bodies and hands; faces and the top of the head are ignored."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from fitting.inputs.keypoints import FORMATS, SEEN_CONFIDENCE, FormatName

_MIDDLES = {"neck": ("left_shoulder", "right_shoulder"), "mid_hip": ("left_hip", "right_hip")}
"""OpenPose keypoints defined as midpoints of two others, which a layout may lack."""

_TELLING_LIMBS = 8
"""Minimum number of visible limbs to tell layouts apart."""

_SHORTER = 0.55
"""Another layout is preferred if its limbs are shorter by this factor."""


@dataclass(frozen=True)
class Layout:
    """An order of points, and the format of the body points."""

    name: str
    count: int
    """Number of all points, including ignored ones."""
    points: tuple[str, ...]
    """Names of the first points; names that the format lacks are ignored."""
    format: FormatName
    hands: tuple[tuple[int, ...], tuple[int, ...]] | None = None
    """Indices of the 21 points of the left and of the right hand, if there are any."""

    def hand_points(self, points: Float[np.ndarray, "people points 3"]) -> Float[np.ndarray, "people 2 21 3"] | None:
        """The points (x, y, score) of the hands, the left one first; None if there are none."""
        if self.hands is None:
            return None
        return points[:, np.array(self.hands)]

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
        """Mean length in pixels of the limbs with both ends seen; infinite if there are too few."""
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

_WHOLEBODY_HANDS = tuple(range(91, 112)), tuple(range(112, 133))
_HALPE_HANDS = tuple(range(94, 115)), tuple(range(115, 136))
_BODY_135_HANDS = (
    (_BODY_25B.index("left_wrist"), *range(25, 45)),
    (_BODY_25B.index("right_wrist"), *range(45, 65)),
)  # hands of 20 points, which begin at the thumb; the wrist is the body's

LAYOUTS = (
    Layout("COCO", 17, _COCO, "coco"),
    Layout("Human3.6M", 17, FORMATS["h36m"].names, "h36m"),
    Layout("OpenPose's COCO", 18, _COCO_18, "coco"),
    Layout("COCO with feet", 23, (*_COCO, *_FEET), "openpose"),
    Layout("BODY_25", 25, _BODY_25, "openpose"),
    Layout("BODY_25B", 25, _BODY_25B, "openpose"),
    Layout("HALPE 26", 26, _HALPE, "openpose"),
    Layout("MediaPipe", 33, FORMATS["mediapipe"].names, "mediapipe"),
    Layout("COCO-WholeBody", 133, (*_COCO, *_FEET), "openpose", _WHOLEBODY_HANDS),
    Layout("BODY_135", 135, _BODY_25B, "openpose", _BODY_135_HANDS),
    Layout("BODY_25 with hands and face", 135, _BODY_25, "openpose"),
    Layout("HALPE 136", 136, _HALPE, "openpose", _HALPE_HANDS),
)


def layout_of(points: Float[np.ndarray, "people points 3"]) -> Layout:
    """The layout with this number of points; if several, the first, unless another has much shorter limbs.

    A wrong layout connects distant points: for 99 percent of projected whole bodies its limbs are more than 1.8 times
    as long.

    Raises:
        ValueError: no layout has this number of points.
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
