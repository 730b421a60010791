"""Tracks made of detections: jumps to somebody else, gaps, cuts and what is said of them."""

import dataclasses

import numpy as np
import pytest

from fitting.video.appearance import COLOURS
from fitting.video.footage import Detections, footage

FRAMES = 60
RNG = np.random.default_rng(0)
SHAPE, WORLD = RNG.uniform(0, 100, (33, 2)), RNG.normal(size=(33, 3))
RED, BLUE = np.eye(COLOURS, dtype=np.float32)[[0, 10]]


def detections(frames=range(FRAMES), colours=RED, scale=1.0, number=0):
    """A person who walks to the right."""
    frames = np.array(frames)
    size = np.broadcast_to(scale, len(frames))[:, None, None]
    return Detections(
        frames=frames,
        numbers=np.full(len(frames), number),
        unsure=np.zeros(len(frames), bool),
        xy=size * SHAPE + frames[:, None, None] * 2.0,
        confidence=np.ones((len(frames), 33)),
        world=np.broadcast_to(WORLD, (len(frames), 33, 3)),
        colours=np.broadcast_to(colours, (len(frames), COLOURS)),
        seconds=np.arange(FRAMES) / 30.0,
        cuts=np.zeros(FRAMES, bool),
        shifts=np.full((FRAMES, 2), np.inf),
    )


def both(a, b):
    rows = {"frames", "numbers", "unsure", "xy", "confidence", "world", "colours"}
    return dataclasses.replace(a, **{name: np.concatenate([getattr(a, name), getattr(b, name)]) for name in rows})


def test_one_person_throughout():
    found = footage(detections(), 30.0, None)
    (person,) = found.people
    assert person.frames.tolist() == list(range(FRAMES))
    assert person.notes == ()
    assert person.camera_moves is False
    assert found.when.fps == 30.0


def test_people_are_sorted_by_size_and_false_detections_are_excluded():
    small, chair = detections(scale=0.5), detections(range(3), scale=5.0, number=1)
    large = detections(range(20, FRAMES), scale=2.0, number=2)
    people = footage(both(both(small, chair), large), 30.0, None).people
    assert [person.frames[0] for person in people] == [20, 0]
    assert footage(both(small, large), 30.0, 2).people[0].frames[0] == 20


@pytest.mark.parametrize(
    "changed",
    [
        {"colours": np.where(np.arange(FRAMES)[:, None] < 25, RED, BLUE)},
        {"scale": np.where(np.arange(FRAMES) < 25, 1, 2)},
    ],
)
def test_a_track_that_switches_to_another_person_is_cut(changed):
    detected = detections(**changed)
    people = footage(detected, 30.0, None).people
    assert sorted((person.frames[0], person.frames[-1]) for person in people) == [(0, 24), (25, FRAMES - 1)]
    (one,) = footage(detected, 30.0, 0).people
    assert one.frames[-1] == 24
    assert "cut at frame 25" in one.notes[0]
    assert "not fitted" in one.notes[0]


def test_an_approaching_person_stays_on_one_track():
    (person,) = footage(detections(scale=np.geomspace(1, 3, FRAMES)), 30.0, None).people
    assert len(person.frames) == FRAMES


def test_gaps_ties_and_cuts_are_reported_with_their_frames():
    detected = detections([*range(10), *range(45, 50)])
    unsure, cuts = detected.unsure.copy(), detected.cuts.copy()
    unsure[[3, 4, 5, 8]] = True
    cuts[55] = True
    (person,) = footage(dataclasses.replace(detected, unsure=unsure, cuts=cuts), 30.0, 0).people
    assert [note for note in person.notes if "frames 3-5, 8:" in note]
    assert "out of sight from frame 10 to 44" in person.notes
    assert [note for note in person.notes if "another shot at frame 55" in note]


def test_a_moving_camera_is_recorded_in_the_results():
    detected = detections()
    shifts = detected.shifts.copy()
    shifts[::8] = (0.01, 0.0)
    assert footage(dataclasses.replace(detected, shifts=shifts), 30.0, 0).people[0].camera_moves is True
    shifts[::8] = np.nan
    assert footage(dataclasses.replace(detected, shifts=shifts), 30.0, 0).people[0].camera_moves is None
