"""What a fit of a clip gives, and the file that it is kept in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from fitting.inputs.keypoints import FORMATS, SEEN_CONFIDENCE, FormatName
from fitting.optimise.agreement import ERROR_WARNING, warnings_of
from fitting.output.amass import write_motion
from fitting.shapes import check_shapes
from qposer.io.messages import one_line
from qposer.io.npz import read_npz, write_npz

_SHAPES = {
    **{"frames": "frames", "detected": "frames", "global_orient": "frames 3", "body_pose": "frames 21 3"},
    **{"betas": "shapes", "transl": "frames 3", "codes": "frames 21 heads", "joints": "frames 24 3", "pelvis": "3"},
    **{"centre": "2", "image_size": "2", "keypoints_xy": "frames keypoints 2"},
    **{"keypoints_confidence": "frames keypoints", "reprojection_error_px": "frames", "person_height_px": "frames"},
}


_OFTEN = 0.5
"""A part counts as seen that so many of the frames show."""

_MANY = 0.1
"""Of the frames, on which a large error is told though the mean is small."""


@dataclass(frozen=True)
class ClipResult:
    """One person's body in every frame from the first to the last that shows the person, and the camera.

    Parameters are as in `fitting.FitResult`, a row a frame; shape and camera are the same for all.
    """

    frames: Int[np.ndarray, " frames"]
    """Numbers of the frames in the video, counted from 0 at the constant rate ``fps``: number / fps is a frame's time,
    and numbers that no frame of an uneven video has are filled in."""
    detected: Bool[np.ndarray, " frames"]
    """Which frames show the person; the others are filled in between them."""
    fps: float
    global_orient: Float[np.ndarray, "frames 3"]
    body_pose: Float[np.ndarray, "frames 21 3"]
    betas: Float[np.ndarray, " shapes"]
    transl: Float[np.ndarray, "frames 3"]
    codes: Int[np.ndarray, "frames 21 heads"]
    joints: Float[np.ndarray, "frames 24 3"]
    """In camera space, metres."""
    pelvis: Float[np.ndarray, "3"]
    """Where the shape has its pelvis, without orientation and translation."""
    focal: float
    """Focal length in pixels of the video."""
    centre: Float[np.ndarray, "2"]
    """Principal point in pixels of the video."""
    image_size: Int[np.ndarray, "2"]
    """Width and height of the video in pixels."""
    keypoints_xy: Float[np.ndarray, "frames keypoints 2"]
    keypoints_confidence: Float[np.ndarray, "frames keypoints"]
    """Zero where the person is not detected."""
    keypoints_format: FormatName
    reprojection_error_px: Float[np.ndarray, " frames"]
    """Mean distance of the body's landmarks to the keypoints, weighted by confidence, in pixels; NaN where the person
    is not detected."""
    person_height_px: Float[np.ndarray, " frames"]
    """How tall the person is on the frame: the measure for the error."""
    body: str
    """Name of the body model that ``betas`` belongs to."""
    qposer_version: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Settings of the fit, as JSON can hold them."""

    def __post_init__(self) -> None:
        """Let nothing out that is no number.

        Raises:
            ValueError: an array or a number is NaN or infinite, but for errors where nobody was detected; or an array
                is of another shape.
        """
        check_shapes({name: np.asarray(getattr(self, name)) for name in _SHAPES}, _SHAPES)
        for one in fields(self):
            values = np.asarray(getattr(self, one.name))
            if one.name == "reprojection_error_px":
                values = values[self.detected]
            if values.dtype.kind in "fc" and not np.isfinite(values).all():
                raise ValueError(
                    f"the fit came out as NaN or infinite ({one.name}): the video or the camera are absurd"
                )

    def __len__(self) -> int:
        """Number of frames."""
        return len(self.frames)

    @property
    def reprojection_error_percent(self) -> float:
        """The mean 2D error as a percentage of the person's height on the frame."""
        return float(100.0 * np.nanmean(self.reprojection_error_px / self.person_height_px))

    @property
    def warnings(self) -> tuple[str, ...]:
        """What of the fit deserves a look: a large error on average, or on many frames; parts that few frames show."""
        mean, frames = self.reprojection_error_percent, int(self.detected.sum())
        shown = (self.keypoints_confidence[self.detected] > SEEN_CONFIDENCE).mean(axis=0) >= _OFTEN
        found = warnings_of(FORMATS[self.keypoints_format].names, shown, mean)
        with np.errstate(invalid="ignore"):  # NaN, where nobody was detected, is no large error
            wrong = int((100.0 * self.reprojection_error_px / self.person_height_px >= ERROR_WARNING).sum())
        if mean < ERROR_WARNING and wrong >= _MANY * frames:
            told = (
                f"2D error of {ERROR_WARNING:g} % and more on {wrong} of {frames} frames: the body may be wrong there"
            )
            return (told, *found)
        return found

    def write(self, path: str | Path) -> None:
        """Write the arrays, at once or not at all, under the names of the attributes; ``settings`` as JSON.

        ``numpy.load(path, allow_pickle=False)``, `read_clip` and `qposer.read_poses` read the file.
        """
        arrays = {one.name: np.asarray(getattr(self, one.name)) for one in fields(self) if one.name != "settings"}
        write_npz(Path(path), arrays | {"settings": np.asarray(json.dumps(dict(self.settings)))})

    def write_amass(self, path: str | Path) -> None:
        """Write the motion as AMASS has it: see `fitting.output.amass.write_amass`."""
        write_motion(path, self.global_orient, self.body_pose, self.betas, self.joints[:, 0], self.pelvis, self.fps)


def read_clip(path: str | Path) -> ClipResult:
    """The result in a file that `ClipResult.write` wrote.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not such a file.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no fit {path}: give the fit.npz of a clip")
    arrays = read_npz(path)
    missing = {one.name for one in fields(ClipResult)} - arrays.keys()
    if missing:
        raise ValueError(f"{path} is not the fit of a clip: it lacks {', '.join(sorted(missing))}")
    values: dict[str, Any] = {one.name: arrays[one.name] for one in fields(ClipResult)}
    try:
        values |= {name: float(values[name]) for name in ("fps", "focal")}
        values |= {name: str(values[name]) for name in ("keypoints_format", "body", "qposer_version")}
        return ClipResult(**values | {"settings": json.loads(str(values["settings"]))})
    except (ValueError, TypeError, IndexError, RecursionError) as error:
        raise ValueError(f"{path} is not the fit of a clip: {one_line(error)}") from None
