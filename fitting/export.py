"""Export of the regressor, which gives fits their start, to ONNX and ``torch.export``."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from fitting.inputs.camera import Camera
from fitting.inputs.keypoints import FORMATS, FormatName
from fitting.optimise.regressor import Regressor
from qposer.export import Exportable, Function


def regressor_model(format: FormatName = "mediapipe", regressor: Regressor | None = None) -> Exportable:
    """`Regressor.predict_with_flip` of one keypoint format, ready for `qposer.export.export_onnx` or ``export_torch``.

    Inputs are keypoints and confidence of people in photos, and their photos' focal lengths and centres in pixels;
    outputs are rotation matrices of the pelvis, in the camera's axes, and of the body joints.

    Args:
        format: keypoint format, which fixes the number of keypoints.
        regressor: the network; default: the shipped one.

    Returns:
        The function.

    Raises:
        ValueError: the format is unknown.
    """
    if format not in FORMATS:
        raise ValueError(f"unknown keypoint format {format!r}: use {', '.join(FORMATS)}")
    network = regressor or Regressor.from_pretrained()

    def predict(
        keypoints: Float[Tensor, "batch joints 2"],
        confidence: Float[Tensor, "batch joints"],
        focal: Float[Tensor, " batch"],
        centre: Float[Tensor, "batch 2"],
    ) -> tuple[Tensor, ...]:
        return network.predict_with_flip(keypoints, confidence, format, Camera(focal, centre))

    joints = len(FORMATS[format].names)
    inputs = {
        "keypoints": 100 * torch.rand(2, joints, 2, generator=torch.Generator().manual_seed(0)),
        "confidence": torch.ones(2, joints),
        "focal": torch.full((2,), 100.0),
        "centre": torch.full((2, 2), 50.0),
    }
    return Exportable(Function(predict, network), inputs, ("global_orient", "body_pose"))
