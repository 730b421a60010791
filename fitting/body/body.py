"""Bodies of the SMPL family as differentiable functions of pose and shape."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from fitting.body.files import BodyData, read_body, smplx_data
from fitting.body.landmarks import mixing_matrix, used_vertices
from fitting.inputs.keypoints import FORMATS, FormatName
from qposer.body_pose.kinematics import tree_levels
from qposer.body_pose.rotations import axis_angle_to_matrix
from qposer.body_pose.skeleton import NUM_BODY_JOINTS, NUM_JOINTS, PARENTS
from qposer.io.assets import asset

FIRST_HAND = NUM_BODY_JOINTS + 1  # the two hand joints come last and never rotate


class BodyOutput(NamedTuple):
    """A posed body."""

    vertices: Float[Tensor, "batch vertices 3"]
    joints: Float[Tensor, "batch 24 3"]


class Body(nn.Module):
    """Linear blend skinning over SMPL's 24 joints (Loper et al., SIGGRAPH Asia 2015); the hands stay at rest.

    Every method takes ``global_orient`` (batch, 3) in radians or (batch, 3, 3), ``body_pose`` (batch, 21, 3) or
    (batch, 21, 3, 3), ``betas`` (batch, num_betas) in standard deviations, by default the mean shape, and ``transl``
    (batch, 3) in metres, and returns metres, in the body's precision: single until ``body.double()``. As in
    SMPL, ``global_orient`` rotates the body about its pelvis: ``R (p - pelvis) + pelvis + transl``.

    Attributes:
        name: source of the body.
        num_betas: number of shape coefficients.
        faces: triangles, (faces, 3) indices of vertices.
        data: the arrays of the model.
    """

    faces: Int[Tensor, "faces 3"]
    points_template: Float[Tensor, "coordinates 1"]
    points_shapes: Float[Tensor, "coordinates betas"]
    points_weights: Float[Tensor, "points 24"]
    parents: Int[Tensor, "23"]
    chains: Float[Tensor, "24 23"]
    identity: Float[Tensor, "3 3 1"]

    def __init__(self, data: BodyData) -> None:
        super().__init__()
        self.data = data
        self.name = data.name
        self.num_betas = data.shapes.shape[-1]
        self.register_buffer("faces", torch.from_numpy(data.faces), persistent=False)

        basis = torch.from_numpy(data.shape_basis())  # row 0: the template; then one row per component
        pose_basis = None if data.pose_shapes is None else torch.from_numpy(data.pose_shapes)
        weights = torch.from_numpy(data.weights)
        joints = torch.einsum("jv,bvc->bjc", torch.from_numpy(data.joint_regressor).double(), basis.double())
        bones = joints - joints[:, [0, *PARENTS[1:]]]
        bones[:, 0] = joints[:, 0]
        self._add_basis("skeleton", torch.cat([bones, joints], dim=1))
        self._add_basis("skin", basis)
        self._add_skin("skin", weights, pose_basis)

        vertices = used_vertices(data.landmarks)
        self._add_basis("points", torch.cat([bones, joints, basis[:, vertices]], dim=1))
        self._add_skin("points", weights[vertices], None if pose_basis is None else pose_basis[:, vertices])
        for name in FORMATS:
            mix = torch.from_numpy(mixing_matrix(name, data.landmarks, vertices))
            self.register_buffer(f"mix_{name}", mix.float(), persistent=False)

        levels = [(0,), *tree_levels(FIRST_HAND)]
        self._level_sizes = [len(level) for level in levels]
        for depth, (above, level) in enumerate(pairwise(levels), start=1):
            parents = torch.tensor([above.index(PARENTS[joint]) for joint in level])
            self.register_buffer(f"level_{depth}", parents, persistent=False)
        self.register_buffer("parents", torch.tensor(PARENTS[1:]), persistent=False)
        self.register_buffer("chains", _chains(), persistent=False)
        self.register_buffer("identity", torch.eye(3, dtype=torch.float32)[..., None], persistent=False)

    @classmethod
    def open(cls) -> Body:
        """The free body model that ships with QPoser: a neutral adult, ten shape coefficients, mean height 1.69 m."""
        return cls.load(asset("body.npz"))

    @classmethod
    def ages(cls) -> Body:
        """The free body model of children from two years and adults: as `open`, with other shape coefficients."""
        return cls.load(asset("body_ages.npz"))

    @classmethod
    def load(cls, path: str | Path) -> Body:
        """Load a body model from a file: SMPL ``.pkl``; SMPL, SMPL-H or SMPL-X ``.npz``; the open body's ``.npz``.

        Raises:
            FileNotFoundError: the file does not exist.
            ValueError: the file is invalid; the message says what was expected and found.
        """
        return cls(read_body(Path(path)))

    @classmethod
    def from_smplx(cls, model: Any) -> Body:
        """Convert a model of ``smplx.create``: SMPL, SMPL-H or SMPL-X, with flat hands and a neutral face.

        Raises:
            ValueError: the model is not a full body.
        """
        return cls(smplx_data(model))

    def forward(
        self,
        global_orient: Float[Tensor, " batch *root_rotation"],
        body_pose: Float[Tensor, "batch 21 *rotation"],
        betas: Float[Tensor, "#batch betas"] | None = None,
        transl: Float[Tensor, "batch 3"] | None = None,
    ) -> BodyOutput:
        """The whole mesh and its joints.

        Args:
            global_orient: axis-angle in radians or matrices, relative to the world.
            body_pose: axis-angle in radians or matrices, relative to the parents.
            betas: shape coefficients; default: the mean shape.
            transl: translation in metres; default: none.

        Returns:
            Vertices and the 24 joints in metres, by linear blend skinning (Loper et al., SMPL, SIGGRAPH Asia 2015).
        """
        local = _local_rotations(global_orient.to(self.identity), body_pose.to(self.identity))
        world, joints, shift = self._articulate(local, self._shaped("skeleton", betas), transl)
        vertices = self._skinned("skin", self._shaped("skin", betas), local, world, shift)
        return BodyOutput(vertices.permute(2, 0, 1), joints.permute(2, 0, 1))

    def mixing(self, format: FormatName) -> Float[Tensor, "landmarks points"]:
        """Weights of the body's surface points and then its 24 joints in each landmark of a format."""
        mixing: Tensor = getattr(self, f"mix_{format}")
        return mixing

    def joint_mixing(self) -> Float[Tensor, "24 points"]:
        """The same weights for the joints."""
        points = self.points_weights.shape[0]
        joints = torch.eye(NUM_JOINTS, dtype=self.identity.dtype, device=self.identity.device)
        return torch.cat([joints.new_zeros(NUM_JOINTS, points), joints], dim=1)

    def landmarks(
        self,
        global_orient: Float[Tensor, " batch *root_rotation"],
        body_pose: Float[Tensor, "batch 21 *rotation"],
        betas: Float[Tensor, "#batch betas"] | None = None,
        transl: Float[Tensor, "batch 3"] | None = None,
        *,
        format: FormatName = "mediapipe",
    ) -> Float[Tensor, "batch landmarks 3"]:
        """Keypoints of a format on the body, without the mesh: see `fitting.inputs.keypoints.FORMATS`.

        Args:
            global_orient: axis-angle in radians or matrices, relative to the world.
            body_pose: axis-angle in radians or matrices, relative to the parents.
            betas: shape coefficients; default: the mean shape.
            transl: translation in metres; default: none.
            format: keypoint format.

        Returns:
            Positions in metres, in the order of the format's names.
        """
        return self.landmarks_and_joints(global_orient, body_pose, betas, transl, format=format)[0]

    def landmarks_and_joints(
        self,
        global_orient: Float[Tensor, " batch *root_rotation"],
        body_pose: Float[Tensor, "batch 21 *rotation"],
        betas: Float[Tensor, "#batch betas"] | None = None,
        transl: Float[Tensor, "batch 3"] | None = None,
        *,
        format: FormatName = "mediapipe",
    ) -> tuple[Float[Tensor, "batch landmarks 3"], Float[Tensor, "batch 24 3"]]:
        """As ``landmarks``, and the 24 joints at no extra cost.

        Args:
            global_orient: axis-angle in radians or matrices, relative to the world.
            body_pose: axis-angle in radians or matrices, relative to the parents.
            betas: shape coefficients; default: the mean shape.
            transl: translation in metres; default: none.
            format: keypoint format.

        Returns:
            Landmarks and joints in metres.

        Raises:
            ValueError: the format is unknown.
        """
        if format not in FORMATS:
            raise ValueError(f"unknown keypoint format {format!r}: use {', '.join(FORMATS)}")
        local = _local_rotations(global_orient.to(self.identity), body_pose.to(self.identity))
        points = self._shaped("points", betas)
        world, joints, shift = self._articulate(local, points[: 2 * NUM_JOINTS], transl)
        surface = self._skinned("points", points[2 * NUM_JOINTS :], local, world, shift)
        landmarks = (self.mixing(format) @ torch.cat([surface, joints]).flatten(1)).unflatten(1, (3, -1))
        return landmarks.permute(2, 0, 1), joints.permute(2, 0, 1)

    # Below, the batch is the last dimension, for few large products and sums over contiguous memory.

    def _add_basis(self, name: str, basis: Float[Tensor, "rows points 3"]) -> None:
        """Store rest points (the first row) and their shape components flat, so that one product applies them."""
        flat = basis.flatten(1).float().T
        self.register_buffer(f"{name}_template", flat[:, :1].contiguous(), persistent=False)
        self.register_buffer(f"{name}_shapes", flat[:, 1:].contiguous(), persistent=False)

    def _add_skin(self, name: str, weights: Tensor, pose_basis: Float[Tensor, "189 points 3"] | None) -> None:
        self.register_buffer(f"{name}_weights", weights.float(), persistent=False)
        flat = None if pose_basis is None else pose_basis.flatten(1).float().T.contiguous()
        self.register_buffer(f"{name}_pose_shapes", flat, persistent=False)

    def _shaped(self, name: str, betas: Float[Tensor, "#batch betas"] | None) -> Float[Tensor, "points 3 #batch"]:
        """Rest points of a shape; a batch of one for the mean shape."""
        template: Tensor = getattr(self, f"{name}_template")
        if betas is not None and (betas.ndim != 2 or betas.shape[1] != self.num_betas):
            raise ValueError(f"betas must be (batch, {self.num_betas}) for this body, not {tuple(betas.shape)}")
        if betas is not None:
            template = torch.addmm(template, getattr(self, f"{name}_shapes"), betas.to(template).T)
        points: Tensor = template.unflatten(0, (-1, 3))
        return points

    def _articulate(
        self,
        local: Float[Tensor, "22 3 3 batch"],
        skeleton: Float[Tensor, "48 3 #batch"],
        transl: Float[Tensor, "batch 3"] | None,
    ) -> tuple[Float[Tensor, "24 3 3 batch"], Float[Tensor, "24 3 batch"], Float[Tensor, "24 3 batch"]]:
        """World rotations and positions of the joints, and the offsets that skinning adds to rotated rest points.

        Rotations are composed level by level of the tree; positions are sums of the rotated bones on the way.
        """
        levels = [*local.split(self._level_sizes)]  # SMPL's order goes level by level
        for depth in range(1, len(levels)):
            parents: Tensor = getattr(self, f"level_{depth}")
            above = levels[depth - 1].index_select(0, parents)
            levels[depth] = (above.unsqueeze(3) * levels[depth].unsqueeze(1)).sum(2)
        world = torch.cat([*levels, levels[-1]])
        bones, rest = skeleton.split(NUM_JOINTS)
        turned = _turn(world.index_select(0, self.parents), bones[1:])
        root = bones[0] if transl is None else bones[0] + transl.to(self.identity).T
        joints = root + (self.chains @ turned.flatten(1)).unflatten(1, (3, -1))
        return world, joints, joints - _turn(world, rest)

    def _skinned(
        self,
        name: str,
        rest: Float[Tensor, "points 3 #batch"],
        local: Float[Tensor, "22 3 3 batch"],
        world: Float[Tensor, "24 3 3 batch"],
        shift: Float[Tensor, "24 3 batch"],
    ) -> Float[Tensor, "points 3 batch"]:
        """Rest points moved by the joints, after the pose blend shapes, if any."""
        pose_shapes: Tensor | None = getattr(self, f"{name}_pose_shapes")
        if pose_shapes is not None:
            bend = (local[1:] - self.identity).flatten(0, 2)
            rest = rest + (pose_shapes @ bend).unflatten(0, (-1, 3))
        weights: Tensor = getattr(self, f"{name}_weights")
        motion = torch.cat([world, shift.unsqueeze(2)], dim=2)
        blended = (weights @ motion.flatten(1)).unflatten(1, (3, 4, -1))
        skinned: Tensor = _turn(blended[:, :, :3], rest) + blended[:, :, 3]
        return skinned


def _turn(
    rotations: Float[Tensor, "points 3 3 batch"], vectors: Float[Tensor, "points 3 #batch"]
) -> Float[Tensor, "points 3 batch"]:
    return (rotations * vectors.unsqueeze(1)).sum(2)


def _local_rotations(
    global_orient: Float[Tensor, " batch *root_rotation"], body_pose: Float[Tensor, "batch 21 *rotation"]
) -> Float[Tensor, "22 3 3 batch"]:
    """Rotations of pelvis and body joints, from axis-angle vectors, matrices, or one of each."""
    batch = len(body_pose)
    if body_pose.shape not in ((batch, NUM_BODY_JOINTS, 3), (batch, NUM_BODY_JOINTS, 3, 3)):
        raise ValueError(f"body_pose must be (batch, 21, 3) or (batch, 21, 3, 3), not {tuple(body_pose.shape)}")
    if global_orient.shape not in ((batch, 3), (batch, 3, 3)):
        raise ValueError(f"global_orient must be ({batch}, 3) or ({batch}, 3, 3), not {tuple(global_orient.shape)}")
    root = global_orient[:, None]
    if root.ndim == body_pose.ndim == 3:
        matrices = axis_angle_to_matrix(torch.cat([root, body_pose], dim=1))
    else:
        parts = [part if part.ndim == 4 else axis_angle_to_matrix(part) for part in (root, body_pose)]
        matrices = torch.cat(parts, dim=1)
    return matrices.permute(1, 2, 3, 0).contiguous()


def _chains() -> Float[Tensor, "24 23"]:
    """One where a bone (index of its joint minus one) is on the path from the root to a joint, else zero."""
    chains = torch.zeros(NUM_JOINTS, NUM_JOINTS, dtype=torch.float32)
    for j, parent in enumerate(PARENTS[1:], start=1):
        chains[j] = chains[parent]
        chains[j, j] = 1.0
    return chains[:, 1:]
