"""Self-occlusion by the body of capsules."""

import pytest
import torch

from fitting.body.body import Body
from fitting.inputs.camera import Camera
from fitting.inputs.keypoints import FORMATS
from fitting.training.detector_visibility import hidden_behind_body
from qposer.body_pose.rotations import axis_angle_to_matrix


def hidden(format, yaw):
    """Names of the hidden keypoints of a body with its arms down; at yaw 0 it faces the camera."""
    orient = axis_angle_to_matrix(torch.tensor([[torch.pi, 0.0, 0.0]]))
    orient = orient @ axis_angle_to_matrix(torch.tensor([[0.0, yaw, 0.0]]))
    pose = torch.zeros(1, 21, 3)
    pose[0, 15, 2], pose[0, 16, 2] = -1.3, 1.3
    landmarks = Body.open().landmarks(
        orient, axis_angle_to_matrix(pose), transl=torch.tensor([[0.0, 0.0, 4.0]]), format=format
    )
    xy = Camera(torch.tensor([1000.0]), torch.zeros(1, 2)).project(landmarks)
    flags = hidden_behind_body(landmarks, xy, torch.tensor([1000.0 * 1.7 / 4.0]), format)[0]
    return {name for name, flag in zip(FORMATS[format].names, flags.tolist(), strict=True) if flag}


@pytest.mark.parametrize("format", FORMATS)
def test_nothing_of_the_limbs_is_hidden_from_the_front(format):
    assert not {name for name in hidden(format, 0.0) if name.endswith(("shoulder", "elbow", "wrist", "knee", "ankle"))}


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize(("yaw", "far"), [(torch.pi / 2, "left"), (-torch.pi / 2, "right")])
def test_the_far_side_is_hidden_from_the_side(format, yaw, far):
    found = hidden(format, yaw)
    near = "left" if far == "right" else "right"
    assert {f"{far}_{joint}" for joint in ("shoulder", "hip", "knee", "elbow")} <= found
    assert not {f"{near}_{joint}" for joint in ("shoulder", "knee", "elbow")} & found


def test_a_face_is_hidden_from_behind():
    assert "nose" in hidden("mediapipe", torch.pi)
    assert "nose" not in hidden("mediapipe", 0.0)
