"""Errors, coverage and doubt against naive references."""

import dataclasses
import math

import numpy as np
import pytest
import torch

from benchmarks.evidence.calibration import Explored, answer_weights, fitted_weights
from benchmarks.evidence.cases import Case, read_half
from benchmarks.evidence.measures import (
    area_under_risk_coverage,
    closest,
    coverage,
    doubts,
    positions,
    recall,
    separation,
    stated,
)
from benchmarks.fitting.people import photographed
from benchmarks.prior.poses import Poses
from fitting.fit import Fitter
from fitting.inputs.keypoints import Keypoints
from fitting.photos import PeopleFit
from qposer.evaluation.metrics import mpjpe
from qposer.io.npz import write_npz

PEOPLE, STD = 3, 0.05


@pytest.fixture(scope="module")
def fits():
    """A case, and fits of its people with alternatives."""
    fitter = Fitter()
    people = photographed(fitter.body, Poses.quick().test[:PEOPLE], torch.Generator().manual_seed(0))
    keypoints = Keypoints(people.xy.numpy(), np.ones(people.xy.shape[:2]), "mediapipe", noise_floor=0.0)
    with torch.no_grad():
        joints = fitter.body(people.orient, people.body_pose, people.betas).joints[:, :22]
    truth = joints - joints[:, :1]
    case = Case("exact", keypoints, people.camera, (1000, 1000), tuple(range(22)), (0,), truth)
    return case, PeopleFit(fitter, case.size, 5).fit(keypoints, people.camera, None, lambda: None)


def test_positions_are_relative_to_the_origin(fits):
    case, results = fits
    found = positions(case, results)
    assert torch.equal(found[:, 0], torch.zeros(PEOPLE, 3))
    assert found[1, 15].numpy() == pytest.approx(results[1].joints[15] - results[1].joints[0], abs=1e-6)
    hips = dataclasses.replace(case, joints=(1, 2, 15), origin=(0, 1))
    assert positions(hips, results)[:, :2].sum(1).abs().max() < 1e-6


def test_the_closest_hypothesis_is_the_one_of_least_error(fits):
    case, results = fits
    errors = closest(case, results)
    for person, result in enumerate(results):
        bodies = (result, *result.alternatives)
        every = [
            1000 * mpjpe(torch.as_tensor(body.joints[:22] - body.joints[:1])[None].float(), case.truth[[person]])
            for body in bodies
        ]
        assert errors.mpjpe[person].item() == pytest.approx(min(every).item(), rel=1e-4)


def test_regions_cover_the_expected_share_of_joints(fits):
    """Errors drawn from the stated Gaussian are inside in the stated share of cases, smaller ones more often."""
    case, results = fits
    many = [results[0]] * 300
    drawn = STD * torch.randn(300, 22, 3, generator=torch.Generator().manual_seed(0))
    drawn[:, 0] = 0.0
    at = torch.as_tensor(results[0].joints[:22] - results[0].joints[:1]).float()
    wide = [dataclasses.replace(one, joint_covariance=np.tile(STD**2 * np.eye(3), (22, 1, 1))) for one in many]
    shares = coverage(dataclasses.replace(case, truth=at + drawn), wide)
    assert shares == {50: pytest.approx(50, abs=2), 90: pytest.approx(90, abs=1.5)}
    assert coverage(dataclasses.replace(case, truth=at + 0.5 * drawn), wide)[50] > 90
    assert stated(wide[:1]).item() == pytest.approx(1000 * math.sqrt(3) * STD, rel=1e-4)


def test_the_area_is_the_mean_of_means():
    error, doubt = torch.tensor([3.0, 1.0, 2.0]), torch.tensor([0.1, 0.3, 0.2])
    assert area_under_risk_coverage(error, doubt) == pytest.approx((3 + 2.5 + 2) / 3)
    assert area_under_risk_coverage(error, error) == pytest.approx((1 + 1.5 + 2) / 3)


def test_recall_is_that_at_the_given_share_of_false_alarms():
    error = torch.cat([torch.full((100,), 50.0), torch.full((4,), 200.0)])
    doubt = torch.cat([torch.linspace(0, 1, 100), torch.tensor([0.5, 0.94, 0.97, 2.0])])
    assert recall(error, doubt) == (4, 0.5)
    assert recall(error, doubt, false_alarms=0.1) == (4, 0.75)
    count, flagged = recall(error[:100], doubt[:100])
    assert count == 0
    assert math.isnan(flagged)


def test_separation_is_the_share_of_pairs_in_order():
    error = torch.tensor([50.0, 60.0, 200.0, 300.0])
    assert separation(error, torch.tensor([0.1, 0.5, 0.5, 0.9])) == pytest.approx(3.5 / 4)
    assert separation(error, -error) == 0


def test_the_risk_replaces_the_stated_deviation_where_all_know_it(fits):
    _, results = fits
    risky = [dataclasses.replace(result, risk=0.1 * number) for number, result in enumerate(results)]
    assert doubts(risky).tolist() == pytest.approx([0.1 * number for number in range(len(results))])
    assert torch.equal(doubts([*risky[:-1], results[-1]]), stated(results))


def test_weights_prefer_features_of_small_errors():
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(6, 200, 3, generator=generator)
    errors = 50 - 10 * features[..., 0] + 5 * features[..., 2]
    good, unrelated, bad = fitted_weights(features, errors).tolist()
    assert good > 0.5
    assert abs(unrelated) < 0.2 * good
    assert bad < -0.2


def test_weights_of_the_answer_reduce_the_error_of_the_mean():
    """A feature that knows the errors, and an unrelated one."""
    generator = torch.Generator().manual_seed(0)
    truth = torch.randn(100, 12, 3, generator=generator)
    off = torch.rand(6, 100, 1, 1, generator=generator)
    joints = truth + 0.3 * off * torch.randn(6, 100, 12, 3, generator=generator)
    features = torch.stack([-off[..., 0, 0], torch.randn(6, 100, generator=generator)], dim=-1)
    case = Explored(features, joints, truth)
    knowing, unrelated = weights = answer_weights([case], torch.zeros(2))
    assert knowing > 2
    assert abs(unrelated) < 0.2 * knowing

    def error(weight):
        share = (features @ weight).softmax(0)
        return Explored(features, torch.einsum("cp,cpjk->pjk", share, joints)[None], truth).errors().mean()

    assert error(weights) < 0.8 * error(torch.zeros(2))


def test_halves_are_of_different_clips_and_upright(tmp_path):
    pose = np.zeros((6, 24, 3), dtype=np.float32)
    pose[:, 0, 0] = np.pi / 2  # z up
    pose[:, 3, 0] = np.arange(6)
    write_npz(tmp_path / "clips.npz", {"pose": pose, "sequence": np.array(["a", "a", "b", "b", "c", "d"])})
    halves = {half: read_half(tmp_path / "clips.npz", half) for half in ("calibration", "evaluation")}
    assert halves["calibration"][:, 3, 0].tolist() == [0, 1, 4]
    assert halves["evaluation"][:, 3, 0].tolist() == [2, 3, 5]
    assert all(half[:, 0].abs().max() < 1e-6 for half in halves.values())
