"""2D keypoints of people: MediaPipe 33, OpenPose BODY_25, COCO 17, Human3.6M 17, and the files that hold them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from jaxtyping import Bool, Float, Int

from qposer.npz import read_npz

FormatName = Literal["mediapipe", "openpose", "coco", "h36m"]

SEEN_CONFIDENCE = 0.1
"""A keypoint whose confidence is above this counts as seen."""

MIN_SEEN = 4
"""Fewer seen keypoints than this do not tell where a body is."""


DETECTORS_ERROR = 0.01
"""What detectors' keypoints are taken to be off by at the least, as a part of the person's height. MediaPipe's are off
by 0.017 in the median on renderings of known bodies, and fits come within 0.005 of them, because landmarks that are
wrong together do not look it (`python -m benchmarks.detections`). More is closer there, and follows unusual poses on
photos less closely."""


@dataclass(frozen=True)
class KeypointFormat:
    """Names of the keypoints in their order, and the limbs that join them, as pairs of indices."""

    names: tuple[str, ...]
    limbs: tuple[tuple[int, int], ...]

    def indices(self, *names: str) -> tuple[int, ...]:
        """Positions of the keypoints called ``names``."""
        return tuple(self.names.index(name) for name in names)

    @property
    def torso(self) -> tuple[int, ...]:
        """Left shoulder, right shoulder, left hip, right hip."""
        return self.indices("left_shoulder", "right_shoulder", "left_hip", "right_hip")

    @property
    def mirror(self) -> tuple[int, ...]:
        """Keypoint ``k`` of a person seen in a mirror is keypoint ``mirror[k]`` of the person."""
        other = {"left": "right", "right": "left"}
        sides = ((name.partition("_"), name) for name in self.names)
        return self.indices(*(f"{other[side]}_{rest}" if side in other else name for (side, _, rest), name in sides))


def _format(names: str, limbs: str) -> KeypointFormat:
    """The format whose limbs are written as ``"nose-neck"``, with ``*`` standing for both left and right."""
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
    """Keypoints of the people on one image: pixels, confidences in 0..1, and, where a detector tells them, metres.

    ``world`` is what MediaPipe estimates: 3D positions relative to the middle of the hips, with the camera's axes
    (x right, y down, z away). Coordinates of unseen keypoints mean nothing, and NaN there becomes zero.
    ``inexactness`` is how far off they are at the least, as a part of the person's height, however well a body fits
    them: 0 for exact projections, of which fits judge by themselves how noisy they are.
    """

    xy: Float[np.ndarray, "people joints 2"]
    confidence: Float[np.ndarray, "people joints"]
    format: FormatName
    world: Float[np.ndarray, "people joints 3"] | None = None
    inexactness: float = DETECTORS_ERROR

    def __post_init__(self) -> None:
        """Check everything, so that keypoints that exist can be fitted.

        Raises:
            ValueError: unknown format, wrong shapes, no people, confidences below zero or NaN, NaN coordinates of a
                keypoint that has a confidence, a person with fewer than four seen keypoints, or an inexactness below 0.
        """
        if self.format not in FORMATS:
            raise ValueError(f"there is no keypoint format {self.format!r}: use {', '.join(get_args(FormatName))}")
        if not 0 <= self.inexactness < np.inf:
            raise ValueError(f"the inexactness is a part of the person's height, not {self.inexactness}")
        joints = len(self.names)
        xy = np.array(self.xy, dtype=np.float32)
        confidence = np.array(self.confidence, dtype=np.float32)
        if xy.ndim != 3 or xy.shape[1:] != (joints, 2) or confidence.shape != xy.shape[:2]:
            raise ValueError(
                f"{self.format} keypoints need xy (people, {joints}, 2) and confidence (people, {joints}), "
                f"not {xy.shape} and {confidence.shape}"
            )
        if len(xy) == 0:
            raise ValueError("there are no keypoints of any person: give those of one person at least")
        if not (confidence >= 0).all():
            raise ValueError("confidences of keypoints must be between 0 and 1: some are negative or NaN")
        finite = np.isfinite(xy).all(-1)
        for person, joint in np.argwhere(~finite & (confidence > 0)):
            raise ValueError(
                f"the {self.names[joint]} of person {person} has coordinates NaN or infinite but confidence "
                f"{confidence[person, joint]:.2f}: give coordinates, or confidence 0 where it is unseen"
            )
        xy[~finite] = 0.0
        object.__setattr__(self, "xy", xy)
        object.__setattr__(self, "confidence", np.minimum(confidence, 1.0))  # OpenPose's go a little above 1
        for person, seen in enumerate(self.seen):
            if seen.sum() < MIN_SEEN:
                found = ", ".join(np.array(self.names)[seen]) or "none"
                raise ValueError(
                    f"person {person} has {seen.sum()} keypoints of confidence above {SEEN_CONFIDENCE} ({found}), and "
                    f"{MIN_SEEN} are needed: leave the person out, or give a picture that shows more"
                )
        if self.world is not None:
            world = np.array(self.world, dtype=np.float32)
            if world.shape != (*confidence.shape, 3) or not np.isfinite(world).all():
                raise ValueError(f"world keypoints must be finite and {(*confidence.shape, 3)}, not {world.shape}")
            object.__setattr__(self, "world", world)

    def __len__(self) -> int:
        """Number of people."""
        return len(self.xy)

    def __getitem__(self, people: int | slice | Sequence[int]) -> Keypoints:
        """Keypoints of some of the people; those of one person keep the ``people`` dimension, of size 1."""
        chosen = [people] if isinstance(people, int | np.integer) else people
        world = None if self.world is None else self.world[chosen]
        return replace(self, xy=self.xy[chosen], confidence=self.confidence[chosen], world=world)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the keypoints."""
        return FORMATS[self.format].names

    @property
    def seen(self) -> Bool[np.ndarray, "people joints"]:
        """Which keypoints count as seen."""
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


def _by_area(boxes: Float[np.ndarray, "people 4"]) -> Int[np.ndarray, "people"]:
    return np.argsort(-np.prod(boxes[:, 2:] - boxes[:, :2], axis=1), kind="stable")


def read_keypoints(path: str | Path, image: str | int | None = None) -> Keypoints:
    """Keypoints from a file, largest person first; people with fewer than four seen keypoints are left out.

    - OpenPose's JSON of one image: ``people[].pose_keypoints_2d``, 25 rows of x, y, confidence.
    - COCO's JSON, an annotation file or a list of results: ``keypoints``, 17 rows of x, y and either the flag v
      (0 unseen, 1 hidden, taken as confidence 0.5, 2 visible) or a confidence. Where it covers several images,
      ``image`` says which one, by file name or id.
    - ``.npz`` with ``xy`` (people, joints, 2), ``confidence`` (people, joints), ``format`` (a name) and, if known,
      ``world`` (people, joints, 3).

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is none of these, it holds no person, or the keypoints are not valid (see `Keypoints`).
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no keypoint file {path}: check the path")
    try:
        if path.suffix == ".npz":
            xy, confidence, name, world = _read_npz(path)
        else:
            xy, confidence, name = _read_json(path, image)
            world = None
        enough = (confidence > SEEN_CONFIDENCE).sum(axis=-1) >= MIN_SEEN
        chosen = enough if enough.any() else slice(None)  # with nobody to keep, let `Keypoints` say what was found
        world = None if world is None else world[chosen]
        return Keypoints(xy[chosen], confidence[chosen], name, world).largest_first()
    except ValueError as error:
        raise ValueError(f"{path}: {str(error).removeprefix(f'{path}: ')}") from None


def _read_npz(path: Path) -> tuple[np.ndarray, np.ndarray, FormatName, np.ndarray | None]:
    arrays = read_npz(path)
    missing = {"xy", "confidence", "format"} - arrays.keys()
    if missing:
        raise ValueError(f"the npz file lacks {', '.join(sorted(missing))}; it needs xy, confidence and format")
    return arrays["xy"], arrays["confidence"], str(arrays["format"]), arrays.get("world")  # type: ignore[return-value]


def _read_json(path: Path, image: str | int | None) -> tuple[np.ndarray, np.ndarray, FormatName]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"this is not a JSON file ({error}): give OpenPose or COCO JSON, or npz") from None
    if isinstance(content, dict) and isinstance(content.get("people"), list):
        rows = _rows(content["people"], "pose_keypoints_2d", "openpose")
        return rows[..., :2], rows[..., 2], "openpose"
    annotations = _coco_annotations(content, image)
    rows = _rows(annotations, "keypoints", "coco")
    flags = rows[..., 2]
    is_flag = np.isin(flags, (0.0, 1.0, 2.0)).all() and (flags == 2.0).any()
    return rows[..., :2], flags / 2.0 if is_flag else flags, "coco"


def _rows(people: list[Any], key: str, name: FormatName) -> Float[np.ndarray, "people joints 3"]:
    joints = len(FORMATS[name].names)
    if not people:
        raise ValueError("the file holds no person: run the keypoint detector again, or give another image")
    for index, person in enumerate(people):
        values = person.get(key) if isinstance(person, dict) else None
        if not isinstance(values, list) or len(values) != 3 * joints:
            found = f"{len(values)} numbers" if isinstance(values, list) else "none"
            raise ValueError(
                f"{key} of person {index} must be {3 * joints} numbers ({joints} {name} keypoints), found {found}"
            )
    try:
        return np.array([person[key] for person in people], dtype=np.float64).reshape(len(people), joints, 3)
    except (TypeError, ValueError):
        raise ValueError(f"{key} must hold numbers only") from None


def _coco_annotations(content: Any, image: str | int | None) -> list[Any]:
    """Those annotations in a COCO file or result list that belong to the image; None stands for the only image."""
    images: list[Any] = []
    if isinstance(content, dict) and "annotations" in content:
        content, images = content["annotations"], content.get("images") or []
    annotations = content if isinstance(content, list) else [content]
    if not all(isinstance(annotation, dict) for annotation in annotations):
        raise ValueError("this is neither OpenPose JSON (people) nor COCO JSON (a list of annotations)")
    if any("keypoints" not in annotation for annotation in annotations):
        raise ValueError("this is neither OpenPose JSON (people) nor COCO JSON (annotations with keypoints)")
    if not images and len({str(annotation.get("image_id")) for annotation in annotations}) == 1:
        return annotations
    if image is None:
        ids = sorted({str(annotation.get("image_id")) for annotation in annotations})
        if len(ids) > 1:
            raise ValueError(
                f"the file covers {len(ids)} images, of ids {', '.join(ids[:5])}, ...: say which one to take"
            )
        return annotations
    wanted = {str(image), Path(str(image)).stem.lstrip("0")}
    wanted |= {str(e.get("id")) for e in images if isinstance(e, dict) and e.get("file_name") == str(image)}
    chosen = [annotation for annotation in annotations if str(annotation.get("image_id")) in wanted]
    if not chosen:
        raise ValueError(f"the file holds no person on the image {image!r}: check the file name or id")
    return chosen
