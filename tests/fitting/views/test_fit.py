import dataclasses

import numpy as np
import pytest
import torch

from fitting import fit_views
from fitting.fit import Fitter
from fitting.inputs.keypoints import FORMATS, Keypoints
from fitting.optimise.settings import FitSettings
from fitting.output.body_result import BodyResult
from fitting.terms.shape import Shape
from fitting.views import exports
from qposer.body_pose.rotations import axis_angle_to_matrix

WITHIN = 0.025
"""Metres."""


def off(result, truth, person=0):
    return np.linalg.norm(result.joints - truth.joints[person], axis=-1)[:22].mean()


@pytest.fixture(scope="module")
def exact(fitter, cameras, truth):
    return fitter.fit_views([truth.seen_by(camera) for camera in cameras], cameras, people=3)


def test_people_are_found_in_world_axes(exact, truth):
    assert len(exact) == 2
    order = np.argsort([off(result, truth) for result in exact])
    for person, number in enumerate(order):
        assert off(exact[number], truth, person) < WITHIN
        assert exact[number].warnings == ()
        assert exact[number].up == "z"
        assert exact[number].reprojection_error_percent < 1


def test_results_are_of_the_family_and_their_parameters_give_the_joints(fitter, exact):
    for result in exact:
        assert isinstance(result, BodyResult)
        given = (result.global_orient, result.body_pose, result.betas, result.transl)
        output = fitter.body(*(torch.from_numpy(value)[None] for value in given))
        np.testing.assert_allclose(output.joints[0].numpy(), result.joints, atol=2e-3)
        np.testing.assert_allclose(output.vertices[0].numpy(), result.vertices, atol=2e-3)


def test_the_refinement_uses_keypoints_of_single_views(fitter, cameras, truth):
    """Only the first view sees the left arm and hand, and the fit matches it."""
    limb = {f"left_{part}" for part in ("elbow", "wrist", "pinky", "index", "thumb")}
    arm = [joint for joint, name in enumerate(truth.seen_by(cameras[0]).names) if name in limb]
    views = [truth.seen_by(camera, [0]) for camera in cameras[:3]]
    hidden = views[0].confidence.copy()
    hidden[:, arm] = 0
    shown = [views[0], *(dataclasses.replace(view, confidence=hidden) for view in views[1:])]
    (result,) = fitter.fit_views(shown, cameras[:3])
    (none,) = fitter.fit_views([dataclasses.replace(view, confidence=hidden) for view in views], cameras[:3])
    wrist = 20

    def aside(one):
        seen = (one.joints[wrist] - truth.joints[0, wrist]) @ cameras[0].rotation.T
        return np.linalg.norm(seen[:2])

    assert aside(result) < 0.03 < aside(none)


def test_distortion_is_respected(fitter, camera_at, truth):
    lenses = [
        camera_at("a", (3, 0, 1.5), (-0.25, 0.08, 0.001, -0.001)),
        camera_at("b", (0, 3.4, 1), (0.2, -0.05, 0, 0)),
    ]
    (result,) = fitter.fit_views([truth.seen_by(camera, [0]) for camera in lenses], lenses)
    assert off(result, truth) < WITHIN
    assert result.reprojection_error_percent < 1


def test_swapped_and_mirrored_views_cost_little_and_are_named(fitter, cameras, truth, exchanged, in_a_mirror):
    views = [truth.seen_by(camera, [0]) for camera in cameras]
    moved = dataclasses.replace(views[3], xy=views[3].xy + np.float32([150, 0]))
    wrong = [views[0], exchanged(views[1]), views[2], in_a_mirror(moved)]
    (result,) = fitter.fit_views(wrong, cameras)
    assert off(result, truth) < WITHIN
    reported = " ".join(result.warnings)
    assert "left and right were swapped in view b" in reported
    assert "view d was rejected: nobody in it agrees with the other views" in reported
    assert [view.state for view in result.views] == ["used", "used", "used", "rejected"]
    mirrored_back = views[1].xy
    np.testing.assert_array_equal(result.views[1].keypoints.xy, mirrored_back)


def test_noise_is_averaged(fitter, cameras, truth):
    views = [truth.seen_by(camera, [0], noise=8.0, seed=number) for number, camera in enumerate(cameras)]
    (result,) = fitter.fit_views(views, cameras)
    assert off(result, truth) < 0.04


@pytest.mark.parametrize("up", ["y", "-x"])
def test_worlds_of_other_axes(fitter, cameras, truth, up):
    """The same cameras in a world with other axes."""
    to_z = {"y": np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0.0]]), "-x": np.array([[0, 0, 1], [0, 1, 0], [-1, 0, 0.0]])}[
        up
    ]
    turned = [dataclasses.replace(camera, rotation=camera.rotation @ to_z) for camera in cameras]
    views = [truth.seen_by(camera, [0]) for camera in cameras]
    (result,) = fitter.fit_views(views, turned)
    assert result.up == up, "from the cameras' orientations"
    assert np.linalg.norm(result.joints @ to_z.T - truth.joints[0], axis=-1)[:22].mean() < WITHIN


def test_one_call_with_residual_rotations(cameras, truth, quick):
    views = [truth.seen_by(camera, [0]) for camera in cameras[:2]]
    (result,) = fit_views(views, cameras[:2], settings=FitSettings(residual=True))
    assert np.isfinite(result.joints).all()


def two(cameras, truth):
    return [truth.seen_by(camera, [0]) for camera in cameras[:2]], list(cameras[:2])


def test_wrong_input_is_reported(fitter, cameras, truth):
    views, pair = two(cameras, truth)
    coco = Keypoints(np.random.default_rng(0).uniform(400, 600, (1, 17, 2)), np.ones((1, 17)), "coco")
    cases = [
        ((views[:1], pair[:1]), {}, "at least two cameras"),
        ((views, cameras), {}, "2 views and 4 cameras"),
        (([views[0], None], pair), {}, "seen only by camera a"),
        (([None, None], pair), {}, "nobody in any view"),
        (([views[0], coco], pair), {}, "different formats"),
        ((views, pair), {"people": 0}, "at least 1, not 0"),
        ((views, pair), {"up": "w"}, "up must be one of"),
        ((views, [pair[0], dataclasses.replace(pair[0], name="b")]), {}, "same position"),
    ]
    for given, options, message in cases:
        with pytest.raises(ValueError, match=message):
            fitter.fit_views(*given, **options)


def test_keypoints_outside_the_picture_are_reported_with_the_camera(fitter, cameras, truth):
    views, pair = two(cameras, truth)
    small = [pair[0], dataclasses.replace(pair[1], size=(200, 200))]
    with pytest.raises(ValueError, match="view b: most keypoints of person 0 lie outside the 200 x 200 image"):
        fitter.fit_views(views, small)


def test_inconsistent_calibrations_are_reported(fitter, cameras, truth):
    views, pair = two(cameras, truth)
    inches = [dataclasses.replace(camera, translation=1000 * camera.translation) for camera in pair]
    with pytest.raises(ValueError, match="must be in metres"):
        fitter.fit_views(views, inches)
    higher = dataclasses.replace(views[1], xy=views[1].xy - np.float32([0, 300]))
    with pytest.raises(ValueError, match="no two views agree on a person"):
        fitter.fit_views([views[0], higher], pair)
    backwards = [
        dataclasses.replace(
            c, rotation=np.diag([1, -1, -1.0]) @ c.rotation, translation=np.diag([1, -1, -1.0]) @ c.translation
        )
        for c in pair
    ]
    with pytest.raises(ValueError, match="behind the cameras"):
        fitter.fit_views(views, backwards)


def test_a_camera_that_faces_away_is_named(fitter, cameras, truth):
    views = [truth.seen_by(camera, [0]) for camera in cameras]
    flip = np.diag([-1.0, 1.0, -1.0])
    away = dataclasses.replace(
        cameras[2], rotation=flip @ cameras[2].rotation, translation=flip @ cameras[2].translation
    )
    (result,) = fitter.fit_views(views, [*cameras[:2], away, cameras[3]])
    assert "view c was rejected: the person would be behind the camera" in " ".join(result.warnings)
    assert off(result, truth) < WITHIN


CAMERA_AXES = {"terms": (Shape(torch.ones(1)),), "camera_height": 1.5, "camera_pitch": 10.0}


@pytest.mark.parametrize("name", CAMERA_AXES)
def test_settings_of_a_photo_are_refused(cameras, truth, fitter, name):
    settings = FitSettings(**{name: CAMERA_AXES[name]})
    other = Fitter(fitter.body, fitter.prior, settings, regressor=fitter.regressor)
    with pytest.raises(ValueError, match="for one photo"):
        other.fit_views(*two(cameras, truth))
    with pytest.raises(ValueError, match="for one photo"):
        other.fit_keypoints_3d(truth.landmarks)


def test_statements_hold_in_views(cameras, truth, fitter):
    """An arm that no camera sees is where the statement says."""
    settings = FitSettings(holds=("left hand on the left hip",))
    other = Fitter(fitter.body, fitter.prior, settings, regressor=fitter.regressor)
    names = FORMATS["mediapipe"].names
    arm = [names.index(f"left_{name}") for name in ("elbow", "wrist", "pinky", "index", "thumb")]
    views = [truth.seen_by(camera, [0]) for camera in cameras]
    for view in views:
        view.confidence[:, arm] = 0.0

    def away(result):
        found = fitter.body.landmarks(
            *(
                torch.from_numpy(getattr(result, name))[None]
                for name in ("global_orient", "body_pose", "betas", "transl")
            )
        )[0]
        return (found[names.index("left_index")] - found[names.index("left_hip")]).norm().item()

    assert away(other.fit_views(views, cameras)[0]) < 0.25 < away(fitter.fit_views(views, cameras)[0])


def test_the_front_view_shows_the_front_and_pictures_have_names_of_files(cameras, truth, fitter, monkeypatch):
    views = [truth.seen_by(camera, [0]) for camera in cameras]
    named = [dataclasses.replace(camera, name=f"cams/{camera.name}") for camera in cameras]
    (result,) = fitter.fit_views(views, named)
    monkeypatch.setattr(exports, "view", lambda mesh, yaw: yaw)
    pictures = exports.drawn(result, named, [np.zeros((1920, 1080, 3), np.uint8)] * 4)
    assert {*pictures} == {*(f"overlay_cams_{name}" for name in "abcd"), "front", "side"}
    ahead = exports.in_upright_camera(axis_angle_to_matrix(torch.from_numpy(result.global_orient)).numpy()[:, 2], "z")
    cos, sin = np.cos(pictures["front"]), np.sin(pictures["front"])
    assert ahead[0] * cos + ahead[2] * sin == pytest.approx(0, abs=1e-6)  # as `view` rotates
    assert ahead[2] * cos - ahead[0] * sin < 0
