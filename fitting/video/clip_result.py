"""Result of a clip's fit, and its file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int

from fitting.inputs.keypoints import FORMATS, SEEN_CONFIDENCE, FormatName
from fitting.optimise.agreement import ERROR_WARNING, warnings_of
from fitting.optimise.shape_prior import ShapeEvidence
from fitting.output.amass import write_motion
from fitting.output.body_result import BodyResult
from fitting.output.hand_poses import HandPoses
from fitting.shapes import check_shapes
from qposer.body_pose.rotations import axis_angle_to_matrix, geodesic_angle, matrix_to_axis_angle
from qposer.io.messages import one_line
from qposer.io.npz import read_npz, write_npz

_SHAPES = {
    **{"frames": "frames", "detected": "frames", "global_orient": "frames 3", "body_pose": "frames 21 3"},
    **{"betas": "shapes", "transl": "frames 3", "codes": "frames 21 heads", "joints": "frames 24 3", "pelvis": "3"},
    **{"centre": "2", "image_size": "2", "keypoints_xy": "frames keypoints 2"},
    **{"keypoints_confidence": "frames keypoints", "reprojection_error_px": "frames", "person_height_px": "frames"},
}

_OPTIONAL_SHAPES = {
    **{"contact": "frames points", "ground": "4", "world_orient": "frames 3", "world_transl": "frames 3"},
    "world_joints": "frames 24 3",
}


FASTEST_TURN = 720.0
"""Degrees a second above which a warning says that the body turns too fast."""

_OFTEN = 0.5
"""A part counts as seen if it is visible in this fraction of the frames."""

_MANY = 0.1
"""Fraction of frames with large errors that causes a warning even if the mean is small."""


@dataclass(frozen=True)
class ClipResult(BodyResult):
    """One person's body in every frame from the first to the last that shows the person, and the camera.

    Parameters are in camera axes, one row per frame; shape and camera are the same for all.
    """

    frames: Int[np.ndarray, " frames"]
    """Frame numbers in the video, from 0 at the constant rate ``fps``: number / fps is the time. In videos of variable
    rate, missing numbers are interpolated."""
    detected: Bool[np.ndarray, " frames"]
    """Mask of frames with a detection; the others are interpolated."""
    fps: float
    joints: Float[np.ndarray, "frames 24 3"]
    """In camera space, metres."""
    pelvis: Float[np.ndarray, "3"]
    """Position of the shape's pelvis without orientation and translation."""
    focal: float
    """Focal length in pixels of the video."""
    centre: Float[np.ndarray, "2"]
    """Principal point in pixels of the video."""
    image_size: Int[np.ndarray, "2"]
    """Width and height of the video in pixels."""
    keypoints_xy: Float[np.ndarray, "frames keypoints 2"]
    keypoints_confidence: Float[np.ndarray, "frames keypoints"]
    """Zero without a detection."""
    keypoints_format: FormatName
    reprojection_error_px: Float[np.ndarray, " frames"]
    """Mean distance of the body's landmarks to the keypoints, weighted by confidence, in pixels; NaN without a
    detection."""
    person_height_px: Float[np.ndarray, " frames"]
    """Height of the person in the frame, the reference for the error."""
    contact: Float[np.ndarray, "frames points"] | None = None
    """Probability that each point of the feet stands."""
    contact_points: tuple[str, ...] = ()
    """Names of these points, keypoints of the format."""
    ground: Float[np.ndarray, "4"] | None = None
    """The ground below a camera that stands, if known: unit vector against gravity in camera axes, and the camera's
    height in metres. A point's height is its product with the vector, plus the camera's height."""
    world_orient: Float[np.ndarray, "frames 3"] | None = None
    """``global_orient`` in world axes if the ground is known: y up, x to the camera's right, z towards the camera, and
    the ground below the camera at the origin."""
    world_transl: Float[np.ndarray, "frames 3"] | None = None
    """``transl`` in world axes."""
    world_joints: Float[np.ndarray, "frames 24 3"] | None = None
    track_notes: tuple[str, ...] = ()
    """Sentences: what happened while the person was followed, with frame numbers."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Settings of the fit as JSON values."""
    shape_evidence: ShapeEvidence | None = None
    """What the clip says about the shape, if the settings hold a prior of it; not stored in ``fit.npz``."""
    notes: Any = ()
    """Sentences about deviations from the given video; not stored in ``fit.npz``."""

    def __post_init__(self) -> None:
        """Reject NaN and infinite values.

        Raises:
            ValueError: a value is NaN or infinite (except errors without a detection), or an array has a wrong shape.
        """
        shapes = _SHAPES | {name: shape for name, shape in _OPTIONAL_SHAPES.items() if getattr(self, name) is not None}
        check_shapes({name: np.asarray(getattr(self, name)) for name in shapes}, shapes)
        for one in fields(self):
            if one.name == "shape_evidence":
                continue
            values = np.asarray(getattr(self, one.name))
            if one.name == "reprojection_error_px":
                values = values[self.detected]
            if values.dtype.kind in "fc" and not np.isfinite(values).all():
                raise ValueError(
                    f"the fit contains NaN or infinite values ({one.name}): check the video and the camera"
                )

    def __len__(self) -> int:
        """Number of frames."""
        return len(self.frames)

    @property
    def reprojection_error_percent(self) -> float:
        """The mean 2D error as a percentage of the person's height in the frame."""
        return float(100.0 * np.nanmean(self.reprojection_error_px / self.person_height_px))

    @property
    def warnings(self) -> tuple[str, ...]:
        """Warnings about the fit: large errors, rarely visible parts, notes."""
        mean, frames = self.reprojection_error_percent, int(self.detected.sum())
        shown = (self.keypoints_confidence[self.detected] > SEEN_CONFIDENCE).mean(axis=0) >= _OFTEN
        found = warnings_of(FORMATS[self.keypoints_format].names, shown, mean)
        with np.errstate(invalid="ignore"):  # NaN (no detection) is not a large error
            wrong = int((100.0 * self.reprojection_error_px / self.person_height_px >= ERROR_WARNING).sum())
        if mean < ERROR_WARNING and wrong >= _MANY * frames:
            warning = (
                f"2D error of {ERROR_WARNING:g} % or more in {wrong} of {frames} frames: the body may be wrong there"
            )
            found = (warning, *found)
        turns = np.rad2deg(self.turns) * self.fps
        if len(turns) and turns.max() > FASTEST_TURN:
            fast = int((turns > FASTEST_TURN).sum())
            warning = f"the body turns faster than {FASTEST_TURN:g} degrees a second in {fast} frames"
            found = (*found, f"{warning}, first in frame {self.frames[1:][turns > FASTEST_TURN][0]}")
        return (*found, *self.track_notes, *self.notes)

    @property
    def turns(self) -> Float[np.ndarray, " pairs"]:
        """Angles by which the pelvis turns from each frame to the next, in radians."""
        orient = axis_angle_to_matrix(torch.from_numpy(np.asarray(self.global_orient)))
        return np.asarray(geodesic_angle(orient[1:], orient[:-1]).numpy())

    def write(self, path: str | Path) -> None:
        """Write the arrays atomically, named after the attributes; ``settings`` as JSON, hands as `HandPoses.arrays`.

        ``numpy.load(path, allow_pickle=False)``, `read_clip` and `qposer.read_poses` read the file.
        """
        arrays = {name: np.asarray(getattr(self, name)) for name in _KEPT - {"settings", *_WORDS}}
        arrays = {name: array for name, array in sorted(arrays.items()) if array.dtype != object}
        arrays |= {name: np.array(getattr(self, name), dtype=str) for name in _WORDS}
        arrays |= {} if self.hands is None else self.hands.arrays
        write_npz(Path(path), arrays | {"settings": np.asarray(json.dumps(dict(self.settings)))})

    def write_amass(self, path: str | Path) -> None:
        """Write the motion in AMASS's layout: see `fitting.output.amass.write_amass`.

        If the ground is known, it is at height zero, and z is up; otherwise z is up if the camera is level.
        """
        orient, joints = self.global_orient, self.joints
        if self.world_orient is not None and self.world_joints is not None:
            half_turn = axis_angle_to_matrix(torch.tensor([np.pi, 0.0, 0.0], dtype=torch.float64))
            turned = half_turn @ axis_angle_to_matrix(torch.from_numpy(self.world_orient).double())
            orient, joints = matrix_to_axis_angle(turned).numpy(), self.world_joints * (1.0, -1.0, -1.0)
        fingers = None if self.hands is None else self.hands.both
        write_motion(path, orient, self.body_pose, self.betas, joints[:, 0], self.pelvis, self.fps, self.body, fingers)


_KEPT = {one.name for one in fields(ClipResult)} - {"notes", "hands", "shape_evidence"}
"""Attributes that are in ``fit.npz`` under their own names."""

_WORDS = ("contact_points", "track_notes")

_LATER = {*_OPTIONAL_SHAPES, *_WORDS}
"""Those that files may lack."""


def read_clip(path: str | Path) -> ClipResult:
    """Read a result that `ClipResult.write` wrote.

    Raises:
        FileNotFoundError: the file does not exist.
        ValueError: the file is not the fit of a clip.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no fit {path}: give the fit.npz of a clip")
    arrays = read_npz(path)
    missing = _KEPT - _LATER - arrays.keys()
    if missing:
        raise ValueError(f"{path} is not the fit of a clip: it lacks {', '.join(sorted(missing))}")
    values: dict[str, Any] = {name: arrays[name] for name in _KEPT & arrays.keys()}
    try:
        values |= {name: float(values[name]) for name in ("fps", "focal")}
        values |= {name: str(values[name]) for name in ("keypoints_format", "body", "qposer_version")}
        values |= {name: tuple(map(str, values.get(name, ()))) for name in _WORDS}
        values["hands"] = HandPoses.read(arrays)
        return ClipResult(**values | {"settings": json.loads(str(values["settings"]))})
    except (ValueError, KeyError, TypeError, IndexError, RecursionError) as error:
        raise ValueError(f"{path} is not the fit of a clip: {one_line(error)}") from None
