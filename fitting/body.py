"""Bodies of the SMPL family as differentiable functions of pose and shape."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from fitting.body_files import BodyData, read_body, smplx_data
from fitting.keypoints import FORMATS, FormatName
from fitting.landmarks import mixing_matrix, used_vertices
from qposer.assets import asset
from qposer.rotations import axis_angle_to_matrix
from qposer.skeleton import NUM_BODY_JOINTS, NUM_JOINTS, PARENTS

FIRST_HAND = NUM_BODY_JOINTS + 1  # the two hand joints come last and never bend


class BodyOutput(NamedTuple):
    """A posed body."""

    vertices: Float[Tensor, "batch vertices 3"]
    joints: Float[Tensor, "batch 24 3"]


class Body(nn.Module):
    """Linear blend skinning over SMPL's 24 joints (Loper et al., SIGGRAPH Asia 2015); the hands stay at rest.

    Every method takes ``global_orient`` (batch, 3) in radians or (batch, 3, 3), ``body_pose`` (batch, 21, 3) or
    (batch, 21, 3, 3), ``betas`` (batch, num_betas) in standard deviations, the mean shape where absent, and ``transl``
    (batch, 3) in metres, and returns metres. As in SMPL, ``global_orient`` turns the body about its pelvis:
    ``R (p - pelvis) + pelvis + transl``.

    Attributes:
        name: what the body was read from.
        num_betas: number of shape coefficients.
        faces: triangles, (faces, 3) indices of vertices.
        data: the arrays that it was made from.
    """

    faces: Int[Tensor, "faces 3"]

    def __init__(self, data: BodyData) -> None:
        super().__init__()
        self.data = data
        self.name = data.name
        self.num_betas = data.shapes.shape[-1]
        self.register_buffer("faces", torch.from_numpy(data.faces.astype("int64")))

        basis = torch.from_numpy(data.shape_basis())  # row 0: the template; then one row a component
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
        for name, form in FORMATS.items():
            mix = torch.from_numpy(mixing_matrix(form.names, data.landmarks, vertices))
            self.register_buffer(f"mix_{name}", mix.float(), persistent=False)

        depths = _depths(PARENTS[:FIRST_HAND])
        self._level_sizes = [depths.count(depth) for depth in range(max(depths) + 1)]
        for depth in range(1, len(self._level_sizes)):
            above, here = ([j for j, d in enumerate(depths) if d == level] for level in (depth - 1, depth))
            parents = torch.tensor([above.index(PARENTS[j]) for j in here])
            self.register_buffer(f"level_{depth}", parents, persistent=False)
        self.register_buffer("parents", torch.tensor(PARENTS[1:]), persistent=False)
        self.register_buffer("chains", _chains(), persistent=False)
        self.register_buffer("identity", torch.eye(3), persistent=False)

    @classmethod
    def open(cls) -> Body:
        """The free body that ships with the product: a neutral adult, ten shape coefficients, 1.69 m in the mean."""
        return cls.load(asset("body.npz"))

    @classmethod
    def load(cls, path: str | Path) -> Body:
        """A body from a file: SMPL ``.pkl``; SMPL, SMPL-H or SMPL-X ``.npz``; the open body's ``.npz``.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: it is not such a file; the message says what was expected and what was found.
        """
        return cls(read_body(Path(path)))

    @classmethod
    def from_smplx(cls, model: Any) -> Body:
        """The body of a model that ``smplx.create`` made: SMPL, SMPL-H or SMPL-X, with flat hands and a still face.

        Raises:
            ValueError: the model is no whole body.
        """
        return cls(smplx_data(model))

    def forward(
        self,
        global_orient: Float[Tensor, "batch *rotation"],
        body_pose: Float[Tensor, "batch 21 *rotation"],
        betas: Float[Tensor, "batch betas"] | None = None,
        transl: Float[Tensor, "batch 3"] | None = None,
    ) -> BodyOutput:
        """The whole mesh and its joints."""
        local = _rotation_matrices(global_orient, body_pose)
        skeleton, skin = self._shaped("skeleton", betas), self._shaped("skin", betas)
        world, joints, shift = self._articulate(local, skeleton, transl)
        return BodyOutput(self._skin("skin", skin, local, world, shift), joints)

    def landmarks(
        self,
        global_orient: Float[Tensor, "batch *rotation"],
        body_pose: Float[Tensor, "batch 21 *rotation"],
        betas: Float[Tensor, "batch betas"] | None = None,
        transl: Float[Tensor, "batch 3"] | None = None,
        *,
        format: FormatName = "mediapipe",
    ) -> Float[Tensor, "batch landmarks 3"]:
        """Keypoints of a format on the body, without the mesh: 33 of MediaPipe, 25 of OpenPose, or 17 of COCO."""
        return self.landmarks_and_joints(global_orient, body_pose, betas, transl, format=format)[0]

    def landmarks_and_joints(
        self,
        global_orient: Float[Tensor, "batch *rotation"],
        body_pose: Float[Tensor, "batch 21 *rotation"],
        betas: Float[Tensor, "batch betas"] | None = None,
        transl: Float[Tensor, "batch 3"] | None = None,
        *,
        format: FormatName = "mediapipe",
    ) -> tuple[Float[Tensor, "batch landmarks 3"], Float[Tensor, "batch 24 3"]]:
        """As ``landmarks``, and the 24 joints, which cost nothing more."""
        local = _rotation_matrices(global_orient, body_pose)
        points = self._shaped("points", betas)
        world, joints, shift = self._articulate(local, points[:, : 2 * NUM_JOINTS], transl)
        surface = self._skin("points", points[:, 2 * NUM_JOINTS :], local, world, shift)
        return getattr(self, f"mix_{format}") @ torch.cat([surface, joints], dim=1), joints

    def _add_basis(self, name: str, basis: Tensor) -> None:
        """Keep rest points (the first row) and their shape components flat, so that one product applies them."""
        flat = basis.flatten(1).float()
        self.register_buffer(f"{name}_template", flat[0].clone(), persistent=False)
        self.register_buffer(f"{name}_shapes", flat[1:].clone(), persistent=False)

    def _add_skin(self, name: str, weights: Tensor, pose_basis: Tensor | None) -> None:
        self.register_buffer(f"{name}_weights", weights.float(), persistent=False)
        flat = None if pose_basis is None else pose_basis.flatten(1).float()
        self.register_buffer(f"{name}_pose_shapes", flat, persistent=False)

    def _shaped(self, name: str, betas: Tensor | None) -> Float[Tensor, "batch points 3"]:
        """Rest points of a shape; a batch of one for the mean shape."""
        template: Tensor = getattr(self, f"{name}_template")
        if betas is None:
            return template.view(1, -1, 3)
        if betas.ndim != 2 or betas.shape[1] != self.num_betas:
            raise ValueError(f"betas must be (batch, {self.num_betas}) for this body, not {tuple(betas.shape)}")
        return torch.addmm(template, betas, getattr(self, f"{name}_shapes")).view(len(betas), -1, 3)

    def _articulate(
        self, local: Float[Tensor, "batch 22 3 3"], skeleton: Float[Tensor, "batch 48 3"], transl: Tensor | None
    ) -> tuple[Float[Tensor, "batch 24 3 3"], Float[Tensor, "batch 24 3"], Float[Tensor, "batch 24 3"]]:
        """Rotations and positions of the joints in space, and what skinning adds to a rotated rest point.

        Joints are turned a level of the tree at a time; their positions are sums of the turned bones on the way.
        """
        levels = [*local.split(self._level_sizes, dim=1)]
        for depth in range(1, len(levels)):
            above = levels[depth - 1].index_select(1, getattr(self, f"level_{depth}"))
            levels[depth] = above @ levels[depth]
        world = torch.cat([*levels, levels[-1]], dim=1)
        bones, rest = skeleton[:, :NUM_JOINTS], skeleton[:, NUM_JOINTS:]
        turned = (world.index_select(1, self.parents) @ bones[:, 1:, :, None]).squeeze(-1)
        root = bones[:, :1] if transl is None else bones[:, :1] + transl[:, None]
        joints = root + self.chains @ turned
        return world, joints, joints - (world @ rest[..., None]).squeeze(-1)

    def _skin(
        self, name: str, rest: Float[Tensor, "batch points 3"], local: Tensor, world: Tensor, shift: Tensor
    ) -> Float[Tensor, "batch points 3"]:
        """Rest points moved by the joints, after the pose's own corrections where the body has them."""
        pose_shapes: Tensor | None = getattr(self, f"{name}_pose_shapes")
        if pose_shapes is not None:
            bend = (local[:, 1:] - self.identity).flatten(1)
            rest = rest + (bend @ pose_shapes).view(len(bend), -1, 3)
        motion = torch.cat([world, shift[..., None]], dim=-1).flatten(2)
        blended = (getattr(self, f"{name}_weights") @ motion).unflatten(-1, (3, 4))
        return (blended[..., :3] @ rest[..., None]).squeeze(-1) + blended[..., 3]


def _rotation_matrices(global_orient: Tensor, body_pose: Tensor) -> Float[Tensor, "batch 22 3 3"]:
    """Local rotations of pelvis and body joints, of axis-angle vectors or matrices or one of each."""
    batch = len(body_pose)
    if body_pose.shape not in ((batch, NUM_BODY_JOINTS, 3), (batch, NUM_BODY_JOINTS, 3, 3)):
        raise ValueError(f"body_pose must be (batch, 21, 3) or (batch, 21, 3, 3), not {tuple(body_pose.shape)}")
    if global_orient.shape not in ((batch, 3), (batch, 3, 3)):
        raise ValueError(f"global_orient must be ({batch}, 3) or ({batch}, 3, 3), not {tuple(global_orient.shape)}")
    root = global_orient[:, None]
    if root.ndim == body_pose.ndim == 3:
        return axis_angle_to_matrix(torch.cat([root, body_pose], dim=1))
    parts = [part if part.ndim == 4 else axis_angle_to_matrix(part) for part in (root, body_pose)]
    return torch.cat(parts, dim=1)


def _depths(parents: tuple[int, ...]) -> list[int]:
    """How many joints lie between each joint and the root; SMPL's order makes this ascend."""
    depths: list[int] = []
    for parent in parents:
        depths.append(depths[parent] + 1 if parent >= 0 else 0)
    return depths


def _chains() -> Float[Tensor, "24 23"]:
    """One where a bone (numbered by its joint, less one) is on the way from the root to a joint, else zero."""
    chains = torch.zeros(NUM_JOINTS, NUM_JOINTS)
    for j, parent in enumerate(PARENTS[1:], start=1):
        chains[j] = chains[parent]
        chains[j, j] = 1.0
    return chains[:, 1:]
