"""Fitted bodies of photos or of a clip, and the positions of their joints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from fitting.body.body import Body
from fitting.inputs.camera import Camera
from fitting.inputs.keypoints import FORMATS
from fitting.output.fit_result import FitResult
from fitting.video.clip_result import ClipResult
from qposer.body_pose.skeleton import JOINT_NAMES

KEYPOINTS, JOINTS = "keypoints", "joints"


@dataclass(frozen=True)
class Bodies:
    """Parameters of several bodies and their cameras."""

    global_orient: Float[Tensor, "bodies 3"]
    body_pose: Float[Tensor, "bodies 21 3"]
    betas: Float[Tensor, "bodies shapes"]
    transl: Float[Tensor, "bodies 3"]
    camera: Camera

    @classmethod
    def of_fits(cls, fits: Sequence[FitResult]) -> Bodies:
        """Stack the bodies of fits of single people."""

        def stacked(name: str) -> Tensor:
            return torch.from_numpy(np.stack([getattr(fit, name) for fit in fits])).float()

        camera = Camera(torch.tensor([fit.focal for fit in fits]), stacked("centre"))
        return cls(stacked("global_orient"), stacked("body_pose"), stacked("betas"), stacked("transl"), camera)

    @classmethod
    def of_clip(cls, clip: ClipResult, frames: Int[np.ndarray, " bodies"]) -> Bodies:
        """Select the bodies of some frames of a clip.

        Args:
            clip: fit of the clip.
            frames: frame numbers, which the clip must contain.

        Returns:
            The bodies.
        """
        rows = np.searchsorted(clip.frames, frames)
        orient, pose, transl = (
            torch.from_numpy(array[rows]).float() for array in (clip.global_orient, clip.body_pose, clip.transl)
        )
        betas = torch.from_numpy(clip.betas).float().expand(len(rows), -1)
        centre = torch.from_numpy(np.asarray(clip.centre)).float().expand(len(rows), 2)
        return cls(orient, pose, betas, transl, Camera(torch.full((len(rows),), clip.focal), centre))

    @torch.no_grad()
    def points(self, body: Body, names: tuple[str, ...]) -> dict[str, Float[Tensor, "bodies names 3"]]:
        """Compute the positions of some joints in camera axes.

        Args:
            body: fitted body model.
            names: joint names that SMPL and the detector share.

        Returns:
            ``keypoints``, the body's landmarks of the detector's keypoints, and ``joints``, SMPL's joints; metres.
        """
        landmarks, joints, _ = body.posed_landmarks(self.global_orient, self.body_pose, self.betas, self.transl)
        return {
            KEYPOINTS: landmarks[:, [FORMATS["mediapipe"].names.index(name) for name in names]],
            JOINTS: joints[:, [JOINT_NAMES.index(name) for name in names]],
        }
