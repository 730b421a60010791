"""The regressor that initialises fits: properties of any weights, and accuracy of the shipped ones."""

import dataclasses

import pytest
import torch

from fitting.body.body import Body
from fitting.inputs.camera import Camera
from fitting.inputs.keypoints import FORMATS
from fitting.optimise.regressor import Regressor, RegressorConfig, line_of_sight
from qposer.body_pose.kinematics import mirror_body_pose
from qposer.body_pose.rotations import axis_angle_to_matrix, geodesic_angle
from qposer.evaluation.metrics import pa_mpjpe

PEOPLE = 6


@pytest.fixture(scope="module")
def shipped():
    return Regressor.from_pretrained()


@pytest.fixture(scope="module")
def camera():
    return Camera(torch.full((PEOPLE,), 1200.0), torch.tensor([[500.0, 400.0]]).expand(PEOPLE, 2))


@pytest.fixture(scope="module")
def people():
    """Standing people with bent elbows and knees, with headings in steps of 60 degrees."""
    body_pose = torch.zeros(PEOPLE, 21, 3)
    body_pose[:, 15, 2], body_pose[:, 16, 2] = -1.1, 1.1  # the arms hang down
    body_pose[:, 17, 1], body_pose[:, 18, 1] = -0.6, 0.9
    body_pose[:, [3, 4], 0] = torch.linspace(0, 1.0, PEOPLE)[:, None]
    body_pose[:, [0, 1], 0] = -torch.linspace(0, 0.8, PEOPLE)[:, None]
    turn = torch.arange(PEOPLE)[:, None] * (torch.pi / 3) * torch.tensor([0.0, 1.0, 0.0])
    orient = axis_angle_to_matrix(torch.tensor([torch.pi, 0.0, 0.0])) @ axis_angle_to_matrix(turn)
    return orient, axis_angle_to_matrix(body_pose), torch.tensor([0.3, 0.1, 4.5]).expand(PEOPLE, 3)


def seen_by(camera, people, format):
    orient, body_pose, transl = people
    xy = camera.project(Body.open().landmarks(orient, body_pose, None, transl, format=format))
    return xy, torch.ones(xy.shape[:2]), format, camera


@pytest.mark.parametrize("format", FORMATS)
def test_the_shipped_weights_find_orientation_and_pose(shipped, camera, people, format):
    body = Body.open()
    orient, body_pose = shipped(*seen_by(camera, people, format))
    assert torch.rad2deg(geodesic_angle(orient, people[0])).median() < 20
    found, true = (body(o, p).joints[:, :22] for o, p in ((orient, body_pose), people[:2]))
    assert 1000 * pa_mpjpe(found, true).mean() < 70


def test_outputs_are_rotations(camera):
    torch.manual_seed(0)
    regressor = Regressor(RegressorConfig(width=16, depth=1)).eval()
    orient, body_pose = regressor(torch.rand(PEOPLE, 17, 2), torch.ones(PEOPLE, 17), "coco", camera)
    for rotation in (orient, body_pose):
        eye = torch.eye(3).expand_as(rotation)
        torch.testing.assert_close(rotation @ rotation.mT, eye, atol=1e-5, rtol=0)


def test_size_on_the_picture_does_not_matter(shipped, camera, people):
    xy, confidence, format, _ = seen_by(camera, people, "mediapipe")
    twice = Camera(2 * camera.focal, 2 * camera.centre)
    for once, again in zip(
        shipped(xy, confidence, format, camera), shipped(2 * xy, confidence, format, twice), strict=True
    ):
        torch.testing.assert_close(once, again, atol=1e-4, rtol=0)


def test_unseen_keypoints_may_lie_anywhere(shipped, camera, people):
    xy, confidence, format, _ = seen_by(camera, people, "openpose")
    confidence[:, 4] = 0.0
    elsewhere = xy.clone()
    elsewhere[:, 4] = 1e5
    for here, there in zip(
        shipped(xy, confidence, format, camera), shipped(elsewhere, confidence, format, camera), strict=True
    ):
        assert torch.equal(here, there)


def test_the_mirror_image_of_a_person_gives_the_mirrored_pose(shipped, camera, people):
    xy, confidence, format, _ = seen_by(camera, people, "coco")
    confidence[:, [3, 9]] = 0.0
    mirror = list(FORMATS[format].mirror)
    other = torch.stack([2 * camera.centre[:, None, 0] - xy[..., 0], xy[..., 1]], dim=-1)[:, mirror]
    orient, pose = shipped.predict_with_flip(xy, confidence, format, camera)
    mirrored_orient, mirrored_pose = shipped.predict_with_flip(other, confidence[:, mirror], format, camera)
    torch.testing.assert_close(mirrored_pose, mirror_body_pose(pose), atol=1e-4, rtol=0)
    reflection = torch.diag(torch.tensor([-1.0, 1.0, 1.0]))
    torch.testing.assert_close(mirrored_orient, reflection @ orient @ reflection, atol=1e-4, rtol=0)


def test_the_line_of_sight_goes_through_the_pixel(camera):
    pixels = 1000 * torch.rand(PEOPLE, 2, generator=torch.Generator().manual_seed(0))
    along = line_of_sight(pixels, camera) @ torch.tensor([0.0, 0.0, 1.0])
    torch.testing.assert_close(camera.project(along[:, None])[:, 0], pixels, atol=1e-2, rtol=0)
    straight = line_of_sight(camera.centre, camera)
    torch.testing.assert_close(straight, torch.eye(3).expand(PEOPLE, 3, 3))


def test_files_survive_a_round_trip(tmp_path, camera, people):
    torch.manual_seed(0)
    regressor = Regressor(RegressorConfig(width=16, depth=1)).eval()
    regressor.save(tmp_path / "start.safetensors", note="of a test")
    loaded = Regressor.from_pretrained(tmp_path / "start.safetensors")
    seen = seen_by(camera, people, "coco")
    for first, again in zip(regressor(*seen), loaded(*seen), strict=True):
        torch.testing.assert_close(first, again, atol=1e-2, rtol=0)  # half precision
    assert dataclasses.asdict(loaded.config) == {"width": 16, "depth": 1}


def test_other_files_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError):
        Regressor.from_pretrained(tmp_path / "none.safetensors")
    (tmp_path / "text.safetensors").write_text("no weights")
    with pytest.raises(ValueError, match="not a safetensors file"):
        Regressor.from_pretrained(tmp_path / "text.safetensors")
