"""Follow one person frame by frame: each body starts from the one before."""

from __future__ import annotations

import dataclasses

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from fitting.inputs.camera import Camera
from fitting.inputs.detect import Detector
from fitting.inputs.detections import Picture
from fitting.inputs.keypoints import Keypoints
from fitting.models import FittingModels
from fitting.optimise.initialize import initialize
from fitting.optimise.levenberg_marquardt import LevenbergMarquardt
from fitting.optimise.pose_space import body_pose_of
from fitting.optimise.problem import Estimate, Problem, Stage
from fitting.optimise.reweighting import relative_residual, update_prior_scale
from fitting.optimise.schedule import WHOLE
from fitting.optimise.start import Start
from fitting.video.clip_output import Standing, clip_result
from fitting.video.clip_result import ClipResult
from fitting.video.clip_stages import PRIOR_SCALE, STAGES
from fitting.video.clip_start import interpolate_gaps
from fitting.video.tracked_keypoints import TrackedKeypoints

FOLLOW = Stage(steps=2, free=WHOLE, rho=0.1, noise=(0.2, 0.2))
"""The only stage of a person who is followed."""

START_POSE, START_ORIENT = 4.0, 8.0
"""Weights that hold a body to the one before. They are lower than for starts from other programs: people move."""

ASTRAY = 0.05
"""If keypoints are farther than this part of the person's height from the body (median), it starts again."""

NO_GROUND = "fitted live: there are no ground and no world axes"


@dataclasses.dataclass(frozen=True)
class LiveBody:
    """One person in one frame."""

    number: int
    keypoints: Keypoints
    estimate: Estimate
    error: float
    """Median distance of the keypoints from the body, as a part of the person's height."""
    restarted: bool
    """Whether it starts from the regressor, not from the body before."""


class LiveFit:
    """Fits the largest person of a first frame, and then the same person in each following frame."""

    def __init__(
        self, models: FittingModels, detector: Detector, image_size: tuple[int, int], focal: float | None = None
    ) -> None:
        """Keep the models. Nobody is followed yet.

        Args:
            models: body, prior and settings.
            detector: the opened detector.
            image_size: width and height in pixels.
            focal: focal length in pixels; default: estimated from the image's size.

        Raises:
            ValueError: an age is given.
        """
        models.settings.check_for_video()
        weights = dataclasses.replace(models.settings.weights, start_pose=START_POSE, start_orient=START_ORIENT)
        self.models, self.image_size, self._detector = models, image_size, detector
        self.camera = Camera.for_image(*image_size, focal, device=models.device, dtype=models.dtype)
        terms = models.settings.all_terms(models.body, "mediapipe")
        self._solver = LevenbergMarquardt(models.body, models.space, weights, models.settings.seed, terms)
        self._last: LiveBody | None = None

    @torch.no_grad()
    def fit(self, number: int, rgb: Picture) -> LiveBody | None:
        """Fit a frame.

        Args:
            number: number of the frame.
            rgb: the frame.

        Returns:
            The body; None if nobody is seen. Whoever is seen next is then followed, from the regressor's body.
        """
        keypoints = self._seen(rgb)
        if keypoints is None:
            self._last = None
            return None
        found = None if self._last is None else self._following(number, keypoints, self._last)
        if found is None or found.error > ASTRAY:
            found = self._beginning(number, keypoints)
        self._last = found
        return found

    def vertices(self, body: LiveBody) -> Float[np.ndarray, "vertices 3"]:
        """Vertices in camera axes.

        Args:
            body: of a frame.

        Returns:
            Metres.
        """
        with torch.no_grad():
            estimate = body.estimate
            pose = body_pose_of(self.models.space, estimate)
            posed = self.models.body(estimate.orient, pose, estimate.betas, estimate.transl)
            return np.asarray(posed.vertices[0].cpu().numpy())

    def _seen(self, rgb: Picture) -> Keypoints | None:
        """The followed person, or the largest."""
        if self._last is None:
            return self._detector.search(rgb, 1)
        found = self._detector.near(rgb, self._last.keypoints.boxes[0])
        if found is None:
            return None
        apart = np.linalg.norm(found.xy - self._last.keypoints.xy, axis=-1)
        return found[[int(np.median(apart, axis=-1).argmin())]]

    def _beginning(self, number: int, keypoints: Keypoints) -> LiveBody:
        problem, estimate = self._problem(keypoints, None)
        for stage in STAGES:
            estimate = self._solver.run(dataclasses.replace(stage, free=WHOLE), problem, estimate)
            problem = update_prior_scale(problem, self._residual(problem, estimate), PRIOR_SCALE)
        return LiveBody(number, keypoints, estimate, float(self._residual(problem, estimate)), restarted=True)

    def _following(self, number: int, keypoints: Keypoints, last: LiveBody) -> LiveBody:
        before = last.estimate
        start = Start(body_pose_of(self.models.space, before), before.orient, before.betas)
        problem, estimate = self._problem(keypoints, start)
        problem = update_prior_scale(problem, before.transl.new_tensor([last.error]), PRIOR_SCALE)
        estimate = self._solver.run(FOLLOW, problem, estimate)
        return LiveBody(number, keypoints, estimate, float(self._residual(problem, estimate)), restarted=False)

    def _problem(self, keypoints: Keypoints, start: Start | None) -> tuple[Problem, Estimate]:
        models = self.models
        known = models.settings.height
        problem, estimate = initialize(
            *(models.body, models.space, models.regressor, keypoints, self.camera, start, known)
        )
        return models.settings.applied_to(problem), estimate

    def _residual(self, problem: Problem, estimate: Estimate) -> Float[Tensor, " people"]:
        return relative_residual(self._solver.landmarks(problem, estimate), problem)

    def result(self, bodies: list[LiveBody], fps: float) -> ClipResult:
        """The motion, with the last shape and interpolated poses of dropped frames.

        Args:
            bodies: in the order of their frames, at least one.
            fps: frames per second of the source.

        Returns:
            The result, without ground.
        """
        models = self.models
        every = Keypoints(
            np.concatenate([body.keypoints.xy for body in bodies]),
            np.concatenate([body.keypoints.confidence for body in bodies]),
            bodies[0].keypoints.format,
        )
        numbers = np.array([body.number for body in bodies])
        restarts = [str(body.number) for body in bodies[1:] if body.restarted]
        notes = (f"the fit began anew in frames {', '.join(restarts)}",) if restarts else ()
        seen = TrackedKeypoints(every, numbers, fps, None, notes)
        cameras = self.camera[torch.zeros(len(bodies), dtype=torch.long)]
        problem, _ = initialize(models.body, models.space, models.regressor, every, cameras)
        estimate = Estimate(
            **{name: torch.cat([getattr(body.estimate, name) for body in bodies]) for name in vars(bodies[0].estimate)}
        )
        frames = torch.from_numpy(numbers - numbers[0]).to(models.device)
        _, estimate = interpolate_gaps(problem, estimate, frames)
        motion = {name: getattr(estimate, name).cpu() for name in ("orient", "transl", "pose", "residual")}
        betas = bodies[-1].estimate.betas.cpu()
        return clip_result(
            *(models, seen, self.image_size, self.camera, betas, motion, 0.0, Standing(None, None, NO_GROUND))
        )
