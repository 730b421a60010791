"""An SMPLify-X style fitting loop, for comparison: L-BFGS, the whole mesh in every step, one person at a time.

It follows the paper (Pavlakos et al., CVPR 2019): the pose is a VPoser latent, and the squared norm of the latent is
the prior. Orientation and position are optimised first; then the weight of the prior decreases over five stages.
Collisions, hands and face are omitted, which only makes it faster.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from fitting.body.body import Body
from fitting.body.landmarks import mixing_matrix, used_vertices
from fitting.optimise.problem import Problem
from fitting.terms.reprojection import Reprojection
from fitting.terms.term import Posed
from qposer.body_pose.rotations import matrix_from_6d, matrix_to_6d
from qposer.body_pose.skeleton import NUM_BODY_JOINTS

RHO = 0.1
ITERATIONS = 30
"""Iterations of each stage, as in the reference configuration."""


@dataclass(frozen=True)
class Stage:
    """Weights of the squared norms of latent and shape in one stage; distances are fractions of the person's height."""

    pose: float
    shape: float


STAGES = (Stage(4.04e2, 1e2), Stage(4.04e2, 5e1), Stage(5.74e1, 1e1), Stage(4.78, 5.0), Stage(4.78, 5.0))
"""The weights of SMPLify-X's configuration (body_pose_prior_weights, shape_weights)."""

DATA = 1e6
"""SMPLify-X measures distances in pixels: a person's height is about 1 000 of them."""


def fit(
    body: Body,
    decode: Callable[[Float[Tensor, "1 32"]], Float[Tensor, "1 21 3 3"]],
    problem: Problem,
    orient: Float[Tensor, "1 3 3"],
    transl: Float[Tensor, "1 3"],
    pose_scale: float = 1.0,
) -> tuple[Float[Tensor, "1 3 3"], Float[Tensor, "1 21 3 3"], Float[Tensor, "1 shapes"], Float[Tensor, "1 3"]]:
    """Fit one person.

    Args:
        body: body model; its whole mesh is computed in every evaluation.
        decode: decoder of latents; the initial latent is zero.
        problem: fitting problem of one person.
        orient: initial orientation.
        transl: initial position, metres.
        pose_scale: factor on the prior's weights.

    Returns:
        Orientation and body pose (rotation matrices), shape coefficients, and position in metres.
    """
    vertices = used_vertices(body.data.landmarks)
    mixing = torch.from_numpy(mixing_matrix(problem.format, body.data.landmarks, vertices)).to(transl)
    unknowns = {
        "orient": matrix_to_6d(orient),
        "transl": transl.clone(),
        "betas": torch.zeros(1, body.num_betas),
        "latents": torch.zeros(1, 32),
    }
    values = {name: value.detach().clone().requires_grad_() for name, value in unknowns.items()}
    keypoints, confidence = problem.keypoints, problem.confidence
    reprojection = Reprojection(1.0, RHO, keypoints, confidence, problem.height, problem.camera)
    no_residual = transl.new_zeros(1, NUM_BODY_JOINTS, 3)

    def objective(stage: Stage) -> Tensor:
        rotation, pose = matrix_from_6d(values["orient"]), decode(values["latents"])
        posed = body(rotation, pose, values["betas"], values["transl"])
        landmarks = mixing @ torch.cat([posed.vertices[:, vertices], posed.joints], dim=1)
        at = Posed(
            rotation,
            values["transl"],
            values["betas"],
            values["latents"],
            no_residual,
            pose,
            landmarks,
            rotation[:, None],
        )
        data = reprojection.residual(at).cost
        prior = pose_scale * stage.pose**2 * values["latents"].square().sum()
        return DATA * confidence.shape[1] * data.sum() + prior + stage.shape**2 * values["betas"].square().sum()

    _minimise([values["orient"], values["transl"]], lambda: objective(STAGES[0]))
    for stage in STAGES:
        _minimise(list(values.values()), lambda stage=stage: objective(stage))  # type: ignore[misc]
    with torch.no_grad():
        return matrix_from_6d(values["orient"]), decode(values["latents"]), values["betas"], values["transl"]


def _minimise(unknowns: list[Tensor], objective: Callable[[], Tensor]) -> None:
    optimizer = torch.optim.LBFGS(unknowns, max_iter=ITERATIONS, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = objective()
        loss.backward()
        return loss

    optimizer.step(closure)
