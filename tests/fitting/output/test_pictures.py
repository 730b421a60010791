import dataclasses

import numpy as np
import pytest
import trimesh

from fitting.inputs.images import Photo
from fitting.inputs.keypoints import Keypoints
from fitting.output.fit_result import FitResult
from fitting.output.pictures import cut_around, fit_pictures, paleness

WIDTH, HEIGHT, FOCAL = 200, 120, 150.0


def result_at(x):
    """A box of half a metre, two metres away, ``x`` metres right of the middle of the photo."""
    box = trimesh.creation.box((0.5, 0.5, 0.5))
    around = np.array([WIDTH / 2 + FOCAL * x / 2, HEIGHT / 2])
    xy = around + 10 * np.random.default_rng(0).normal(size=(1, 17, 2))
    return FitResult(
        global_orient=np.zeros(3),
        body_pose=np.zeros((21, 3)),
        betas=np.zeros(10),
        transl=np.array([x, 0.0, 2.0]),
        codes=np.zeros((21, 4), int),
        focal=FOCAL,
        centre=np.array([WIDTH / 2, HEIGHT / 2]),
        image_size=np.array([WIDTH, HEIGHT]),
        keypoints=Keypoints(xy, np.ones((1, 17)), "coco"),
        reprojection_error_px=1.0,
        person_height_px=50.0,
        body="box",
        qposer_version="0",
        vertices=np.array(box.vertices) + np.array([x, 0.0, 2.0]),
        faces=np.array(box.faces),
    )


@pytest.fixture
def photo():
    return Photo(np.full((HEIGHT, WIDTH, 3), 128, np.uint8))


def middle_of_change(picture, photo):
    rows, columns = np.nonzero(np.abs(np.int16(picture) - photo.rgb).max(-1) > 10)
    return columns.mean(), rows.mean()


def test_each_person_is_shown_where_it_is(photo):
    places = (-0.7, 0.6)
    for x, pictures in zip(places, fit_pictures(photo, [result_at(x) for x in places]), strict=True):
        assert set(pictures) == {"overlay", "side", "keypoints"}
        for picture in pictures.values():
            assert picture.dtype == np.uint8
            assert picture.shape[2] == 3
        for name in ("overlay", "keypoints"):
            assert pictures[name].shape == photo.rgb.shape
            assert middle_of_change(pictures[name], photo) == pytest.approx((WIDTH / 2 + FOCAL * x / 2, 60), abs=8)


def test_the_photo_is_left_alone(photo):
    fit_pictures(photo, [result_at(0.0)])
    assert (photo.rgb == 128).all()


@pytest.mark.parametrize("missing", ["vertices", "faces"])
def test_results_without_a_mesh_are_refused(photo, missing):
    with pytest.raises(ValueError, match="this result has no mesh to draw: compute it"):
        fit_pictures(photo, [dataclasses.replace(result_at(0.0), **{missing: None})])


def test_a_cut_shows_the_points_and_a_quarter_of_their_extent_around():
    picture = np.random.default_rng(0).integers(0, 256, (120, 200, 3), dtype=np.uint8)
    cut = cut_around(picture, np.array([[60.0, 50.0], [100.0, 70.0]]))
    np.testing.assert_array_equal(cut, picture[40:80, 50:110])


@pytest.mark.parametrize("xy", [[[-50.0, -50.0], [500.0, 400.0]], [[-90.0, 300.0], [-80.0, 310.0]], [[7.0, 7.0]]])
def test_a_cut_ends_with_the_picture_and_is_never_empty(xy):
    cut = cut_around(np.zeros((120, 200, 3), np.uint8), np.array(xy))
    assert all(0 < cut.shape[axis] <= (120, 200)[axis] for axis in (0, 1))


def joints_at(*points):
    joints = np.tile(np.asarray(points[0], dtype=float), (24, 1))
    joints[: len(points)] = points
    return joints


def test_alternatives_are_drawn_faintly_behind_the_body(photo):
    left, right = (
        dataclasses.replace(result_at(x), joints=joints_at([x, 0.0, 2.0]), probability=0.5) for x in (-0.5, 0.5)
    )
    away = {name: getattr(right, name) + np.array([0.0, 0.0, 1.0]) for name in ("vertices", "joints")}
    both = dataclasses.replace(left, alternatives=(dataclasses.replace(right, **away),))
    without, shown = (fit_pictures(photo, [result])[0] for result in (left, both))
    change = np.abs(np.int16(shown["overlay"]) - without["overlay"]).max(-1)
    columns = np.nonzero(change > 3)[1]
    assert columns.min() > WIDTH / 2
    assert 0 < change.max() < np.abs(np.int16(without["overlay"]) - photo.rgb).max()
    side = np.abs(np.int16(shown["side"]) - without["side"]).max(-1) > 3
    assert side.mean() < 0.01  # the alternative's pelvis is moved to that of the body, which hides it


def test_uncertain_parts_are_paler(photo):
    covariance = np.zeros((22, 3, 3))
    covariance[1] = 0.2**2 * np.eye(3)
    certain = dataclasses.replace(result_at(0.0), joints=joints_at([-0.25, 0.0, 2.0], [0.25, 0.0, 2.0]))
    uncertain = dataclasses.replace(certain, joint_covariance=covariance)
    pale = paleness(uncertain)
    assert pale[certain.vertices[:, 0] > 0].min() > 0.3
    assert pale[certain.vertices[:, 0] < 0].max() < 0.05
    assert paleness(certain) is None
    before, after = (np.int16(fit_pictures(photo, [result])[0]["overlay"]) for result in (certain, uncertain))
    brighter = (after - before)[HEIGHT // 2].sum(-1)
    assert brighter[WIDTH // 2 + 12] > brighter[WIDTH // 2 - 12] + 20
