"""Views of poses: what the photographer draws."""

import pytest
import torch

from fitting.body.body import Body
from fitting.inputs.keypoints import FORMATS
from fitting.training.synthetic_views import Photographer
from qposer.body_pose.rotations import axis_angle_to_matrix

PEOPLE = 200


@pytest.fixture(scope="module")
def poses():
    return axis_angle_to_matrix(0.3 * torch.randn(PEOPLE, 22, 3, generator=torch.Generator().manual_seed(0)))


def views(poses, format="mediapipe", seed=0):
    return Photographer(Body.open(), torch.Generator().manual_seed(seed)).draw(poses, format)


@pytest.mark.parametrize("format", FORMATS)
def test_views_have_valid_shapes_and_keypoints(poses, format):
    drawn = views(poses, format)
    joints = len(FORMATS[format].names)
    assert drawn.keypoints.shape == (PEOPLE, joints, 2)
    assert torch.isfinite(drawn.keypoints).all()
    assert torch.equal(drawn.body_pose, poses[:, 1:])
    assert ((drawn.confidence > 0).sum(-1) >= 6).all()
    assert (drawn.keypoints[drawn.confidence == 0] == 0).all()


def test_all_kinds_of_views_are_drawn(poses):
    drawn = views(poses)
    names = FORMATS["mediapipe"].names
    hidden = drawn.confidence == 0
    left = torch.tensor([name.startswith("left") for name in names])
    assert (~hidden).all(-1).float().mean() > 0.2
    assert (hidden[:, left].all(-1) & ~hidden[:, ~left].any(-1)).any()
    assert hidden[:, names.index("left_ankle")].float().mean() > hidden[:, names.index("nose")].float().mean()
    facing = drawn.orient @ torch.tensor([0.0, 0.0, 1.0])
    assert 0.3 < (facing[:, 2] < 0).float().mean() < 0.7


def test_some_keypoints_err_as_a_detectors_and_some_independently(poses):
    drawn = views(poses)
    seen = drawn.confidence > 0
    unsure = (seen & (drawn.confidence < 0.5)).any(-1)
    assert 0.3 < unsure.float().mean() < 0.9  # independent noise comes with confidences from 0.5
    nose = drawn.confidence[:, FORMATS["mediapipe"].names.index("nose")]
    assert 0.4 < (nose[nose > 0] > 0.96).float().mean() < 0.85


def test_some_cameras_are_at_eye_level():
    photographer = Photographer(Body.open(), torch.Generator().manual_seed(0))
    standing = torch.eye(3).expand(4000, 3, 3)
    up = photographer._orientations(standing) @ torch.tensor([0.0, 1.0, 0.0])
    leaning = torch.rad2deg(torch.atan2(-up[:, 2], -up[:, 1]))  # towards the camera
    assert 2 < leaning.median() < 6
    rolled = torch.rad2deg(torch.atan2(up[:, 0], -up[:, 1])).abs()
    assert ((leaning - 8).abs() < 15)[rolled < 2].float().mean() > 0.7


def test_equal_seeds_draw_equal_views(poses):
    first, again, other = (views(poses[:10], seed=seed).keypoints for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
