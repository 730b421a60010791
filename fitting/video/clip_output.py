"""The result of a clip from its fitted parameters."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from fitting.inputs.camera import Camera
from fitting.inputs.keypoints import FormatName
from fitting.models import FittingModels
from fitting.optimise.agreement import check_in_view, person_height
from fitting.optimise.initialize import stature
from fitting.video.clip_hands import ClipHands
from fitting.video.clip_result import ClipResult
from fitting.video.contact import foot_points
from fitting.video.ground import Ground
from fitting.video.kept_work import Arrays
from fitting.video.tracked_keypoints import TrackedKeypoints
from qposer import __version__
from qposer.body_pose.rotations import axis_angle_to_matrix, matrix_to_axis_angle

MOTION = ("orient", "transl", "pose", "residual")
"""Parameters of every frame."""

ROWS = 300
"""Number of frames whose bodies are computed at once."""


@dataclass(frozen=True)
class _Shown:
    """A `fitting.optimise.agreement.Sight` of some frames."""

    keypoints: Float[Tensor, "frames joints 2"]
    confidence: Float[Tensor, "frames joints"]
    format: FormatName
    camera: Camera


@dataclass(frozen=True)
class Standing:
    """Where the ground is, and which feet stand on it."""

    contact: Float[np.ndarray, "frames points"] | None
    """Probabilities; None if the camera moves."""
    ground: Ground | None
    note: str = ""
    """Why there is no ground."""

    @property
    def fingerprint(self) -> str:
        """Differs for other contacts and grounds."""
        contact = b"" if self.contact is None else self.contact.astype(np.float32).tobytes()
        return hashlib.sha256(contact + repr(self.ground).encode()).hexdigest()[:12]


@torch.no_grad()
def clip_result(
    models: FittingModels,
    seen: TrackedKeypoints,
    image_size: tuple[int, int],
    camera: Camera,
    betas: Float[Tensor, "1 shapes"],
    motion: dict[str, Tensor],
    smoothness: float,
    standing: Standing,
    hands: ClipHands | None = None,
) -> ClipResult:
    """Decode the poses of all frames, measure errors, and add world axes where the ground is known.

    Args:
        models: body, prior and settings.
        seen: keypoints of the person.
        image_size: width and height in pixels.
        camera: the camera.
        betas: shape.
        motion: parameters of every frame from the first to the last with a detection, by the names in `MOTION`.
        smoothness: setting, for the record.
        standing: ground and contacts.
        hands: hands in the same frames; default: rigid.

    Returns:
        The result.
    """
    body, format = models.body, seen.keypoints.format
    frames = np.arange(seen.frames[0], seen.frames[-1] + 1)
    xy, confidence = _in_all_frames(seen, len(frames))
    shape = betas.to(models.device)
    rest = shape.new_zeros(1, 22, 3)
    pelvis = body.posed_landmarks(rest[:, 0], rest[:, 1:], shape).joints[0, 0]
    parts: list[Arrays] = []
    for chunk in torch.arange(len(frames)).split(ROWS):
        given = {name: motion[name][chunk].to(models.device) for name in MOTION}
        part, landmarks = _bodies(models, given, shape, format, None if hands is None else hands[chunk])
        points, weights = (torch.from_numpy(array)[chunk].to(landmarks) for array in (xy, confidence))
        check_in_view(landmarks, weights, "frame", int(frames[chunk[0]]))
        shown = _Shown(points, weights, format, camera)
        distance = torch.linalg.vector_norm(camera.project(landmarks) - points, dim=-1)
        error = (distance * weights).sum(-1) / weights.sum(-1)  # NaN without a detection
        height = person_height(shown, landmarks, stature(body, shape).expand(len(chunk)), given["transl"][:, 2])
        part |= {"reprojection_error_px": error.cpu().numpy(), "person_height_px": height.cpu().numpy()}
        if standing.ground is not None:
            part |= _in_world(standing.ground, given["orient"], part["joints"], pelvis.cpu().numpy())
        parts.append(part)
    ground = standing.ground
    joined: dict[str, Any] = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return ClipResult(
        **joined,
        frames=frames,
        detected=np.isin(frames, seen.frames),
        fps=seen.fps,
        betas=betas[0].numpy(),
        pelvis=pelvis.cpu().numpy(),
        focal=camera.focal.item(),
        centre=camera.centre[0].cpu().numpy(),
        image_size=np.array(image_size),
        keypoints_xy=xy,
        keypoints_confidence=confidence,
        keypoints_format=format,
        contact=None if standing.contact is None else standing.contact.astype(np.float32),
        contact_points=() if standing.contact is None else foot_points(format),
        ground=None if ground is None else np.array([*ground.up, ground.camera_height], dtype=np.float32),
        body=body.name,
        track_notes=(*seen.notes, *([standing.note] if standing.note else [])),
        qposer_version=__version__,
        settings=models.settings.as_json | {"smoothness": smoothness},
        hands=None if hands is None else hands.poses,
    )


def _in_all_frames(
    seen: TrackedKeypoints, frames: int
) -> tuple[Float[np.ndarray, "frames joints 2"], Float[np.ndarray, "frames joints"]]:
    """Keypoints and confidences of all frames from the first on, zero without a detection."""
    rows = seen.frames - seen.frames[0]
    xy = np.zeros((frames, *seen.keypoints.xy.shape[1:]), np.float32)
    confidence = np.zeros(xy.shape[:2], np.float32)
    xy[rows] = seen.keypoints.xy
    confidence[rows] = seen.keypoints.confidence * seen.keypoints.seen
    return xy, confidence


def _bodies(
    models: FittingModels,
    given: dict[str, Tensor],
    shape: Float[Tensor, "1 shapes"],
    format: FormatName,
    hands: ClipHands | None,
) -> tuple[Arrays, Float[Tensor, "frames joints 3"]]:
    """SMPL parameters, codes and joints of some frames, and their landmarks."""
    space = models.space
    codes = models.model.encode_latents(space.latents(given["pose"]))
    body_pose = space.decode(space.commit(given["pose"])) @ axis_angle_to_matrix(given["residual"])
    body_pose = body_pose if hands is None else hands.applied(body_pose)
    landmarks, joints, _ = models.body.posed_landmarks(
        given["orient"], body_pose, shape.expand(len(body_pose), -1), given["transl"], format=format
    )
    arrays = {
        "global_orient": matrix_to_axis_angle(given["orient"]),
        "body_pose": matrix_to_axis_angle(body_pose),
        "transl": given["transl"],
        "codes": codes,
        "joints": joints,
    }
    return {name: array.cpu().numpy() for name, array in arrays.items()}, landmarks


def _in_world(
    ground: Ground,
    orient: Float[Tensor, "frames 3 3"],
    joints: Float[np.ndarray, "frames 24 3"],
    pelvis: Float[np.ndarray, "3"],
) -> Arrays:
    """Parameters in world axes; SMPL rotates bodies about the pelvis."""
    turned = torch.from_numpy(ground.rotation).to(orient) @ orient
    world = ground.to_world(joints)
    arrays = {
        "world_orient": matrix_to_axis_angle(turned).cpu().numpy(),
        "world_transl": world[:, 0] - pelvis,
        "world_joints": world,
    }
    return {name: np.asarray(array, dtype=np.float32) for name, array in arrays.items()}
