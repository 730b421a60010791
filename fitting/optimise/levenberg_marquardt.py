"""The optimiser of a fit to codes: Levenberg-Marquardt, batched over people, each with a damping of its own.

A dozen steps of it come where hundreds of Adam's do (docs/notes/fitting.md). Robust terms are squares whose weights
follow their residuals; the prior's pull is a square whose target the denoiser gives; and a joint's latents move, in
this approximation, nothing but the joint's own rotation, which is nearly so (four percent of what they do is done
elsewhere).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from fitting.body.body import Body
from fitting.inputs.keypoints import FormatName
from fitting.optimise.adam import DEPTH_RHO, Estimate, Problem, Stage, Weights
from fitting.optimise.landmark_jacobian import BENDING, LandmarkJacobian
from fitting.optimise.objective import depth_gap, gmof_weight, guess_gap, reprojection, shape_prior, shares
from fitting.optimise.pose_space import RelaxedCodes
from qposer.body_pose.rotations import axis_angle_to_matrix

DRAWS = 4
"""Of noise, of which the denoiser's answers are averaged in each step."""

FD_STEP = 0.02
"""By how much latents are moved to see how the decoder turns joints."""

PROBED_EVERY = 3
"""Steps: until then the decoder turns joints in much the same way, and to see how is nearly half of a step's work."""

DAMPING = {"orient": 1.0, "transl": 1.0, "betas": 1e-3, "pose": 1e-3}
"""Curvature that is added for each unknown at the first step; less after a step that lowers the objective, more after
one that does not."""

EASED, STIFFENED = 0.4, 4.0
SMALLEST_DAMPING, LARGEST_DAMPING = 1e-4, 1e4
ROUNDING = 1e-6
"""Curvature that is always added."""


class LevenbergMarquardt:
    """Fits bodies in relaxed codes to keypoints in stages."""

    def __init__(self, body: Body, space: RelaxedCodes, weights: Weights, seed: int = 0) -> None:
        self.body, self.space, self.weights = body, space, weights
        self.generator = torch.Generator().manual_seed(seed)
        self.motion: Callable[[FormatName], LandmarkJacobian] = cache(lambda format: LandmarkJacobian(body, format))

    @torch.no_grad()
    def run(self, stage: Stage, problem: Problem, start: Estimate, on_step: Callable[[], None]) -> Estimate:
        """Improve an estimate; ``on_step`` is called after every step.

        Args:
            stage: what is minimised.
            problem: keypoints and camera.
            start: where to begin.
            on_step: called after every step.

        Returns:
            The improved estimate.
        """
        estimate = start
        damping = torch.ones_like(problem.prior_scale)
        depth = torch.cat([torch.ones_like(start.transl[:, :2]), start.transl[:, 2:]], dim=-1)
        body_pose = self.space.decode(estimate.pose)
        landmarks = self._landmarks(problem.format, estimate, body_pose)
        noise = self._noise(stage, estimate.pose)
        target = decoder_jacobian = None
        for step in range(stage.steps):
            if noise is not None:
                target = self._target(estimate.pose, *noise[step])
                decoder_jacobian = (
                    self._decoder_jacobian(estimate.pose, body_pose) if step % PROBED_EVERY == 0 else decoder_jacobian
                )
            before = self._objective(stage, problem, estimate, body_pose, landmarks, target)
            move, solved = self._step(
                stage, problem, estimate, body_pose, landmarks, target, decoder_jacobian, damping, depth
            )
            candidate = replace(
                estimate,
                orient=axis_angle_to_matrix(move["orient"]) @ estimate.orient,
                transl=estimate.transl + depth * move["transl"],
                **{name: self._moved(name, getattr(estimate, name), move[name]) for name in move.keys() & _BOUNDED},
            )
            posed = self.space.decode(candidate.pose) if target is not None else body_pose
            seen = self._landmarks(problem.format, candidate, posed)
            better = solved & (self._objective(stage, problem, candidate, posed, seen, target) <= before)
            estimate = Estimate(
                **{name: _chosen(better, getattr(candidate, name), value) for name, value in vars(estimate).items()}
            )
            body_pose, landmarks = _chosen(better, posed, body_pose), _chosen(better, seen, landmarks)
            damping = (damping * torch.where(better, EASED, STIFFENED)).clamp(SMALLEST_DAMPING, LARGEST_DAMPING)
            on_step()
        return estimate

    @torch.no_grad()
    def landmarks(self, problem: Problem, estimate: Estimate) -> Float[Tensor, "people joints 3"]:
        """Where an estimate has the keypoints, in the camera's axes.

        Args:
            problem: keypoints and camera.
            estimate: parameters.

        Returns:
            Metres.
        """
        return self._landmarks(problem.format, estimate, self.space.decode(estimate.pose))

    def _landmarks(
        self, format: FormatName, estimate: Estimate, body_pose: Float[Tensor, "people 21 3 3"]
    ) -> Float[Tensor, "people joints 3"]:
        return self.body.landmarks(estimate.orient, body_pose, estimate.betas, estimate.transl, format=format)

    def _noise(
        self, stage: Stage, pose: Float[Tensor, "people 21 latent"]
    ) -> list[tuple[float, Float[Tensor, "draws 1 21 latent"]]] | None:
        """For every step of a stage that moves the pose, the level of the noise and draws of it, at unit variance.

        They go to the device at once, so that it need not wait for the host in any step.
        """
        if "pose" not in stage.free:
            return None
        first, last = stage.noise
        parts = [step / max(stage.steps - 1, 1) for step in range(stage.steps)]
        drawn = [torch.randn(DRAWS, 1, *pose.shape[1:], generator=self.generator, dtype=torch.float32) for _ in parts]
        levels = [first ** (1 - part) * last**part for part in parts]
        return list(zip(levels, torch.stack(drawn).to(pose), strict=True))

    def _target(
        self, pose: Float[Tensor, "people 21 latent"], level: float, drawn: Float[Tensor, "draws 1 21 latent"]
    ) -> Float[Tensor, "people 21 latent"]:
        """Where the denoiser sees human poses, on average over a few draws of noise that all people share."""
        levels = pose.new_full((1, 1, 1), level)
        target: Tensor = self.space.network.denoiser(pose + level * drawn, levels).mean(0)
        return target

    def _objective(
        self,
        stage: Stage,
        problem: Problem,
        estimate: Estimate,
        body_pose: Float[Tensor, "people 21 3 3"],
        landmarks: Float[Tensor, "people joints 3"],
        target: Float[Tensor, "people 21 latent"] | None,
    ) -> Float[Tensor, " people"]:
        """What a step must not raise."""
        weights = self.weights
        total = problem.prior_scale * weights.shape * shape_prior(estimate.betas)
        if target is not None:
            pull = 0.5 * (estimate.pose - target).square().mean((-1, -2))
            gap = guess_gap(body_pose, problem.guess, problem.init_weight)
            total = total + problem.prior_scale * (weights.prior * pull + weights.guess * gap)
        if problem.depths is not None:
            gap = depth_gap(landmarks[..., 2], problem.depths, problem.confidence, DEPTH_RHO)
            total = total + weights.depth * gap
        projected = problem.camera.project(landmarks)
        data = reprojection(projected, problem.keypoints, problem.confidence, problem.height, stage.rho)
        return total + weights.data * data

    def _step(
        self,
        stage: Stage,
        problem: Problem,
        estimate: Estimate,
        body_pose: Float[Tensor, "people 21 3 3"],
        landmarks: Float[Tensor, "people joints 3"],
        target: Float[Tensor, "people 21 latent"] | None,
        decoder_jacobian: Float[Tensor, "people 21 latent 3 3"] | None,
        damping: Float[Tensor, " people"],
        depth: Float[Tensor, "people 3"],
    ) -> tuple[dict[str, Tensor], Bool[Tensor, " people"]]:
        """The step of each unknown that moves, and for whom there is one."""
        moved = self._moved_landmarks(stage, problem, estimate, body_pose, decoder_jacobian, depth)
        sizes = {name: value.shape[-1] for name, value in moved.items()}
        rows, residuals = self._weighted(stage, problem, landmarks, torch.cat([*moved.values()], dim=-1))
        rows, residuals = rows.double(), residuals.double()  # how products round depends on the batch
        curvature, slope = rows.mT @ rows, (rows.mT @ residuals[..., None]).squeeze(-1)
        stiffness = torch.cat([slope.new_full((size,), DAMPING[name]) for name, size in sizes.items()])
        own = damping[:, None] * stiffness + ROUNDING  # curvature of each number for itself
        slopes, owns = (dict(zip(sizes, part.split([*sizes.values()], dim=-1), strict=True)) for part in (slope, own))

        weights, prior_scale = self.weights, problem.prior_scale[:, None]
        if "betas" in stage.free:
            slopes["betas"] += 2 * weights.shape * prior_scale * estimate.betas
            owns["betas"] += 2 * weights.shape * prior_scale
        if target is not None and decoder_jacobian is not None:
            pull = weights.prior * prior_scale / sizes["pose"]
            slopes["pose"] += pull * (estimate.pose - target).flatten(1)
            owns["pose"] += pull
            joints, numbers = estimate.pose.shape[1:]
            init_weight = (weights.guess * prior_scale / joints * problem.init_weight)[..., None, None]
            decoder_jacobian = decoder_jacobian.flatten(-2)
            gap = (body_pose - problem.guess).flatten(-2)[..., None]
            slopes["pose"] += (init_weight * (decoder_jacobian @ gap)).flatten(1)
            of_pose = curvature[:, -sizes["pose"] :, -sizes["pose"] :]
            blocks = of_pose.unflatten(2, (joints, numbers)).unflatten(1, (joints, numbers)).diagonal(dim1=1, dim2=3)
            blocks += (init_weight * (decoder_jacobian @ decoder_jacobian.mT)).permute(0, 2, 3, 1)
        curvature.diagonal(dim1=1, dim2=2).add_(own)
        factor, failed = torch.linalg.cholesky_ex(curvature)
        step = -torch.cholesky_solve(slope[..., None], factor).squeeze(-1).to(landmarks)
        return dict(zip(sizes, step.split([*sizes.values()], dim=-1), strict=True)), failed == 0

    def _moved_landmarks(
        self,
        stage: Stage,
        problem: Problem,
        estimate: Estimate,
        body_pose: Float[Tensor, "people 21 3 3"],
        decoder_jacobian: Float[Tensor, "people 21 latent 3 3"] | None,
        depth: Float[Tensor, "people 3"],
    ) -> dict[str, Float[Tensor, "people joints 3 _"]]:
        """Derivatives of the landmarks by each unknown that moves."""
        motion = self.motion(problem.format)
        world = motion.world(estimate.orient, body_pose)
        lever_arms = motion.lever_arms(world, estimate.betas)
        along_axes = torch.diag_embed(depth)[:, None].expand(-1, lever_arms.shape[1], -1, -1)
        moved = {"orient": _swung(lever_arms[:, :, 0]), "transl": along_axes}
        if "betas" in stage.free:
            moved["betas"] = motion.shapes(world)
        if decoder_jacobian is not None:
            turns = _vectors(decoder_jacobian @ body_pose[:, :, None].mT) @ motion.parents(world)[:, : BENDING - 1].mT
            swings = torch.linalg.cross(turns[:, None], lever_arms[:, :, 1:, None], dim=-1)
            moved["pose"] = swings.flatten(2, 3).mT
        return moved

    def _decoder_jacobian(
        self, pose: Float[Tensor, "people 21 latent"], body_pose: Float[Tensor, "people 21 3 3"]
    ) -> Float[Tensor, "people 21 latent 3 3"]:
        """How each joint's rotation changes with its latents; all joints are probed at once."""
        people, _, numbers = pose.shape
        probes = pose + FD_STEP * torch.eye(numbers, dtype=pose.dtype, device=pose.device)[:, None, None]
        turned = self.space.decode(probes.flatten(0, 1)).unflatten(0, (numbers, people))
        decoder_jacobian: Tensor = ((turned - body_pose) / FD_STEP).permute(1, 2, 0, 3, 4)
        return decoder_jacobian

    def _weighted(
        self,
        stage: Stage,
        problem: Problem,
        landmarks: Float[Tensor, "people joints 3"],
        moved: Float[Tensor, "people joints 3 numbers"],
    ) -> tuple[Float[Tensor, "people rows numbers"], Float[Tensor, "people rows"]]:
        """Derivatives of the residuals of keypoints (and depths), and these, times the roots of their weights."""
        share = shares(problem.confidence)
        scale = (1 / problem.height)[:, None, None]
        residual = scale * (problem.camera.project(landmarks) - problem.keypoints)
        weight = self.weights.data * share * gmof_weight(residual.square().sum(-1), stage.rho)
        root = (2 * weight).sqrt()[..., None]
        magnified = root * scale * problem.camera.focal[:, None, None] / landmarks[..., 2:]
        onward = landmarks[..., :2] / landmarks[..., 2:]
        rows = magnified[..., None] * (moved[:, :, :2] - onward[..., None] * moved[:, :, 2:])
        rows, residual = rows.flatten(1, 2), (root * residual).flatten(1)
        if problem.depths is None:
            return rows, residual
        behind = landmarks[..., 2] - problem.depths
        behind = behind - (share * behind).sum(-1, keepdim=True)
        weight = self.weights.depth * share * gmof_weight(behind.square(), DEPTH_RHO)
        root = (2 * weight).sqrt()
        away = moved[:, :, 2] - (share[..., None] * moved[:, :, 2]).sum(1, keepdim=True)
        return torch.cat([rows, root[..., None] * away], dim=1), torch.cat([residual, root * behind], dim=1)

    def _moved(self, name: str, value: Tensor, move: Tensor) -> Tensor:
        """A value after its step; latents stay between the outermost codes."""
        moved = value + move.view_as(value)
        if name != "pose":
            return moved
        return self.space.network.standardise(self.space.latents(moved))


_BOUNDED = {"betas", "pose"}


def _chosen(better: Tensor, new: Tensor, old: Tensor) -> Tensor:
    return torch.where(better.view(-1, *[1] * (new.ndim - 1)), new, old)


def _swung(lever_arms: Float[Tensor, "people landmarks 3"]) -> Float[Tensor, "people landmarks 3 3"]:
    """The matrices that take a small turn to what it moves, ``turn x arm``."""
    x, y, z = lever_arms.unbind(-1)
    zero = torch.zeros_like(x)
    swung: Tensor = torch.stack([zero, z, -y, -z, zero, x, y, -x, zero], dim=-1).unflatten(-1, (3, 3))
    return swung


def _vectors(turns: Float[Tensor, "*shape 3 3"]) -> Float[Tensor, "*shape 3"]:
    """Axis-angle vectors of infinitesimal turns, of the part of a matrix that is one."""
    skew = 0.5 * (turns - turns.mT)
    return torch.stack([skew[..., 2, 1], skew[..., 0, 2], skew[..., 1, 0]], dim=-1)
