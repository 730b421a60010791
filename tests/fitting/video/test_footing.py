"""Feet of a made-up clip: somebody who stands, waves and jumps, before a camera that stands and looks down a little."""

import dataclasses
import math

import numpy as np
import pytest
import torch

from fitting.inputs.camera import Camera
from fitting.inputs.keypoints import FORMATS, Keypoints
from fitting.video.clip import fit_clip
from fitting.video.clip_result import read_clip
from fitting.video.footing import MOVING_CAMERA
from fitting.video.ground import Ground
from fitting.video.tracked_keypoints import TrackedKeypoints
from qposer.body_pose.rotations import axis_angle_to_matrix
from qposer.body_pose.skeleton import BODY_JOINT_NAMES
from qposer.data.amass import read_amass

SIZE, FOCAL, FPS = (1280, 720), 1100.0, 30.0
FRAMES, JUMP = 50, range(24, 39)
PITCH, HEIGHT = 0.15, 1.4
GRAVITY = 9.81
FEET = list(FORMATS["mediapipe"].indices("left_heel", "left_foot_index", "right_heel", "right_foot_index"))


@pytest.fixture(scope="module")
def seen(fitter):
    """Keypoints with noise of 1.5 cm on every axis."""
    phase = torch.linspace(0, 4 * math.pi, FRAMES)
    pose = torch.zeros(FRAMES, 21, 3)
    pose[:, BODY_JOINT_NAMES.index("left_shoulder"), 2] = -1.2 + 0.3 * phase.sin()
    pose[:, BODY_JOINT_NAMES.index("right_shoulder"), 2] = 1.0
    to_camera = axis_angle_to_matrix(torch.tensor([math.pi + PITCH, 0.0, 0.0]))
    lowest = fitter.body(pose[:1, 0], pose[:1]).vertices[0, :, 1].amin()
    way = torch.tensor([0.2, -HEIGHT - lowest.item(), -4.0]).repeat(FRAMES, 1)
    seconds = (torch.arange(FRAMES) - (JUMP.start + JUMP.stop - 1) / 2) / FPS
    way[:, 1] += (GRAVITY / 2 * ((len(JUMP) / FPS / 2) ** 2 - seconds.square())).clamp(min=0)
    pelvis = fitter.body(pose[:1, 0], pose[:1]).joints[0, 0]
    transl = (way + pelvis) @ to_camera.T - pelvis
    landmarks = fitter.body.landmarks(to_camera.expand(FRAMES, 3, 3), pose, None, transl)
    xy = Camera.for_image(*SIZE, FOCAL, batch=FRAMES).project(landmarks).numpy()
    xy = xy + 4.0 * np.random.default_rng(0).normal(size=xy.shape)
    return TrackedKeypoints(Keypoints(xy, np.ones((FRAMES, 33)), "mediapipe"), np.arange(FRAMES), FPS)


@pytest.fixture(scope="module")
def result(fitter, seen):
    return fit_clip(fitter, seen, SIZE, focal=FOCAL)


def feet(fitter, result):
    values = (result.global_orient, result.body_pose, np.tile(result.betas, (len(result), 1)), result.transl)
    return fitter.body.landmarks(*(torch.from_numpy(value) for value in values))[:, FEET].numpy()


def slides_mm(fitter, result, frames):
    return 1000 * np.linalg.norm(np.diff(feet(fitter, result)[frames], axis=0), axis=-1).mean()


STANDING = list(range(2, JUMP.start - 4))


def test_feet_that_stand_stay_and_slide_without_the_term(fitter, seen, result):
    without = fit_clip(fitter, seen, SIZE, focal=FOCAL, contact=False)
    assert slides_mm(fitter, result, STANDING) < 2.0
    assert slides_mm(fitter, without, STANDING) > 5.0
    assert without.contact is None
    assert without.ground is None


def test_contacts_are_probabilities(result):
    assert result.contact_points == ("left_heel", "left_foot_index", "right_heel", "right_foot_index")
    assert result.contact[STANDING].min() > 0.8
    assert result.contact[JUMP.start + 3 : JUMP.stop - 3].max() < 0.2


def test_jumps_are_jumps(fitter, result):
    up = result.ground[:3]
    heights = (feet(fitter, result) @ up).mean(1)
    rise = heights[JUMP].max() - np.median(heights[STANDING])
    assert rise == pytest.approx(GRAVITY / 8 * (len(JUMP) / FPS) ** 2, abs=0.08)


def test_the_ground_is_where_it_is(result):
    up = np.array([0.0, -math.cos(PITCH), -math.sin(PITCH)])
    assert math.degrees(math.acos(result.ground[:3] @ up)) < 6
    assert result.ground[3] == pytest.approx(HEIGHT, abs=0.25)


def test_world_axes_have_the_ground_at_zero(fitter, result, tmp_path):
    values = (result.world_orient, result.body_pose, np.tile(result.betas, (len(result), 1)), result.world_transl)
    output = fitter.body(*(torch.from_numpy(value) for value in values))
    np.testing.assert_allclose(output.joints, result.world_joints, atol=1e-4)
    lowest = output.vertices[..., 1].amin(1).numpy()
    assert np.abs(lowest[STANDING]).max() < 0.02
    assert lowest.min() > -0.02
    assert (result.world_joints[:, 15, 1] > 1.2).all()
    assert (result.world_joints[..., 2] < 0).all()
    result.write_amass(tmp_path / "motion.npz")
    motion = read_amass(tmp_path / "motion.npz")
    assert len(motion.frames) == FRAMES
    poses = np.load(tmp_path / "motion.npz")
    betas = torch.from_numpy(result.betas)[None].expand(FRAMES, -1)
    orient = torch.from_numpy(poses["poses"][:, :3]).float()
    joints = fitter.body(orient, torch.from_numpy(result.body_pose), betas).joints
    z = (joints.numpy() + poses["trans"][:, None])[..., 2]
    np.testing.assert_allclose(z, result.world_joints[..., 1], atol=1e-3)


def test_contacts_are_stored_in_the_file(result, tmp_path):
    result.write(tmp_path / "fit.npz")
    again = read_clip(tmp_path / "fit.npz")
    for name in ("contact", "contact_points", "ground", "world_orient", "world_transl", "world_joints", "track_notes"):
        np.testing.assert_array_equal(getattr(again, name), getattr(result, name))


@pytest.mark.usefixtures("quick")
class TestWithShortStages:
    def test_a_moving_camera_has_no_ground(self, fitter, seen):
        found = fit_clip(fitter, dataclasses.replace(seen, camera_moves=True), SIZE, focal=FOCAL)
        assert found.ground is None
        assert found.world_joints is None
        assert found.contact is None
        assert MOVING_CAMERA in found.warnings

    def test_a_background_without_information_is_reported(self, fitter, seen):
        found = fit_clip(fitter, dataclasses.replace(seen, camera_moves=None), SIZE, focal=FOCAL)
        assert any("taken to stand" in warning for warning in found.warnings)

    def test_a_known_ground_is_used(self, fitter, seen):
        given = Ground((0.0, -1.0, 0.0), 1.0)
        found = fit_clip(fitter, seen, SIZE, focal=FOCAL, ground=given)
        np.testing.assert_allclose(found.ground, [0, -1, 0, 1.0], atol=1e-6)

    def test_other_keypoints_have_ankles_on_the_ground(self, fitter, seen):
        names = FORMATS["mediapipe"].indices(*FORMATS["coco"].names)
        coco = Keypoints(seen.keypoints.xy[:, names], np.ones((FRAMES, 17)), "coco")
        found = fit_clip(fitter, dataclasses.replace(seen, keypoints=coco), SIZE, focal=FOCAL)
        assert found.contact.shape == (FRAMES, 2)
        assert found.ground is not None
