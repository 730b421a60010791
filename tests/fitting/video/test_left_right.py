"""Left and right over time, on the projections of somebody who walks past."""

import dataclasses

import numpy as np
import pytest

from fitting.inputs.keypoints import FORMATS, Keypoints
from fitting.video.left_right import _orders, exchanged_states, with_steady_sides
from fitting.video.tracked_keypoints import TrackedKeypoints

FRAMES = 40
MIRROR = list(FORMATS["coco"].mirror)


@pytest.fixture(scope="module")
def walk():
    """Keypoints of somebody who turns while walking, with the noise of a detector."""
    rng = np.random.default_rng(0)
    names = FORMATS["coco"].names
    phase = np.linspace(0, 4 * np.pi, FRAMES)
    heights = {"nose": 0, "eye": 0, "ear": 0, "shoulder": 30, "elbow": 60, "wrist": 90, "hip": 90, "knee": 130}
    xy = np.zeros((FRAMES, 17, 2))
    for joint, name in enumerate(names):
        side, _, kind = name.partition("_")
        sign = {"left": 1.0, "right": -1.0}.get(side, 0.0)
        width = 22 * np.cos(phase / 8)  # from the front to the side and to the back
        swing = (kind in ("knee", "ankle", "wrist")) * 15 * np.sin(phase) * sign
        xy[:, joint, 0] = 4 * np.arange(FRAMES) + sign * width + swing
        xy[:, joint, 1] = heights.get(kind or side, 170)
    return xy + rng.normal(0, 1.0, xy.shape)


def exchange(xy, frames, state):
    changed = xy.copy()
    changed[frames] = xy[frames][:, _orders("coco")[state]]
    return changed


@pytest.mark.parametrize(
    ("frames", "state"),
    [([5], 3), ([9, 10, 11], 3), ([4, 30], 1), ([6, 7], 2), ([0], 3), (list(range(25, 31)), 3)],
)
def test_exchanged_labels_are_found(walk, frames, state):
    found = exchanged_states(exchange(walk, frames, state), np.ones((FRAMES, 17)), np.arange(FRAMES), "coco")
    assert np.flatnonzero(found).tolist() == frames
    assert set(found[frames]) == {state}


def test_legs_that_are_exchanged_from_one_crossing_to_the_next(walk):
    """Seen from the side they are at the same place then, and only their velocity tells."""
    names = FORMATS["coco"].names
    legs = [joint for joint, name in enumerate(names) if name.endswith(("knee", "ankle"))]
    sign = np.array([1.0 if names[joint].startswith("left") else -1.0 for joint in legs])
    side = walk.copy()
    phase = np.linspace(0, 4 * np.pi, FRAMES)
    side[:, legs, 0] = 4 * np.arange(FRAMES)[:, None] + 30 * np.sin(phase)[:, None] * sign
    exchanged = list(range(20, 30))
    found = exchanged_states(exchange(side, exchanged, 2), np.ones((FRAMES, 17)), np.arange(FRAMES), "coco")
    assert np.flatnonzero(found & 2).tolist() == exchanged


def test_correct_sides_are_kept(walk):
    assert not exchanged_states(walk, np.ones((FRAMES, 17)), np.arange(FRAMES), "coco").any()


def test_all_arrays_are_corrected(walk):
    world = np.random.default_rng(1).normal(size=(FRAMES, 17, 3))
    confidence = np.tile(np.linspace(0.5, 1.0, 17), (FRAMES, 1))
    right = TrackedKeypoints(Keypoints(walk, confidence, "coco", world), np.arange(FRAMES) + 100, 30.0)
    wrong = right.with_keypoints(
        xy=exchange(walk, [7, 8], 3), confidence=exchange(confidence[..., None], [7, 8], 3)[..., 0],
        world=exchange(world, [7, 8], 3),
    )  # fmt: skip
    found, exchanged = with_steady_sides(wrong)
    assert exchanged.tolist() == [107, 108]
    for name in ("xy", "confidence", "world"):
        np.testing.assert_array_equal(getattr(found.keypoints, name), getattr(right.keypoints, name))


def test_single_frames_and_long_gaps_are_left_as_they_are(walk):
    one = TrackedKeypoints(Keypoints(walk[:1], np.ones((1, 17)), "coco"), np.zeros(1, int), 30.0)
    assert with_steady_sides(one)[0] is one
    two = dataclasses.replace(
        one, keypoints=Keypoints(walk[[0, 0]], np.ones((2, 17)), "coco"), frames=np.array([0, 50])
    )
    swapped = two.with_keypoints(xy=np.stack([walk[0], walk[0][MIRROR]]))
    assert with_steady_sides(swapped)[0] is swapped
