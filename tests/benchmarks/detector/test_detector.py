"""Statistics of errors that are put in, triangulation of what is projected, and the document."""

import sys

import numpy as np
import pytest
import torch
import tyro

from benchmarks.detector import __main__ as command
from benchmarks.detector.statistics import FORMAT, Observed, by_kind, correlations, joints_of, shift_and_scale, swaps
from benchmarks.detector.triangulation import Cameras
from benchmarks.rendered import sightings
from benchmarks.rendered.scenes import draw_scenes
from fitting.body.body import Body
from qposer.io.npz import write_npz

PEOPLE = 40
HEIGHT = 400.0


@pytest.fixture
def exact():
    """People who stand upright and face the camera, found where they are."""
    scenes = draw_scenes(Body.open(), torch.zeros(1, 22, 3), 400, torch.Generator().manual_seed(0))
    front = (scenes.facing > 0.9).nonzero()[:PEOPLE, 0]
    truth = (scenes.xy[front] * (HEIGHT / scenes.height[front])[:, None, None]).double().numpy()
    yes = np.ones((len(front), 33), bool)
    facing = scenes.facing[front].numpy()
    return Observed(truth.copy(), np.ones(yes.shape), truth, yes, yes.copy(), np.full(len(front), HEIGHT), facing)


def test_swaps_are_found(exact):
    legs, arms = (joints_of(*kinds) for kinds in (("knee", "ankle", "heel", "foot_index"), ("elbow", "wrist", "index")))
    arms += joints_of("pinky", "thumb")
    for person, joints in ((0, legs), (1, arms), (2, list(range(33)))):
        exact.xy[person, joints] = exact.truth[person, [FORMAT.mirror[joint] for joint in joints]]
    found = swaps(exact)
    assert {name: np.flatnonzero(people).tolist() for name, people in found.items()} == {
        "whole body": [2],
        "arms": [1],
        "legs": [0],
    }


def test_visible_and_hidden_keypoints_are_separated(exact):
    knees = joints_of("knee")
    exact.visible[0, knees] = False
    exact.xy[0, knees] += (0.0, 0.1 * HEIGHT)
    exact.confidence[0, knees] = 0.2
    exact.inside[1, knees] = exact.visible[1, knees] = False
    visible, hidden = by_kind(exact, "knee")
    assert len(visible) == 2 * PEOPLE - 4
    assert visible.error.max() == 0
    np.testing.assert_allclose(hidden.error, [0.1, 0.1])
    np.testing.assert_allclose(hidden.confidence, [0.2, 0.2])


def test_eyes_and_inner_corners_of_eyes_differ():
    assert [FORMAT.names[joint] for joint in joints_of("eye")] == ["left_eye", "right_eye"]
    assert [FORMAT.names[joint] for joint in joints_of("nose")] == ["nose"]


def test_errors_shared_along_a_limb_correlate(exact):
    noise = np.random.default_rng(0).normal(0, 0.02 * HEIGHT, (PEOPLE, 33, 2))
    exact.xy[:] += noise
    for side in ("left", "right"):
        wrist, index = (FORMAT.names.index(f"{side}_{kind}") for kind in ("wrist", "index"))
        exact.xy[:, index] = exact.truth[:, index] + noise[:, wrist]
    matrix = correlations(exact, "arm")
    assert matrix[2, 3] > 0.98
    assert abs(matrix[0, 1]) < 0.3
    assert np.abs(correlations(exact, "leg") - np.eye(4)).max() < 0.3


def test_a_common_shift_and_scale_are_measured(exact):
    random = np.random.default_rng(0)
    exact.xy[:] += random.normal(0, 0.01 * HEIGHT, (PEOPLE, 1, 2))
    shift, scale = shift_and_scale(exact)
    assert shift == pytest.approx(0.01, rel=0.25)
    assert scale == pytest.approx(0.0, abs=1e-6)
    middle = exact.truth.mean(1, keepdims=True)
    factor = 1 + random.normal(0, 0.05, (PEOPLE, 1, 1))
    exact.xy[:] = middle + factor * (exact.truth - middle)
    assert shift_and_scale(exact)[1] == pytest.approx(0.05, rel=0.35)


def test_triangulation_finds_points_in_spite_of_a_wrong_view():
    turns = [np.array([[np.cos(a), 0, -np.sin(a)], [0, 1, 0], [np.sin(a), 0, np.cos(a)]]) for a in (0, 1.5, 3, 4.5)]
    intrinsics = np.array([[1000.0, 0, 500], [0, 1000, 500], [0, 0, 1]])
    cameras = Cameras(np.stack([intrinsics] * 4), np.stack(turns), np.tile([0.0, 0.0, 4.0], (4, 1)))
    points = np.random.default_rng(0).normal(0, 0.5, (33, 3))
    xy = cameras.project(points)
    confidence = np.ones((33, 4))
    np.testing.assert_allclose(cameras.triangulate(xy, confidence), points, atol=1e-6)
    xy[5, 2] += 300.0
    assert np.linalg.norm(cameras.triangulate(xy, confidence)[5] - points[5]) < 0.01
    confidence[5, 2] = 0.0
    np.testing.assert_allclose(cameras.triangulate(xy, confidence), points, atol=1e-6)


def test_the_command_writes_the_document(tmp_path, monkeypatch):
    def look(people, chosen, seed):
        number = len(chosen)
        yes = [[True] * 33] * number
        noise = 5 * torch.randn(number, 33, 2, generator=torch.Generator().manual_seed(seed))
        found = {
            "person": list(chosen),
            "xy": (people.xy[list(chosen)] + noise).tolist(),
            "visible": yes,
            "inside": yes,
        }
        return found | {"confidence": [[0.9] * 33] * number, "world": [[[0.0] * 3] * 33] * number}

    subject = np.array(["02"] * 8)
    columns = {"sequence": np.array(["a"] * 8), "frame": np.arange(8, dtype=np.int32), "source": np.array(["x"] * 8)}
    write_npz(tmp_path / "poses.npz", {"pose": np.zeros((8, 24, 3), np.float32), "subject": subject, **columns})
    monkeypatch.setattr(sightings, "_look", look)
    arguments = f"--data {tmp_path}/poses.npz --out {tmp_path}/docs --cache {tmp_path}/cache --number 30"
    monkeypatch.setattr(sys, "argv", ["detector", *arguments.split(), "--recording", str(tmp_path / "none")])
    tyro.cli(command.main)
    text = (tmp_path / "docs" / "detector.md").read_text()
    assert "Rendered: 30 of 30 people; 0 failed detections" in text
    assert "## Correlation of errors along the leg" in text
    assert "nan" not in text
