"""The exported regressor gives the numbers of PyTorch in onnxruntime."""

import numpy as np
import pytest
import torch

from fitting.body.body import Body
from fitting.export import regressor_model
from fitting.inputs.camera import Camera
from fitting.optimise.regressor import Regressor
from qposer.export import export_onnx


def photos(batch):
    """Keypoints of bodies in photos, some unseen, with the photos' focal lengths and centres."""
    random = torch.Generator().manual_seed(batch)
    pose = 0.3 * torch.randn(batch, 21, 3, generator=random)
    orient = torch.tensor([torch.pi, 0.0, 0.0]) + 0.2 * torch.randn(batch, 3, generator=random)
    focal = 900 + 300 * torch.rand(batch, generator=random)
    centre = torch.tensor([500.0, 400.0]) + 20 * torch.randn(batch, 2, generator=random)
    place = torch.tensor([0.3, 0.1, 4.5]).expand(batch, 3)
    keypoints = Body.open().landmarks(orient, pose, torch.zeros(batch, 10), place, format="coco")
    seen = torch.rand(batch, keypoints.shape[1], generator=random) > 0.2
    return Camera(focal, centre).project(keypoints), seen * 0.9, focal, centre


def test_the_regressor_is_the_same_in_onnx(tmp_path):
    pytest.importorskip("onnxscript", reason="it writes ONNX files")
    onnxruntime = pytest.importorskip("onnxruntime", reason="it runs ONNX files")
    model = regressor_model("coco")
    export_onnx(model, tmp_path / "regressor.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "regressor.onnx")
    for batch in (1, 2, 7):
        inputs = photos(batch)
        found = session.run(None, dict(zip(model.inputs, (value.numpy() for value in inputs), strict=True)))
        for ours, theirs in zip(model.module(*inputs), found, strict=True):
            np.testing.assert_allclose(theirs, ours.numpy(), atol=1e-5, rtol=0)


def test_the_model_predicts_as_the_regressor():
    keypoints, confidence, focal, centre = photos(3)
    expected = Regressor.from_pretrained().predict_with_flip(keypoints, confidence, "coco", Camera(focal, centre))
    found = regressor_model("coco").module(keypoints, confidence, focal, centre)
    torch.testing.assert_close(found, expected, atol=0, rtol=0)


def test_an_unknown_keypoint_format_is_refused():
    with pytest.raises(ValueError, match="unknown keypoint format 'body17': use mediapipe"):
        regressor_model("body17")
