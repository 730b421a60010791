"""Models of a fit, loaded once: body, prior and regressor on one device, and settings."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor

from fitting.body.body import Body
from fitting.body.files import OPEN_BODY
from fitting.hands.fit import FittedHands, HandsInView, fit_hands
from fitting.hands.start import StartHands
from fitting.inputs.camera import Camera
from fitting.inputs.keypoints import Keypoints
from fitting.optimise.hypotheses import Candidates, explore
from fitting.optimise.pose_sampler import PoseSampler
from fitting.optimise.pose_space import RelaxedCodes, body_pose_of
from fitting.optimise.problem import Estimate, Problem
from fitting.optimise.regressor import Regressor
from fitting.optimise.schedule import solve
from fitting.optimise.settings import FitSettings
from fitting.optimise.start import Start
from fitting.output.body_result import BodyResult
from qposer.hands.prior import load_hand_prior
from qposer.prior.code_prior import CodePrior


class FittingModels:
    """Body, prior, regressor, settings and device."""

    def __init__(
        self,
        body: Body | None = None,
        prior: CodePrior | None = None,
        settings: FitSettings | None = None,
        device: str | torch.device = "cpu",
        regressor: Regressor | None = None,
    ) -> None:
        """Load the models; the defaults are the shipped ones.

        Fits use the precision of the prior, single precision for the shipped one. Given models of another precision or
        device are copied.

        Raises:
            ValueError: the device is not available.
        """
        if torch.device(device).type == "cuda" and not torch.cuda.is_available():
            raise ValueError("this PyTorch finds no CUDA device: fit on the cpu")
        self.device = torch.device(device)
        prior, body = prior or CodePrior.from_pretrained(), body or Body.open()
        regressor = regressor or Regressor.from_pretrained()
        self.dtype = prior.network.mean.dtype
        self.prior = self._placed(prior)
        self.model = self.prior.model
        self.body = body if self._fits(body.identity) else copy.deepcopy(body).to(device, self.dtype)
        self.space = RelaxedCodes(self.prior)
        fits = self._fits(next(regressor.parameters()))
        self.regressor = regressor if fits else copy.deepcopy(regressor).to(device, self.dtype)
        self.settings = settings or FitSettings()

    def _fits(self, weights: Tensor) -> bool:
        return weights.device == self.device and weights.dtype == self.dtype

    def _placed(self, prior: CodePrior) -> CodePrior:
        """The prior, or a copy on the device: others may use the given one."""
        return prior if self._fits(prior.network.mean) else copy.deepcopy(prior).to(self.device)

    def with_settings(self, settings: FitSettings) -> FittingModels:
        """The same models with other settings."""
        other = copy.copy(self)
        other.settings = settings
        return other

    def body_pose(self, estimate: Estimate) -> Float[Tensor, "people 21 3 3"]:
        """Rotation matrices of a solution, residual rotations included."""
        return body_pose_of(self.space, estimate)

    def solve(
        self,
        keypoints: Keypoints,
        camera: Camera,
        on_step: Callable[[], None] = lambda: None,
        start: Start | None = None,
    ) -> tuple[Problem, Estimate]:
        """Fit all people in ``keypoints``, each with its own camera; the returned latents are codes.

        Args:
            keypoints: keypoints of at least one person.
            camera: one for each person.
            on_step: called after every step.
            start: initial bodies instead of the regressor's.

        Returns:
            The problem and the fitted parameters.
        """
        return solve(self.body, self.space, self.regressor, keypoints, camera, self.settings, on_step, start)

    @cached_property
    def hand_body(self) -> Body | None:
        """The body with fingers; None if the body is somebody's own and was loaded without them."""
        if self.body.has_hands or self.body.name != OPEN_BODY:
            return self.body if self.body.has_hands else None
        return Body.open(hands=True).to(self.device, self.dtype)

    def body_of(self, results: Sequence[BodyResult]) -> Body:
        """The body model of results: with fingers if any of them has.

        Args:
            results: fits of these models.

        Returns:
            The body.
        """
        fingers = any(result.hands is not None for result in results)
        return self.hand_body if fingers and self.hand_body is not None else self.body

    @cached_property
    def hand_space(self) -> RelaxedCodes:
        """The space of hand poses; loaded when first needed."""
        return RelaxedCodes(self._placed(load_hand_prior().code_prior))

    @torch.no_grad()
    def fit_hands(
        self, views: Sequence[HandsInView], estimate: Estimate, start: StartHands | None = None
    ) -> FittedHands | None:
        """Fit the fingers and the wrists of a solution.

        Args:
            views: keypoints of the same people's hands in each camera.
            estimate: the fitted bodies.
            start: initial hands; they are kept where a hand has no keypoints.

        Returns:
            Body poses with the hands' wrists, and hand poses; None if there are no hands or the body has no fingers.
        """
        if self.hand_body is None or not (views or start):
            return None
        pose = self.body_pose(estimate)
        parameters = estimate.orient, pose, estimate.betas, estimate.transl
        given = None if start is None else start.on(self.hand_body, estimate.betas)
        return fit_hands(self.hand_body, self.hand_space, views, *parameters, given, self.settings.seed)

    @cached_property
    def sampler(self) -> PoseSampler:
        """Draws the starts of hypotheses; loaded when first needed."""
        return PoseSampler.from_pretrained(device=self.device).to(self.dtype)

    def explore(self, problem: Problem, estimate: Estimate, on_step: Callable[[], None] = lambda: None) -> Candidates:
        """Find other bodies that explain the keypoints of a fit.

        Args:
            problem: keypoints and camera at the end of the fit.
            estimate: the fit.
            on_step: called after every step.

        Returns:
            The fit and the others, with their scores.
        """
        return explore(
            self.body, self.space, self.sampler, self.regressor, self.settings, problem, estimate, on_step
        )  # fmt: skip
