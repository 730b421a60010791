"""Statistics of the errors drawn: along limbs, of swaps, of hidden keypoints; every format; equal seeds."""

import pytest
import torch

from fitting.body.body import Body
from fitting.inputs.camera import Camera
from fitting.inputs.keypoints import FORMATS
from fitting.training import detector_errors
from fitting.training.detector_errors import SWAPS, draw_detections
from qposer.body_pose.rotations import axis_angle_to_matrix

PEOPLE = 2000
FOCAL, DEPTH = 1000.0, 4.0
HEIGHT = FOCAL * 1.7 / DEPTH


def seen(format="mediapipe", yaw=0.0):
    """Many samples of the body at rest with its arms down, seen by a level camera."""
    orient = axis_angle_to_matrix(torch.tensor([[torch.pi, 0.0, 0.0]]))
    orient = orient @ axis_angle_to_matrix(torch.tensor([[0.0, yaw, 0.0]]))
    pose = torch.zeros(1, 21, 3)
    pose[0, 15, 2], pose[0, 16, 2] = -1.2, 1.2
    landmarks = Body.open().landmarks(
        orient, axis_angle_to_matrix(pose), transl=torch.tensor([[0.0, 0.0, DEPTH]]), format=format
    )
    xy = Camera(torch.tensor([FOCAL]), torch.tensor([[500.0, 500.0]])).project(landmarks)
    return tuple(one.expand(PEOPLE, -1, -1) for one in (landmarks, xy))


def drawn(format="mediapipe", yaw=0.0, seed=0):
    landmarks, xy = seen(format, yaw)
    height = torch.full((PEOPLE,), HEIGHT)
    return draw_detections(landmarks, xy, height, format, torch.Generator().manual_seed(seed)), xy


@pytest.fixture
def no_swaps(monkeypatch):
    monkeypatch.setattr(detector_errors, "SWAPS", dict.fromkeys(SWAPS, 0.0))


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_has_errors_of_a_typical_detector(format):
    found, xy = drawn(format)
    assert found.xy.shape == xy.shape
    assert torch.isfinite(found.xy).all()
    assert ((found.confidence >= 0) & (found.confidence <= 1)).all()
    error = torch.linalg.vector_norm(found.xy - xy, dim=-1)[~found.hidden] / HEIGHT
    assert 0.008 < error.median() < 0.02
    assert error.quantile(0.95) > 2.2 * error.median()
    assert (found.confidence > 0.5).float().mean() > 0.8


@pytest.mark.usefixtures("no_swaps")
def test_errors_are_passed_on_along_limbs_only():
    found, xy = drawn()
    index = FORMATS["mediapipe"].names.index
    error = ((found.xy - xy) / HEIGHT)[..., 0]
    error = error - error.median(1, keepdim=True).values

    def correlation(one, other):
        return torch.corrcoef(torch.stack([error[:, index(one)], error[:, index(other)]]))[0, 1]

    assert correlation("left_wrist", "left_index") > 0.6
    assert correlation("right_ankle", "right_heel") > 0.5
    assert correlation("left_elbow", "left_wrist") > 0.3
    assert abs(correlation("left_wrist", "right_ankle")) < 0.15
    assert abs(correlation("left_knee", "right_elbow")) < 0.15


@pytest.mark.usefixtures("no_swaps")
def test_errors_grow_along_limbs():
    found, xy = drawn()
    large = (torch.linalg.vector_norm(found.xy - xy, dim=-1) / HEIGHT > 0.05).float().mean(0)
    index = FORMATS["mediapipe"].names.index
    assert large[index("left_shoulder")] < large[index("left_wrist")] < large[index("left_index")]
    assert large[index("right_hip")] < large[index("right_knee")] < large[index("right_foot_index")]


def test_left_and_right_are_swapped_at_the_measured_rates():
    found, xy = drawn()
    form = FORMATS["mediapipe"]

    def swapped(*names):
        joints = list(form.indices(*(f"{side}_{name}" for name in names for side in ("left", "right"))))
        mirrored = [form.mirror[joint] for joint in joints]
        right, wrong = (
            torch.linalg.vector_norm(found.xy[:, joints] - xy[:, there], dim=-1).mean(-1)
            for there in (joints, mirrored)
        )
        return wrong < 0.5 * right

    arms, trunk, legs = swapped("elbow", "wrist"), swapped("shoulder"), swapped("knee", "ankle")
    for name, share in (("body", arms & trunk & legs), ("legs", legs & ~arms), ("arms", arms & ~legs)):
        assert share.float().mean() == pytest.approx(SWAPS[name], abs=0.008), name


def test_hidden_keypoints_are_guessed_worse_and_some_of_them_confidently():
    found, xy = drawn(yaw=torch.pi / 2)
    index = FORMATS["mediapipe"].names.index
    near, far = index("right_wrist"), index("left_wrist")
    hidden = found.hidden[:, far]
    assert hidden.float().mean() > 0.9
    assert found.hidden[:, near].float().mean() < 0.3
    error = torch.linalg.vector_norm(found.xy - xy, dim=-1) / HEIGHT
    assert error[hidden, far].mean() > 2 * error[~found.hidden[:, near], near].mean()
    guessed = found.confidence[hidden, far]
    assert 0.1 < (guessed > 0).float().mean() < 0.6
    assert (guessed > 0.5).float().mean() > 0.03
    assert found.hidden[:, index("left_hip")].all()
    assert (found.confidence[:, index("left_hip")] > 0.9).float().mean() > 0.9


def test_equal_seeds_draw_equal_errors():
    first, again, other = (drawn(seed=seed)[0].xy for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
