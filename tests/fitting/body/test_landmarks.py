import numpy as np
import pytest
import torch

from fitting.body.body import Body
from fitting.body.landmarks import SHIFTS, mixing_matrix, used_vertices
from fitting.inputs.keypoints import FORMATS
from qposer.body_pose.skeleton import JOINT_NAMES

SIDES = ("left", "right")

TORSO = 0.518
SEGMENTS = {
    ("hip", "knee"): 0.77,
    ("knee", "ankle"): 0.71,
    ("shoulder", "elbow"): 0.515,
    ("elbow", "wrist"): 0.47,
    ("ankle", "heel"): 0.16,
    ("heel", "foot_index"): 0.42,
    ("ankle", "foot_index"): 0.38,
    ("wrist", "index"): 0.163,
    ("wrist", "pinky"): 0.143,
    ("wrist", "thumb"): 0.127,
}
WIDTHS = {"hip": 0.345, "shoulder": 0.66, "ear": 0.2, "eye": 0.104, "mouth": 0.087}
"""Lengths as fractions of the torso, which is in metres (docs/notes/landmarks.md)."""


@pytest.fixture(scope="module")
def body():
    return Body.open()


@pytest.fixture(scope="module")
def at(body):
    """Positions of MediaPipe's keypoints on the T-pose of the mean shape."""
    landmarks = body.landmarks(torch.zeros(1, 3), torch.zeros(1, 21, 3))[0].double().numpy()
    return dict(zip(FORMATS["mediapipe"].names, landmarks, strict=True))


def middle(at, kind):
    return (at[f"left_{kind}"] + at[f"right_{kind}"]) / 2


def test_the_torso_is_as_long_as_mediapipe_sees_it(at):
    assert np.linalg.norm(middle(at, "shoulder") - middle(at, "hip")) == pytest.approx(TORSO, abs=0.005)


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize(("ends", "length"), SEGMENTS.items())
def test_segments_have_the_proportions_that_mediapipe_sees(at, side, ends, length):
    a, b = (at[f"{side}_{end}"] for end in ends)
    assert np.linalg.norm(a - b) / TORSO == pytest.approx(length, abs=0.01)


@pytest.mark.parametrize(("kind", "width"), WIDTHS.items())
def test_widths_are_those_that_mediapipe_sees(at, kind, width):
    assert np.linalg.norm(at[f"left_{kind}"] - at[f"right_{kind}"]) / TORSO == pytest.approx(width, abs=0.01)


def test_mediapipe_marks_ears_in_front_of_the_holes_and_the_nose_behind_its_tip(body, at):
    template = body.data.template
    (ear,), (nose,) = body.data.landmarks["left_ear"], body.data.landmarks["nose"]
    assert at["left_ear"][2] - template[int(ear)][2] == pytest.approx(0.02, abs=0.004)
    assert at["nose"][2] - template[int(nose)][2] == pytest.approx(-0.0145, abs=0.004)


def test_mediapipe_marks_shoulders_above_and_hips_and_knees_below_the_joints(body, at):
    joints = dict(zip(JOINT_NAMES, body(torch.zeros(1, 3), torch.zeros(1, 21, 3)).joints[0].numpy(), strict=True))
    for kind, rise in (("shoulder", 0.022), ("hip", -0.012), ("knee", -0.034), ("ankle", 0.032)):
        for side in SIDES:
            assert (at[f"{side}_{kind}"] - joints[f"{side}_{kind}"])[1] == pytest.approx(rise, abs=0.002)


@pytest.mark.parametrize("format", SHIFTS)
def test_landmarks_move_as_a_whole_with_the_body(body, format):
    """Every landmark's weights have the sum one."""
    landmarks = body.data.landmarks
    mix = mixing_matrix(format, landmarks, used_vertices(landmarks))
    np.testing.assert_allclose(mix.sum(1), 1.0, atol=1e-12)


def test_a_shift_prefers_the_same_side(body):
    """Names refer to the landmark's own side, and joints without a side are median ones."""
    landmarks = body.data.landmarks
    vertices = used_vertices(landmarks)
    names = FORMATS["mediapipe"].names
    mix = dict(zip(names, mixing_matrix("mediapipe", landmarks, vertices), strict=True))
    joint = {name: len(vertices) + j for j, name in enumerate(JOINT_NAMES)}
    assert mix["right_hip"][joint["left_hip"]] == 0
    assert mix["right_hip"][joint["right_hip"]] == pytest.approx(1 - 0.1)
    assert mix["right_hip"][joint["pelvis"]] == pytest.approx(0.19)
    heel = vertices.index(next(int(v) for v in landmarks["right_heel"]))
    assert mix["right_heel"][heel] == pytest.approx(0.9)


def test_formats_without_evidence_keep_the_joints(body):
    landmarks = body.data.landmarks
    vertices = used_vertices(landmarks)
    for format in ("openpose", "coco"):
        mix = dict(zip(FORMATS[format].names, mixing_matrix(format, landmarks, vertices), strict=True))
        assert mix["left_hip"][len(vertices) + JOINT_NAMES.index("left_hip")] == 1.0
