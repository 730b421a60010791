"""The schedule: initialisation, keypoint weights, and updates of the prior scale."""

import dataclasses
import json

import pytest
import torch

from fitting.body.body import Body
from fitting.fit import Fitter
from fitting.inputs.camera import Camera
from fitting.inputs.keypoints import FORMATS, Keypoints
from fitting.optimise import schedule
from fitting.optimise.initialize import initialize, moved_by_joints
from fitting.optimise.levenberg_marquardt import LevenbergMarquardt
from fitting.optimise.problem import Weights
from fitting.optimise.reweighting import PriorScale, reject_outliers, relative_residual, update_prior_scale
from fitting.optimise.schedule import refine, total_steps
from fitting.optimise.settings import FitSettings
from fitting.terms.shape import Shape
from qposer.body_pose.rotations import axis_angle_to_matrix
from qposer.body_pose.skeleton import BODY_JOINT_NAMES
from qposer.evaluation.metrics import pa_mpjpe

PEOPLE = 4


@pytest.fixture(scope="module")
def camera():
    return Camera.for_image(1000, 1000, 1100.0, batch=PEOPLE)


@pytest.fixture(scope="module")
def truth(fitter):
    """Samples of the prior 4 m away with different headings."""
    body_pose = fitter.prior.sample(PEOPLE, generator=torch.Generator().manual_seed(3))
    turn = torch.arange(PEOPLE)[:, None] * 1.5 * torch.tensor([0.0, 1.0, 0.0])
    orient = axis_angle_to_matrix(torch.tensor([torch.pi, 0.0, 0.0])) @ axis_angle_to_matrix(turn)
    return orient, body_pose, torch.tensor([0.0, 0.1, 4.0]).expand(PEOPLE, 3)


@pytest.fixture(scope="module")
def seen(fitter, camera, truth):
    orient, body_pose, transl = truth
    xy = camera.project(fitter.body.landmarks(orient, body_pose, None, transl))
    return Keypoints(xy.numpy(), torch.ones(xy.shape[:2]).numpy(), "mediapipe", noise_floor=0.0)


def errors_mm(fitter, truth, estimate):
    found = fitter.body(estimate.orient, fitter.body_pose(estimate), estimate.betas).joints[:, :22]
    return 1000 * pa_mpjpe(found, fitter.body(*truth[:2]).joints[:, :22])


def test_fits_are_nearer_than_the_first_guess(fitter, camera, truth, seen):
    _, guessed = initialize(fitter.body, fitter.space, fitter.regressor, seen, camera)
    _, found = fitter.solve(seen, camera)
    assert errors_mm(fitter, truth, found).mean() < 0.85 * errors_mm(fitter, truth, guessed).mean()


def test_one_person_is_fitted_equally_alone_and_in_a_batch(fitter, camera, seen):
    _, together = fitter.solve(seen, camera)
    vertices = fitter.body(together.orient, fitter.body_pose(together), together.betas, together.transl).vertices
    for person in range(PEOPLE):
        _, alone = fitter.solve(seen[[person]], camera[torch.tensor([person])])
        found = fitter.body(alone.orient, fitter.body_pose(alone), alone.betas, alone.transl).vertices[0]
        assert (found - vertices[person]).norm(dim=-1).max() < 1e-3


@pytest.mark.parametrize("format", FORMATS)
def test_limbs_move_only_their_landmarks(format):
    moved = moved_by_joints(Body.open(), format)
    names = FORMATS[format].names
    assert moved.shape == (len(names), 21)
    wrist = names.index("left_wrist")
    mover = {BODY_JOINT_NAMES[joint] for joint in moved[wrist].nonzero().flatten().tolist()}
    assert {"left_elbow", "left_shoulder", "spine1"} <= mover
    assert not mover & {"left_knee", "right_elbow", "right_shoulder", "head"}


def test_joints_without_keypoints_rely_on_the_guess(fitter, camera, seen):
    names = FORMATS["mediapipe"].names
    hidden = [name.endswith(("knee", "ankle", "heel", "foot_index")) for name in names]
    confidence = seen.confidence.copy()
    confidence[:, hidden] = 0.0
    problem, _ = initialize(
        fitter.body, fitter.space, fitter.regressor, dataclasses.replace(seen, confidence=confidence), camera
    )
    relied = {BODY_JOINT_NAMES[j] for j in (problem.init_weight[0] > 1).nonzero().flatten().tolist()}
    assert relied == {f"{side}_{joint}" for side in ("left", "right") for joint in ("hip", "knee", "ankle", "foot")}


def test_the_relative_residual_is_the_median_distance_in_heights(fitter, camera, seen):
    problem, _ = initialize(fitter.body, fitter.space, fitter.regressor, seen, camera)
    depth = problem.keypoints.new_full((*problem.keypoints.shape[:2], 1), 3.0)
    off = problem.keypoints + torch.tensor([0.03, 0.04]) * problem.height[:, None, None]
    points = torch.cat([depth * (off - camera.centre[:, None]) / camera.focal[:, None, None], depth], dim=-1)
    points[:, :10] = 1e3 * torch.ones(3)
    confidence = problem.confidence.clone()
    confidence[:, :8] = 0.0
    found = relative_residual(points, dataclasses.replace(problem, confidence=confidence))
    torch.testing.assert_close(found, torch.full((PEOPLE,), 0.05), atol=1e-4, rtol=0)


def test_inexact_keypoints_increase_the_prior_scale(fitter, camera, seen):
    noisy = seen.xy + 15.0 * torch.randn(seen.xy.shape, generator=torch.Generator().manual_seed(0)).numpy()
    exact, _ = fitter.solve(seen, camera)
    noisy_fit, _ = fitter.solve(dataclasses.replace(seen, xy=noisy.astype(seen.xy.dtype)), camera)
    assert (exact.prior_scale < 0.8).all()
    assert (noisy_fit.prior_scale > 1.5).all()


def test_the_noise_floor_limits_the_prior_scale(fitter, camera, seen):
    problem, _ = initialize(fitter.body, fitter.space, fitter.regressor, seen, camera)
    error = torch.tensor([0.0, 0.004, 0.02])
    three = problem[torch.arange(3)]
    by = PriorScale(power=3, least=0.01, most=5.0)
    known = [
        update_prior_scale(dataclasses.replace(three, noise_floor=level), error, by).prior_scale
        for level in (0.0, 0.01)
    ]
    torch.testing.assert_close(known[0], torch.tensor([0.01, 0.4**3, 5.0]))
    torch.testing.assert_close(known[1], torch.tensor([1.0, 1.0, 5.0]))


def test_outliers_are_rejected_if_enough_keypoints_remain(fitter, camera, truth, seen):
    problem, _ = initialize(fitter.body, fitter.space, fitter.regressor, seen, camera)
    landmarks = fitter.body.landmarks(*truth[:2], None, truth[2])
    xy = problem.keypoints.clone()
    xy[0, 5] += 0.06 * problem.height[0]
    xy[1, 5] += 0.02 * problem.height[1]
    wild = dataclasses.replace(problem, keypoints=xy)
    found = reject_outliers(wild, landmarks, fitter.body, fitter.regressor)
    assert [(person, joint) for person, joint in (found.confidence == 0).nonzero().tolist()] == [(0, 5)]
    assert torch.equal(found.guess[1:], problem.guess[1:])
    assert not torch.equal(found.guess[0], problem.guess[0])
    assert torch.equal(reject_outliers(wild, landmarks, fitter.body, None).guess, problem.guess)
    few = torch.zeros_like(problem.confidence)
    few[:, [0, 5, 11, 12]] = 1.0
    assert torch.equal(
        reject_outliers(dataclasses.replace(wild, confidence=few), landmarks, fitter.body, None).confidence, few
    )


def test_an_outlier_hardly_matters(fitter, camera, truth, seen):
    xy = seen.xy.copy()
    xy[:, 15] = [[50.0, 50.0]]
    _, exact = fitter.solve(seen, camera)
    _, misled = fitter.solve(dataclasses.replace(seen, xy=xy), camera)
    error, before = (errors_mm(fitter, truth, estimate) for estimate in (misled, exact))
    assert error.median() < before.median() + 15, (
        "of one alone, another of the depths that a view leaves open may be found"
    )


def test_depths_that_a_detector_estimates_are_followed(fitter, camera, truth, seen):
    body = fitter.body
    landmarks = body.landmarks(*truth[:2])
    reported = dataclasses.replace(seen, world=(landmarks - landmarks[:, :1]).numpy())
    weights = dataclasses.replace(fitter.settings.weights, depth=100.0)
    errors = []
    for depth_cue in (False, True):
        cued = Fitter(body, fitter.prior, FitSettings(depth_cue=depth_cue, weights=weights))
        errors.append(errors_mm(cued, truth, cued.solve(reported, camera)[1]).mean())
    assert errors[1] < errors[0]


def test_a_good_start_is_not_lost(fitter, camera, truth, seen):
    problem, start = initialize(fitter.body, fitter.space, fitter.regressor, seen, camera)
    start = dataclasses.replace(start, orient=truth[0], transl=truth[2], pose=fitter.space.encode(truth[1]))
    problem = dataclasses.replace(problem, guess=truth[1])
    _, found = refine(LevenbergMarquardt(fitter.body, fitter.space, Weights()), schedule.SCHEDULE, problem, start)
    assert errors_mm(fitter, truth, found).max() < 25


def test_there_is_one_tick_per_step(fitter, camera, seen, monkeypatch):
    monkeypatch.setattr(schedule, "SCHEDULE", dataclasses.replace(schedule.SCHEDULE, fine=schedule.SCHEDULE.fine[:1]))
    steps_seen = []
    fitter.solve(seen, camera, lambda: steps_seen.append(None))
    assert len(steps_seen) == total_steps(fitter.settings) == 6 + 7 + 3


def test_further_terms_are_followed_and_kept_in_the_settings(fitter, camera, truth, seen):
    """A prior of shapes with a thousandfold weight."""
    slim = FitSettings(terms=(Shape(torch.full((1,), 1e3)),))
    _, free = fitter.solve(seen, camera)
    _, found = Fitter(fitter.body, fitter.prior, slim).solve(seen, camera)
    assert found.betas.norm() < 0.05 * free.betas.norm()
    assert "Shape" in slim.as_json["terms"][0]
    assert json.dumps(slim.as_json) != json.dumps(FitSettings().as_json)
