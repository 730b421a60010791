import dataclasses

import numpy as np
import pytest

from fitting.inputs.keypoints import FORMATS
from fitting.views.matching import facing_forward, match_people
from fitting.views.rig import Rig


@pytest.fixture
def views(cameras, truth):
    """Person 0 in all four views."""
    return [truth.seen_by(camera, [0]) for camera in cameras]


def test_all_views_make_one_person(cameras, truth, views):
    (person,) = match_people(Rig.of(cameras), views, 3)
    assert person.person.tolist() == [0, 0, 0, 0]
    assert not person.exchanged.any()
    assert person.agrees.all()
    np.testing.assert_allclose(person.points, truth.landmarks[0], atol=1e-3)


def test_people_are_distinguished_in_any_order(cameras, truth):
    views = [truth.seen_by(camera, order) for camera, order in zip(cameras, ([0, 1], [1, 0], [0, 1], [1]), strict=True)]
    found = match_people(Rig.of(cameras), views, 5)
    assert len(found) == 2
    by_person = sorted(found, key=lambda one: np.abs(one.points - truth.landmarks[0]).mean())
    assert by_person[0].person.tolist() == [0, 1, 0, -1]
    assert by_person[1].person.tolist() == [1, 0, 1, 0]
    np.testing.assert_allclose(by_person[1].points, truth.landmarks[1], atol=1e-3)


def test_one_person_is_enough_if_one_is_requested(cameras, truth):
    views = [truth.seen_by(camera) for camera in cameras]
    assert len(match_people(Rig.of(cameras), views, 1)) == 1


@pytest.mark.parametrize("view", range(4))
def test_a_view_with_left_and_right_swapped_is_corrected(cameras, truth, views, view, exchanged):
    views[view] = exchanged(views[view])
    (person,) = match_people(Rig.of(cameras), views, 1)
    assert person.exchanged.tolist() == [number == view for number in range(4)]
    np.testing.assert_allclose(person.points, truth.landmarks[0], atol=1e-3)


@pytest.mark.parametrize("view", [0, 1])
def test_of_two_views_face_and_feet_determine_which_is_swapped(cameras, truth, views, view, exchanged):
    views[view] = exchanged(views[view])
    (person,) = match_people(Rig.of(cameras[:2]), views[:2], 1)
    assert person.exchanged.tolist() == [number == view for number in range(2)]
    np.testing.assert_allclose(person.points, truth.landmarks[0], atol=1e-3)


def test_a_mirrored_view_is_left_out(cameras, truth, views, in_a_mirror):
    moved = dataclasses.replace(views[2], xy=views[2].xy + np.float32([150, 0]))  # not in the middle of the picture
    views[2] = in_a_mirror(moved)
    (person,) = match_people(Rig.of(cameras), views, 1)
    assert person.person.tolist() == [0, 0, -1, 0]
    np.testing.assert_allclose(person.points, truth.landmarks[0], atol=1e-3)


def test_a_wrong_keypoint_of_one_view_does_not_count(cameras, truth, views):
    xy = views[1].xy.copy()
    xy[0, 15] += 300
    views[1] = dataclasses.replace(views[1], xy=xy)
    (person,) = match_people(Rig.of(cameras), views, 1)
    assert not person.agrees[1, 15]
    assert person.agrees.sum() == 4 * 33 - 1
    np.testing.assert_allclose(person.points, truth.landmarks[0], atol=1e-3)


def test_keypoints_of_a_single_view_are_not_triangulated(cameras, views):
    confidence = np.ones((1, 33))
    confidence[:, 15] = 0
    views[1:] = [dataclasses.replace(view, confidence=confidence) for view in views[1:]]
    (person,) = match_people(Rig.of(cameras), views, 1)
    assert person.point_confidence[15] == 0
    assert person.confidence[0, 15] == 1
    assert (np.delete(person.point_confidence, 15) == 1).all()


def test_views_without_people_are_skipped(cameras, views):
    (person,) = match_people(Rig.of(cameras), [views[0], None, views[2], None], 1)
    assert person.person.tolist() == [0, -1, 0, -1]
    assert match_people(Rig.of(cameras), [views[0], None, None, None], 1) == []


@pytest.mark.parametrize("format", ["mediapipe", "openpose"])
def test_the_front_is_where_nose_and_toes_point(fitter, format):
    import torch

    points = fitter.body.landmarks(torch.zeros(1, 3), torch.zeros(1, 21, 3), format=format)[0].numpy()
    known = np.ones(len(points), bool)
    assert facing_forward(points, known, format) > 0.05
    assert facing_forward(points[list(FORMATS[format].mirror)], known, format) < -0.05
    assert facing_forward(points, ~known, format) == 0.0
    known[[joint for joint, name in enumerate(FORMATS[format].names) if "ear" in name]] = False
    assert facing_forward(points, known, format) > 0.1, "by the feet"
    assert facing_forward(points[list(FORMATS[format].mirror)], known, format) < -0.1
