import math
import re
from pathlib import Path

import pytest
import torch

from qposer.body_pose.rotations import axis_angle_to_matrix, geodesic_angle
from qposer.body_pose.skeleton import BODY_JOINT_NAMES, BODY_PARTS
from qposer.control.edits import blend, interpolate, joints_of, mirror, swap, vary
from qposer.prior.code_prior import CodePrior
from qposer.prior.code_prior_network import CodePriorConfig, CodePriorNetwork
from qposer.prior.model import QPoser, QPoserConfig


@pytest.fixture(scope="module")
def model():
    return QPoser.from_pretrained()


def pose(**bends):
    """A pose with hanging arms and given joint rotations, as axis-angle vectors."""
    turned = torch.zeros(21, 3)
    for joint, vector in ({"left_shoulder": (0, 0, -1.2), "right_shoulder": (0, 0, 1.2)} | bends).items():
        turned[BODY_JOINT_NAMES.index(joint)] = torch.tensor(vector)
    return turned


def degrees(a, b):
    return torch.rad2deg(geodesic_angle(axis_angle_to_matrix(a), axis_angle_to_matrix(b)))


STANDING = pose()
SITTING = pose(left_hip=(-1.4, 0, 0), right_hip=(-1.4, 0, 0), left_knee=(1.5, 0, 0), right_knee=(1.5, 0, 0))


@pytest.mark.parametrize(
    "parts",
    [
        ("upper_body", "lower_body"),
        ("arms", "legs", "torso", "head"),
        ("left_arm", "right_arm", "left_leg", "right_leg", "torso", "head"),
        ("left_side", "right_side", "torso", "head"),
    ],
)
def test_parts_cover_the_body_once(parts):
    joints = [joint for part in parts for joint in BODY_PARTS[part]]
    assert sorted(joints) == sorted(BODY_JOINT_NAMES)


def test_every_joint_is_a_part_and_the_head_has_its_neck():
    assert set(BODY_JOINT_NAMES) <= set(BODY_PARTS)
    assert all(BODY_PARTS[joint] == (joint,) for joint in BODY_JOINT_NAMES if joint != "head")
    assert BODY_PARTS["head"] == ("neck", "head")


def test_joints_of_several_parts():
    assert joints_of("left_elbow") == [BODY_JOINT_NAMES.index("left_elbow")]
    assert joints_of(["left_arm", "right_arm"]) == joints_of("arms")


@pytest.mark.parametrize(("parts", "message"), [("left_wing", "no part 'left_wing'"), ([], "no part is named")])
def test_unknown_parts_are_named_with_the_known_ones(parts, message):
    with pytest.raises(ValueError, match=message) as error:
        joints_of(parts)
    assert "upper_body" in str(error.value)


def test_misspelt_names_give_a_hint():
    with pytest.raises(ValueError, match="did you mean left_elbow"):
        joints_of("left_elbov")


def test_swapped_part_follows_the_donor_and_the_rest_stays(model):
    legs = joints_of("legs")
    rest = joints_of(["arms", "torso", "head"])
    edited = swap(STANDING, SITTING, "legs", model=model)
    assert degrees(edited, model.reconstruct(SITTING))[legs].mean() < 12
    assert degrees(edited, model.reconstruct(STANDING))[rest].mean() < 6
    assert degrees(edited, STANDING)[legs].max() > 60


def test_swapping_with_itself_only_reconstructs(model):
    torch.testing.assert_close(swap(SITTING, SITTING, "legs", model=model), model.reconstruct(SITTING))


def test_edits_keep_the_kind_and_batch_shape_of_the_pose(model):
    batch = torch.stack([STANDING, SITTING])
    assert swap(batch, batch.flip(0), "arms", model=model).shape == (2, 21, 3)
    assert swap(axis_angle_to_matrix(batch), batch, "arms", model=model).shape == (2, 21, 3, 3)
    assert (
        swap(batch, STANDING, "arms", model=model).shape
        == swap(STANDING, batch, "arms", model=model).shape
        == (2, 21, 3)
    )


def test_blend_of_one_is_a_reconstruction(model):
    torch.testing.assert_close(blend([SITTING, STANDING], [1, 0], model=model), model.reconstruct(SITTING))


def test_half_way_to_sitting_the_knees_are_half_bent(model):
    knee = BODY_JOINT_NAMES.index("left_knee")
    half = blend([STANDING, SITTING], [1, 1], "legs", model=model)
    assert 0.6 < half[knee].norm() < 0.9


@pytest.mark.parametrize("weights", [[1.0], [0.0, 0.0], [1.0, -0.5], [math.nan, 1.0], [1.0, math.inf]])
def test_invalid_weights_are_rejected(model, weights):
    with pytest.raises(ValueError, match="weight"):
        blend([STANDING, SITTING], weights, model=model)


def test_interpolation_begins_and_ends_with_its_ends(model):
    way = interpolate(STANDING, SITTING, 5, model=model)
    assert way.shape == (5, 21, 3)
    torch.testing.assert_close(way[0], model.reconstruct(STANDING))
    torch.testing.assert_close(way[-1], model.reconstruct(SITTING))
    knee = BODY_JOINT_NAMES.index("right_knee")
    assert way[:, knee, 0].diff().min() > -0.1
    with pytest.raises(ValueError, match="2 steps"):
        interpolate(STANDING, SITTING, 1, model=model)


def test_mirror_swaps_the_arms():
    raised = pose(left_shoulder=(0, 0, 1.0), left_elbow=(0, -math.pi / 2, 0))
    mirrored = mirror(raised)
    right = BODY_JOINT_NAMES.index("right_shoulder")
    torch.testing.assert_close(mirrored[right], torch.tensor([0.0, 0.0, -1.0]), atol=1e-5, rtol=0)
    torch.testing.assert_close(mirror(mirrored), raised, atol=1e-5, rtol=0)


@pytest.fixture(scope="module")
def prior():
    """A small prior with random weights."""
    torch.manual_seed(0)
    model = QPoser(QPoserConfig(heads=2, codes=16, code_dim=2, width=16, depth=1, global_tokens=2, attention_heads=2))
    network = CodePriorNetwork(CodePriorConfig(latent_dim=4, width=32, depth=1, judge_width=32))
    return CodePrior(*(part.eval().requires_grad_(False) for part in (model, network)))


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_variations_keep_the_rest_of_the_pose(prior):
    legs, rest = joints_of("legs"), joints_of("upper_body")
    varied = vary(SITTING, "legs", 0.9, 4, generator=generator(), prior=prior)
    assert varied.shape == (4, 21, 3)
    torch.testing.assert_close(varied[:, rest], SITTING[rest].expand(4, -1, -1), atol=1e-4, rtol=0)
    assert (degrees(varied, SITTING)[:, legs].amax(1) > 1).all()
    assert not torch.equal(varied[0], varied[1])


def test_variations_have_the_kind_and_batch_shape_of_the_pose(prior):
    batch = torch.stack([STANDING, SITTING])
    assert vary(batch, ["arms", "head"], 0.5, 3, generator=generator(), prior=prior).shape == (3, 2, 21, 3)
    assert vary(axis_angle_to_matrix(batch), "arms", 0.5, 3, generator=generator(), prior=prior).shape == (
        3,
        2,
        21,
        3,
        3,
    )


def test_same_seed_same_variations(prior):
    first, again, other = (vary(SITTING, "arms", 0.5, 2, generator=generator(seed), prior=prior) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_larger_amounts_lead_further_away():
    shipped = CodePrior.from_pretrained()
    arms = joints_of("arms")
    away = [
        degrees(vary(SITTING, "arms", part, 16, generator=generator(), prior=shipped), SITTING)[:, arms]
        for part in (0, 0.5, 1)
    ]
    assert away[0].mean() < 5
    assert away[0].mean() + 2 < away[1].mean() < away[2].mean()


@pytest.mark.parametrize(
    ("parts", "amount", "n", "message"),
    [
        ("tail", 0.5, 1, "no part 'tail'"),
        ("arms", -0.1, 1, "the amount from 0 to 1"),
        ("arms", 1.1, 1, "the amount from 0 to 1"),
        ("arms", math.nan, 1, "the amount from 0 to 1"),
        ("arms", 0.5, 0, "n must be at least 1"),
    ],
)
def test_invalid_variations_are_rejected(prior, parts, amount, n, message):
    with pytest.raises(ValueError, match=message):
        vary(SITTING, parts, amount, n, generator=generator(), prior=prior)


@pytest.mark.parametrize("operation", ["swap", "blend", "interpolate", "mirror", "vary"])
@pytest.mark.parametrize(
    ("given", "message"),
    [
        (torch.zeros(24, 3), r"24 joints are an SMPL pose with root and hands"),
        (torch.full((21, 3), math.nan), "NaN or infinite"),
        (torch.zeros(21, 3, 3), "not rotations"),
    ],
)
def test_invalid_poses_are_refused_by_every_operation(prior, operation, given, message):
    edits = {
        "swap": lambda: swap(STANDING, given, "arms", model=prior.model),
        "blend": lambda: blend([STANDING, given], [1, 1], model=prior.model),
        "interpolate": lambda: interpolate(given, STANDING, 3, model=prior.model),
        "mirror": lambda: mirror(given),
        "vary": lambda: vary(given, "arms", 0.5, 1, generator=generator(), prior=prior),
    }
    with pytest.raises(ValueError, match=message):
        edits[operation]()


def test_the_document_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    document = (Path(__file__).parents[3] / "docs" / "control.md").read_text()
    snippets = re.findall(r"```python\n(.*?)```", document, re.DOTALL)
    assert len(snippets) > 5
    exec("\n".join(snippets), {})


def test_the_document_names_the_parts():
    document = (Path(__file__).parents[3] / "docs" / "control.md").read_text()
    assert all(f"`{part}`" in document for part in BODY_PARTS)
