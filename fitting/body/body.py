"""Bodies of the SMPL family as differentiable functions of pose and shape."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from fitting.body.body_data import BodyData
from fitting.body.files import read_body, smplx_data
from fitting.body.joint_tree import JointTree, turn
from fitting.body.landmarks import KEYPOINT_NAMES, hand_mixing_matrix, mixing_matrix, used_vertices
from fitting.body.local_rotations import local_rotations
from fitting.body.outputs import BodyOutput, PosedLandmarks
from fitting.inputs.keypoints import FORMATS, FormatName
from qposer.hands.smplh import BODY_END, HAND_LANDMARKS
from qposer.io.assets import asset

IN_CACHE = 65536
"""Number of points of a batch that a CPU skins at once: their data fit into its caches."""
NO_FINGERS = "this body has no fingers that move: load it with hands=True"


class Body(nn.Module):
    """Linear blend skinning over SMPL's 24 joints (Loper et al., SIGGRAPH Asia 2015), whose hands stay at rest, or over
    SMPL-H's 52 (Romero et al., SIGGRAPH Asia 2017), whose fingers move.

    Every method takes ``global_orient`` (batch, 3) in radians or (batch, 3, 3), ``body_pose`` (batch, 21, 3) or
    (batch, 21, 3, 3), ``betas`` (batch, num_betas) in standard deviations, by default the mean shape, and ``transl``
    (batch, 3) in metres, and returns metres, in the body's precision: single until ``body.double()``. As in
    SMPL, ``global_orient`` rotates the body about its pelvis: ``R (p - pelvis) + pelvis + transl``. A body with fingers
    also takes ``hand_pose`` (batch, 30, 3) or (batch, 30, 3, 3), the left hand's 15 joints before the right's, by
    default those of the template.

    Attributes:
        name: source of the body.
        num_betas: number of shape coefficients.
        faces: triangles, (faces, 3) indices of vertices.
        num_joints: number of joints, 24 or with fingers 52.
        has_hands: whether the fingers move.
        data: the arrays of the model.
    """

    faces: Int[Tensor, "faces 3"]
    points_template: Float[Tensor, "coordinates 1"]
    points_shapes: Float[Tensor, "coordinates betas"]
    points_weights: Float[Tensor, "points joints"]
    identity: Float[Tensor, "3 3 1"]

    def __init__(self, data: BodyData) -> None:
        super().__init__()
        self.data = data
        self.name = data.name
        self.num_betas = data.shapes.shape[-1]
        tree = data.parents
        self.num_joints = len(tree)
        self.has_hands = data.hand_space is not None
        self.register_buffer("faces", torch.from_numpy(data.faces), persistent=False)

        basis = torch.from_numpy(data.shape_basis())  # row 0: the template; then one row per component
        pose_basis = None if data.pose_shapes is None else torch.from_numpy(data.pose_shapes)
        weights = torch.from_numpy(data.weights)
        joints = torch.einsum("jv,bvc->bjc", torch.from_numpy(data.joint_regressor).double(), basis.double())
        bones = joints - joints[:, [0, *tree[1:]]]
        bones[:, 0] = joints[:, 0]
        self._add_basis("skeleton", torch.cat([bones, joints], dim=1))
        self._add_basis("skin", basis)
        self._add_skin("skin", weights, pose_basis)

        vertices = used_vertices(data.landmarks, (*KEYPOINT_NAMES, *(HAND_LANDMARKS if self.has_hands else ())))
        self._add_basis("points", torch.cat([bones, joints, basis[:, vertices]], dim=1))
        self._add_skin("points", weights[vertices], None if pose_basis is None else pose_basis[:, vertices])
        for name in FORMATS:
            mix = torch.from_numpy(mixing_matrix(name, data.landmarks, vertices, joints=data.joint_names))
            self.register_buffer(f"mix_{name}", mix.float(), persistent=False)
        if self.has_hands:
            mix = torch.from_numpy(hand_mixing_matrix(data.landmarks, vertices, data.joint_names))
            self.register_buffer("mix_hands", mix.float(), persistent=False)

        self.articulation = JointTree(tree, self.num_joints if self.has_hands else BODY_END)
        self.register_buffer("identity", torch.eye(3, dtype=torch.float32)[..., None], persistent=False)

    @classmethod
    def open(cls, *, hands: bool = False) -> Body:
        """The free body model that ships with QPoser: a neutral adult, ten shape coefficients, mean height 1.69 m.

        Args:
            hands: whether the fingers move.
        """
        return cls.load(asset("body.npz"), hands=hands)

    @classmethod
    def ages(cls) -> Body:
        """The free body model of children from two years and adults: as `open`, with other shape coefficients."""
        return cls.load(asset("body_ages.npz"))

    @classmethod
    def load(cls, path: str | Path, *, hands: bool = False) -> Body:
        """Load a body model from a file: SMPL ``.pkl``; SMPL, SMPL-H or SMPL-X ``.npz``; the open body's ``.npz``.

        Args:
            path: the file, or a folder that contains just one.
            hands: whether the fingers move.

        Returns:
            The body.

        Raises:
            FileNotFoundError: the file does not exist.
            ValueError: the file is invalid, or has no fingers that were asked for; the message says what was expected
                and found.
        """
        return cls(read_body(Path(path), hands=hands))

    @classmethod
    def from_smplx(cls, model: Any, *, hands: bool = False) -> Body:
        """Convert a model of ``smplx.create``: SMPL, SMPL-H or SMPL-X, with flat hands and a neutral face.

        Args:
            model: the model.
            hands: whether the fingers move.

        Returns:
            The body.

        Raises:
            ValueError: the model is not a full body, or has no fingers that were asked for.
        """
        return cls(smplx_data(model, hands=hands))

    def forward(
        self,
        global_orient: Float[Tensor, " batch *root_rotation"],
        body_pose: Float[Tensor, "batch 21 *rotation"],
        betas: Float[Tensor, "#batch betas"] | None = None,
        transl: Float[Tensor, "batch 3"] | None = None,
        *,
        hand_pose: Float[Tensor, "batch 30 ..."] | None = None,
    ) -> BodyOutput:
        """The whole mesh and its joints.

        Args:
            global_orient: axis-angle in radians or matrices, relative to the world.
            body_pose: axis-angle in radians or matrices, relative to the parents.
            betas: shape coefficients; default: the mean shape.
            transl: translation in metres; default: none.
            hand_pose: axis-angle in radians or matrices of the fingers; default: at rest.

        Returns:
            Vertices and joints in metres, by linear blend skinning (Loper et al., SMPL, SIGGRAPH Asia 2015).
        """
        local = self._local(global_orient, body_pose, hand_pose)
        bones, rest = self._shaped("skeleton", betas).split(self.num_joints)
        world, joints, shift = self.articulation(local, bones, rest, transl)
        vertices = self._skinned("skin", self._shaped("skin", betas), local, world, shift)
        return BodyOutput(vertices.permute(2, 0, 1), joints.permute(2, 0, 1))

    def rest_vertices(self, betas: Float[Tensor, "batch betas"]) -> Float[Tensor, "batch vertices 3"]:
        """The whole mesh in the T-pose.

        Args:
            betas: shape coefficients.

        Returns:
            Metres.
        """
        return self._shaped("skin", betas).permute(2, 0, 1)

    def mixing(self, format: FormatName) -> Float[Tensor, "landmarks points"]:
        """Weights of the body's surface points and then its joints in each landmark of a format."""
        mixing: Tensor = getattr(self, f"mix_{format}")
        return mixing

    def joint_mixing(self) -> Float[Tensor, "joints points"]:
        """The same weights for the joints."""
        points = self.points_weights.shape[0]
        joints = torch.eye(self.num_joints, dtype=self.identity.dtype, device=self.identity.device)
        return torch.cat([joints.new_zeros(self.num_joints, points), joints], dim=1)

    def hand_mixing(self) -> Float[Tensor, "42 points"]:
        """The same weights for the landmarks of both hands (`HAND_LANDMARKS`), on a body with fingers."""
        mixing: Tensor = self.get_buffer("mix_hands")
        return mixing

    def landmarks(
        self,
        global_orient: Float[Tensor, " batch *root_rotation"],
        body_pose: Float[Tensor, "batch 21 *rotation"],
        betas: Float[Tensor, "#batch betas"] | None = None,
        transl: Float[Tensor, "batch 3"] | None = None,
        *,
        format: FormatName = "mediapipe",
        hand_pose: Float[Tensor, "batch 30 ..."] | None = None,
    ) -> Float[Tensor, "batch landmarks 3"]:
        """Keypoints of a format on the body, without the mesh: see `fitting.inputs.keypoints.FORMATS`.

        Args:
            global_orient: axis-angle in radians or matrices, relative to the world.
            body_pose: axis-angle in radians or matrices, relative to the parents.
            betas: shape coefficients; default: the mean shape.
            transl: translation in metres; default: none.
            format: keypoint format.
            hand_pose: axis-angle in radians or matrices of the fingers; default: at rest.

        Returns:
            Positions in metres, in the order of the format's names.
        """
        return self.posed_landmarks(
            global_orient, body_pose, betas, transl, format=format, hand_pose=hand_pose
        ).landmarks

    def posed_landmarks(
        self,
        global_orient: Float[Tensor, " batch *root_rotation"],
        body_pose: Float[Tensor, "batch 21 *rotation"],
        betas: Float[Tensor, "#batch betas"] | None = None,
        transl: Float[Tensor, "batch 3"] | None = None,
        *,
        format: FormatName = "mediapipe",
        hand_pose: Float[Tensor, "batch 30 ..."] | None = None,
    ) -> PosedLandmarks:
        """As ``landmarks``, and the joints and their rotations at no extra cost.

        Args:
            global_orient: axis-angle in radians or matrices, relative to the world.
            body_pose: axis-angle in radians or matrices, relative to the parents.
            betas: shape coefficients; default: the mean shape.
            transl: translation in metres; default: none.
            format: keypoint format.
            hand_pose: axis-angle in radians or matrices of the fingers; default: at rest.

        Returns:
            Landmarks, joints and rotations.

        Raises:
            ValueError: the format is unknown.
        """
        if format not in FORMATS:
            raise ValueError(f"unknown keypoint format {format!r}: use {', '.join(FORMATS)}")
        return self._mixed(self.mixing(format), global_orient, body_pose, betas, transl, hand_pose)

    def hand_landmarks(
        self,
        global_orient: Float[Tensor, " batch *root_rotation"],
        body_pose: Float[Tensor, "batch 21 *rotation"],
        betas: Float[Tensor, "#batch betas"] | None = None,
        transl: Float[Tensor, "batch 3"] | None = None,
        *,
        hand_pose: Float[Tensor, "batch 30 ..."] | None = None,
    ) -> Float[Tensor, "batch 2 21 3"]:
        """The 21 landmarks of the left and the right hand, in MediaPipe's order, without the mesh.

        Args:
            global_orient: axis-angle in radians or matrices, relative to the world.
            body_pose: axis-angle in radians or matrices, relative to the parents.
            betas: shape coefficients; default: the mean shape.
            transl: translation in metres; default: none.
            hand_pose: axis-angle in radians or matrices of the fingers; default: at rest.

        Returns:
            Positions in metres: joints, and tips on the skin.

        Raises:
            ValueError: the body has no fingers.
        """
        if not self.has_hands:
            raise ValueError(NO_FINGERS)
        found = self._mixed(self.hand_mixing(), global_orient, body_pose, betas, transl, hand_pose)
        hands: Tensor = found.landmarks.unflatten(1, (2, -1))
        return hands

    def _mixed(
        self,
        mixing: Float[Tensor, "landmarks points"],
        global_orient: Float[Tensor, " batch *root_rotation"],
        body_pose: Float[Tensor, "batch 21 *rotation"],
        betas: Float[Tensor, "#batch betas"] | None,
        transl: Float[Tensor, "batch 3"] | None,
        hand_pose: Float[Tensor, "batch 30 ..."] | None,
    ) -> PosedLandmarks:
        """Landmarks as mixtures of surface points and joints, and the joints."""
        local = self._local(global_orient, body_pose, hand_pose)
        points, number = self._shaped("points", betas), self.num_joints
        world, joints, shift = self.articulation(local, points[:number], points[number : 2 * number], transl)
        surface = self._skinned("points", points[2 * number :], local, world, shift)
        landmarks = (mixing @ torch.cat([surface, joints]).flatten(1)).unflatten(1, (3, -1))
        return PosedLandmarks(landmarks.permute(2, 0, 1), joints.permute(2, 0, 1), world.permute(3, 0, 1, 2))

    def _local(
        self,
        global_orient: Float[Tensor, " batch *root_rotation"],
        body_pose: Float[Tensor, "batch 21 *rotation"],
        hand_pose: Float[Tensor, "batch 30 ..."] | None,
    ) -> Float[Tensor, "rotating 3 3 batch"]:
        if hand_pose is not None and not self.has_hands:
            raise ValueError(NO_FINGERS)
        parts = [global_orient.to(self.identity)[:, None], body_pose.to(self.identity)]
        if self.has_hands:
            batch, joints = len(body_pose), self.num_joints - BODY_END
            still = self.identity[..., 0].expand(batch, joints, 3, 3)
            parts.append(still if hand_pose is None else hand_pose.to(self.identity))
        return local_rotations(*parts)

    # Below, the batch is the last dimension, for few large products and sums over contiguous memory.

    def _add_basis(self, name: str, basis: Float[Tensor, "rows points 3"]) -> None:
        """Store rest points (the first row) and their shape components flat, so that one product applies them."""
        flat = basis.flatten(1).float().T
        self.register_buffer(f"{name}_template", flat[:, :1].contiguous(), persistent=False)
        self.register_buffer(f"{name}_shapes", flat[:, 1:].contiguous(), persistent=False)

    def _add_skin(self, name: str, weights: Tensor, pose_basis: Float[Tensor, "features points 3"] | None) -> None:
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

    def _skinned(
        self,
        name: str,
        rest: Float[Tensor, "points 3 #batch"],
        local: Float[Tensor, "rotating 3 3 batch"],
        world: Float[Tensor, "joints 3 3 batch"],
        shift: Float[Tensor, "joints 3 batch"],
    ) -> Float[Tensor, "points 3 batch"]:
        """Rest points moved by the joints, after the pose blend shapes, if any."""
        pose_shapes: Tensor | None = getattr(self, f"{name}_pose_shapes")
        if pose_shapes is not None:
            bend = (local[1:] - self.identity).flatten(0, 2)
            rest = rest + (pose_shapes @ bend).unflatten(0, (-1, 3))
        weights: Tensor = getattr(self, f"{name}_weights")
        motion = torch.cat([world, shift.unsqueeze(2)], dim=2)
        at_once = max(1, IN_CACHE // world.shape[-1]) if world.is_cpu else len(rest)
        parts = []
        for some_weights, some in zip(weights.split(at_once), rest.split(at_once), strict=True):
            blended = (some_weights @ motion.flatten(1)).unflatten(1, (3, 4, -1))
            parts.append(turn(blended[:, :, :3], some) + blended[:, :, 3])
        return torch.cat(parts)
