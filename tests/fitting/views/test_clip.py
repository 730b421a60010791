import dataclasses

import numpy as np
import pytest
import torch

from fitting.fit import Fitter
from fitting.inputs.keypoints import Keypoints
from fitting.optimise.settings import FitSettings
from fitting.video.tracked_keypoints import TrackedKeypoints
from fitting.views.clip import fit_tracks
from fitting.views.offsets import estimate_offsets
from fitting.views.rig import Rig
from qposer.body_pose.rotations import axis_angle_to_matrix

FRAMES = 16


@pytest.fixture(scope="module")
def walk(fitter, truth):
    """A moving and turning person: landmarks and joints of every frame."""
    t = torch.linspace(0, 1, FRAMES)[:, None]
    pose = axis_angle_to_matrix(0.3 * torch.sin(6 * t + torch.arange(63)).unflatten(1, (21, 3)) * 0.5)
    upright = axis_angle_to_matrix(torch.tensor([torch.pi / 2, 0.0, 0.0]))
    orient = upright @ axis_angle_to_matrix(t * torch.tensor([0.0, 1.0, 0.0]))
    transl = t * torch.tensor([0.4, 0.0, 0.0]) + 0.15 * torch.sin(9 * t) * torch.tensor([0.0, 1.0, 0.0])
    transl = transl + torch.tensor([0.0, 0.0, 0.9])
    landmarks, joints, _ = fitter.body.posed_landmarks(orient, pose, None, transl)
    return dataclasses.replace(truth, landmarks=landmarks.numpy(), joints=joints.numpy())


def tracks(walk, cameras, offsets=(0, 0, 0)):
    """Tracks of cameras whose frame ``offset`` shows the moment of the first one's frame 0."""
    found = []
    for camera, offset in zip(cameras, offsets, strict=False):
        frames = np.arange(FRAMES) + offset
        found.append(TrackedKeypoints(walk.seen_by(camera, noise=1.0)[list(range(FRAMES))], frames, 30.0))
    return found


def off(clip, walk):
    return np.linalg.norm(clip.joints - walk.joints[clip.frames], axis=-1)[:, :22].mean()


def test_a_moving_person_is_found_with_one_shape(fitter, walk, cameras):
    seen = tracks(walk, cameras[:3])
    gap = np.delete(np.arange(FRAMES), [8, 9])
    clip = fit_tracks(fitter, [seen[0][gap], *(one[gap] for one in seen[1:])], cameras[:3], (0, 0, 0))
    assert off(clip, walk) < 0.04
    assert clip.frames.tolist() == list(range(FRAMES))
    assert np.flatnonzero(~clip.matched).tolist() == [8, 9]
    assert clip.betas.shape == (fitter.body.num_betas,)
    assert clip.warnings == ()
    given = (clip.global_orient, clip.body_pose, np.tile(clip.betas, (FRAMES, 1)), clip.transl)
    joints = fitter.body(*(torch.from_numpy(value) for value in given)).joints
    np.testing.assert_allclose(joints.numpy(), clip.joints, atol=2e-3)


def test_offsets_are_estimated_of_a_moving_person_only(walk, cameras):
    rig = Rig.of(cameras[:3])
    assert estimate_offsets(rig, tracks(walk, cameras, (0, 7, -3))) == [0, 7, -3]
    still = dataclasses.replace(walk, landmarks=np.repeat(walk.landmarks[:1], FRAMES, 0))
    assert estimate_offsets(rig, tracks(still, cameras, (0, 7, -3))) == [0, 0, 0]


@pytest.mark.usefixtures("quick")
def test_given_offsets_are_taken_and_reported(fitter, walk, cameras):
    settings = FitSettings(residual=True)
    one = Fitter(fitter.body, fitter.prior, settings, regressor=fitter.regressor)
    clip = fit_tracks(one, tracks(walk, cameras, (0, 5, 0)), cameras[:3], (0, 5, 0))
    decoded = fitter.model.decode(torch.from_numpy(clip.codes))
    turned = axis_angle_to_matrix(torch.from_numpy(clip.body_pose))
    assert not torch.allclose(decoded, turned, atol=1e-3), "residual rotations after the codes"
    assert clip.offsets == (0, 5, 0)
    assert "b +5" in clip.summary
    assert clip.used.tolist() == [1, 1, 1]


def test_videos_without_a_common_moment(fitter, walk, cameras):
    with pytest.raises(ValueError, match="at the same moment"):
        fit_tracks(fitter, tracks(walk, cameras[:2]), cameras[:2], (0, 500))


def test_a_view_of_another_person_is_named(fitter, walk, cameras, quick):
    seen = tracks(walk, cameras[:3])
    other = Keypoints(seen[2].keypoints.xy + np.float32([150, -200]), seen[2].keypoints.confidence, "mediapipe")
    clip = fit_tracks(fitter, [*seen[:2], dataclasses.replace(seen[2], keypoints=other)], cameras[:3], (0, 0, 0))
    assert "view c agreed with the others in 0 % of the frames" in clip.warnings
