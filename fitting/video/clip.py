"""Fit one person in all frames of a clip: smooth motion, one shape, one camera."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from fitting.inputs.camera import Camera
from fitting.models import FittingModels
from fitting.optimise.initialize import initialize
from fitting.optimise.levenberg_marquardt import LevenbergMarquardt
from fitting.optimise.problem import Estimate, Problem
from fitting.optimise.shape_evidence import evidence_of_frames
from fitting.optimise.shape_prior import ShapeEvidence
from fitting.video.clip_hands import fit_clip_hands, hand_steps
from fitting.video.clip_output import MOTION, Standing, clip_result
from fitting.video.clip_result import ClipResult
from fitting.video.clip_stages import fit_independent, fit_motion, number_of_steps, with_contact
from fitting.video.clip_start import interpolate_gaps, rotation_median
from fitting.video.clip_windows import joined, windows_of
from fitting.video.footing import contact_terms, foot_evidence, standing_people
from fitting.video.ground import Evidence, Ground
from fitting.video.in_threads import in_threads
from fitting.video.kept_work import Arrays, Keep
from fitting.video.tracked_keypoints import TrackedKeypoints

SHAPE_FRAMES = 16
"""Number of evenly spaced frames for the shape fit."""


@dataclass(frozen=True)
class Rough:
    """A fit without contact."""

    betas: Float[Tensor, "1 shapes"]
    motion: dict[str, Tensor]
    """Parameters of every frame, by the names in `MOTION`."""
    evidence: Evidence | None
    """What it says about the ground; None if the camera moves or contact is not asked for."""
    shape_evidence: ShapeEvidence | None = None
    """What it says about the shape, if the settings hold a prior of it."""


@dataclass(frozen=True)
class ClipFit:
    """How one person's clip is fitted."""

    models: FittingModels
    seen: TrackedKeypoints
    image_size: tuple[int, int]
    focal: float | None = None
    smoothness: float = 1.0
    contact: bool = True
    keep: Keep = lambda name, make: make()
    on_step: Callable[[], None] = lambda: None

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            ValueError: the focal length or the smoothness is invalid, or an age is given.
        """
        self.models.settings.check_for_video()
        if self.focal is not None and not 0 < self.focal < math.inf:
            raise ValueError(
                f"a focal length must be a positive number of pixels, not {self.focal}: omit it if unknown"
            )
        if not 0 <= self.smoothness < math.inf:
            raise ValueError(f"smoothness must be a factor of at least 0, not {self.smoothness}")

    @property
    def camera(self) -> Camera:
        """The camera of all frames."""
        return Camera.for_image(*self.image_size, self.focal, device=self.models.device, dtype=self.models.dtype)

    @property
    def has_contact(self) -> bool:
        """Whether feet are kept where they stand: not if the camera moves or frames are independent."""
        return self.contact and self.smoothness > 0 and not self.seen.camera_moves

    @property
    def steps(self) -> int:
        """Number of calls of ``on_step``, if nothing was stored."""
        windows = len(list(windows_of(int(self.seen.frames[0]), int(self.seen.frames[-1]))))
        body = number_of_steps(self.models, windows, self.has_contact, self.smoothness > 0)
        return body + hand_steps(self.models, self.seen)

    def rough(self) -> Rough:
        """Fit the shape to frames spread over the clip, and then the motion without contact."""
        models, seen, camera = self.models, self.seen, self.camera
        shape = self.keep("shape", lambda: _shape(models, seen, camera, self.on_step))
        betas = torch.from_numpy(shape["betas"])

        def fitted(begin: int, end: int) -> Arrays:
            problem, start = self._window(begin, end)
            start = dataclasses.replace(start, betas=betas.to(models.device))
            return _arrays(fit_motion(models, problem, start, seen.fps, self.smoothness, self.on_step))

        found = self._in_windows("motion", fitted)
        evidence = foot_evidence(models, seen, betas, found) if self.has_contact else None
        said = ShapeEvidence(shape["information"], shape["vector"]) if "information" in shape else None
        return Rough(betas, found, evidence, said)

    def evidence_with_contact(self, rough: Rough, standing: Standing) -> Evidence | None:
        """What the motion says about the ground if standing feet are kept where they are.

        Args:
            rough: the fit without contact.
            standing: contacts and ground.

        Returns:
            Evidence from a motion that is not kept, or None if there is none without contact.
        """
        if rough.evidence is None:
            return None
        motion = self._with_contact(rough, standing, rough.evidence, last=False)
        return foot_evidence(self.models, self.seen, rough.betas, motion)

    def finish(self, rough: Rough, standing: Standing) -> ClipResult:
        """Keep standing feet where they are, and decode the poses.

        Args:
            rough: the fit without contact.
            standing: contacts and ground.

        Returns:
            The result.
        """
        motion = rough.motion
        if rough.evidence is not None:
            motion = self._with_contact(rough, standing, rough.evidence, last=True)
        hands = fit_clip_hands(
            self.models, self.seen, self.camera, rough.betas, motion, self.smoothness, self.keep, self.on_step
        )
        result = clip_result(
            *(self.models, self.seen, self.image_size, self.camera, rough.betas, motion, self.smoothness, standing),
            hands,
        )
        return dataclasses.replace(result, shape_evidence=rough.shape_evidence)

    def _with_contact(self, rough: Rough, standing: Standing, evidence: Evidence, *, last: bool) -> dict[str, Tensor]:
        """The motion fitted again with contact; in fewer steps if only the feet matter."""
        first = int(self.seen.frames[0])

        def grounded(begin: int, end: int) -> Arrays:
            inside = slice(begin - first, end + 1 - first)
            problem, start = self._window(begin, end)
            given = {name: value[inside].to(self.models.device) for name, value in rough.motion.items()}
            start = dataclasses.replace(start, betas=rough.betas.to(self.models.device), **given)
            terms = contact_terms(standing, inside, evidence, self.seen, problem)
            return _arrays(
                with_contact(
                    *(self.models, problem, start, self.seen.fps, self.smoothness, self.on_step, terms), last=last
                )
            )

        return self._in_windows(f"{'contact' if last else 'feet'}-{standing.fingerprint}", grounded)

    def _window(self, begin: int, end: int) -> tuple[Problem, Estimate]:
        """The problem of some frames, and the regressor's bodies."""
        around = self.seen.around(begin, end)
        problem, start = _initialize(self.models, around, self.camera)
        inside = torch.arange(begin, end + 1, device=self.models.device) - int(around.frames[0])
        return problem[inside], start[inside]

    def _in_windows(self, name: str, fit: Callable[[int, int], Arrays]) -> dict[str, Tensor]:
        """Fit overlapping windows of the clip, a few at once, and join them."""

        def fitted(window: tuple[int, int]) -> tuple[int, Arrays]:
            begin, end = window
            return begin, self.keep(f"{name}-{begin:06d}-{end:06d}", lambda: fit(begin, end))

        motions = [*in_threads(fitted, windows_of(int(self.seen.frames[0]), int(self.seen.frames[-1])))]
        return {name: torch.from_numpy(value) for name, value in joined(motions).items()}


def fit_clip(
    models: FittingModels,
    seen: TrackedKeypoints,
    image_size: tuple[int, int],
    *,
    focal: float | None = None,
    smoothness: float = 1.0,
    contact: bool = True,
    ground: Ground | None = None,
    keep: Keep = lambda name, make: make(),
    on_step: Callable[[], None] = lambda: None,
) -> ClipResult:
    """Fit one body to all frames from the first to the last that shows the person.

    The shape is fitted first, to frames spread over the clip; then the motion, a few hundred frames at a time. Where
    the camera stands, the ground and the frames in which feet stand are estimated, and the motion is fitted again, so
    that standing feet stay where they are. This is done twice, because feet are seen to stand more clearly in a motion
    in which they do. Frames without a detection are interpolated, subject to the prior.

    Args:
        models: body, prior and settings.
        seen: keypoints of the person.
        image_size: width and height in pixels.
        focal: focal length in pixels; default: estimated from the image's size.
        smoothness: factor on the smoothness weight; 0 fits each frame independently.
        contact: keep standing feet where they are.
        ground: the ground, if known; default: estimated.
        keep: called for each part of the work, to store or load it.
        on_step: called after every step of the optimiser, `ClipFit.steps` times if nothing was stored.

    Returns:
        Parameters of every frame, with one shape.

    Raises:
        ValueError: the focal length or the smoothness is invalid.
    """
    return fit_clips([ClipFit(models, seen, image_size, focal, smoothness, contact, keep, on_step)], ground)[0]


def fit_clips(fits: Sequence[ClipFit], ground: Ground | None = None) -> list[ClipResult]:
    """Fit several people of one video, who share the direction of gravity.

    Args:
        fits: one for each person.
        ground: the ground, if known; default: estimated.

    Returns:
        One result for each.
    """
    rough, seen = [fit.rough() for fit in fits], [fit.seen for fit in fits]
    found = standing_people([one.evidence for one in rough], seen, ground)
    steadier = [fit.evidence_with_contact(one, feet) for fit, one, feet in zip(fits, rough, found, strict=True)]
    found = standing_people(steadier, seen, ground)
    return [fit.finish(one, feet) for fit, one, feet in zip(fits, rough, found, strict=True)]


def _arrays(estimate: Estimate) -> Arrays:
    return {name: getattr(estimate, name).cpu().numpy() for name in MOTION}


def _shape(models: FittingModels, seen: TrackedKeypoints, camera: Camera, on_step: Callable[[], None]) -> Arrays:
    """Fit one shape to frames spread over the clip, whose poses are independent, and what it adds to a given prior."""
    spread = np.unique(np.linspace(0, len(seen.frames) - 1, SHAPE_FRAMES).round().astype(int))
    some = seen[spread]
    cameras = camera[torch.zeros(len(spread), dtype=torch.long)]
    problem, start = initialize(
        models.body,
        models.space,
        models.regressor,
        some.keypoints,
        cameras,
        known_height=models.settings.height,
        shape=models.settings.shape,
    )
    problem = models.settings.applied_to(problem)
    start = dataclasses.replace(start, betas=start.betas[:1])  # one row, shared by all
    found = fit_independent(models, problem, start, on_step)
    arrays = {"betas": found.betas.cpu().numpy()}
    if models.settings.shape is None:
        return arrays
    said = evidence_of_frames(LevenbergMarquardt(models.body, models.space, models.settings.weights), problem, found)
    return arrays | vars(said)


def _initialize(models: FittingModels, seen: TrackedKeypoints, camera: Camera) -> tuple[Problem, Estimate]:
    """The problem for all frames from the first seen to the last, and the regressor's bodies."""
    cameras = camera[torch.zeros(len(seen.frames), dtype=torch.long)]
    problem, estimate = initialize(models.body, models.space, models.regressor, seen.keypoints, cameras)
    problem = models.settings.applied_to(problem)
    guess = rotation_median(problem.guess)
    estimate = dataclasses.replace(
        estimate, orient=rotation_median(estimate.orient[:, None])[:, 0], pose=models.space.encode(guess)
    )
    frames = torch.from_numpy(seen.frames - seen.frames[0]).to(models.device)
    return interpolate_gaps(dataclasses.replace(problem, guess=guess), estimate, frames)
