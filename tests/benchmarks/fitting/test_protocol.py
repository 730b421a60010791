"""Fits of few people in few steps: what is measured, tuned and reported."""

import math

import pytest
import torch

from benchmarks.baselines.diffusion import PoseDiffusion, PoseDiffusionConfig
from benchmarks.baselines.mixture import PoseMixture
from benchmarks.baselines.no_prior import NoPrior
from benchmarks.baselines.vposer import VPoser, VPoserConfig
from benchmarks.fitting import adam, contenders, protocol, report
from benchmarks.fitting.adam import PenalisedCodes
from benchmarks.fitting.contenders import QPOSER, QPOSER_ALONE, Contender, shipped
from benchmarks.fitting.people import CONDITIONS, observed, people
from benchmarks.fitting.spaces import AxisAngle, CodesAlone, DiffusedAxisAngle, VPoserLatents
from benchmarks.optimisers import scaled
from fitting.body.body import Body
from fitting.optimise.problem import Weights
from fitting.optimise.regressor import Regressor
from qposer.body_pose.rotations import axis_angle_to_matrix
from qposer.prior.code_prior import CodePrior

PEOPLE = 3


@pytest.fixture(scope="module")
def bench():
    body = Body.open()
    poses = 0.2 * torch.randn(PEOPLE, 21, 3, generator=torch.Generator().manual_seed(0))
    truth = people(body, poses, PEOPLE, torch.Generator().manual_seed(1))
    return protocol.Bench(body, Regressor.from_pretrained(), truth, torch.eye(3).expand(21, 3, 3))


@pytest.fixture
def quick(monkeypatch):
    for module in (adam, contenders):
        monkeypatch.setattr(module, "SCHEDULE", scaled(module.SCHEDULE, 3 / module.SCHEDULE.coarse.steps))


def spaces():
    torch.manual_seed(0)
    prior = CodePrior.from_pretrained()
    vposer, diffusion = VPoser(VPoserConfig(width=16)), PoseDiffusion(PoseDiffusionConfig(width=16, depth=1))
    return {
        "none": AxisAngle(NoPrior()),
        "GMM": AxisAngle(PoseMixture()),
        "VPoser": VPoserLatents(vposer.eval().requires_grad_(False)),
        "diffusion": DiffusedAxisAngle(diffusion.eval().requires_grad_(False)),
        "codes alone": CodesAlone(prior),
        QPOSER: PenalisedCodes(prior),
    }


@pytest.mark.parametrize("name", spaces())
def test_every_space_decodes_rotations_and_has_a_price_with_a_gradient(name):
    space = spaces()[name]
    pose = axis_angle_to_matrix(0.3 * torch.randn(PEOPLE, 21, 3, generator=torch.Generator().manual_seed(0)))
    numbers = space.encode(pose).clone().requires_grad_()
    decoded = space.decode(numbers)
    torch.testing.assert_close(decoded @ decoded.mT, torch.eye(3).expand(PEOPLE, 21, 3, 3), atol=1e-4, rtol=0)
    price = space.penalty(numbers, 0.5, torch.Generator().manual_seed(0))
    assert price.shape == (PEOPLE,)
    price.sum().backward()
    assert torch.isfinite(numbers.grad).all()
    assert numbers.grad.abs().sum() > 0
    assert space.commit(numbers.detach()).shape == numbers.shape


@pytest.mark.parametrize("condition", protocol.ALL_CONDITIONS)
def test_all_people_are_measured_in_every_condition(bench, quick, condition):
    course = shipped()[0].solver(bench.body, 0)[1]
    assert max(stage.steps for stage in course.stages) <= 4, "the stages are not short"
    result = protocol.measure(bench, shipped()[0], condition)
    for key in (*report.FIGURES, "start"):
        assert len(result[key]) == PEOPLE
        assert all(0 <= value < 2000 for value in result[key])


def test_a_good_start_is_five_degrees_a_joint_off(bench, quick):
    start, _ = protocol._fitted(bench, shipped()[0], protocol.GOOD_START, torch.arange(PEOPLE))
    trace = (bench.truth.body_pose.mT @ protocol._turned(bench, torch.arange(PEOPLE))).diagonal(dim1=-2, dim2=-1)
    torch.testing.assert_close(trace.sum(-1), torch.full((PEOPLE, 21), 1 + 2 * math.cos(math.radians(5))))
    assert torch.equal(start.transl, bench.truth.transl)


def test_others_may_start_from_the_mean_pose(bench, quick):
    space = AxisAngle(NoPrior())
    contender = Contender("none", space, Weights(guess=0.0), from_mean=True)
    start, _ = protocol._fitted(bench, contender, "clean", torch.arange(PEOPLE))
    torch.testing.assert_close(space.decode(start.pose), bench.mean_pose.expand(PEOPLE, 21, 3, 3))


def test_a_weight_is_searched_on_request(bench, quick):
    space = AxisAngle(NoPrior())
    found = protocol.tuned(bench, Contender("none", space, Weights(guess=0.0), first_weight=0.1))
    assert f"{found['weight']:.3g}" == min(found["tried_mm"], key=found["tried_mm"].get)
    assert len(found["tried_mm"]) >= 3
    assert protocol.tuned(bench, shipped()[0]) == {"weight": Weights().prior, "tried_mm": {}}


def test_conditions_hide_and_move_keypoints(bench):
    xy, confidence = observed(bench.truth, "clean", torch.Generator())
    assert torch.equal(xy, bench.truth.xy)
    assert (confidence == 1).all()
    for condition in CONDITIONS[1:]:
        other, seen = observed(bench.truth, condition, torch.Generator().manual_seed(0))
        assert not torch.equal(other, xy) or (seen == 0).any()
    with pytest.raises(ValueError, match="unknown condition"):
        observed(bench.truth, "fog", torch.Generator())


def test_the_document_compares_with_the_best_other_prior(tmp_path):
    def row(error):
        result = {key: [error, error + 2.0] for key in report.FIGURES}
        return {c: {**result, "start": [9.0, 11.0], "seconds": 0.1} for c in protocol.ALL_CONDITIONS}

    rows = {QPOSER: row(10.0), QPOSER_ALONE: row(12.0), "GMM": row(20.0), "GMM from the mean": row(40.0)}
    text = report.write(rows, report.Facts(2, "test", ["Seed: 0."]), tmp_path).read_text()
    assert "| clean | GMM | -10.0 [-10.0, -10.0] | -48 |" in text
    assert "| clean | GMM from the mean | -30.0 [-30.0, -30.0] | -73 |" in text
    assert "| QPoser | 10.0 [9.0, 11.0] | 11.0 [10.0, 12.0] | +1.0 [+1.0, +1.0] |" in text
    assert (tmp_path / "images" / "fitting.png").stat().st_size > 1000


def test_the_picture_shows_the_best_of_several_vposers():
    def row(error):
        return {condition: {"pa_mpjpe": [float(error), error + 1.0]} for condition in protocol.ALL_CONDITIONS}

    errors = {QPOSER: 1, QPOSER_ALONE: 2, "GMM with the guess": 3, "VPoser 1e-3": 5, "VPoser 2e-4": 4}
    errors |= {f"{name} from the mean": error for name, error in errors.items() if name.startswith("VPoser")}
    rows = {name: row(error) for name, error in errors.items()}
    assert report._shown(rows) == [QPOSER, QPOSER_ALONE, "VPoser 2e-4"]
    figure = report.picture(rows)
    assert len(figure.axes) == len(protocol.ALL_CONDITIONS)
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == report._shown(rows)


def test_only_codes_have_an_optimiser_of_second_order(bench):
    solver, course = shipped()[0].solver(bench.body, 0)
    assert (type(solver).__name__, course) == ("LevenbergMarquardt", contenders.SCHEDULE)
    other, course = Contender("none", AxisAngle(NoPrior()), Weights()).solver(bench.body, 0)
    assert (type(other).__name__, course) == ("AdamSolver", adam.SCHEDULE)
