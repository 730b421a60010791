"""Initial orientation and pose from 2D keypoints, predicted by a small network.

Fits to keypoints have many local minima: bodies that face the wrong way, limbs that bend towards the camera instead of
away from it. The regressor is trained on projections of the training poses from all directions, with noisy, missing and
wrong keypoints, and starts the fit close to the right minimum.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn

from fitting.body.landmarks import KEYPOINT_NAMES
from fitting.inputs.camera import Camera
from fitting.inputs.keypoints import FORMATS, FormatName
from fitting.optimise.tilt import tilt
from qposer.body_pose.kinematics import mirror_body_pose
from qposer.body_pose.rotations import axis_angle_to_matrix, matrix_from_6d, matrix_to_6d, reflected
from qposer.body_pose.skeleton import NUM_BODY_JOINTS
from qposer.io.assets import asset
from qposer.io.weights import load_module, save_module

FORMAT = "qposer-start-1"

INPUTS = 3 * len(KEYPOINT_NAMES)
ROTATIONS = 1 + NUM_BODY_JOINTS


@dataclass(frozen=True)
class RegressorConfig:
    """Sizes of a regressor."""

    width: int = 512
    depth: int = 4


class _Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, width), nn.SiLU(), nn.Dropout(0.1), nn.Linear(width, width)
        )

    def forward(self, features: Tensor) -> Tensor:
        out: Tensor = features + self.layers(features)
        return out


class Regressor(nn.Module):
    """Predicts an orientation and a body pose from keypoints of any format."""

    def __init__(self, config: RegressorConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or RegressorConfig()
        self.layers = nn.Sequential(
            nn.Linear(INPUTS, config.width),
            *(_Block(config.width) for _ in range(config.depth)),
            nn.LayerNorm(config.width),
            nn.Linear(config.width, 6 * ROTATIONS),
        )

    def forward(
        self,
        keypoints: Float[Tensor, "people joints 2"],
        confidence: Float[Tensor, "people joints"],
        format: FormatName,
        camera: Camera,
    ) -> tuple[Float[Tensor, "people 3 3"], Float[Tensor, "people 21 3 3"]]:
        """Orientation in the camera's axes, and body pose.

        Args:
            keypoints: pixels.
            confidence: zero where a keypoint is unseen.
            format: keypoint format.
            camera: one for each person. The network's input is centred on the person and turned upright (`tilt`); the
                predicted orientation is rotated back about the line of sight, and with it (as in CLIFF, Li et al., ECCV
                2022).

        Returns:
            Rotation matrices of the pelvis and of the body joints.
        """
        inputs, frame = network_inputs(keypoints, confidence, format, camera)
        rotations = matrix_from_6d(self.layers(inputs).unflatten(-1, (ROTATIONS, 6)))
        return frame @ rotations[:, 0], rotations[:, 1:]

    @torch.no_grad()
    def predict_with_flip(
        self,
        keypoints: Float[Tensor, "people joints 2"],
        confidence: Float[Tensor, "people joints"],
        format: FormatName,
        camera: Camera,
    ) -> tuple[Float[Tensor, "people 3 3"], Float[Tensor, "people 21 3 3"]]:
        """As ``forward``, averaged over the input and its mirror image.

        Args:
            keypoints: pixels.
            confidence: zero where a keypoint is unseen.
            format: keypoint format.
            camera: one for each person.

        Returns:
            Rotation matrices of the pelvis and of the body joints.
        """
        mirror = list(FORMATS[format].mirror)
        away = 2 * camera.centre[:, None] - keypoints
        mirrored = torch.stack([away[..., 0], keypoints[..., 1]], dim=-1)[:, mirror]
        orient, pose = self(keypoints, confidence, format, camera)
        other_orient, other_pose = self(mirrored, confidence[:, mirror], format, camera)
        return _mean_rotation(orient, reflected(other_orient)), _mean_rotation(pose, mirror_body_pose(other_pose))

    def save(self, path: str | Path, **notes: str) -> None:
        """Write weights (in half precision), configuration and notes atomically.

        Args:
            path: the file to write.
            notes: strings stored in the file with the weights.
        """
        save_module(path, self, self.config, FORMAT, notes, torch.float16)

    @classmethod
    def from_pretrained(cls, path: str | Path | None = None, device: str | torch.device = "cpu") -> Regressor:
        """Load the shipped weights, or those of ``path``, in evaluation mode.

        Args:
            path: a file written by `save`; default: the shipped one.
            device: device of the network.

        Returns:
            The network with frozen weights.

        Raises:
            FileNotFoundError: the file does not exist.
            ValueError: the file is not a regressor, or its weights do not match its configuration.
        """
        return load_module(path or asset("start.safetensors"), cls, RegressorConfig, FORMAT).to(device)


def network_inputs(
    keypoints: Float[Tensor, "people joints 2"],
    confidence: Float[Tensor, "people joints"],
    format: FormatName,
    camera: Camera,
) -> tuple[Float[Tensor, "people inputs"], Float[Tensor, "people 3 3"]]:
    """Keypoints of any format as the fixed-size input of a network: centred, upright, and of unit size.

    Args:
        keypoints: pixels.
        confidence: zero where a keypoint is unseen.
        format: keypoint format.
        camera: one for each person.

    Returns:
        The inputs, and the rotations from the axes in which the people are centred and upright to the camera's axes.
    """
    seen = (confidence > 0).to(keypoints)[..., None]
    centre = (seen * keypoints).sum(1) / seen.sum(1)
    off_centre = seen * (keypoints - centre[:, None])
    size = (off_centre.square().sum((-1, -2)) / seen.sum((-1, -2))).sqrt().clamp(min=1e-6)
    angle = tilt(keypoints, confidence, format)[:, None]
    turn = axis_angle_to_matrix(torch.nn.functional.pad(angle, (2, 0)))  # about the line of sight
    off_centre = off_centre @ turn[:, :2, :2]  # rows: by the inverse
    places = torch.cat([off_centre / size[:, None, None], confidence[..., None]], dim=-1)
    inputs = places.new_zeros(places.shape[0], len(KEYPOINT_NAMES), 3)
    inputs[:, [KEYPOINT_NAMES.index(name) for name in FORMATS[format].names]] = places
    return inputs.flatten(1), line_of_sight(centre, camera) @ turn


def _mean_rotation(one: Float[Tensor, "*batch 3 3"], other: Float[Tensor, "*batch 3 3"]) -> Float[Tensor, "*batch 3 3"]:
    return matrix_from_6d(matrix_to_6d(one) + matrix_to_6d(other))


def line_of_sight(pixels: Float[Tensor, "people 2"], camera: Camera) -> Float[Tensor, "people 3 3"]:
    """The smallest rotations from the camera's axis to the lines through given pixels.

    Args:
        pixels: points in the image.
        camera: one for each person.

    Returns:
        Rotation matrices.
    """
    x, y = ((pixels - camera.centre) / camera.focal[:, None]).unbind(-1)
    off_axis = torch.stack([-y, x, torch.zeros_like(x)], dim=-1)
    tangent = torch.linalg.vector_norm(off_axis, dim=-1, keepdim=True)
    return axis_angle_to_matrix(off_axis / tangent.clamp(min=1e-9) * tangent.atan())
