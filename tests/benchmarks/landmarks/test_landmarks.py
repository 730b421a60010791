"""Lengths and leans of known figures, offsets that were put in, and the document."""

import sys

import numpy as np
import pytest
import torch
import tyro

from benchmarks.landmarks import __main__ as command
from benchmarks.landmarks import sources
from benchmarks.landmarks.offsets import bone_axes, kind, moved, offsets
from benchmarks.landmarks.segments import AXIAL, BEFORE, FORMAT, NAMES, leans, lengths, of_bodies
from benchmarks.rendered.scenes import SIZE, draw_scenes
from benchmarks.rendered.sightings import TrackedKeypoints
from fitting.body.body import Body
from fitting.body.landmarks import SHIFTS
from fitting.inputs.keypoints import Keypoints
from qposer.body_pose.rotations import axis_angle_to_matrix

TO_CAMERA = np.array([1.0, -1.0, -1.0])
"""From a body that stands, y up, to the axes of a camera in front of it."""


@pytest.fixture(scope="module")
def body():
    return Body.open()


@pytest.fixture(scope="module")
def standing(body):
    return of_bodies(body, torch.zeros(1, 10), SHIFTS)


def test_landmarks_of_bodies_match_the_body(body, standing):
    own = body.landmarks(torch.zeros(1, 3), torch.zeros(1, 21, 3)).numpy()
    np.testing.assert_allclose(standing, own, atol=1e-5)
    assert np.abs(of_bodies(body, torch.zeros(1, 10), BEFORE) - own).max() > 0.02


def test_lengths(standing):
    points = np.zeros((1, 33, 3))
    for name, place in {
        "left_shoulder": (0.2, 0.5, 0),
        "right_shoulder": (-0.2, 0.5, 0),
        "left_hip": (0.1, 0, 0),
        "right_hip": (-0.1, 0, 0),
        "left_knee": (0.1, -0.4, 0),
        "right_knee": (-0.1, -0.3, 0),
    }.items():
        points[0, FORMAT.names.index(name)] = place
    found = dict(zip(NAMES, lengths(points)[0], strict=True))
    assert found["torso, mm"] == pytest.approx(500)
    assert found["thigh"] == pytest.approx(0.7)
    assert found["shoulders"] == pytest.approx(0.8)
    np.testing.assert_allclose(lengths(3 * points)[0, 1:], lengths(points)[0, 1:])


def test_leans_are_towards_the_camera(standing):
    upright = standing * TO_CAMERA
    turn = axis_angle_to_matrix(torch.tensor([np.radians(10), 0.0, 0.0])).numpy()
    np.testing.assert_allclose(leans(upright @ turn.T) - leans(upright), 10, atol=1e-6)
    top, foot = ((upright @ turn.T)[0, FORMAT.names.index(name), 2] for name in ("nose", "left_ankle"))
    assert top < foot, "the head is nearer"
    assert list(AXIAL) == ["neck", "torso", "thighs", "shins"]


def test_offsets_that_were_put_in_are_found(body):
    people = draw_scenes(body, 0.3 * torch.randn(40, 22, 3), 40, torch.Generator().manual_seed(0))
    put_in = {name: np.array([0.01, -0.02, 0.03]) for name in map(kind, FORMAT.names)}
    put_in["knee"] = np.array([-0.01, 0.03, 0.0])
    axes = bone_axes(people.orient, people.body_pose)
    shift = np.einsum("pkij,kj->pki", axes, np.stack([put_in[kind(name)] for name in FORMAT.names]))
    xy = people.camera.project(people.landmarks + torch.from_numpy(shift).float()).numpy()
    xy[3, 5] += 20.0
    yes = np.ones((40, 33), bool)
    found = offsets(people, TrackedKeypoints(np.arange(40), Keypoints(xy, 1.0 * yes, "mediapipe"), yes, yes))
    for name, offset in put_in.items():
        np.testing.assert_allclose(found[name], offset, atol=0.002, err_msg=name)


def test_moved_landmarks_are_moved_on_both_sides(standing):
    by = {name: np.array([0.01, 0.02, 0.03]) for name in map(kind, FORMAT.names)}
    apart = moved(standing[0], by) - standing[0]
    left, right = FORMAT.indices("left_hip", "right_hip")
    np.testing.assert_allclose(apart[left], [0.01, 0.02, 0.03], atol=1e-7)
    np.testing.assert_allclose(apart[right], [-0.01, 0.02, 0.03], atol=1e-7)


def test_facing_the_middle_centres_people(standing):
    upright = standing * TO_CAMERA
    centred = upright - upright.mean(1, keepdims=True) + (0.0, 0.0, 4.0)
    turn = axis_angle_to_matrix(torch.tensor([0.2, -0.3, 0.0], dtype=torch.float64)).numpy()
    looked_at = sources.facing_the_middle(centred @ turn.T)
    np.testing.assert_allclose(looked_at.mean(1), [[0, 0, 4]], atol=1e-6)
    np.testing.assert_allclose(sources.facing_the_middle(centred), centred, atol=1e-6)


def test_the_document(body, standing, tmp_path, monkeypatch):
    people = draw_scenes(body, torch.zeros(1, 22, 3), 8, torch.Generator().manual_seed(0))
    yes = np.ones((8, 33), bool)
    seen = TrackedKeypoints(np.arange(8), Keypoints(people.xy.numpy(), 1.0 * yes, "mediapipe"), yes, yes)
    upright = standing * TO_CAMERA
    found = sources.Found(SIZE * upright[..., :2], upright, upright, upright, upright)
    monkeypatch.setattr(command, "look", lambda *_: found)
    monkeypatch.setattr(command, "look_at_rendered", lambda *_: (people, seen))
    arguments = ["--photos", "p", "--data", "d", "--out", str(tmp_path), "--cache", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", ["", *arguments])
    tyro.cli(command.main)
    text = (tmp_path / "landmarks.md").read_text()
    thigh = next(line for line in text.splitlines() if line.startswith("| thigh"))
    _, image, metres, views, rendered, before, now, *_ = (cell.strip() for cell in thigh.split("|")[1:])
    assert image == metres == views == rendered == now
    assert float(before) > float(now)
    assert "nan" not in text
