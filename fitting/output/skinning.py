"""A body as animation programs hold it: a skeleton, a skin with four bones per vertex, and motion; metres, y up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from fitting.body.body import Body
from fitting.body.joint_sets import TREES
from fitting.output.body_result import BodyResult
from qposer.body_pose.kinematics import forward_kinematics
from qposer.body_pose.rotations import axis_angle_to_matrix
from qposer.body_pose.skeleton import NUM_BODY_JOINTS, NUM_JOINTS
from qposer.hands.smplh import BODY_END

BONES_PER_VERTEX = 4
"""Bones that move a vertex at most; glTF viewers support no more in one set of weights."""

Y_UP = np.diag([1.0, -1.0, -1.0])
"""From camera axes (x right, y down, z forward) to y up, z towards the camera."""

_COMPARED = 20
"""Frames in which skinned vertices are compared with the body's."""


@dataclass(frozen=True)
class SkinnedBody:
    """A body of one shape in the T-pose, as `fitting.Body` places it: y up, facing z."""

    joints: Float[np.ndarray, "joints 3"]
    vertices: Float[np.ndarray, "vertices 3"]
    faces: Int[np.ndarray, "faces 3"]
    bones: Int[np.ndarray, "vertices 4"]
    """Joints that move each vertex, the heaviest first."""
    weights: Float[np.ndarray, "vertices 4"]
    """Weights of these joints; their sum is 1."""

    def posed(self, motion: SkeletonMotion) -> Float[np.ndarray, "frames vertices 3"]:
        """The vertices in every frame, by linear blend skinning."""
        world, joints = motion.posed_joints(self.joints)
        shift = joints - (world @ self.joints[..., None])[..., 0]
        moved = np.zeros((len(world), *self.vertices.shape))
        for bone, weight in zip(self.bones.T, self.weights.T, strict=True):
            turned = np.einsum("fvij,vj->fvi", world[:, bone], self.vertices)
            moved += weight[:, None] * (turned + shift[:, bone])
        return moved


@dataclass(frozen=True)
class SkeletonMotion:
    """Poses of SMPL's 24 joints or SMPL-H's 52 at a constant rate, in axes with y up."""

    rotations: Float[np.ndarray, "frames joints 3 3"]
    """Relative to the parents; the root's are relative to the world."""
    root: Float[np.ndarray, "frames 3"]
    """Positions of the pelvis in metres."""
    fps: float = 30.0
    first: int = 0
    """Number of the first frame in the video."""

    @property
    def times(self) -> Float[np.ndarray, " frames"]:
        """Times of the frames in the video, seconds."""
        return np.asarray((self.first + np.arange(len(self.root))) / self.fps)

    def posed_joints(
        self, rest: Float[np.ndarray, "joints 3"]
    ) -> tuple[Float[np.ndarray, "frames joints 3 3"], Float[np.ndarray, "frames joints 3"]]:
        """Rotations of the joints relative to the world, and their positions.

        Args:
            rest: positions of the joints in the T-pose.

        Returns:
            Rotations, and positions in metres.
        """
        tree = TREES[len(rest)]
        world, joints = forward_kinematics(torch.from_numpy(self.rotations), torch.from_numpy(rest), tree)
        return world.numpy(), joints.numpy() - rest[0] + self.root[:, None]


@torch.no_grad()
def skinned_body(
    body: Body, betas: Float[np.ndarray, " shapes"], pose: Float[np.ndarray, "rotations 3"] | None = None
) -> SkinnedBody:
    """The body of a shape, with the four heaviest weights of each vertex.

    Args:
        body: the body model.
        betas: its shape coefficients.
        pose: axis-angle of all joints but the root, or of the first ones, in a pose whose pose blend shapes are added,
            so that the skin is exact in it.

    Returns:
        The body in the T-pose.
    """
    rest = torch.zeros(1, 1 + NUM_BODY_JOINTS, 3)
    output = body(rest[:, 0], rest[:, 1:], torch.from_numpy(np.asarray(betas))[None])
    vertices = output.vertices[0].cpu().double().numpy()
    if pose is not None and body.data.pose_shapes is not None:
        bend = axis_angle_to_matrix(torch.from_numpy(np.asarray(pose))).double().numpy() - np.eye(3)
        vertices = vertices + np.tensordot(bend.ravel()[: len(body.data.pose_shapes)], body.data.pose_shapes, 1)
    bones = np.argsort(-body.data.weights, axis=1, kind="stable")[:, :BONES_PER_VERTEX]
    weights = np.take_along_axis(body.data.weights.astype(float), bones, axis=1)
    return SkinnedBody(
        joints=output.joints[0].cpu().double().numpy(),
        vertices=vertices,
        faces=body.data.faces,
        bones=np.where(weights > 0, bones, 0),
        weights=weights / weights.sum(axis=1, keepdims=True),
    )


def skeleton_motion(
    result: BodyResult,
    rest_pelvis: Float[np.ndarray, "3"],
    fps: float = 30.0,
    first: int = 0,
    axes: Float[np.ndarray, "3 3"] = Y_UP,
    joints: int = NUM_JOINTS,
) -> SkeletonMotion:
    """The motion of a fit in axes with y up.

    Args:
        result: a body, or one in each frame of a clip.
        rest_pelvis: position of the shape's pelvis in the T-pose.
        fps: frames per second.
        first: number of the first frame.
        axes: rotation from the axes of the fit; default: from camera axes, to a camera at the origin that looks along
            -z.
        joints: number of joints of the body, 24 or with fingers 52.

    Returns:
        The motion, of one frame for a single body.

    Raises:
        ValueError: the fit has fingers, but the body has none.
    """
    orient = torch.from_numpy(axes) @ axis_angle_to_matrix(_double(result.global_orient).reshape(-1, 1, 3))
    poses = axis_angle_to_matrix(_double(result.joint_poses(joints)))
    root = (result.transl.reshape(-1, 3) + rest_pelvis) @ axes.T
    return SkeletonMotion(torch.cat([orient, poses], dim=1).numpy(), root, fps, first)


@torch.no_grad()
def skinning_error_mm(
    body: Body, betas: Float[np.ndarray, " shapes"], skinned: SkinnedBody, motion: SkeletonMotion
) -> float:
    """Largest distance of the skinned vertices from the body's, in some frames spread over the clip.

    It is zero for the open body. Bodies of the SMPL family have pose blend shapes, which skins lack, and vertices of
    some have more than four bones.

    Args:
        body: the body model.
        betas: its shape coefficients.
        skinned: the body in the T-pose.
        motion: its motion.

    Returns:
        Millimetres.
    """
    shape, largest = torch.from_numpy(np.asarray(betas))[None], 0.0
    for row in np.unique(np.linspace(0, len(motion.root) - 1, _COMPARED).astype(int)):
        one = SkeletonMotion(motion.rotations[[row]], motion.root[[row]])
        turns = torch.from_numpy(one.rotations)
        transl = torch.from_numpy(one.root - skinned.joints[0])
        fingers = turns[:, BODY_END:] if body.has_hands else None
        posed = body(turns[:, 0], turns[:, 1:BODY_END], shape, transl, hand_pose=fingers)
        exact = posed.vertices.cpu().numpy()
        largest = max(largest, float(np.linalg.norm(skinned.posed(one) - exact, axis=-1).max()))
    return 1000 * largest


def _double(values: np.ndarray) -> Float[Tensor, "..."]:
    return torch.from_numpy(np.asarray(values, dtype=np.float64))
