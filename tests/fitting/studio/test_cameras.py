import numpy as np
import pytest

from fitting.studio.cameras import FIELD_OF_VIEW, body_view, hand_view
from fitting.studio.parts import FINGERS_OF, HANDS
from qposer.body_pose.posed_skeleton import neutral_pose


def sees(position, target, point):
    """Whether a point is in the picture of a square view."""
    forward = (target - position) / np.linalg.norm(target - position)
    way = point - position
    return np.degrees(np.arccos(forward @ way / np.linalg.norm(way))) < np.degrees(FIELD_OF_VIEW) / 2


@pytest.mark.parametrize("hand", HANDS)
def test_a_hand_is_seen_closely_and_from_outside_the_body(mannequin, hand):
    standing = mannequin.stand(neutral_pose(), (0.3, -0.2))
    position, target = hand_view(standing, hand)
    assert np.linalg.norm(position - target) < 0.5
    assert np.linalg.norm(standing.vertices - position, axis=1).min() > 0.2
    for finger in FINGERS_OF[hand]:
        tip = standing.handles[finger]
        assert sees(position, target, tip)
        along = np.linspace(0.05, 0.95, 200)[:, None] * (tip - position) + position
        gaps = np.linalg.norm(standing.vertices[:, None] - along[None], axis=-1).min(0)
        near = np.linalg.norm(along - tip, axis=1) < 0.03
        assert gaps[~near].min() > 0.005, finger


def test_the_whole_body_is_seen_where_it_is(mannequin):
    standing = mannequin.stand(neutral_pose(), (2.0, -1.0))
    position, target = body_view(standing)
    assert sees(position, target, standing.pelvis)
    assert np.linalg.norm(position - standing.pelvis) > 2.5
