"""Result of any fit: SMPL parameters and codes."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, Int

from fitting.output.hand_poses import HandPoses
from qposer.body_pose.skeleton import NUM_BODY_JOINTS
from qposer.hands.smplh import BODY_END, NUM_HAND_JOINTS


@dataclass(frozen=True)
class BodyResult:
    """A body, or one body in each frame of a clip.

    Pose and shape are plain SMPL parameters (axis-angle in radians, metres), never latents. As in SMPL,
    ``global_orient`` rotates the body about its pelvis into the axes of the result, and ``transl`` translates it.
    """

    global_orient: Float[np.ndarray, "*frames 3"]
    body_pose: Float[np.ndarray, "*frames 21 3"]
    betas: Float[np.ndarray, " shapes"]
    transl: Float[np.ndarray, "*frames 3"]
    codes: Int[np.ndarray, "*frames 21 heads"]
    body: str
    """Name of the body model that ``betas`` belongs to."""
    qposer_version: str
    hands: HandPoses | None = field(default=None, kw_only=True)
    """Poses of the fingers; None if the hands are rigid."""

    def joint_poses(self, joints: int) -> Float[np.ndarray, "frames rotations 3"]:
        """Axis-angle of all joints of a body but the root, in radians.

        Args:
            joints: number of joints of the body, 24 or with fingers 52; hands that have no pose stay at rest.

        Returns:
            One row for each frame.

        Raises:
            ValueError: the fit has fingers, but the body has none.
        """
        poses = np.zeros((np.size(self.global_orient) // 3, joints - 1, 3))
        poses[:, :NUM_BODY_JOINTS] = self.body_pose
        if self.hands is not None:
            if joints != BODY_END + 2 * NUM_HAND_JOINTS:
                raise ValueError("the fit has poses of fingers: give its body model with hands=True")
            poses[:, NUM_BODY_JOINTS:] = self.hands.both
        return poses

    def smplx_arguments(self, body_joints: int = 23) -> dict[str, Float[np.ndarray, "frames values"]]:
        """Parameters for models of ``smplx.create``, after conversion to tensors.

        ``body_joints`` is 23 for SMPL, whose two hand joints stay at rest, and 21 for SMPL-H and SMPL-X. If the fit has
        hands, the latter also get ``left_hand_pose`` and ``right_hand_pose``, 45 numbers each, for models created with
        ``use_pca=False`` and ``flat_hand_mean=True``.
        """
        orient = self.global_orient.reshape(-1, 3)
        pose = np.zeros((len(orient), body_joints, 3))
        pose[:, : self.body_pose.shape[-2]] = self.body_pose
        values = {
            "global_orient": orient,
            "body_pose": pose,
            "betas": np.broadcast_to(self.betas, (len(orient), len(self.betas))),
            "transl": self.transl,
        }
        if self.hands is not None and body_joints == NUM_BODY_JOINTS:
            values |= {"left_hand_pose": self.hands.left, "right_hand_pose": self.hands.right}
        return {name: np.asarray(value, dtype=np.float32).reshape(len(orient), -1) for name, value in values.items()}
