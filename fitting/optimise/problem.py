"""A fit's inputs, estimate and objective."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from fitting.body.age_groups import AgeGroups
from fitting.inputs.camera import Camera
from fitting.inputs.keypoints import FORMATS, FormatName
from fitting.optimise.shape_prior import ShapePrior
from fitting.optimise.start import Start
from fitting.terms.code_prior import CodePull
from fitting.terms.depth import Depth
from fitting.terms.grouped_shape import GroupedShape
from fitting.terms.initial_pose import InitialPose
from fitting.terms.penetration import ArmsInside
from fitting.terms.reprojection import Reprojection
from fitting.terms.residual_rotation import ResidualRotation
from fitting.terms.shape import Shape
from fitting.terms.start_orientation import StartOrientation
from fitting.terms.term import Term, Unknown
from fitting.terms.upright import Upright
from fitting.terms.view_reprojection import ViewKeypoints, ViewReprojection
from qposer.body_pose.skeleton import MIRROR


@dataclass(frozen=True)
class Problem:
    """The inputs for a batch of people."""

    keypoints: Float[Tensor, "people joints 2"]
    confidence: Float[Tensor, "people joints"]
    format: FormatName
    camera: Camera
    height: Float[Tensor, " people"]
    """Approximate standing height of each person in pixels."""
    guess: Float[Tensor, "people 21 3 3"]
    """The body pose that the regressor predicts from the keypoints."""
    init_weight: Float[Tensor, "people 21"]
    """Weight of each joint of ``guess``; higher if no keypoint determines its rotation."""
    prior_scale: Float[Tensor, " people"]
    """Factor on the weights of code prior, predicted pose and shape; higher for inaccurate keypoints."""
    noise_floor: float = 0.0
    """Lower bound on the keypoints' error (see `fitting.inputs.keypoints.Keypoints`)."""
    depths: Float[Tensor, "people joints"] | None = None
    """Metres along the camera's axis, up to a shift; None without a depth cue."""
    start: Start | None = None
    """Initial bodies that replace the regressor's; the fit stays close to them where keypoints allow it."""
    shape: ShapePrior | None = None
    """What is known of the shape of all people."""
    views: ViewKeypoints | None = None
    """Keypoints in several calibrated views, fitted instead of ``keypoints``."""
    groups: AgeGroups | None = None
    """Distribution of the body's shapes by age, if it has one."""
    group: Int[Tensor, " people"] | None = None
    """Group of each person; None if the shape selects the most probable."""
    up: Float[Tensor, "people 3"] | None = None
    """Where the up axis of each person's pelvis is expected, in camera axes; None if it may have any direction."""
    told: Bool[Tensor, "21"] | None = None
    """Joints that statements about the pose tell of; None without statements."""

    def __getitem__(self, people: Int[Tensor, " chosen"]) -> Problem:
        """The problem for a selection of people; indices may repeat."""
        return replace(
            self,
            keypoints=self.keypoints[people],
            confidence=self.confidence[people],
            camera=self.camera[people],
            height=self.height[people],
            guess=self.guess[people],
            init_weight=self.init_weight[people],
            prior_scale=self.prior_scale[people],
            depths=None if self.depths is None else self.depths[people],
            start=None if self.start is None else self.start[people],
            views=None if self.views is None else self.views[people],
            group=None if self.group is None else self.group[people],
            up=None if self.up is None else self.up[people],
        )

    @property
    def guess_weight(self) -> Float[Tensor, "people 21"]:
        """Weight of each joint of ``guess`` or of the start: none where a statement tells of it, and no keypoint."""
        if self.told is None:
            return self.init_weight
        return torch.where(self.told & (self.init_weight > 1), 0.0, self.init_weight)

    def exchanged(self, people: Bool[Tensor, " people"]) -> Problem:
        """The problem with left and right keypoints exchanged for a part of the people.

        Args:
            people: for whom.

        Returns:
            The same people.
        """

        def chosen(values: Tensor, mirror: Sequence[int]) -> Tensor:
            return torch.where(people.reshape(-1, *[1] * (values.ndim - 1)), values[:, list(mirror)], values)

        mirror = FORMATS[self.format].mirror
        return replace(
            self,
            keypoints=chosen(self.keypoints, mirror),
            confidence=chosen(self.confidence, mirror),
            init_weight=chosen(self.init_weight, [MIRROR[joint] - 1 for joint in range(1, 22)]),
            depths=None if self.depths is None else chosen(self.depths, mirror),
        )


@dataclass(frozen=True)
class Estimate:
    """Values of the unknowns."""

    orient: Float[Tensor, "people 3 3"]
    transl: Float[Tensor, "people 3"]
    betas: Float[Tensor, "#people shapes"]
    pose: Float[Tensor, " people *numbers"]
    """Standardised latents, or parameters of another pose space."""
    residual: Float[Tensor, "people 21 3"]
    """Residual rotations (axis-angle) after decoding; zero unless enabled."""

    def __getitem__(self, people: Int[Tensor, " chosen"]) -> Estimate:
        """The estimates for a selection of people; indices may repeat."""
        return Estimate(**{name: value[people] for name, value in vars(self).items()})


@dataclass(frozen=True)
class Stage:
    """A stage of the optimisation; ``noise`` decreases geometrically from its first to its second value."""

    steps: int
    free: tuple[Unknown, ...]
    rho: float
    """Reprojection errors well above this fraction of the person's height count as outliers."""
    noise: tuple[float, float] = (1.0, 1.0)
    """Noise level of the prior's denoiser."""

    @property
    def levels(self) -> list[float]:
        """Noise level of each step."""
        first, last = self.noise
        return [first * (last / first) ** (step / max(self.steps - 1, 1)) for step in range(self.steps)]


@dataclass(frozen=True)
class Weights:
    """Weights of the objective's terms."""

    data: float = 2e3
    prior: float = 2.0
    guess: float = 4.0
    depth: float = 5.0
    shape: float = 1e-2
    grouped_shape: float = 3e-3
    """Replaces ``shape`` for a body of all ages if the age is unknown."""
    upright: float = 0.6
    arms: float = 0.01
    """A centimetre inside the body costs as much as one keypoint that is off by 1.3 % of the height. A tenth for exact
    keypoints, which show where arms are."""
    residual: float = 10.0
    start_pose: float = 24.0
    """Replaces the weight of ``guess`` if initial bodies are given."""
    start_orient: float = 40.0

    def terms(self, stage: Stage, problem: Problem) -> list[Term]:
        """All terms of a stage except the pose prior.

        Args:
            stage: stage to run.
            problem: keypoints, camera and predicted pose.

        Returns:
            The terms, with each person's prior scale.
        """
        scale = problem.prior_scale
        start = problem.start or Start(problem.guess)
        weight = self.shape * scale
        shape: Term
        if problem.shape is not None:
            shape = problem.shape.term(weight)
        elif problem.groups is None or start.betas is not None:
            shape = Shape(weight, start.betas)
        else:
            if len(problem.groups.means) > 1:
                weight = self.grouped_shape * scale
            shape = GroupedShape.of(problem.groups, weight, problem.group)
        terms: list[Term] = [self.reprojection(stage, problem), shape]
        if start.orient is not None:
            terms.append(StartOrientation(self.start_orient * scale, start.orient))
        if problem.up is not None:
            terms.append(Upright(self.upright * scale.clamp(max=1.0), problem.up))
        if problem.depths is not None:
            terms.append(Depth(self.depth, problem.depths, problem.confidence))
        if "pose" in stage.free:
            terms.append(ArmsInside(self.arms * (10 * scale).clamp(0.1, 1.0)))
            terms.append(
                InitialPose(
                    (self.guess if problem.start is None else self.start_pose) * scale,
                    problem.guess,
                    problem.guess_weight,
                )
            )
        if "residual" in stage.free:
            terms.append(ResidualRotation(scale.new_full(scale.shape, self.residual)))
        return terms

    def reprojection(self, stage: Stage, problem: Problem) -> Term:
        """The term of the keypoints, on one image or in several views.

        Args:
            stage: stage with the outlier threshold.
            problem: keypoints and cameras.

        Returns:
            The term.
        """
        if problem.views is not None:
            return ViewReprojection(self.data, stage.rho, problem.views)
        return Reprojection(self.data, stage.rho, problem.keypoints, problem.confidence, problem.height, problem.camera)

    def pull(self, problem: Problem, target: Float[Tensor, "people 21 latent"]) -> CodePull:
        """The term of the code prior.

        Args:
            problem: provides each person's prior scale.
            target: the denoiser's prediction.

        Returns:
            The term.
        """
        return CodePull(self.prior * problem.prior_scale, target)
