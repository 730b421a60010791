"""Fits of bodies with known pose, position and camera; those of a real photo are in ``tests/fitting/commands``."""

import dataclasses
import json
import math
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from fitting import fit_image, fit_keypoints, photos
from fitting.body.body import Body
from fitting.fit import Fitter
from fitting.inputs.camera import Camera
from fitting.inputs.focal import default_focal
from fitting.inputs.images import Photo
from fitting.inputs.keypoints import FORMATS, Keypoints
from fitting.optimise import schedule
from fitting.optimise.problem import Weights
from fitting.optimise.schedule import total_steps
from fitting.optimise.settings import FitSettings
from qposer.body_pose.posed_skeleton import OrientedPose, PosedSkeleton
from qposer.body_pose.rotations import axis_angle_to_matrix, geodesic_angle
from qposer.body_pose.skeleton import BODY_JOINT_NAMES
from qposer.control.collisions import penetration

SIZE = (1920, 1080)
FOCAL = 1700.0

WALK = {
    "left_shoulder": (0, 0, -1.2),
    "right_shoulder": (0, 0, 1.2),
    "left_elbow": (0, -0.4, 0),
    "right_elbow": (0, 0.5, 0),
    "left_hip": (-0.5, 0, 0),
    "right_hip": (0.3, 0, 0),
    "left_knee": (0.2, 0, 0),
    "right_knee": (0.6, 0, 0),
}
WAVE = {"left_shoulder": (0, 0, -1.2), "right_shoulder": (0, 0, -0.6), "right_elbow": (0, 0.8, 0)}
SQUAT = {
    "left_shoulder": (0, -0.9, -0.4),
    "right_shoulder": (0, 0.9, 0.4),
    "left_hip": (-1.2, 0, 0.2),
    "right_hip": (-1.2, 0, -0.2),
    "left_knee": (1.5, 0, 0),
    "right_knee": (1.5, 0, 0),
}

# pose, degrees that the person has turned from facing the camera, position of the pelvis in metres
PEOPLE = [
    (WALK, 0, (-1.5, 0.2, 5.0)),
    (WALK, 180, (1.5, 0.0, 5.5)),
    (WAVE, 90, (-2.0, 0.3, 7.0)),
    (WAVE, -10, (0.3, 0.6, 4.0)),
    (SQUAT, 20, (2.5, -0.4, 6.0)),
]
UPPER_BODY = 3
"""Index of the person with unseen legs."""

LEGS = ("knee", "ankle", "heel", "foot_index", "toe")


@dataclasses.dataclass(frozen=True)
class Truth:
    orient: torch.Tensor
    body_pose: torch.Tensor
    transl: torch.Tensor


def matrices(pose):
    axis_angle = torch.zeros(21, 3)
    for name, rotation in pose.items():
        axis_angle[BODY_JOINT_NAMES.index(name)] = torch.tensor(rotation)
    return axis_angle_to_matrix(axis_angle)


def orientation(turn):
    upright, turned = torch.tensor([math.pi, 0, 0]), torch.tensor([0, math.radians(turn), 0])
    return axis_angle_to_matrix(upright) @ axis_angle_to_matrix(turned)


@pytest.fixture(scope="module")
def truth(fitter):
    """Poses decoded from codes."""
    body_pose = fitter.model.reconstruct(torch.stack([matrices(pose) for pose, _, _ in PEOPLE]))
    orient = torch.stack([orientation(turn) for _, turn, _ in PEOPLE])
    pelvis = fitter.body(torch.zeros(1, 3), torch.zeros(1, 21, 3)).joints[0, 0]
    return Truth(orient, body_pose, torch.tensor([place for _, _, place in PEOPLE]) - pelvis)


def seen_by_camera(fitter, truth, format="mediapipe"):
    """Exact keypoints, except for the legs of one person."""
    landmarks = fitter.body.landmarks(truth.orient, truth.body_pose, None, truth.transl, format=format)
    xy = Camera.for_image(*SIZE, FOCAL, batch=len(landmarks)).project(landmarks).numpy()
    confidence = np.ones(xy.shape[:2])
    legs = [k for k, name in enumerate(FORMATS[format].names) if name.endswith(LEGS)]
    xy[UPPER_BODY, legs], confidence[UPPER_BODY, legs] = np.nan, 0.0
    return Keypoints(xy, confidence, format)


@pytest.fixture(scope="module")
def keypoints(fitter, truth):
    return seen_by_camera(fitter, truth)


@pytest.fixture(scope="module")
def results(fitter, keypoints):
    """All people in one batch."""
    return fitter.fit_keypoints(keypoints, SIZE, focal=FOCAL)


def degrees_between(result, orient):
    found = axis_angle_to_matrix(torch.from_numpy(result.global_orient))
    return math.degrees(geodesic_angle(found, orient))


def projected(result, format="mediapipe"):
    parameters = (result.global_orient, result.body_pose, result.betas, result.transl)
    landmarks = Body.open().landmarks(*(torch.from_numpy(value)[None] for value in parameters), format=format)
    return Camera.for_image(*result.image_size.tolist(), result.focal).project(landmarks)[0].numpy()


def test_people_are_found_where_they_are(results, truth):
    assert len(results) == len(PEOPLE)
    for person, (result, transl) in enumerate(zip(results, truth.transl, strict=True)):
        assert result.reprojection_error_percent < 1.5
        assert degrees_between(result, truth.orient[person]) < (60 if person == UPPER_BODY else 40)
        np.testing.assert_allclose(result.transl[:2] / result.transl[2], transl[:2] / transl[2], atol=0.05)
        assert result.transl[2] == pytest.approx(transl[2].item(), rel=0.2)


def test_joints_that_are_seen_are_near_the_true_ones(fitter, results, truth):
    true = fitter.body(truth.orient, truth.body_pose, None, truth.transl).joints.numpy()
    for person, result in enumerate(results):
        if person != UPPER_BODY:
            distance = np.linalg.norm((result.joints - result.joints[0]) - (true[person] - true[person, 0]), axis=-1)
            assert distance[:22].mean() < 0.2


def test_errors_and_heights_match_their_definitions(keypoints, results):
    for person, result in enumerate(results):
        seen = keypoints.seen[person]
        distance = np.linalg.norm(projected(result) - keypoints.xy[person], axis=-1)[seen]
        weighted = np.average(distance, weights=keypoints.confidence[person, seen])
        assert result.reprojection_error_px == pytest.approx(weighted, abs=0.05)
        assert result.person_height_px == pytest.approx(FOCAL * 1.69 / result.transl[2], rel=0.15)


def test_results_are_those_of_their_codes(fitter, results):
    codes = torch.from_numpy(np.stack([result.codes for result in results]))
    decoded = fitter.model.decode(codes)
    found = axis_angle_to_matrix(torch.from_numpy(np.stack([result.body_pose for result in results])))
    assert geodesic_angle(found, decoded).max() < 1e-3


def test_meshes_and_joints_are_those_of_the_parameters(fitter, results):
    for result in results:
        parameters = (result.global_orient, result.body_pose, result.betas, result.transl)
        output = fitter.body(*(torch.from_numpy(value)[None] for value in parameters))
        np.testing.assert_allclose(result.vertices, output.vertices[0], atol=1e-4)
        np.testing.assert_allclose(result.joints, output.joints[0], atol=1e-4)
        assert result.faces.max() == len(result.vertices) - 1


def test_a_fit_does_not_depend_on_other_people_in_the_photo(fitter, keypoints, results):
    """Exactly equal for batches of the same size; in smaller ones the products round differently."""
    chosen = results[4]
    others = fitter.fit_keypoints(keypoints[[1, 1, 1, 1, 4]], SIZE, focal=FOCAL)
    assert np.abs(others[4].vertices - chosen.vertices).max() < 1e-3
    (alone,) = fitter.fit_keypoints(keypoints[4], SIZE, focal=FOCAL)
    assert np.linalg.norm(alone.vertices - chosen.vertices, axis=-1).mean() < 0.0015


def test_many_people_are_shared_out_among_threads(fitter, keypoints, results, monkeypatch):
    monkeypatch.setattr(photos, "SHARE", 2)
    threads, steps_seen = torch.get_num_threads(), []
    torch.set_num_threads(2)
    try:
        shared = fitter.fit_keypoints(keypoints, SIZE, focal=FOCAL, on_step=lambda: steps_seen.append(None))
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)
    assert len(steps_seen) == schedule.SCHEDULE.steps
    pairs = zip(shared, results, strict=True)
    apart = [np.linalg.norm(one.vertices - other.vertices, axis=-1).mean() for one, other in pairs]
    assert np.median(apart) < 1e-4
    assert max(apart) < 0.005, "a latent half way between two codes may go to either"


def test_threads_sharing_a_fitter_get_the_same_results(fitter, keypoints):
    people = [keypoints[[0]], keypoints[[4]]]
    alone = [fitter.fit_keypoints(person, SIZE, focal=FOCAL)[0] for person in people]
    together = threading.Barrier(2)

    def fit_at_once(person):
        together.wait()
        return fitter.fit_keypoints(person, SIZE, focal=FOCAL)[0]

    with ThreadPoolExecutor(2) as pool:
        for _ in range(3):
            for one, other in zip(pool.map(fit_at_once, people), alone, strict=True):
                assert np.abs(one.vertices - other.vertices).max() < 1e-4
                assert np.array_equal(one.codes, other.codes)


def test_residual_rotations_do_not_make_the_error_larger(fitter, keypoints, results):
    chosen = [0, 4]
    free = Fitter(fitter.body, fitter.prior, FitSettings(residual=True))
    for person, result in zip(chosen, free.fit_keypoints(keypoints[chosen], SIZE, focal=FOCAL), strict=True):
        assert result.reprojection_error_px <= results[person].reprojection_error_px + 0.1
        decoded = fitter.model.decode(torch.from_numpy(result.codes))
        added = geodesic_angle(axis_angle_to_matrix(torch.from_numpy(result.body_pose)), decoded)
        assert 1e-4 < added.max() < math.radians(40)
        assert result.settings["residual"] is True


@pytest.mark.parametrize("format", ["openpose", "coco"])
def test_formats(fitter, truth, format):
    chosen = [0, 1]
    given = seen_by_camera(fitter, truth, format)[chosen]
    for person, result in zip(chosen, fitter.fit_keypoints(given, SIZE, focal=FOCAL), strict=True):
        assert result.reprojection_error_percent < 1.5
        assert degrees_between(result, truth.orient[person]) < 40
        assert result.keypoints.format == format


def test_a_long_lens(fitter, truth):
    """A distant person with a long focal length."""
    focal, transl = 6000.0, torch.tensor([[0.5, 0.5, 18.0]])
    landmarks = fitter.body.landmarks(truth.orient[:1], truth.body_pose[:1], None, transl)
    xy = Camera.for_image(*SIZE, focal).project(landmarks).numpy()
    (result,) = fitter.fit_keypoints(Keypoints(xy, np.ones((1, 33)), "mediapipe"), SIZE, focal=focal)
    assert result.reprojection_error_percent < 2
    assert result.transl[2] == pytest.approx(18, rel=0.2)


@pytest.mark.usefixtures("quick")
class TestWithShortStages:
    def test_the_same_seed_gives_the_same_fit(self, fitter, keypoints):
        first, again = (fitter.fit_keypoints(keypoints[:2], SIZE, focal=FOCAL) for _ in range(2))
        for one, other in zip(first, again, strict=True):
            assert np.array_equal(one.vertices, other.vertices)
            assert np.array_equal(one.codes, other.codes)

    def test_the_focal_length_given_is_kept(self, fitter, keypoints):
        result = fitter.fit_keypoints(keypoints, SIZE, focal=1234.5)[1]
        assert result.focal == 1234.5
        assert result.centre.tolist() == [960, 540]
        assert result.image_size.tolist() == [1920, 1080]

    def test_the_focal_length_is_assumed_from_the_size_where_it_is_unknown(self, fitter, keypoints):
        assert fitter.fit_keypoints(keypoints[0], SIZE)[0].focal == pytest.approx(default_focal(*SIZE))

    @pytest.mark.parametrize(("given", "noted", "used"), [(None, 1500.0, 1500), (900, 1500.0, 900), (900, None, 900)])
    def test_the_focal_length_is_that_of_the_photo_unless_given(self, fitter, keypoints, given, noted, used):
        photo = Photo(np.zeros((1080, 1920, 3), np.uint8), noted)
        assert fitter.fit_photo(photo, focal=given, keypoints=keypoints)[0].focal == used

    def test_people_of_a_photo_come_largest_first_and_no_more_than_asked_for(self, fitter, keypoints):
        photo = Photo(np.zeros((1080, 1920, 3), np.uint8))
        expected = keypoints.largest_first()
        for people in (1, 2, 9):
            fitted = fitter.fit_photo(photo, people=people, keypoints=keypoints)
            assert len(fitted) == min(people, len(PEOPLE))
            for person, result in enumerate(fitted):
                assert np.array_equal(result.keypoints.xy, expected[person].xy)

    def test_keypoints_keep_their_order(self, fitter, keypoints):
        for person, result in enumerate(fitter.fit_keypoints(keypoints, SIZE, focal=FOCAL)):
            assert np.array_equal(result.keypoints.xy[0], keypoints.xy[person])
            assert len(result.keypoints) == 1

    @pytest.mark.parametrize("residual", [False, True])
    def test_ticks_are_counted_beforehand(self, fitter, keypoints, residual):
        settings = FitSettings(residual)
        assert total_steps(settings) == 2 * (len(schedule.SCHEDULE.stages) + residual), "stages are not short"
        steps_seen = []
        other = Fitter(fitter.body, fitter.prior, settings)
        other.fit_keypoints(keypoints[0], SIZE, on_step=lambda: steps_seen.append(None))
        assert len(steps_seen) == total_steps(settings)

    def test_settings_and_version_are_kept_as_json_can_hold_them(self, fitter, keypoints):
        result = Fitter(settings=FitSettings(seed=7)).fit_keypoints(keypoints[0], SIZE)[0]
        assert json.loads(json.dumps(result.settings)) == result.settings
        assert result.settings["seed"] == 7
        assert result.body == fitter.body.name
        assert result.qposer_version

    def test_functions_do_as_the_class_does(self, tmp_path, fitter, keypoints):
        from PIL import Image

        Image.new("RGB", SIZE).save(tmp_path / "black.png")
        expected = fitter.fit_keypoints(keypoints.largest_first()[:1], SIZE)[0]
        for result in (
            fit_keypoints(keypoints.largest_first()[:1], SIZE, body=fitter.body)[0],
            fit_image(tmp_path / "black.png", keypoints=keypoints)[0],
        ):
            assert np.array_equal(result.vertices, expected.vertices)

    def test_an_outlier_outside_the_image_counts_as_unseen(self, fitter, keypoints):
        wild, unseen = keypoints.xy[:1].copy(), keypoints.confidence[:1].copy()
        wild[0, 15] = (1e6, -1e6)
        unseen[0, 15] = 0.0
        (result,) = fitter.fit_keypoints(Keypoints(wild, keypoints.confidence[:1], "mediapipe"), SIZE)
        (expected,) = fitter.fit_keypoints(Keypoints(keypoints.xy[:1], unseen, "mediapipe"), SIZE)
        assert np.array_equal(result.vertices, expected.vertices)
        assert result.reprojection_error_px == expected.reprojection_error_px

    def test_few_keypoints_suffice(self, fitter, keypoints):
        confidence = np.zeros((1, 33))
        confidence[0, [0, 11, 12, 13]] = 1.0
        (result,) = fitter.fit_keypoints(Keypoints(keypoints.xy[:1], confidence, "mediapipe"), SIZE)
        assert np.isfinite(result.vertices).all()


def test_keypoints_of_another_image_are_refused(fitter, keypoints):
    xy = keypoints.xy.copy()
    xy[1, :, 0] += 3000
    with pytest.raises(ValueError, match=r"most keypoints of person 1 lie outside the 1920 x 1080 image: give"):
        fitter.fit_keypoints(Keypoints(xy, keypoints.confidence, "mediapipe"), SIZE)


def test_too_few_keypoints_on_the_image_are_refused(fitter, keypoints):
    confidence = np.zeros((1, 33))
    confidence[0, [0, 11, 12, 13]] = 1.0
    xy = keypoints.xy[:1].copy()
    xy[0, 0] = -5
    with pytest.raises(ValueError, match=r"person 0 has 3 keypoints"):
        fitter.fit_keypoints(Keypoints(xy, confidence, "mediapipe"), SIZE)


def test_keypoints_in_parts_of_the_size_are_refused(fitter, keypoints):
    parts = Keypoints(keypoints.xy / SIZE, keypoints.confidence, "mediapipe")
    with pytest.raises(
        ValueError, match=r"person 0 is too small: the keypoints lie within 0\.\d pixels of each other.*give pixels"
    ):
        fitter.fit_keypoints(parts, SIZE)


@pytest.mark.parametrize("focal", [0.0, -5.0, math.nan, math.inf])
def test_focal_lengths_that_are_invalid_are_refused(fitter, keypoints, focal):
    with pytest.raises(ValueError, match="a focal length must be a positive number of pixels, not"):
        fitter.fit_keypoints(keypoints, SIZE, focal=focal)
    with pytest.raises(ValueError, match="a focal length must be a positive number of pixels, not"):
        fitter.fit_photo(Photo(np.zeros((1080, 1920, 3), np.uint8), 900.0), focal=focal, keypoints=keypoints)


def test_focal_lengths_in_millimetres_are_refused(fitter, keypoints):
    with pytest.raises(ValueError, match="no camera has a focal length of 25 pixels"):
        fitter.fit_keypoints(keypoints, SIZE, focal=25)


@pytest.mark.usefixtures("quick")
def test_invalid_focal_lengths_of_photos_are_noted(fitter, keypoints):
    photo = Photo(np.zeros((1080, 1920, 3), np.uint8), None, "ignored an implausible focal length")
    one = keypoints[:1]
    assert fitter.fit_photo(photo, keypoints=one)[0].notes == (photo.focal_warning,)
    assert fitter.fit_photo(photo, focal=FOCAL, keypoints=one)[0].notes == ()


@pytest.mark.usefixtures("quick")
def test_bodies_that_end_in_the_camera_are_refused(fitter, keypoints, monkeypatch):
    solve = fitter.solve

    def behind(*args):
        problem, estimate = solve(*args)
        return problem, dataclasses.replace(estimate, transl=-estimate.transl)

    monkeypatch.setattr(fitter, "solve", behind)
    with pytest.raises(ValueError, match="the body of person 0 is behind the camera"):
        fitter.fit_keypoints(keypoints[:1], SIZE, focal=FOCAL)


@pytest.mark.usefixtures("quick")
def test_bodies_too_close_to_the_camera_have_large_errors(fitter, keypoints, monkeypatch):
    solve = fitter.solve

    def close(*args):
        problem, estimate = solve(*args)
        return problem, dataclasses.replace(estimate, transl=estimate.transl * torch.tensor([1.0, 1.0, 0.3]))

    (sound,) = fitter.fit_keypoints(keypoints[:1], SIZE, focal=FOCAL)
    monkeypatch.setattr(fitter, "solve", close)
    (result,) = fitter.fit_keypoints(keypoints[:1], SIZE, focal=FOCAL)
    assert result.person_height_px == pytest.approx(sound.person_height_px, rel=0.2)
    assert result.warnings[0].startswith("2D error of")


@pytest.mark.parametrize("people", [0, -1])
def test_the_number_of_people_must_be_positive(fitter, keypoints, people):
    with pytest.raises(ValueError, match="must be at least 1"):
        fitter.fit_photo(Photo(np.zeros((1080, 1920, 3), np.uint8)), people=people, keypoints=keypoints)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_missing_device_is_rejected():
    with pytest.raises(ValueError, match="this PyTorch finds no CUDA device"):
        Fitter(device="cuda")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="this PyTorch finds no CUDA device")
def test_fits_on_the_gpu_are_as_accurate(keypoints):
    for result in Fitter(device="cuda").fit_keypoints(keypoints[:2], SIZE, focal=FOCAL):
        assert result.reprojection_error_percent < 1.5


def test_arms_stay_out_of_the_body(fitter):
    """Hands that touch the thighs, seen inexactly from eight sides."""
    pose = matrices({"left_shoulder": (0, 0, -1.6), "right_shoulder": (0, 0, 1.6)}).expand(8, 21, 3, 3)
    orient = torch.stack([orientation(45 * turn) for turn in range(8)])
    place = torch.tensor([0.0, 0.2, 5.0]).expand(8, 3)
    camera = Camera.for_image(*SIZE, FOCAL, batch=8)
    xy = camera.project(fitter.body.landmarks(orient, pose, None, place)).numpy()
    xy = xy + 5 * np.random.default_rng(0).normal(size=xy.shape)
    seen = Keypoints(xy, np.ones((8, 33)), "mediapipe")
    deepest = []
    for weights in (Weights(arms=0.0), Weights()):
        fits = Fitter(fitter.body, fitter.prior, FitSettings(weights=weights))
        found = fits.fit_keypoints(seen, SIZE, focal=FOCAL)
        poses = axis_angle_to_matrix(torch.tensor(np.stack([person.body_pose for person in found])))
        skeleton = PosedSkeleton.of(OrientedPose.upright(poses))
        deepest.append(penetration(skeleton, ("left", "right")).amax(-1))
    assert deepest[0].max() > 2.0
    assert deepest[1].max() < 1.0


def test_uncertainty_grows_with_fewer_visible_keypoints(fitter, keypoints):
    """Unseen legs are guessed and uncertain; the rest is about as certain as before."""
    hidden = [name.endswith(("knee", "ankle", "heel", "foot_index")) for name in FORMATS["mediapipe"].names]
    confidence = keypoints.confidence.copy()
    confidence[:, hidden] = 0.0
    whole = fitter.fit_keypoints(keypoints, SIZE, focal=FOCAL)
    legless = fitter.fit_keypoints(dataclasses.replace(keypoints, confidence=confidence), SIZE, focal=FOCAL)
    for seen, unseen in zip(whole, legless, strict=True):
        if seen.guessed_joints:
            continue
        assert {name.split("_")[1] for name in unseen.guessed_joints} == {"knee", "ankle", "foot"}
        assert unseen.joint_std_mm["left_ankle"] > 1.5 * seen.joint_std_mm["left_ankle"]
        assert unseen.joint_std_mm["head"] < 2 * seen.joint_std_mm["head"]
        assert (seen.verdict, unseen.verdict) == ("good", "doubtful")
    assert not all(result.guessed_joints for result in whole)


def test_a_body_far_from_the_keypoints_has_failed(fitter, keypoints):
    (result,) = fitter.fit_keypoints(keypoints[:1], SIZE, focal=FOCAL)
    far = dataclasses.replace(result, reprojection_error_px=0.11 * result.person_height_px)
    assert far.verdict == "failed"
    assert dataclasses.replace(result, reprojection_error_px=0.05 * result.person_height_px).verdict == "doubtful"


def test_each_keypoint_has_a_share_and_outliers_have_none(fitter, keypoints):
    xy = keypoints.xy[:1].copy()
    xy[0, 15] += 150.0
    (result,) = fitter.fit_keypoints(dataclasses.replace(keypoints[[0]], xy=xy), SIZE)
    assert result.keypoint_shares.sum() == pytest.approx(1, abs=1e-5)
    assert result.keypoint_shares[15] < 1e-3 < result.keypoint_shares[[11, 12, 23, 24]].min()
    xy = keypoints.xy[:1].copy()
    xy[0, 15] += [0.04 * result.person_height_px, 0.0]  # too close to be rejected
    confidence = np.ones((1, len(xy[0])))
    (result,) = fitter.fit_keypoints(dataclasses.replace(keypoints[[0]], xy=xy, confidence=confidence), SIZE)
    assert 0 < result.keypoint_shares[15] < 0.9 * result.keypoint_shares.max()


def test_hypotheses_are_alternatives_and_the_same_every_time(fitter, keypoints):
    first, again = (fitter.fit_keypoints(keypoints[:2], SIZE, hypotheses=4) for _ in range(2))
    for one, other in zip(first, again, strict=True):
        assert 1 <= len(one.alternatives) <= 3
        assert one.probability + sum(body.probability for body in one.alternatives) == pytest.approx(1, abs=1e-4)
        assert [body.probability for body in one.alternatives] == [body.probability for body in other.alternatives]
        for body, same in zip((one, *one.alternatives), (other, *other.alternatives), strict=True):
            assert np.array_equal(body.vertices, same.vertices)
    with pytest.raises(ValueError, match="at least 1, not 0"):
        fitter.fit_keypoints(keypoints, SIZE, hypotheses=0)


def test_the_risk_is_known_and_higher_where_the_detector_sees_another_pose_in_metres(fitter, truth, keypoints):
    world = fitter.body.landmarks(truth.orient, truth.body_pose, None, truth.transl).numpy()[:2]
    agreeing, opposed = (
        fitter.fit_keypoints(dataclasses.replace(keypoints[:2], world=sign * world), SIZE, focal=FOCAL, hypotheses=3)
        for sign in (np.float32([1, 1, 1]), np.float32([1, 1, -1]))
    )
    for one, other in zip(agreeing, opposed, strict=True):
        assert one.risk < other.risk
    unknown = fitter.fit_keypoints(dataclasses.replace(keypoints[:2], world=None), SIZE, focal=FOCAL, hypotheses=3)
    assert [one.risk for one in unknown] == [None, None]
