"""Results of fits to several views."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from jaxtyping import Bool, Float, Int

from fitting.inputs.calibration import Axis
from fitting.inputs.keypoints import Keypoints
from fitting.optimise.agreement import ERROR_WARNING, warnings_of
from fitting.output.body_result import BodyResult

State = Literal["used", "rejected", "empty"]
"""Status of a view: used, no person consistent with the other views, or no person at all."""

_MANY = 0.5
"""Share of rejected keypoints of a view that causes a warning."""


@dataclass(frozen=True)
class ViewFit:
    """One camera's part in a fit."""

    camera: str
    state: State
    exchanged: bool = False
    """Whether left and right were swapped to agree with the other views."""
    behind: bool = False
    """Whether the person would be behind the camera."""
    keypoints: Keypoints | None = None
    """Keypoints in the picture's pixels, with left and right as in the body; None if the view was not used."""
    used: Bool[np.ndarray, " joints"] | None = None
    """Mask of keypoints that the fit did not reject."""
    error_px: float | None = None
    """Mean distance of the body's landmarks to the used keypoints, weighted by confidence, in pixels."""
    height_px: float | None = None
    """Standing height of the person in the view in pixels, the reference for the error."""

    @property
    def error_percent(self) -> float | None:
        """The 2D error as a percentage of the person's height in the view."""
        return None if self.error_px is None or self.height_px is None else 100.0 * self.error_px / self.height_px

    @property
    def warnings(self) -> tuple[str, ...]:
        """Warnings about the view."""
        if self.behind:
            return (f"view {self.camera} was rejected: the person would be behind the camera, check its R and t",)
        if self.state == "rejected":
            return (f"view {self.camera} was rejected: nobody in it agrees with the other views",)
        found = [f"left and right were swapped in view {self.camera}"] if self.exchanged else []
        if self.keypoints is not None and self.used is not None:
            seen = self.keypoints.seen[0]
            lost = int((seen & ~self.used).sum())
            if lost > _MANY * seen.sum():
                found.append(f"{lost} of {int(seen.sum())} keypoints of view {self.camera} were rejected")
        return tuple(found)


@dataclass(frozen=True)
class ViewsResult(BodyResult):
    """One person's body in world axes, and the results by view."""

    joints: Float[np.ndarray, "24 3"]
    """Position in world axes, metres."""
    vertices: Float[np.ndarray, "vertices 3"]
    """Position in world axes, metres."""
    faces: Int[np.ndarray, "faces 3"]
    up: Axis
    """The direction against gravity."""
    views: tuple[ViewFit, ...]
    """Results by view, in the order of the cameras."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Settings of the fit as JSON values."""
    notes: tuple[str, ...] = ()
    """Deviations from the requested input."""

    def __post_init__(self) -> None:
        """Reject NaN and infinite values.

        Raises:
            ValueError: an array is NaN or infinite.
        """
        for name in ("global_orient", "body_pose", "betas", "transl", "joints", "vertices"):
            if not np.isfinite(getattr(self, name)).all():
                raise ValueError(f"the fit contains NaN or infinite values ({name}): check keypoints and cameras")

    @property
    def reprojection_error_percent(self) -> float:
        """The mean 2D error over the views, as a percentage of the person's height in each."""
        errors = [view.error_percent for view in self.views if view.error_percent is not None]
        return float(np.mean(errors))

    @property
    def summary(self) -> str:
        """Views and error in a few words."""
        used = [view.camera for view in self.views if view.state == "used"]
        return (
            f"seen by {', '.join(used)}, 2D error {self.reprojection_error_percent:.1f} % of the person's height, "
            f"world with {self.up} up"
        )

    @property
    def warnings(self) -> tuple[str, ...]:
        """Warnings about the fit: a large error, unseen parts, rejected views, notes."""
        used = [view for view in self.views if view.keypoints is not None and view.used is not None]
        names = used[0].keypoints.names  # type: ignore[union-attr]
        seen = np.any([view.used for view in used if view.used is not None], axis=0)
        mean = self.reprojection_error_percent
        large = [
            f"2D error of {view.error_percent:.1f} % of the person's height in view {view.camera}"
            for view in used
            if mean < ERROR_WARNING <= (view.error_percent or 0.0)
        ]
        of_views = [warning for view in self.views for warning in view.warnings]
        return (*warnings_of(names, seen, mean), *large, *of_views, *self.notes)


@dataclass(frozen=True)
class ViewsClip(BodyResult):
    """One person's body in world axes, in every frame from the first to the last seen by two cameras."""

    frames: Int[np.ndarray, " frames"]
    """Frame numbers of the first video."""
    matched: Bool[np.ndarray, " frames"]
    """Frames matched in at least two views; the others are interpolated."""
    fps: float
    joints: Float[np.ndarray, "frames 24 3"]
    """Position in world axes, metres."""
    pelvis: Float[np.ndarray, "3"]
    """Position of the shape's pelvis without orientation and translation."""
    up: Axis
    offsets: tuple[int, ...]
    """Frame of each video that shows the moment of the first video's frame 0."""
    cameras: tuple[str, ...]
    used: Float[np.ndarray, " views"]
    """Share of the matched frames in which each view agreed with the others."""
    error_percent: Float[np.ndarray, " views"]
    """Mean 2D error of each view as a percentage of the person's height; zero if it was never used."""
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Reject NaN and infinite values.

        Raises:
            ValueError: an array is NaN or infinite.
        """
        for name in ("global_orient", "body_pose", "betas", "transl", "joints", "error_percent"):
            if not np.isfinite(getattr(self, name)).all():
                raise ValueError(f"the fit contains NaN or infinite values ({name}): check keypoints and cameras")

    @property
    def summary(self) -> str:
        """Views and error in a few words."""
        error = float(self.error_percent[self.used > 0].mean())
        offsets = ", ".join(f"{name} {offset:+d}" for name, offset in zip(self.cameras, self.offsets, strict=True))
        return f"2D error {error:.1f} % of the person's height, world with {self.up} up, offsets in frames: {offsets}"

    @property
    def warnings(self) -> tuple[str, ...]:
        """Warnings about the fit."""
        found = [
            f"view {name} agreed with the others in {100 * share:.0f} % of the frames"
            for name, share in zip(self.cameras, self.used, strict=True)
            if share < 0.5
        ]
        found += [
            f"2D error of {error:.1f} % of the person's height in view {name}"
            for name, error in zip(self.cameras, self.error_percent, strict=True)
            if error >= ERROR_WARNING
        ]
        return (*found, *self.notes)
