"""Bodies drawn from keypoints: what holds of any weights, and what the shipped ones know."""

import pytest
import torch

from benchmarks.fitting.people import photographed
from benchmarks.prior.poses import Poses
from fitting.inputs.keypoints import FORMATS
from fitting.optimise.pose_sampler import PoseSampler, SamplerConfig
from qposer.evaluation.metrics import mpjpe

PEOPLE, DRAWS = 12, 16


@pytest.fixture(scope="module")
def people(fitter):
    return photographed(fitter.body, Poses.quick().test[:PEOPLE], torch.Generator().manual_seed(0))


def drawn(fitter, people, confidence=None, chosen=slice(None), seed=0, sampler=None):
    confidence = torch.ones(people.xy.shape[:2]) if confidence is None else confidence
    every = torch.arange(len(people.xy))[chosen]
    seen = people.xy[every], confidence[every], "mediapipe", people.camera[every]
    generator = torch.Generator().manual_seed(seed)
    return (sampler or fitter.sampler).sample(fitter.regressor, *seen, DRAWS, generator)


def joints(fitter, orient, body_pose):
    flat = fitter.body(orient.flatten(0, 1), body_pose.flatten(0, 1)).joints[:, :22]
    return (flat - flat[:, :1]).unflatten(0, orient.shape[:2])


def test_draws_are_rotations(fitter, people):
    for rotations in drawn(fitter, people):
        assert torch.allclose(rotations @ rotations.mT, torch.eye(3), atol=1e-4)
        assert torch.allclose(torch.linalg.det(rotations), torch.ones(()), atol=1e-4)


def test_equal_seeds_give_equal_draws_whoever_else_is_in_the_batch(fitter, people):
    every, alone = drawn(fitter, people), drawn(fitter, people, chosen=slice(3, 4))
    for many, one in zip(every, alone, strict=True):
        assert torch.allclose(many[:, 3:4], one, atol=1e-4)
    assert not torch.allclose(drawn(fitter, people, seed=1)[1], every[1], atol=1e-2)


def test_draws_are_close_to_the_truth_and_vary_most_in_depth(fitter, people):
    found = joints(fitter, *drawn(fitter, people))
    true = joints(fitter, people.orient[None], people.body_pose[None])
    errors = torch.stack([mpjpe(one, true[0]) for one in found])
    assert errors.mean() < 0.16
    assert errors.amin(0).mean() < 0.8 * errors.mean()
    x, y, z = found.std(0).mean((0, 1))
    assert z > 1.3 * max(x, y)


def test_unseen_legs_vary_more(fitter, people):
    legs = [index for index, name in enumerate(FORMATS["mediapipe"].names) if name.endswith(("knee", "ankle", "heel"))]
    legs += [index for index, name in enumerate(FORMATS["mediapipe"].names) if name.endswith("foot_index")]
    hidden = torch.ones(people.xy.shape[:2])
    hidden[:, legs] = 0.0
    ankles = [7, 8]
    seen, unseen = (
        joints(fitter, *drawn(fitter, people, confidence))[:, :, ankles].std(0).mean() for confidence in (None, hidden)
    )
    assert unseen > 1.3 * seen


def test_saved_weights_draw_the_same(fitter, people, tmp_path):
    torch.manual_seed(0)
    sampler = PoseSampler(SamplerConfig(width=16, depth=1, context=8)).half().float().eval()
    sampler.save(tmp_path / "sampler.safetensors")
    again = PoseSampler.from_pretrained(tmp_path / "sampler.safetensors")
    for one, other in zip(*(drawn(fitter, people, sampler=each) for each in (sampler, again)), strict=True):
        assert torch.allclose(one, other, atol=1e-3)
