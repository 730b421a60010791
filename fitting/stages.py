"""The course of a fit: where it starts, the stages it goes through, and what it commits to."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor

from fitting.body import Body
from fitting.camera import Camera
from fitting.keypoints import FORMATS, Keypoints
from fitting.pose_space import PoseSpace
from fitting.solver import Estimate, Problem, Solver, Stage, Weights
from fitting.start import FACINGS, place, upright_orientations


@dataclass(frozen=True)
class FitSettings:
    """What a user may want to change of a fit."""

    residual: bool = False
    """Add a small rotation to each joint after the codes, for poses that the codes do not reach."""
    seed: int = 0
    weights: Weights = field(default_factory=Weights)


STAND = Stage(steps=30, moves=("orient", "transl"), rho=0.3)
COARSE = Stage(steps=90, moves=("orient", "transl", "pose"), rho=0.2, noise=(2.0, 0.7), temperature=(2.0, 1.0))
FINE = Stage(steps=150, moves=("orient", "transl", "betas", "pose"), rho=0.1, noise=(0.7, 0.2), temperature=(1.0, 0.05))
SETTLE = Stage(steps=40, moves=("orient", "transl", "betas"), rho=0.1, stride=0.2)
SETTLE_RESIDUAL = dataclasses.replace(SETTLE, steps=80, moves=("orient", "transl", "betas", "residual"), stride=0.5)

TORSO_LEAD = 10.0
"""How much more the torso counts than limbs and face when a body is first placed: these move, the torso does not."""


def total_steps(settings: FitSettings) -> int:
    """How often ``tick`` is called in a fit."""
    return sum(stage.steps for stage in (STAND, COARSE, FINE, SETTLE_RESIDUAL if settings.residual else SETTLE))


def solve(
    body: Body,
    space: PoseSpace,
    keypoints: Keypoints,
    camera: Camera,
    settings: FitSettings,
    tick: Callable[[], None] = lambda: None,
) -> tuple[Problem, Estimate]:
    """Fit everyone that ``keypoints`` holds, each seen by a camera of its own; the poses returned are committed."""
    problem, start = facings(body, space, keypoints, camera)
    solver = Solver(body, space, settings.weights, settings.seed)

    everyone = torch.arange(len(keypoints), device=problem.keypoints.device)
    facing_problem = problem[everyone.repeat_interleave(FACINGS)]
    estimate = solver.run(STAND, facing_problem, start, tick)
    estimate = solver.run(COARSE, facing_problem, estimate, tick)
    with torch.no_grad():
        objective = solver.objective(COARSE, facing_problem, estimate, 1.0)
    best = objective.reshape(-1, FACINGS).argmin(-1)
    estimate = solver.run(FINE, problem, estimate[everyone * FACINGS + best], tick)
    estimate = dataclasses.replace(estimate, pose=space.commit(estimate.pose))
    return problem, solver.run(SETTLE_RESIDUAL if settings.residual else SETTLE, problem, estimate, tick)


def facings(body: Body, space: PoseSpace, keypoints: Keypoints, camera: Camera) -> tuple[Problem, Estimate]:
    """The problem, and for each person one estimate a facing: a relaxed stance placed in closed form."""
    people = len(keypoints)
    neutral = space.neutral().unsqueeze(0)
    body_pose = space.decode(neutral, 0.0)
    xy = torch.from_numpy(keypoints.xy).to(body_pose)
    confidence = torch.from_numpy(keypoints.confidence * keypoints.seen).to(body_pose)
    torso = list(FORMATS[keypoints.format].torso)
    weight = confidence.square()
    weight[:, torso] *= TORSO_LEAD

    betas = xy.new_zeros(1, body.num_betas)
    turned = upright_orientations(xy)
    landmarks, joints = body.landmarks_and_joints(
        turned, body_pose.expand(FACINGS, -1, -1, -1), betas.expand(FACINGS, -1), format=keypoints.format
    )
    root = joints[:1, :1]
    each = torch.arange(people, device=xy.device).repeat_interleave(FACINGS)
    many = camera[each]
    roll, transl, _ = place((landmarks - root).repeat(people, 1, 1), xy[each], weight[each], many)
    estimate = Estimate(
        orient=roll @ turned.repeat(people, 1, 1),
        transl=transl - root[0],
        betas=betas.expand(len(each), -1),
        pose=neutral.expand(len(each), *neutral.shape[1:]),
        residual=xy.new_zeros(len(each), 21, 3),
    )
    depth = transl[:, 2].reshape(people, FACINGS).median(-1).values
    height = camera.focal * stature(body, betas)[0] / depth
    return Problem(xy, confidence, keypoints.format, camera, height), estimate


def stature(body: Body, betas: Float[Tensor, "people shapes"]) -> Float[Tensor, "people"]:
    """Standing height in metres."""
    rest = betas.new_zeros(len(betas), 1, 3)
    vertices = body(rest[:, 0], rest.expand(-1, 21, -1), betas).vertices[..., 1]
    return vertices.amax(-1) - vertices.amin(-1)
