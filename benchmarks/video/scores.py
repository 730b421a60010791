"""Errors of the fit of a clip: positions, accelerations, and contact of the feet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from benchmarks.video.scenes import FEET, FPS, Scene
from fitting.body.body import Body
from fitting.output.body_result import BodyResult
from fitting.video.ground import Ground
from qposer.body_pose.rotations import axis_angle_to_matrix, geodesic_angle
from qposer.evaluation.metrics import pa_mpjpe

COLUMNS = (
    *("", "MPJPE, mm", "PA-MPJPE, mm", "acceleration, mm/frame²", "relative to the pelvis", "sliding, mm/frame"),
    *("penetration, mm", "fastest turn, °/s", "ms/frame"),
)


@dataclass(frozen=True)
class Motion:
    """Joints, feet and orientations of a body in some frames of a scene."""

    frames: Int[np.ndarray, " frames"]
    joints: Float[Tensor, "frames 22 3"]
    feet: Float[Tensor, "frames 4 3"]
    orient: Float[Tensor, "frames 3 3"]

    @classmethod
    @torch.no_grad()
    def of(cls, body: Body, frames: Int[np.ndarray, " frames"], results: Sequence[BodyResult]) -> Motion:
        """Make a motion from the result of a clip, or from one result for each frame.

        Args:
            body: fitted body model.
            frames: frame numbers.
            results: one result of a clip, or results of single frames.

        Returns:
            The motion.
        """
        clip = len(results) == 1 and results[0].global_orient.ndim == 2
        orient, pose, transl = (
            torch.from_numpy(np.concatenate([np.atleast_2d(getattr(result, name)) for result in results]))
            if name != "body_pose" or clip
            else torch.from_numpy(np.stack([result.body_pose for result in results]))
            for name in ("global_orient", "body_pose", "transl")
        )
        betas = torch.from_numpy(np.stack([result.betas for result in results])).expand(len(frames), -1)
        landmarks, joints, _ = body.posed_landmarks(orient, pose, betas, transl)
        return cls(frames, joints[:, :22], landmarks[:, list(FEET)], axis_angle_to_matrix(orient))


@dataclass(frozen=True)
class Scores:
    """Scores of one fit; lengths in millimetres."""

    mpjpe: float
    pa_mpjpe: float
    acceleration: float
    relative_acceleration: float
    sliding: float
    penetration: float
    turn: float
    """Maximum angular velocity of the pelvis in degrees per second."""
    ms: float

    @classmethod
    def of(
        cls, motion: Motion, scene: Scene, ground: Ground | None, soles: Float[np.ndarray, "4"], seconds: float
    ) -> Scores:
        """Compare a motion with the truth.

        Args:
            motion: fitted motion.
            scene: scene with the truth.
            ground: estimated ground, for the penetration.
            soles: heights of heels and toes above the sole, metres.
            seconds: computing time of the fit in seconds.

        Returns:
            The scores.
        """
        true, found = scene.joints[motion.frames], motion.joints
        rooted = [points - points[:, :1] for points in (found, true)]
        turn = torch.rad2deg(geodesic_angle(motion.orient[1:], motion.orient[:-1])) * FPS
        consecutive = torch.from_numpy(np.diff(motion.frames) == 1)
        stands = scene.stands[motion.frames][:-1] & consecutive.numpy()[:, None]
        moved = motion.feet[1:] - motion.feet[:-1]
        moved = moved - (moved @ scene.up)[..., None] * scene.up
        below = np.zeros(1)
        if ground is not None:
            heights = motion.feet.numpy() @ np.array(ground.up) + ground.camera_height - soles
            below = np.clip(-heights.min(1), 0.0, None)
        return cls(
            1000 * (rooted[0] - rooted[1]).norm(dim=-1).mean().item(),
            1000 * pa_mpjpe(found, true).mean().item(),
            _acceleration_error(found, true, consecutive),
            _acceleration_error(rooted[0], rooted[1], consecutive),
            1000 * float(moved.norm(dim=-1).numpy()[stands].mean()),
            1000 * float(below.mean()),
            float(turn[consecutive].max()),
            1000 * seconds / len(motion.frames),
        )


def mean_row(name: str, scores: Sequence[Scores]) -> list[str]:
    """Make a row of the table: means over clips, and the fastest turn in any clip.

    Args:
        name: name of the row.
        scores: scores of each clip.

    Returns:
        Cells of the row.
    """
    values = {one.name: np.array([getattr(score, one.name) for score in scores]) for one in fields(Scores)}
    cells = {field: f"{value.mean():.1f}" for field, value in values.items()}
    return [name, *(cells | {"turn": f"{values['turn'].max():.0f}", "ms": f"{values['ms'].mean():.0f}"}).values()]


def _acceleration_error(
    found: Float[Tensor, "frames joints 3"], true: Float[Tensor, "frames joints 3"], consecutive: Bool[Tensor, " pairs"]
) -> float:
    a, b = (points[2:] - 2 * points[1:-1] + points[:-2] for points in (found, true))
    whole = consecutive[1:] & consecutive[:-1]
    return 1000 * float((a - b).norm(dim=-1)[whole].mean())
