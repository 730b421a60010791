"""Hands of tracked people in the frames of a video, with a fake detector."""

from typing import ClassVar

import numpy as np
import pytest

from fitting.inputs.hand_detector import HandDetector
from fitting.inputs.hand_keypoints import HandKeypoints
from fitting.inputs.keypoints import Keypoints
from fitting.video import hand_sightings
from fitting.video.frame_times import Timing
from fitting.video.frames import open_video, writing_video
from fitting.video.hand_sightings import with_hands
from fitting.video.kept_work import KeptWork
from fitting.video.tracked_keypoints import TrackedKeypoints

FRAMES, SIDE = 10, 64


class ToldDetector(HandDetector):
    """Finds the left hand of everybody at the brightness of the picture, but not in dark pictures."""

    calls: ClassVar[list[tuple[int, int]]] = []

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        pass

    def detect(self, rgb, people):
        level = round(float(rgb.mean()) / 20)
        self.calls.append((level, len(people)))
        hands = HandKeypoints.unseen(len(people))
        hands.xy[:, 0] = people.xy[:, :1] + level
        hands.confidence[:, 0] = level > 1
        return hands


@pytest.fixture(autouse=True)
def searched(monkeypatch):
    monkeypatch.setattr(hand_sightings, "HandDetector", ToldDetector)
    monkeypatch.setattr(hand_sightings, "BLOCK", 4)
    ToldDetector.calls = []
    return ToldDetector.calls


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    """Frames that get brighter: 0, 20, 40, ..."""
    path = tmp_path_factory.mktemp("video") / "grey.mp4"
    with writing_video(path, 25.0, (SIDE, SIDE)) as writer:
        for number in range(FRAMES):
            writer.write(np.full((SIDE, SIDE, 3), 20 * number, np.uint8))
    return open_video(path)


def track(place, frames):
    xy = np.full((len(frames), 33, 2), float(place)) + np.arange(33)[:, None]
    seen = Keypoints(xy, np.ones((len(frames), 33)), "mediapipe", np.zeros((len(frames), 33, 3)))
    return TrackedKeypoints(seen, np.array(frames), 25.0)


PEOPLE = (track(10, [1, 2, 3, 5, 6]), track(30, [2, 3, 4]))
EVEN = Timing(25.0, np.arange(FRAMES))


def test_every_frame_of_a_track_has_its_hands(video, searched):
    first, second = with_hands(PEOPLE, video, EVEN, KeptWork())
    assert sorted(searched) == [(1, 1), (2, 2), (3, 2), (4, 1), (5, 1), (6, 1)]
    assert first.keypoints.hands.found.tolist() == [[False, False]] + [[True, False]] * 4
    assert first.keypoints.hands.xy[1:, 0, 0].tolist() == [[10 + level] * 2 for level in (2, 3, 5, 6)]
    assert second.keypoints.hands.xy[:, 0, 0].tolist() == [[30 + level] * 2 for level in (2, 3, 4)]
    for seen, before in zip((first, second), PEOPLE, strict=True):
        assert np.array_equal(seen.keypoints.xy, before.keypoints.xy)


def test_frames_are_found_by_their_numbers(video, searched):
    """The rate varies: the third frame has the number 3, and two frames share the number 5."""
    uneven = Timing(25.0, np.array([0, 1, 3, 4, 5, 5, 6, 7, 8, 9]))
    (seen,) = with_hands(PEOPLE[:1], video, uneven, KeptWork())
    assert sorted(searched) == [(1, 1), (2, 1), (4, 1), (6, 1)]
    assert seen.keypoints.hands.xy[:, 0, 0, 0].tolist() == [0, 0, 12, 14, 16]


def test_finished_blocks_are_kept(video, searched, tmp_path):
    work, steps = KeptWork(tmp_path), []
    first = with_hands(PEOPLE, video, EVEN, work, lambda: steps.append(None))
    assert len(steps) == 8  # the last block shows nobody
    (tmp_path / "hands-detected-000004.npz").unlink()
    searched.clear()
    second = with_hands(PEOPLE, video, EVEN, work)
    assert sorted(searched) == [(4, 1), (5, 1), (6, 1)]
    for one, other in zip(first, second, strict=True):
        for name, array in vars(one.keypoints.hands).items():
            np.testing.assert_array_equal(array, getattr(other.keypoints.hands, name))


def test_other_people_are_searched_again(video, searched, tmp_path):
    with_hands(PEOPLE, video, EVEN, KeptWork(tmp_path))
    searched.clear()
    with_hands(PEOPLE[:1], video, EVEN, KeptWork(tmp_path))
    assert len(searched) == 5
