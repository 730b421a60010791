import numpy as np
import pytest

from fitting.inputs.keypoints import Keypoints
from fitting.video.tracking import Track

RNG = np.random.default_rng(0)
SHAPE = RNG.uniform(0, 1, (17, 2))


def people(*places, size=100.0):
    """People of one shape at given positions (left and top), with one size for all or one for each."""
    sizes = np.broadcast_to(size, len(places))
    xy = np.stack([np.array(place) + s * SHAPE for place, s in zip(places, sizes, strict=True)])
    return Keypoints(xy, np.ones(xy.shape[:2]), "coco")


def step(track, found):
    person = track.find(found)
    track.advance(person)
    return person


def at(person):
    return person.boxes[0, :2]


def test_the_largest_is_followed_unless_another_is_chosen():
    crowd = people((0, 0), (300, 0), (600, 0), size=[50.0, 200.0, 100.0])
    for choice, index in ((0, 1), (1, 2), (2, 0)):
        assert np.array_equal(step(Track(choice), crowd).xy[0], crowd.xy[index])


@pytest.mark.parametrize(("point", "index"), [((350, 50), 1), ((-500, 40), 0), ((640, 99), 2)])
def test_a_point_chooses_who_is_there_or_nearest(point, index):
    crowd = people((0, 0), (300, 0), (600, 0))
    assert np.array_equal(step(Track(point), crowd).xy[0], crowd.xy[index])


@pytest.mark.parametrize("choice", [2, -1])
def test_who_is_not_there_cannot_be_chosen(choice):
    with pytest.raises(ValueError, match=rf"there is no person {choice}: the first frame with people shows 2"):
        Track(choice).find(people((0, 0), (300, 0)))


def test_the_person_is_followed_past_another():
    """Two people whose paths cross; steady motion identifies them."""
    track = Track(0)
    for frame in range(40):
        mine, other = (10.0 * frame, 0.0), (390.0 - 10.0 * frame, 30.0)
        found = step(track, people(mine, other, size=[110.0, 100.0]))
        assert found is not None
        assert at(found)[0] == pytest.approx(mine[0] + 110 * SHAPE[:, 0].min())


def test_somebody_elsewhere_is_somebody_else():
    track = Track(0)
    step(track, people((0, 0)))
    assert track.find(people((60, 0))) is None
    assert track.find(people((15, 0))) is not None


def test_who_was_lost_may_be_farther_off():
    track = Track(0)
    step(track, people((0, 0)))
    assert track.find(people((60, 0))) is None
    for _ in range(20):
        step(track, None)
    assert track.missed == 20
    assert track.find(people((60, 0))) is not None
    assert track.find(people((160, 0))) is None


def test_the_box_follows_the_persons_motion():
    track = Track(0)
    assert track.expected() is None
    step(track, people((0, 0)))
    step(track, people((10, 5)))
    assert track.expected() - track.last.boxes[0] == pytest.approx([10, 5, 10, 5])
    step(track, None)
    assert track.expected() == pytest.approx(track.last.boxes[0])


def test_nobody_leaves_the_track_as_it_is():
    track = Track(0)
    assert step(track, None) is None
    assert track.last is None
    assert step(track, people((0, 0))) is not None
    assert track.missed == 0
