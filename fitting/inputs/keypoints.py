"""2D keypoints of people: MediaPipe 33, OpenPose BODY_25, COCO 17, Human3.6M 17."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from typing import Any, Literal, get_args

import numpy as np
from jaxtyping import Bool, Float, Int

from fitting.inputs.hand_keypoints import ON_BODY, HandKeypoints, joined_hands
from qposer.hands.smplh import SIDES

FormatName = Literal["mediapipe", "openpose", "coco", "h36m"]

SEEN_CONFIDENCE = 0.1
"""A keypoint counts as seen above this confidence."""

MIN_SEEN = 4
"""Minimum number of seen keypoints of a person."""

MAX_COORDINATE = 1e7
"""In pixels; larger than any picture, while squares of much larger coordinates overflow."""

MAX_CONFIDENCE = 1.5
"""Confidences from heat maps may slightly exceed 1; higher ones are on another scale."""

DETECTORS_ERROR = 0.01
"""Smallest assumed error of detected keypoints, as a fraction of the person's height. MediaPipe's median error is 0.017
on renderings of known bodies, but fits come within 0.005 of the keypoints, because correlated errors do not show in the
residuals (`python -m benchmarks.detections`). A larger value is better there, but worse for unusual poses in photos."""


@dataclass(frozen=True)
class KeypointFormat:
    """Names of the keypoints in order, and the limbs between them as pairs of indices."""

    names: tuple[str, ...]
    limbs: tuple[tuple[int, int], ...]

    def indices(self, *names: str) -> tuple[int, ...]:
        """Indices of the keypoints named ``names``."""
        return tuple(self.names.index(name) for name in names)

    @property
    def torso(self) -> tuple[int, ...]:
        """Left shoulder, right shoulder, left hip, right hip."""
        return self.indices("left_shoulder", "right_shoulder", "left_hip", "right_hip")

    @property
    def mirror(self) -> tuple[int, ...]:
        """Keypoint ``k`` of the mirrored person is keypoint ``mirror[k]`` of the person."""
        other = {"left": "right", "right": "left"}
        sides = ((name.partition("_"), name) for name in self.names)
        return self.indices(*(f"{other[side]}_{rest}" if side in other else name for (side, _, rest), name in sides))


def _format(names: str, limbs: str) -> KeypointFormat:
    """A format with limbs written as ``"nose-neck"``; ``*`` stands for left and right."""
    joints = tuple(names.split())
    sided = [limb.replace("*", side) for limb in limbs.split() for side in ("left", "right")]
    pairs = (limb.split("-") for limb in dict.fromkeys(sided))
    return KeypointFormat(joints, tuple((joints.index(a), joints.index(b)) for a, b in pairs))


_BODY = "*_shoulder-*_elbow *_elbow-*_wrist *_hip-*_knee *_knee-*_ankle"

FORMATS: dict[FormatName, KeypointFormat] = {
    "mediapipe": _format(
        "nose left_eye_inner left_eye left_eye_outer right_eye_inner right_eye right_eye_outer left_ear right_ear"
        " left_mouth right_mouth left_shoulder right_shoulder left_elbow right_elbow left_wrist right_wrist"
        " left_pinky right_pinky left_index right_index left_thumb right_thumb left_hip right_hip left_knee right_knee"
        " left_ankle right_ankle left_heel right_heel left_foot_index right_foot_index",
        f"{_BODY} left_shoulder-right_shoulder left_hip-right_hip *_shoulder-*_hip *_wrist-*_index *_wrist-*_pinky"
        " *_wrist-*_thumb *_ankle-*_heel *_heel-*_foot_index *_ankle-*_foot_index nose-*_eye_inner *_eye_inner-*_eye"
        " *_eye-*_eye_outer *_eye_outer-*_ear left_mouth-right_mouth",
    ),
    "openpose": _format(
        "nose neck right_shoulder right_elbow right_wrist left_shoulder left_elbow left_wrist mid_hip right_hip"
        " right_knee right_ankle left_hip left_knee left_ankle right_eye left_eye right_ear left_ear left_big_toe"
        " left_small_toe left_heel right_big_toe right_small_toe right_heel",
        f"{_BODY} nose-neck neck-mid_hip neck-*_shoulder mid_hip-*_hip nose-*_eye *_eye-*_ear *_ankle-*_heel"
        " *_ankle-*_big_toe *_big_toe-*_small_toe",
    ),
    "coco": _format(
        "nose left_eye right_eye left_ear right_ear left_shoulder right_shoulder left_elbow right_elbow left_wrist"
        " right_wrist left_hip right_hip left_knee right_knee left_ankle right_ankle",
        f"{_BODY} left_shoulder-right_shoulder left_hip-right_hip *_shoulder-*_hip nose-*_eye *_eye-*_ear",
    ),
    "h36m": _format(
        "pelvis right_hip right_knee right_ankle left_hip left_knee left_ankle spine thorax nose head left_shoulder"
        " left_elbow left_wrist right_shoulder right_elbow right_wrist",
        f"{_BODY} pelvis-*_hip pelvis-spine spine-thorax thorax-*_shoulder thorax-nose nose-head",
    ),
}


@dataclass(frozen=True)
class Keypoints:
    """Keypoints of the people in one image: pixels, confidences in 0..1, and 3D positions if available.

    ``world`` contains MediaPipe's estimates, corrected by their mean depth error: 3D positions relative to the centre
    of the hips, in camera axes (x right, y down, z away). Coordinates of unseen keypoints are ignored, and NaN there
    becomes zero. ``noise_floor`` is the smallest assumed error as a fraction of the person's height, however well a
    body fits: with 0, for exact projections, fits estimate the noise alone. ``ambiguous`` marks people
    for whom the shipped detector finds other keypoints, or none, if the photo is cropped differently.
    """

    xy: Float[np.ndarray, "people joints 2"]
    confidence: Float[np.ndarray, "people joints"]
    format: FormatName
    world: Float[np.ndarray, "people joints 3"] | None = None
    noise_floor: float = DETECTORS_ERROR
    ambiguous: Bool[np.ndarray, " people"] | None = None
    hands: HandKeypoints | None = None
    """Keypoints of the same people's hands."""

    def __post_init__(self) -> None:
        """Check that the keypoints can be fitted.

        Raises:
            ValueError: unknown format, wrong shapes, no people, confidences below zero, NaN or on another scale, NaN,
                infinite or huge coordinates of a keypoint that has a confidence, a person with fewer than four seen
                keypoints, or a noise_floor below 0.
        """
        if self.format not in FORMATS:
            raise ValueError(f"unknown keypoint format {self.format!r}: use {', '.join(get_args(FormatName))}")
        if not 0 <= self.noise_floor < np.inf:
            raise ValueError(
                f"noise_floor must be a fraction of the person's height, at least 0, not {self.noise_floor}"
            )
        joints = len(self.names)
        xy, confidence = _reals("xy", self.xy), _reals("confidence", self.confidence)
        if xy.ndim != 3 or xy.shape[1:] != (joints, 2) or confidence.shape != xy.shape[:2]:
            raise ValueError(
                f"{self.format} keypoints need xy (people, {joints}, 2) and confidence (people, {joints}), "
                f"not {xy.shape} and {confidence.shape}"
            )
        if len(xy) == 0:
            raise ValueError("there are no keypoints: give those of at least one person")
        if not (confidence >= 0).all():
            raise ValueError("confidences of keypoints must be between 0 and 1: some are negative or NaN")
        if confidence.max() > MAX_CONFIDENCE:
            raise ValueError(
                f"confidences of keypoints must be between 0 and 1, not {confidence.max():.4g}: scale them"
            )
        sound = (np.abs(xy) < MAX_COORDINATE).all(-1)  # NaN is not
        for person, joint in np.argwhere(~sound & (confidence > 0)):
            raise ValueError(
                f"the {self.names[joint]} of person {person} has NaN, infinite or huge coordinates but confidence "
                f"{confidence[person, joint]:.2f}: give coordinates, or confidence 0 where it is unseen"
            )
        xy[~sound] = 0.0
        object.__setattr__(self, "xy", xy.astype(np.float32))
        object.__setattr__(self, "confidence", np.minimum(confidence, 1.0).astype(np.float32))
        for person, seen in enumerate(self.seen):
            if seen.sum() < MIN_SEEN:
                found = ", ".join(np.array(self.names)[seen]) or "none"
                raise ValueError(
                    f"person {person} has {seen.sum()} keypoints with confidence above {SEEN_CONFIDENCE} ({found}), "
                    f"but {MIN_SEEN} are required: omit the person, or give a picture that shows more"
                )
        if self.world is not None:
            world = _reals("world", self.world)
            if world.shape != (*confidence.shape, 3) or not (np.abs(world) < MAX_COORDINATE).all():
                raise ValueError(f"world keypoints must be finite and {(*confidence.shape, 3)}, not {world.shape}")
            object.__setattr__(self, "world", world.astype(np.float32))
        if self.ambiguous is not None:
            ambiguous = np.asarray(self.ambiguous)
            if ambiguous.shape != xy.shape[:1] or ambiguous.dtype != bool:
                raise ValueError(f"ambiguous must be a truth value for each of {len(xy)} people, not {self.ambiguous}")
            object.__setattr__(self, "ambiguous", ambiguous)
        if self.hands is not None and len(self.hands) != len(xy):
            raise ValueError(f"there are hands of {len(self.hands)} people, but bodies of {len(xy)}")

    def __len__(self) -> int:
        """Number of people."""
        return len(self.xy)

    def __getitem__(self, people: int | slice | Sequence[int]) -> Keypoints:
        """Keypoints of a selection of people; a single person keeps a ``people`` dimension of size 1."""
        chosen = [people] if isinstance(people, int | np.integer) else people
        world = None if self.world is None else self.world[chosen]
        ambiguous = None if self.ambiguous is None else self.ambiguous[chosen]
        hands = None if self.hands is None else self.hands[chosen]
        kept: dict[str, Any] = {"world": world, "ambiguous": ambiguous, "hands": hands}
        return replace(self, xy=self.xy[chosen], confidence=self.confidence[chosen], **kept)

    def with_hands(self, hands: HandKeypoints) -> Keypoints:
        """The same people with hands. Points that both have are taken from the hands, which are more exact.

        Args:
            hands: keypoints of the hands of the same people.

        Returns:
            Keypoints with ``hands``.
        """
        xy, confidence = self.xy.copy(), self.confidence.copy()
        for side, (name, point) in product(range(2), ON_BODY.items()):
            if (joint_name := f"{SIDES[side]}_{name}") in self.names:
                joint = self.names.index(joint_name)
                found = hands.confidence[:, side, point] > 0
                xy[found, joint] = hands.xy[found, side, point]
                confidence[found, joint] = np.maximum(confidence[found, joint], hands.confidence[found, side, point])
        return replace(self, xy=xy, confidence=confidence, hands=hands)

    def exchanged(self, people: Bool[np.ndarray, " people"]) -> Keypoints:
        """The keypoints with left and right exchanged for a part of the people.

        Args:
            people: mask of these people.

        Returns:
            All people.
        """
        mirror = list(FORMATS[self.format].mirror)

        def chosen(values: Float[np.ndarray, "people joints *numbers"]) -> Float[np.ndarray, "people joints *numbers"]:
            return np.where(people.reshape(-1, *[1] * (values.ndim - 1)), values[:, mirror], values)

        world = None if self.world is None else chosen(self.world)
        hands = None if self.hands is None else self.hands.exchanged(people)
        return replace(self, xy=chosen(self.xy), confidence=chosen(self.confidence), world=world, hands=hands)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the keypoints."""
        return FORMATS[self.format].names

    @property
    def seen(self) -> Bool[np.ndarray, "people joints"]:
        """Mask of the seen keypoints."""
        return self.confidence > SEEN_CONFIDENCE

    @cached_property
    def boxes(self) -> Float[np.ndarray, "people 4"]:
        """Bounding boxes of the seen keypoints: left, top, right, bottom in pixels."""
        seen = self.seen[..., None]
        low = np.where(seen, self.xy, np.inf).min(axis=1)
        high = np.where(seen, self.xy, -np.inf).max(axis=1)
        return np.concatenate([low, high], axis=1)

    def largest_first(self) -> Keypoints:
        """The same people, ordered by the area of their bounding boxes."""
        return self[_by_area(self.boxes).tolist()]


def joined(parts: Sequence[Keypoints]) -> Keypoints:
    """The people of several images as if they were in one.

    Args:
        parts: keypoints of one format; all have ``world``, ``ambiguous`` and ``hands``, or none does.

    Returns:
        Keypoints of all people, in order.

    Raises:
        ValueError: the formats or the noise floors differ.
    """
    if len({(part.format, part.noise_floor) for part in parts}) > 1:
        raise ValueError("keypoints of several formats or noise floors: fit the images of each in a call of its own")
    first, arrays = parts[0], ("xy", "confidence", "world", "ambiguous")
    given = [name for name in arrays if getattr(first, name) is not None]
    values: dict[str, Any] = {name: np.concatenate([getattr(part, name) for part in parts]) for name in given}
    hands = [part.hands for part in parts if part.hands is not None]
    if hands:
        values["hands"] = joined_hands(hands)
    return replace(first, **values)


def _reals(name: str, values: object) -> Float[np.ndarray, "..."]:
    """A copy of an array of real numbers, in double precision."""
    raw = np.asarray(values)
    if raw.dtype.kind not in "biuf":
        raise ValueError(f"{name} of keypoints must hold real numbers, not {raw.dtype}")
    return raw.astype(np.float64)


def _by_area(boxes: Float[np.ndarray, "people 4"]) -> Int[np.ndarray, " people"]:
    return np.argsort(-np.prod(boxes[:, 2:] - boxes[:, :2], axis=1), kind="stable")
