import numpy as np
import pytest

from fitting.studio.cameras import FIELD_OF_VIEW, body_view, hand_view
from fitting.studio.editor import Editor
from fitting.studio.parts import FINGERS_OF, HANDS
from qposer import CodePrior
from qposer.body_pose.posed_skeleton import neutral_pose


@pytest.fixture(scope="module")
def prior():
    return CodePrior.from_pretrained()


def sees(position, target, point):
    """Whether a point is in the picture of a square view."""
    forward = (target - position) / np.linalg.norm(target - position)
    way = point - position
    return np.degrees(np.arccos(forward @ way / np.linalg.norm(way))) < np.degrees(FIELD_OF_VIEW) / 2


def hidden(mannequin, standing, position, tip):
    """Whether the skin is near the way to a fingertip."""
    skin = np.concatenate([standing.vertices, standing.vertices[mannequin.faces].mean(axis=1)])
    way = tip - position
    length = np.linalg.norm(way)
    along = (skin - position) @ way / length
    off = np.linalg.norm(skin - position - along[:, None] * way / length, axis=1)
    return bool((off[(along > 0) & (along < length - 0.012)] < 0.002).any())


@pytest.mark.parametrize("hand", HANDS)
@pytest.mark.parametrize(
    ("texts", "most"),
    [
        ([], 0),
        (["raise both arms"], 0),
        (["hands on hips"], 1),
        (["touch the thumb with the little finger"], 0),
    ],
)
def test_a_hand_is_seen_closely_with_its_fingertips(mannequin, prior, hand, texts, most):
    editor = Editor(prior, mannequin)
    for text in texts:
        editor.instruct(text)
    standing = editor.standing()
    position, target = hand_view(mannequin, standing, hand)
    assert np.linalg.norm(position - target) < 0.6
    assert np.linalg.norm(standing.vertices - position, axis=1).min() > 0.1
    tips = [standing.handles[finger] for finger in FINGERS_OF[hand]]
    assert all(sees(position, target, tip) for tip in tips)
    assert sum(hidden(mannequin, standing, position, tip) for tip in tips) <= most


def test_the_whole_body_is_seen_where_it_is(mannequin):
    standing = mannequin.stand(neutral_pose(), (2.0, -1.0))
    position, target = body_view(standing)
    assert sees(position, target, standing.pelvis)
    assert np.linalg.norm(position - standing.pelvis) > 2.5
