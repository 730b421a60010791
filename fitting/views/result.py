"""What a fit to several views gives for one person."""

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
"""Of a view: whether it shows the person, shows nobody who agrees with the other views, or shows nobody at all."""

_MANY = 0.5
"""A view of which more than this part of the keypoints was rejected deserves a look."""


@dataclass(frozen=True)
class ViewFit:
    """What one camera has to do with a fit."""

    camera: str
    state: State
    exchanged: bool = False
    """Left and right were exchanged, as the other views have them."""
    behind: bool = False
    """The person came to lie behind the camera."""
    keypoints: Keypoints | None = None
    """Of this person in the picture's pixels, left and right as in the body; none where the view was not used."""
    used: Bool[np.ndarray, " joints"] | None = None
    """Which of them the fit did not reject."""
    error_px: float | None = None
    """Mean distance of the body's landmarks to the keypoints that were used, weighted by confidence, in pixels."""
    height_px: float | None = None
    """How tall the person is in the view, standing: the measure for the error."""

    @property
    def error_percent(self) -> float | None:
        """The 2D error as a percentage of the person's height in the view."""
        return None if self.error_px is None or self.height_px is None else 100.0 * self.error_px / self.height_px

    @property
    def warnings(self) -> tuple[str, ...]:
        """What of the view deserves a look."""
        if self.behind:
            return (f"view {self.camera} was rejected: the person would be behind the camera, check its R and t",)
        if self.state == "rejected":
            return (f"view {self.camera} was rejected: nobody in it agrees with the other views",)
        found = [f"left and right were exchanged in view {self.camera}"] if self.exchanged else []
        if self.keypoints is not None and self.used is not None:
            seen = self.keypoints.seen[0]
            lost = int((seen & ~self.used).sum())
            if lost > _MANY * seen.sum():
                found.append(f"{lost} of {int(seen.sum())} keypoints of view {self.camera} were rejected")
        return tuple(found)


@dataclass(frozen=True)
class ViewsResult(BodyResult):
    """One person's body in world axes, and what each view has to do with it."""

    joints: Float[np.ndarray, "24 3"]
    """In world axes, metres."""
    vertices: Float[np.ndarray, "vertices 3"]
    """In world axes, metres."""
    faces: Int[np.ndarray, "faces 3"]
    up: Axis
    """The direction against gravity."""
    views: tuple[ViewFit, ...]
    """In the order of the cameras."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Settings of the fit, as JSON can hold them."""
    notes: tuple[str, ...] = ()
    """What was done differently than the input asks for."""

    def __post_init__(self) -> None:
        """Let nothing out that is no number.

        Raises:
            ValueError: an array is NaN or infinite.
        """
        for name in ("global_orient", "body_pose", "betas", "transl", "joints", "vertices"):
            if not np.isfinite(getattr(self, name)).all():
                raise ValueError(f"the fit came out as NaN or infinite ({name}): keypoints or cameras are absurd")

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
        """What of the fit deserves a look: a large error, unseen parts, rejected views, notes."""
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
