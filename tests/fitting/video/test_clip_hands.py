"""Hands of a synthetic clip: somebody who bends the fingers and turns the forearms, seen with noise."""

import dataclasses
import math

import numpy as np
import pytest
import torch

from fitting.hands.template import TemplateHands
from fitting.inputs.camera import Camera
from fitting.inputs.hand_keypoints import HandKeypoints
from fitting.inputs.keypoints import Keypoints
from fitting.video import clip_hands
from fitting.video.clip import ClipFit, fit_clip
from fitting.video.clip_result import read_clip
from fitting.video.tracked_keypoints import TrackedKeypoints
from qposer.body_pose.rotations import axis_angle_to_matrix, rotation_lerp
from qposer.body_pose.skeleton import BODY_JOINT_NAMES
from qposer.hands.prior import load_hand_prior

SIZE, FOCAL, FRAMES = (1280, 720), 1500.0, 36
UNSEEN = (range(10, 14), ())
"""Frames without a left and without a right hand."""

FLIPPED = 25
"""Frame whose right hand is detected upside down."""

pytestmark = pytest.mark.usefixtures("quick")


@dataclasses.dataclass(frozen=True)
class Truth:
    landmarks: torch.Tensor
    """Of the hands, relative to their wrists."""
    seen: TrackedKeypoints


@pytest.fixture(scope="module")
def truth(fitter):
    body, phase = fitter.hand_body, torch.linspace(0, 2 * math.pi, FRAMES)
    pose = torch.zeros(FRAMES, 21, 3)

    def bend(name, axis, angle):
        pose[:, BODY_JOINT_NAMES.index(name), axis] = angle

    bend("left_shoulder", 2, -0.6)
    bend("right_shoulder", 2, 0.6)
    bend("left_wrist", 0, 0.6 * phase.sin())
    bend("right_wrist", 0, 0.6 * phase.cos())
    orient = axis_angle_to_matrix(torch.tensor([math.pi, 0.0, 0.0]).expand(FRAMES, 3))
    transl = torch.tensor([0.0, 0.2, 2.8]).expand(FRAMES, 3)
    ends = load_hand_prior().sample(4, seed=1).unflatten(0, (2, 1, 2))
    part = (0.5 - 0.5 * phase.cos())[:, None, None, None]
    first, last = (end.expand(FRAMES, 2, 15, 3, 3) for end in ends)
    mixed = rotation_lerp(first, last, part[..., 0])
    betas = torch.zeros(FRAMES, body.num_betas)
    fingers = TemplateHands.of(body, betas).to_body(mixed)
    landmarks = body.hand_landmarks(orient, pose, betas, transl, hand_pose=fingers)
    camera, rng = Camera.for_image(*SIZE, FOCAL, batch=FRAMES), np.random.default_rng(0)
    xy = camera.project(landmarks.flatten(1, 2)).unflatten(1, (2, 21)).numpy()
    world = (landmarks - landmarks[:, :, :1]).numpy()
    confidence = np.ones(xy.shape[:3])
    for side, frames in enumerate(UNSEEN):
        confidence[list(frames), side] = 0.0
    world[FLIPPED, 1] *= (1, -1, -1)
    xy[FLIPPED, 1, :, 1] = 2 * xy[FLIPPED, 1, :1, 1] - xy[FLIPPED, 1, :, 1]
    noise = rng.normal(0, 1.0, xy.shape), rng.normal(0, 0.004, world.shape)
    hands = HandKeypoints(xy + noise[0], confidence, world + noise[1])
    points = camera.project(fitter.body.landmarks(orient, pose, betas, transl)).numpy()
    seen = Keypoints(points + rng.normal(0, 1.0, points.shape), np.ones((FRAMES, 33)), "mediapipe", hands=hands)
    return Truth(landmarks - landmarks[:, :, :1], TrackedKeypoints(seen, np.arange(FRAMES), 30.0))


def fitted(fitter, seen, **options):
    return fit_clip(fitter, seen, SIZE, focal=FOCAL, contact=False, **options)


@pytest.fixture(scope="module")
def result(fitter, truth, shorten):
    with pytest.MonkeyPatch.context() as patched:
        shorten(patched)
        return fitted(fitter, truth.seen)


def without_hands(seen):
    return dataclasses.replace(seen, keypoints=dataclasses.replace(seen.keypoints, hands=None))


def landmarks_of(fitter, result):
    """Landmarks of the hands relative to their wrists, in the body's axes of the truth."""
    values = result.global_orient, result.body_pose, np.tile(result.betas, (len(result), 1)), result.transl
    tensors = [torch.from_numpy(value) for value in values]
    hands = None if result.hands is None else torch.from_numpy(result.hands.both)
    found = fitter.hand_body.hand_landmarks(*tensors, hand_pose=hands)
    return found - found[:, :, :1]


def errors_mm(fitter, result, truth):
    return 1000 * (landmarks_of(fitter, result) - truth.landmarks).norm(dim=-1)


def accelerations_mm(landmarks):
    return 1000 * (landmarks[2:] - 2 * landmarks[1:-1] + landmarks[:-2])[:, :, [4, 8, 12, 16, 20]].norm(dim=-1).mean()


def test_wrists_and_fingers_are_those_of_the_person(fitter, truth, result):
    rigid = fitted(fitter, without_hands(truth.seen))
    assert rigid.hands is None
    assert errors_mm(fitter, result, truth).mean() < 0.4 * errors_mm(fitter, rigid, truth).mean()


def test_hands_are_smooth(fitter, truth, result):
    rough = fitted(fitter, truth.seen, smoothness=0.0)
    jitter = [accelerations_mm(landmarks_of(fitter, one)) for one in (rough, result)]
    assert jitter[1] < 0.3 * jitter[0]
    assert errors_mm(fitter, result, truth).mean() < errors_mm(fitter, rough, truth).mean()


def test_missed_and_flipped_hands_are_interpolated(fitter, truth, result):
    assert (~result.hands.found[:, 0]).nonzero()[0].tolist() == list(UNSEEN[0])
    assert (~result.hands.found[:, 1]).nonzero()[0].tolist() == [FLIPPED]
    errors = errors_mm(fitter, result, truth).mean(-1)
    assert errors[list(UNSEEN[0]), 0].mean() < 2 * errors[:, 0].mean()
    assert errors[FLIPPED, 1] < 2 * errors[:, 1].mean()


def test_joints_of_the_body_are_those_without_hands(fitter, truth, result):
    rigid = fitted(fitter, without_hands(truth.seen))
    assert np.abs(result.joints[:, :22] - rigid.joints[:, :22]).max() < 0.005
    turned = [BODY_JOINT_NAMES.index(f"{side}_{joint}") for side in ("left", "right") for joint in ("elbow", "wrist")]
    others = np.delete(np.arange(21), turned)
    assert np.array_equal(result.body_pose[:, others], rigid.body_pose[:, others])
    assert not np.array_equal(result.body_pose[:, turned], rigid.body_pose[:, turned])
    assert np.array_equal(result.codes, rigid.codes)


def test_an_arm_whose_hand_is_never_found_keeps_its_pose(fitter, truth):
    hands = truth.seen.keypoints.hands
    right = HandKeypoints(hands.xy, hands.confidence * np.array([0, 1])[:, None], hands.world)
    seen = dataclasses.replace(truth.seen, keypoints=dataclasses.replace(truth.seen.keypoints, hands=right))
    result, rigid = fitted(fitter, seen), fitted(fitter, without_hands(seen))
    assert result.hands.found.any(0).tolist() == [False, True]
    assert not result.hands.left.any()
    left = [BODY_JOINT_NAMES.index(f"left_{joint}") for joint in ("elbow", "wrist")]
    assert np.array_equal(result.body_pose[:, left], rigid.body_pose[:, left])


def test_the_same_clip_gives_the_same_hands(fitter, truth, result):
    again = fitted(fitter, truth.seen)
    for name, array in result.hands.arrays.items():
        assert np.array_equal(array, again.hands.arrays[name])


def test_batches_do_not_show(fitter, truth, result, monkeypatch):
    monkeypatch.setattr(clip_hands, "BATCH", 10)
    monkeypatch.setattr(clip_hands, "INFLUENCE", 0.8)
    steps = []
    cut = fitted(fitter, truth.seen, on_step=lambda: steps.append(None))
    assert np.array_equal(cut.hands.found, result.hands.found)
    np.testing.assert_allclose(cut.hands.both, result.hands.both, atol=2e-3)
    assert len(steps) == ClipFit(fitter, truth.seen, SIZE, FOCAL, contact=False).steps


def test_finished_batches_are_kept(fitter, truth, result, monkeypatch):
    made = {}

    def keep(name, make):
        made[name] = made[name] if name in made else make()
        return made[name]

    monkeypatch.setattr(clip_hands, "BATCH", 20)
    first = fitted(fitter, truth.seen, keep=keep)
    assert sum(name.startswith("hands-") for name in made) == 2
    monkeypatch.setattr(type(fitter), "fit_hands", lambda *_: pytest.fail("hands were fitted twice"))
    second = fitted(fitter, truth.seen, keep=keep)
    assert np.array_equal(first.hands.both, second.hands.both)


def test_a_written_clip_has_its_hands(result, tmp_path):
    result.write(tmp_path / "fit.npz")
    again = read_clip(tmp_path / "fit.npz")
    for name, array in result.hands.arrays.items():
        assert np.array_equal(array, again.hands.arrays[name])
