"""Result of any fit: SMPL parameters and codes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int


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

    def smplx_arguments(self, body_joints: int = 23) -> dict[str, Float[np.ndarray, "frames values"]]:
        """Parameters for models of ``smplx.create``, after conversion to tensors.

        ``body_joints`` is 23 for SMPL, whose two hand joints stay at rest, and 21 for SMPL-H and SMPL-X.
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
        return {name: np.asarray(value, dtype=np.float32).reshape(len(orient), -1) for name, value in values.items()}
