import numpy as np
import pytest

from fitting.inputs.detections import is_ambiguous, is_ghost


def person_at(x, y, size=100.0):
    """All 33 keypoints on an upright stick figure, all seen."""
    rng = np.random.default_rng(0)
    xy = np.array([x, y]) + size * np.column_stack([rng.uniform(-0.2, 0.2, 33), np.linspace(0, 1, 33)])
    return np.column_stack([xy, np.ones(33), np.zeros((33, 3))])


PERSON, SAME, DIFFERENT, OTHER = person_at(100, 50), person_at(101, 51), person_at(108, 50), person_at(250, 50)


def test_a_mixture_of_two_others_is_a_ghost():
    picture = np.zeros((300, 400, 3), np.uint8)
    mixed = np.concatenate([PERSON[:16], OTHER[16:]])
    assert is_ghost(mixed, [PERSON, OTHER], picture)
    assert not is_ghost(mixed, [], picture)
    assert not is_ghost(OTHER, [PERSON], picture)


@pytest.mark.parametrize(
    ("views", "ambiguous"),
    [
        (8 * [[SAME]], False),
        (8 * [[OTHER, SAME]], False),
        (7 * [[SAME]] + [[DIFFERENT]], False),
        (6 * [[SAME]] + 2 * [[DIFFERENT]], True),
        (6 * [[SAME]] + 2 * [[OTHER]], False),
        (7 * [[SAME]] + [[]], False),
        (6 * [[SAME]] + 2 * [[]], True),
        (8 * [[]], True),
    ],
)
def test_people_with_different_detections_in_other_crops_are_ambiguous(views, ambiguous):
    assert is_ambiguous(PERSON, views) is ambiguous


def test_invisible_keypoints_do_not_make_people_ambiguous():
    person, moved = PERSON.copy(), SAME.copy()
    person[20:, 2] = 0.0
    moved[20:, :2] += 50
    assert not is_ambiguous(person, 8 * [[moved]])
