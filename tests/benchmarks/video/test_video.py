"""Scenes, scores and crossings of the benchmark of videos, on a made-up motion."""

import dataclasses
import math

import numpy as np
import pytest
import torch

from benchmarks.video import crossings
from benchmarks.video.crossings import count_switches
from benchmarks.video.scenes import FEET, FOCAL, FPS, SIZE, STANDS_MM, make_scene, soles
from benchmarks.video.scores import COLUMNS, Motion, Scores, mean_row
from fitting.inputs.camera import Camera
from fitting.video.ground import Ground
from qposer.body_pose.skeleton import JOINT_NAMES

FRAMES = 60


def poses():
    """Somebody who steps on the spot, z up."""
    phase = np.linspace(0, 4 * math.pi, FRAMES)
    pose = np.zeros((FRAMES, 24, 3), np.float32)
    pose[:, 0, 0] = math.pi / 2
    for side, sign in (("left", 1), ("right", -1)):
        lift = np.clip(sign * np.sin(phase), 0, None)
        pose[:, JOINT_NAMES.index(f"{side}_hip"), 0] = -0.8 * lift
        pose[:, JOINT_NAMES.index(f"{side}_knee"), 0] = 1.4 * lift
    return pose


@pytest.fixture(scope="module")
def scene(open_body):
    return make_scene(open_body, "steps", poses(), 0)


def motion(scene, **changed):
    values = {"frames": np.arange(FRAMES), "joints": scene.joints, "feet": scene.feet}
    return Motion(**values | {"orient": torch.eye(3).expand(FRAMES, 3, 3)} | changed)


def scores(scene, open_body, **changed):
    ground = Ground(tuple(scene.up.tolist()), scene.camera_height)
    return Scores.of(motion(scene, **changed), scene, ground, np.zeros(4), 1.0)


def test_feet_stand_on_the_floor_below_the_camera(scene, open_body):
    heights = (scene.feet @ scene.up).numpy() + scene.camera_height
    assert heights.min() > -0.01
    assert heights[scene.stands].max() < 0.1
    moved = 1000 * (scene.feet[1:] - scene.feet[:-1]).norm(dim=-1).numpy()
    assert moved[scene.stands[:-1]].max() < STANDS_MM
    assert 0.2 < scene.stands.mean() < 0.8
    assert scene.stands.any(1).mean() > 0.5
    camera = Camera.for_image(*SIZE, FOCAL, batch=FRAMES)
    torch.testing.assert_close(camera.project(scene.landmarks), scene.xy)
    torch.testing.assert_close(scene.landmarks[:, list(FEET)], scene.feet)
    assert (soles(open_body, torch.zeros(1, open_body.num_betas)) > 0).all()


def test_jumps_fly_as_gravity_has_it(open_body):
    flight = make_scene(open_body, "jump", poses(), 0, jump=True)
    heights = (flight.feet @ flight.up).numpy().min(1) + flight.camera_height
    assert heights.max() == pytest.approx(9.81 / 8 * 0.5**2, abs=0.08)
    assert 10 <= flight.flying.sum() <= 15
    assert not flight.stands[flight.flying][:-1].any()


def test_detections_are_those_of_a_detector(scene):
    seen = scene.seen(0)
    again = scene.seen(0)
    np.testing.assert_array_equal(seen.keypoints.xy, again.keypoints.xy)
    off = (
        np.linalg.norm(seen.keypoints.xy - scene.xy[seen.frames].numpy(), axis=-1)
        / scene.height[seen.frames, None].numpy()
    )
    assert 0.005 < np.median(off[seen.keypoints.seen]) < 0.03


def test_the_truth_has_no_errors(scene, open_body):
    found = scores(scene, open_body)
    assert found.pa_mpjpe == pytest.approx(0, abs=1e-2)
    assert found.mpjpe == found.acceleration == found.turn == 0
    assert found.sliding < STANDS_MM
    assert found.penetration < 10
    assert found.ms == pytest.approx(1000 / FRAMES)


def test_errors_are_measured(scene, open_body):
    exact = scores(scene, open_body)
    slid = scene.feet + 0.01 * torch.arange(FRAMES)[:, None, None] * torch.tensor([1.0, 0.0, 0.0])
    assert scores(scene, open_body, feet=slid).sliding == pytest.approx(10, abs=STANDS_MM)
    sunk = scores(scene, open_body, feet=scene.feet - 0.05 * scene.up).penetration
    assert sunk > exact.penetration + 10
    jerky = scene.joints.clone()
    jerky[::2] += 0.01
    jolt = scores(scene, open_body, joints=jerky)
    assert jolt.acceleration == pytest.approx(40 * math.sqrt(3) / 2, rel=0.01)
    assert jolt.relative_acceleration == pytest.approx(0, abs=1e-3)
    turned = torch.eye(3).repeat(FRAMES, 1, 1)
    turned[30:] = torch.diag(torch.tensor([-1.0, 1.0, -1.0]))
    assert scores(scene, open_body, orient=turned).turn == pytest.approx(180 * FPS, rel=1e-3)
    assert len(mean_row("", [exact, exact])) == len(COLUMNS)


def test_crossings_are_counted(open_body, scene, monkeypatch):
    other = make_scene(open_body, "steps", poses(), 1)
    assert set(count_switches([(scene, other)]).values()) == {(1, 0, 0)}

    class Forgetful(crossings.Tracker):
        def assign(self, people, colours):
            return np.arange(0 if people is None else len(people)), np.zeros(0)

    monkeypatch.setattr(crossings, "Tracker", Forgetful)
    found = count_switches([(scene, dataclasses.replace(other))] * 4)
    assert sum(switched + new for _, switched, new in found.values()) > 0
