"""Scenes, pictures of them, detections that are kept, and errors of fits."""

import sys

import numpy as np
import pytest
import torch
import tyro

from benchmarks.cache import Cache
from benchmarks.rendered import __main__ as command
from benchmarks.rendered import fits, pictures, sightings
from benchmarks.rendered.pictures import show
from benchmarks.rendered.scenes import CAMERA_PITCH, CUT_SHARE, SIZE, draw_scenes
from benchmarks.rendered.sightings import detected, mistaken
from fitting.body.body import Body
from fitting.fit import Fitter
from fitting.inputs.keypoints import FORMATS
from qposer.io.npz import write_npz

PEOPLE = 200


@pytest.fixture(scope="module")
def scenes():
    return draw_scenes(Body.open(), torch.zeros(5, 22, 3), PEOPLE, torch.Generator().manual_seed(0))


def true_sightings(people, chosen, seed):
    """A detector that finds everybody where they are, but for one."""
    rows = [person for person in chosen if person != 1]
    everywhere = [[True] * 33] * len(rows)
    xy = people.xy[rows].tolist()
    world = torch.zeros(len(rows), 33, 3).tolist()
    confidence = torch.ones(len(rows), 33).tolist()
    found = {"person": rows, "xy": xy, "confidence": confidence, "world": world}
    return found | {"visible": everywhere, "inside": everywhere}


def test_people_stand_before_cameras_near_eye_level(scenes):
    assert (scenes.landmarks[..., 2] > 0.3).all()
    up = scenes.orient[:, :, 1]
    looks_down = torch.atan2(-up[:, 2], -up[:, 1])
    assert looks_down.mean() == pytest.approx(-CAMERA_PITCH, abs=0.03)
    whole = ((scenes.xy > 0) & (scenes.xy < SIZE)).all(-1).all(-1).float().mean()
    assert whole == pytest.approx(1 - CUT_SHARE, abs=0.12)
    assert 0.25 < (scenes.facing > 0.5).float().mean() < 0.45
    heads = ((scenes.xy[:, 0] > 0) & (scenes.xy[:, 0] < SIZE)).all(-1)
    assert heads.float().mean() > 0.9


def test_equal_seeds_draw_equal_scenes_and_pictures(scenes, monkeypatch):
    monkeypatch.setattr(pictures, "SIZE", 200)  # the middle of the picture is enough
    again = draw_scenes(Body.open(), torch.zeros(5, 22, 3), PEOPLE, torch.Generator().manual_seed(0))
    assert torch.equal(again.orient, scenes.orient)
    first, second, other = show(scenes, 3, 0), show(again, 3, 0), show(scenes, 3, 1)
    np.testing.assert_array_equal(first.picture, second.picture)
    assert (first.picture != other.picture).any()
    assert first.picture.shape == (200, 200, 3)
    assert first.picture.dtype == np.uint8
    assert (first.inside | ~first.visible).all()


def test_the_far_side_of_a_body_is_not_visible(scenes):
    whole = ((scenes.xy > 0) & (scenes.xy < SIZE)).all(-1).all(-1)
    person = int((scenes.facing.abs() + 2.0 * ~whole).argmin())  # from the side
    visible, _ = pictures._visible(scenes, person, pictures._mesh(scenes, person))
    knees = [FORMATS["mediapipe"].names.index(f"{side}_knee") for side in ("left", "right")]
    near, far = sorted(knees, key=lambda knee: scenes.landmarks[person, knee, 2].item())
    assert visible[near]
    assert not visible[far]


def test_a_box_covers_the_landmarks_under_it(scenes):
    black = np.zeros((SIZE, SIZE, 3), np.uint8)
    xy = scenes.xy[0].numpy()
    shown = [pictures._with_box(black, xy, 400.0, np.random.default_rng(seed)) for seed in range(4)]
    pixels = np.clip(xy.astype(int), 0, SIZE - 1)
    assert any(covered.any() for _, covered in shown)
    for picture, covered in shown:
        assert (picture[pixels[covered, 1], pixels[covered, 0]].sum(-1) > 0).all()
    assert not black.any()


def test_detections_are_kept_in_parts(scenes, tmp_path, monkeypatch):
    looked = []

    def look(people, chosen, seed):
        looked.append(chosen)
        return true_sightings(people, chosen, seed)

    monkeypatch.setattr(sightings, "_look", look)
    found = detected(scenes, 0, "these", Cache(tmp_path))
    assert [(part.start, part.stop) for part in looked] == [(0, 50), (50, 100), (100, 150), (150, 200)]
    again = detected(scenes, 0, "these", Cache(tmp_path))
    assert len(looked) == 4
    assert found.digest == again.digest
    assert found.person.tolist() == [0, *range(2, PEOPLE)]
    np.testing.assert_allclose(found.keypoints.xy, scenes.xy[found.person].numpy(), rtol=1e-5)
    detected(scenes, 1, "these", Cache(tmp_path))
    assert len(looked) == 8


def test_nobody_found_is_an_error(scenes, tmp_path, monkeypatch):
    nobody = {name: [] for name in ("person", "xy", "confidence", "world", "visible", "inside")}
    monkeypatch.setattr(sightings, "_look", lambda *_: nobody)
    with pytest.raises(ValueError, match="none of 200 people"):
        detected(scenes, 0, "these", Cache(tmp_path))


def test_large_errors_are_failed_detections():
    truth = np.zeros((2, 33, 2))
    xy = truth.copy()
    xy[0, :20], xy[1, :10] = 50.0, 50.0
    inside = np.ones((2, 33), bool)
    assert mistaken(xy, truth, inside, np.full(2, 400.0)).tolist() == [True, False]
    inside[0, :10] = False
    assert mistaken(xy, truth, inside, np.full(2, 400.0)).tolist() == [False, False]


def test_fits_of_exact_keypoints_are_near_the_truth(scenes, monkeypatch, tmp_path):
    monkeypatch.setattr(sightings, "_look", true_sightings)
    monkeypatch.setattr(sightings, "PART", 4)
    few = draw_scenes(Body.open(), torch.zeros(5, 22, 3), 4, torch.Generator().manual_seed(1))
    seen = detected(few, 0, "few", Cache(tmp_path))
    result = fits.measure(Fitter(), few, seen, "true")
    assert len(result["mpjpe"]) == 3
    assert np.mean(result["pa_mpjpe"]) < 60
    assert np.mean(result["percent_2d"]) < 3
    table = fits.table(few, seen, {"true": result})
    assert table.rows[0][:2] == ["true focal length, all", "3"]


def test_the_command_writes_the_document(tmp_path, monkeypatch):
    subject = np.array(["01"] * 8)
    columns = {"sequence": np.array(["a"] * 8), "frame": np.arange(8, dtype=np.int32), "source": np.array(["x"] * 8)}
    write_npz(tmp_path / "poses.npz", {"pose": np.zeros((8, 24, 3), np.float32), "subject": subject, **columns})
    monkeypatch.setattr(sightings, "_look", true_sightings)
    made_up = {name: [1.0] * 5 for name in fits.FIGURES}
    monkeypatch.setattr(fits, "measure", lambda *_: made_up)
    arguments = f"--data {tmp_path}/poses.npz --out {tmp_path}/docs --cache {tmp_path}/cache --number 6"
    monkeypatch.setattr(sys, "argv", ["rendered", *arguments.split()])
    tyro.cli(command.main)
    text = (tmp_path / "docs" / "rendered.md").read_text()
    assert "Detected: 5 of 6 people; 0 of these detections failed" in text
    assert "| assumed focal length, all | 5 | 1.0 [1.0, 1.0] |" in text
