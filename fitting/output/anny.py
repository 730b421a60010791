"""Conversion of a fitted body to Anny, the parametric body of all ages (Bregier et al., 2025), by its own package."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from fitting.body.body import Body
from fitting.output.body_result import BodyResult
from qposer.body_pose.rotations import axis_angle_to_matrix, nearest_rotation
from qposer.io.npz import write_npz
from qposer.least_squares import Equations, Step, minimise

STEPS = 25
EVERY = 8
"""Every so many vertices are compared."""

RIDGE = 0.003
"""Metres for each unit of a phenotype from the middle: keeps phenotypes that hardly move vertices there."""

CHANGE = 1e-5
"""Change of the unknowns for derivatives, radians, metres or units of a phenotype."""

LEAST_STIFFNESS = 1e-6
"""Square metres; of unknowns that move nothing, such as the bones of a hidden part."""

AGES = (0.2, 0.7)
"""Ages to start from: a child's and an adult's, in Anny's units."""


@dataclass(frozen=True)
class AnnyParameters:
    """A body of ``anny.Anny()``, posed in the axes of the result that it comes from.

    ``anny.Anny()(pose_parameters=torch.from_numpy(pose)[None], phenotype_kwargs=phenotypes)["vertices"]`` is the body.
    """

    pose: Float[np.ndarray, "bones 4 4"]
    """Transformation of every bone in Anny's default parametrisation (local-ref); the first places the body."""
    bones: tuple[str, ...]
    phenotypes: Mapping[str, float]
    """Anny's shape: gender, age, muscle, weight, height and proportions, from 0 to 1 (age from -1/3)."""
    years: float
    """The age in years that Anny's calibration to WHO data gives to its ``age``."""
    height: float
    """Standing height of Anny's body in metres."""
    error_mm: float
    """Mean distance between Anny's vertices and those of the fitted body."""
    worst_mm: float
    """The distance that 99 % of the vertices do not exceed."""

    def save(self, path: str | Path) -> None:
        """Write an npz with these values; the phenotypes are ``phenotype_names`` and ``phenotype_values``.

        Args:
            path: the file to write; its folder is created.
        """
        names, values = zip(*self.phenotypes.items(), strict=True)
        arrays = {"pose": self.pose, "bones": self.bones, "phenotype_names": names, "phenotype_values": values}
        numbers = {name: getattr(self, name) for name in ("years", "height", "error_mm", "worst_mm")}
        write_npz(Path(path), {name: np.asarray(value) for name, value in (arrays | numbers).items()})


def to_anny(result: BodyResult, body: Body, model: Any | None = None) -> AnnyParameters:
    """Anny's parameters of a fitted body, by least squares over the vertices, which correspond one to one.

    Each of Anny's bones turns with the body's joint whose vertices it moves, so fingers and face stay at rest.

    Args:
        result: the fit of one body, an open one, not of a clip.
        body: the body of the fit (``Body.open()`` or ``Body.ages()``).
        model: ``anny.Anny()`` of version 0.6, to load it once for many results; default: a new one.

    Returns:
        The parameters, with the error that remains.

    Raises:
        ValueError: the anny package is missing, or the body has another mesh or is not that of the result.
    """
    if result.body != body.name:
        raise ValueError(f"the result is one of the body {result.body!r}, not {body.name!r}: give the body of the fit")
    model = _new_model() if model is None else model
    parameters = (result.global_orient, result.body_pose, result.betas, result.transl)
    with torch.no_grad():
        output = body(*(torch.from_numpy(np.asarray(value))[None].to(body.identity) for value in parameters))
        problem = _Conversion.to_vertices(model, body, output.vertices[0].to(model.dtype))
        found = [minimise(problem, problem.start(age), STEPS) for age in AGES]
        best = min(found, key=lambda state: float(problem.cost(state)))
        return problem.parameters(best)


def _new_model() -> Any:
    try:
        import anny
    except ImportError:
        raise ValueError("conversion to Anny needs its package: pip install anny==0.6.2") from None
    return anny.Anny()


class _State(NamedTuple):
    phenotypes: Float[Tensor, "1 phenotypes"]
    transl: Float[Tensor, "1 3"]
    turns: Float[Tensor, "1 24 3 3"]
    """Rotation of each joint's bones from Anny's rest pose, in the axes of the target."""


@dataclass(frozen=True)
class _Conversion:
    """Least squares of vertex distances, by phenotypes, position and the rotations of 24 groups of bones."""

    model: Any
    target: Float[Tensor, "vertices 3"]
    own: Int[Tensor, " vertices"]
    """Anny's index of each vertex of the body."""
    owner: Int[Tensor, " bones"]
    """The joint that each bone turns with."""
    weights: Float[Tensor, "vertices 24"]
    """Share of each joint in the body's vertices."""
    skin: Float[Tensor, "vertices bones"]
    """Share of each of Anny's bones in the same vertices."""

    @classmethod
    def to_vertices(cls, model: Any, body: Body, target: Float[Tensor, "vertices 3"]) -> _Conversion:
        """The problem for the vertices of a posed body.

        Raises:
            ValueError: the body has another mesh.
        """
        own = torch.from_numpy(_shared_vertices(model))
        if len(own) != len(target):
            raise ValueError(f"expected an open body, with {len(own)} of Anny's vertices, not {len(target)} vertices")
        weights = torch.from_numpy(body.data.weights).to(target)
        skin = target.new_zeros(len(own), model.bone_count)
        skin.scatter_add_(1, model.vertex_bone_indices[own], model.vertex_bone_weights[own])
        overlap = skin.T @ weights
        owner = overlap.argmax(1)
        for bone, parent in enumerate(model.bone_parents):
            if parent >= 0 and not overlap[bone].any():
                owner[bone] = owner[parent]
        return cls(model, target, own, owner, weights, skin)

    def start(self, age: float) -> _State:
        """The mean body of an age, with each joint's vertices turned to those of the target."""
        phenotypes = self.target.new_full((1, len(self.model.phenotype_labels)), 0.5)
        phenotypes[:, self.model.phenotype_labels.index("age")] = age
        rest = self.model(phenotype_kwargs=phenotypes)["rest_vertices"][:, self.own]
        share = (self.weights / self.weights.sum(0)).T[..., None]
        rest, target = (points - (share * points).sum(1, keepdim=True) for points in (rest, self.target[None]))
        turns = nearest_rotation((share * target).mT @ rest)[None]
        state = _State(phenotypes, self.target.new_zeros(1, 3), turns)
        return state._replace(transl=(self.target - self.vertices(state)[0]).mean(0, keepdim=True))

    def begin_step(self, step: int, state: _State) -> None:
        """Nothing changes between steps."""

    def cost(self, state: _State) -> Float[Tensor, " 1"]:
        """Mean squared distance, and the ridge."""
        return self._residual(state).square().sum(-1)

    def linearise(self, state: _State) -> Equations:
        """Normal equations, by finite differences."""
        joints = state.turns.shape[1]
        inward = torch.where(state.phenotypes > 0.5, -CHANGE, CHANGE)  # phenotypes have bounds
        shapes = state._replace(phenotypes=state.phenotypes + torch.diag(inward[0]))
        moves = CHANGE * torch.eye(3 + 3 * joints, dtype=self.target.dtype)
        poses = state._replace(
            transl=state.transl + moves[:, :3],
            turns=axis_angle_to_matrix(moves[:, 3:].unflatten(1, (joints, 3))) @ state.turns,
        )
        here = self._residual(state)
        by_shape, by_pose = self._residual(shapes) - here, self._residual(poses) - here
        columns = torch.cat([by_shape / inward.T, by_pose / CHANGE])
        curvature = columns @ columns.T
        return Equations(curvature[None], (columns @ here[0])[None], (curvature.diagonal() + LEAST_STIFFNESS)[None])

    def moved(self, state: _State, step: Step) -> _State:
        """The state after a step, with phenotypes that Anny knows.

        Args:
            state: state before the step.
            step: changes of phenotypes, position and rotations.

        Returns:
            The candidate.
        """
        count = state.phenotypes.shape[1]
        least = torch.zeros_like(state.phenotypes)
        least[:, self.model.phenotype_labels.index("age")] = self.model.anchors["age"][0]
        phenotypes = (state.phenotypes + step.own[:, :count]).clamp(least, torch.ones_like(least))
        turns = axis_angle_to_matrix(step.own[:, count + 3 :].unflatten(1, (-1, 3))) @ state.turns
        return _State(phenotypes, state.transl + step.own[:, count : count + 3], turns)

    def vertices(self, state: _State, every: int = 1) -> Float[Tensor, "states vertices 3"]:
        """Anny's vertices that the body has.

        Args:
            state: a state, or several that differ in shape or in pose.
            every: stride of the vertices.

        Returns:
            Metres.
        """
        rest = self.model(phenotype_kwargs=state.phenotypes)
        transforms, _ = self.model.get_bone_transforms(
            self._bone_poses(state, rest["rest_bone_poses"]), rest["rest_bone_poses"], "world-orient"
        )
        blended = torch.einsum("vb,nbij->nvij", self.skin[::every], transforms[..., :3, :])
        points = rest["rest_vertices"][:, self.own[::every]]
        vertices: Tensor = (blended[..., :3] @ points[..., None])[..., 0] + blended[..., 3]
        return vertices

    def parameters(self, state: _State) -> AnnyParameters:
        """The solution in Anny's own terms."""
        from anny.shape_distribution import SimpleShapeDistribution

        rest = self.model(phenotype_kwargs=state.phenotypes)
        world = self._bone_poses(state, rest["rest_bone_poses"])
        posed = self.model(world, state.phenotypes, pose_parameterization="world-orient")
        pose = self.model.get_pose_parameterization(posed, self.model.pose_parameterization)[0]
        distance = 1000 * torch.linalg.vector_norm(posed["vertices"][0, self.own] - self.target, dim=-1)
        phenotypes = dict(zip(self.model.phenotype_labels, state.phenotypes[0].tolist(), strict=True))
        ages = SimpleShapeDistribution(self.model).morphological_age_mapping
        return AnnyParameters(
            pose=pose.numpy(),
            bones=tuple(self.model.bone_labels),
            phenotypes=phenotypes,
            years=ages.anny_to_morphological_age(self.target.new_tensor([phenotypes["age"]])).item(),
            height=float(np.ptp(rest["rest_vertices"][0, :, 2].numpy())),
            error_mm=distance.mean().item(),
            worst_mm=distance.quantile(0.99).item(),
        )

    def _residual(self, state: _State) -> Float[Tensor, "states values"]:
        apart = (self.vertices(state, EVERY) - self.target[::EVERY]) * (EVERY / len(self.target)) ** 0.5
        ridge = RIDGE * (state.phenotypes - 0.5)
        return torch.cat([apart.flatten(1), ridge.expand(len(apart), -1)], dim=1)

    def _bone_poses(self, state: _State, rest: Float[Tensor, "shapes bones 4 4"]) -> Float[Tensor, "states bones 4 4"]:
        """World orientation of every bone, and the root's position."""
        turned = state.turns[:, self.owner] @ rest[..., :3, :3]
        poses = torch.eye(4, dtype=rest.dtype).expand(*turned.shape[:2], 4, 4).clone()
        poses[..., :3, :3] = turned
        poses[:, 0, :3, 3] = state.transl
        return poses


def _shared_vertices(model: Any) -> Int[np.ndarray, " vertices"]:
    """Anny's vertices that the open bodies have, in order: all but the tongue's (see ``tools/build_body``)."""
    from anny.face_segmentation import get_face_segmentation_mask

    tongue, faces = get_face_segmentation_mask(model, ["tongue"]).numpy(), model.faces.numpy()
    inside: np.ndarray = np.setdiff1d(faces[tongue], faces[~tongue])
    kept: np.ndarray = np.setdiff1d(np.arange(len(model.template_vertices)), inside)
    return kept
