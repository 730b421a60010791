import numpy as np
import pytest

from fitting.inputs.keypoints import FORMATS, Keypoints
from fitting.video.appearance import COLOURS
from fitting.video.tracking import Tracker, chosen_person

RNG = np.random.default_rng(0)
SHAPE = RNG.uniform(0, 1, (17, 2))
RED, BLUE = np.eye(COLOURS, dtype=np.float32)[[0, 10]]
PLAIN = np.zeros(COLOURS, np.float32)


def people(*places, size=100.0):
    """People of one shape at given positions (left and top), with one size for all or one for each."""
    sizes = np.broadcast_to(size, len(places))
    xy = np.stack([np.array(place) + s * SHAPE for place, s in zip(places, sizes, strict=True)])
    return Keypoints(xy, np.ones(xy.shape[:2]), "coco")


def step(tracker, found, *colours):
    """Numbers of the people found, and who is unsure; of unknown colours unless printed."""
    colours = np.array(colours or [PLAIN] * (0 if found is None else len(found))).reshape(-1, COLOURS)
    numbers, unsure = tracker.assign(found, colours)
    tracker.advance(found, colours, numbers)
    return numbers.tolist(), unsure.tolist()


def test_the_largest_is_followed_unless_another_is_chosen():
    crowd = people((0, 0), (300, 0), (600, 0), size=[50.0, 200.0, 100.0])
    assert [chosen_person(choice, crowd) for choice in (0, 1, 2)] == [1, 2, 0]


@pytest.mark.parametrize(("point", "index"), [((350, 50), 1), ((-500, 40), 0), ((640, 99), 2)])
def test_a_point_selects_the_person_there_or_the_nearest(point, index):
    assert chosen_person(point, people((0, 0), (300, 0), (600, 0))) == index


@pytest.mark.parametrize("choice", [2, -1])
def test_missing_people_cannot_be_chosen(choice):
    with pytest.raises(ValueError, match=rf"there is no person {choice}: the first frame with people shows 2"):
        chosen_person(choice, people((0, 0), (300, 0)))


@pytest.mark.parametrize("colours", [(PLAIN, PLAIN), (RED, RED), (RED, BLUE)], ids=["unknown", "same", "different"])
def test_two_crossing_people_keep_their_numbers(colours):
    tracker = Tracker()
    for frame in range(40):
        places = (10.0 * frame, 0.0), (390.0 - 10.0 * frame, 30.0)
        order = [0, 1] if frame % 3 else [1, 0]
        found = people(*(places[k] for k in order), size=[(110.0, 100.0)[k] for k in order])
        numbers, unsure = step(tracker, found, *(colours[k] for k in order))
        assert numbers == ([1, 0] if frame and order == [0, 1] else [0, 1])  # the first frame has the other order
        if frame < 15:
            assert not any(unsure)


def test_people_hidden_while_crossing_are_recognised_by_motion_and_colours():
    tracker = Tracker()
    for frame in range(40):
        places = [(10.0 * frame, 0.0), (390.0 - 10.0 * frame, 30.0)]
        hidden = 16 <= frame <= 24
        found = people(*places[: 1 if hidden else 2])
        numbers, _ = step(tracker, found, *(RED, BLUE)[: 1 if hidden else 2])
        assert numbers == [0, 1][: 1 if hidden else 2]


def test_a_tie_is_reported():
    tracker = Tracker()
    step(tracker, people((0, 0), (300, 0)))
    assert step(tracker, people((0, 0), (300, 0)))[1] == [False, False]
    tracker = Tracker()
    step(tracker, people((0, 0), (4, 0)))
    assert step(tracker, people((2, 0)))[1] == [True]


def test_different_clothes_or_sizes_start_a_new_track():
    for found, colours in ((people((0, 0)), BLUE), (people((0, 0), size=160.0), RED)):
        tracker = Tracker()
        step(tracker, people((0, 0)), RED)
        assert step(tracker, found, colours)[0] == [1]


def test_a_distant_person_starts_a_new_track():
    for place, number in (((60, 0), 1), ((15, 0), 0)):
        tracker = Tracker()
        step(tracker, people((0, 0)))
        assert step(tracker, people(place))[0] == [number]


def test_exchanged_sides_are_the_same_person():
    tracker = Tracker()
    first = people((0, 0))
    step(tracker, first)
    exchanged = Keypoints(first.xy[:, list(FORMATS["coco"].mirror)], first.confidence, "coco")
    assert step(tracker, exchanged)[0] == [0]


@pytest.mark.parametrize(("place", "number"), [((60, 0), 0), ((160, 0), 1)])
def test_lost_people_may_reappear_farther_away(place, number):
    tracker = Tracker()
    step(tracker, people((0, 0)))
    for _ in range(20):
        step(tracker, None)
    assert tracker.tracks[0].missed == 20
    assert step(tracker, people(place))[0] == [number]


@pytest.mark.parametrize(("colours", "number"), [(RED, 0), (BLUE, 1), (PLAIN, 1)])
def test_after_a_long_absence_only_clothes_identify_a_person(colours, number):
    tracker = Tracker()
    step(tracker, people((0, 0)), RED)
    for _ in range(50):
        step(tracker, None)
    assert step(tracker, people((900, 0)), colours)[0] == [number]


def test_the_box_continues_the_motion_of_the_person():
    tracker = Tracker()
    step(tracker, people((0, 0)))
    step(tracker, people((10, 5)))
    track = tracker.tracks[0]
    assert track.expected() - track.last.boxes[0] == pytest.approx([10, 5, 10, 5])
    before = track.expected()
    step(tracker, None)
    assert (track.expected() > before).all()


def test_numbers_are_not_used_again_after_a_cut():
    tracker = Tracker()
    step(tracker, people((0, 0), (300, 0)))
    tracker.forget()
    assert step(tracker, people((0, 0)))[0] == [2]
