"""Uncertainty of each joint: a Gaussian around the fitted optimum (Laplace approximation)."""

from __future__ import annotations

import dataclasses

import torch
from jaxtyping import Float
from torch import Tensor

from fitting.body.body import Body
from fitting.optimise.landmark_jacobian import LandmarkJacobian
from fitting.optimise.levenberg_marquardt import LevenbergMarquardt
from fitting.optimise.pose_space import RelaxedCodes, decoder_jacobian
from fitting.optimise.problem import Estimate, Problem, Stage
from fitting.optimise.reweighting import TYPICAL_ERROR, relative_residual
from fitting.optimise.schedule import WHOLE
from fitting.optimise.settings import FitSettings
from fitting.terms.reprojection import shares
from qposer.body_pose.skeleton import NUM_BODY_JOINTS

INFLATION = 2.7
"""Factor on covariances at the typical keypoint error, calibrated on every other clip of SMPL poses from other sources
(`benchmarks.evidence`) so that 90 % regions contain about 90 % of the joints, differences between hypotheses included.
It falls with the power 1.5 of smaller errors."""

DETECTED = 2.0
"""An additional factor for detected keypoints, whose errors are correlated: they shift whole limbs. Calibrated on
rendered people."""

LEAST_NOISE = 0.0021
"""Smallest keypoint error, as a fraction of the person's height."""

LARGEST = 1.0
"""Largest standard deviation of a joint in metres: the linearisation has no meaning beyond the size of a body."""

STAGE = Stage(steps=1, free=WHOLE, rho=0.05, noise=(0.2, 0.2))
"""As at the end of the fine stages."""


@torch.no_grad()
def joint_covariance(
    body: Body,
    space: RelaxedCodes,
    settings: FitSettings,
    problem: Problem,
    estimate: Estimate,
    body_pose: Float[Tensor, "people 21 3 3"],
) -> Float[Tensor, "people 22 3 3"]:
    """Covariances of the joints' positions relative to the pelvis, in the camera's axes.

    The inverse curvature of the objective at the optimum, scaled by the keypoints' measured error.

    Args:
        body: body model.
        space: pose space.
        settings: settings of the fit.
        problem: keypoints and camera at the end of the fit.
        estimate: fitted parameters.
        body_pose: their rotations relative to the parents.

    Returns:
        Square metres.
    """
    solver = LevenbergMarquardt(body, space, settings.weights, settings.seed, settings.all_terms(body, problem.format))
    joints = body.joint_mixing()[: NUM_BODY_JOINTS + 1]
    both = LandmarkJacobian(body, torch.cat([joints, body.mixing(problem.format)]))
    solver.jacobian = lambda format: both
    stage = solver.stage_problem(STAGE, problem, estimate)
    state = stage.posed(estimate, body_pose)
    stage.all_terms = [*stage.terms, settings.weights.pull(problem, state.pose)]  # any target has this curvature
    stage.decoder_jacobian = decoder_jacobian(space, state.pose, state.body_pose)
    by = stage.derivatives(state)
    of_landmarks = {name: part[:, len(joints) :] for name, part in by.landmarks.items()}
    equations = stage.assembled(state, dataclasses.replace(by, landmarks=of_landmarks)).equations()
    factor = torch.linalg.cholesky(equations.curvature)
    noise = relative_residual(state.landmarks, problem).nan_to_num(1.0).clamp(min=max(LEAST_NOISE, problem.noise_floor))
    independent = 1 / shares(problem.confidence).square().sum(-1).clamp(min=1e-9)
    unit = (2 * settings.weights.data * noise.square() / independent).to(factor)
    columns = torch.cat([part[:, : len(joints)] for part in by.landmarks.values()], dim=-1).to(factor)
    columns = (columns - columns[:, :1]).flatten(1, 2)
    half = torch.linalg.solve_triangular(factor, columns.mT, upper=False).unflatten(2, (-1, 3)).transpose(1, 2)
    doubt = noise / TYPICAL_ERROR
    unit = unit * INFLATION * doubt.pow(1.5).clamp(max=1.0) * (DETECTED if problem.noise_floor > 0 else 1.0)
    covariance = unit[:, None, None, None] * (half.mT @ half)
    largest = covariance.diagonal(dim1=-2, dim2=-1).sum(-1).amax(-1)
    bounded: Tensor = (LARGEST**2 / largest).clamp(max=1.0)[:, None, None, None] * covariance
    return bounded.to(estimate.transl)
