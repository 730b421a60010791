"""Which detections of a frame are kept."""

import numpy as np
import pytest

from fitting.inputs.keypoints import Keypoints
from fitting.video.sightings import _central_first, _merged

SHAPE = np.random.default_rng(0).uniform(0, 100, (33, 2))


def people(*places):
    xy = np.stack([SHAPE + np.array([place, 0.0]) for place in places])
    return Keypoints(xy, np.ones(xy.shape[:2]), "mediapipe", np.zeros((len(xy), 33, 3)))


def lefts(found):
    return (found.xy[:, 0, 0] - SHAPE[0, 0]).tolist()


def test_every_person_is_kept_once():
    found = _merged([people(0, 300), None, people(304, 600)])
    assert lefts(found) == pytest.approx([0, 300, 600], abs=1e-3)
    assert _merged([None, None]) is None


def test_the_person_nearest_to_the_centre_of_a_box_comes_first():
    """Beside somebody else's box people are cut off."""
    a, b = people(0).boxes[0], people(300).boxes[0]
    found = _central_first([(a, people(303, 1)), (b, people(300)), (b, None)])
    assert lefts(_merged(found)) == pytest.approx([1, 300], abs=1e-3)
