import pytest
import torch

from qposer.body_pose.rotations import axis_angle_to_matrix
from qposer.hands.prior import HandConfig, HandNetworks, HandPrior, load_hand_prior
from qposer.hands.skeleton import HAND, mirror_hand
from qposer.prior.model import QPoser, QPoserConfig

SMALL = HandConfig(
    heads=2,
    codes=16,
    code_dim=2,
    width=16,
    depth=1,
    global_tokens=2,
    attention_heads=2,
    prior_width=32,
    prior_blocks=1,
    judge_width=32,
    joint_judge_width=16,
)
RING_AND_LITTLE = HAND.indices(("ring", "pinky"))
OTHERS = [joint for joint in range(15) if joint not in RING_AND_LITTLE]


@pytest.fixture(scope="module")
def networks():
    """Random weights."""
    torch.manual_seed(0)
    made = HandNetworks(SMALL).eval().requires_grad_(False)
    made.network.mean.normal_()
    made.network.scale.uniform_(0.5, 2)
    return made


@pytest.fixture(scope="module")
def prior(networks):
    return HandPrior(networks)


def poses(number, seed=0):
    return 0.3 * torch.randn(number, 15, 3, generator=torch.Generator().manual_seed(seed))


def test_codes_have_a_row_for_each_joint(prior):
    codes = prior.encode(poses(3))
    assert codes.shape == (3, 15, 2)
    torch.testing.assert_close(
        prior.decode(codes), axis_angle_to_matrix(prior.reconstruct(poses(3))), atol=1e-4, rtol=0
    )


def test_a_left_hand_is_the_mirror_image_of_a_right_one(networks, prior):
    left = HandPrior(networks, "left")
    right_hands, left_hands = poses(3), mirror_hand(poses(3))
    assert torch.equal(left.encode(left_hands), prior.encode(right_hands))
    torch.testing.assert_close(left.energy(left_hands), prior.energy(right_hands))
    torch.testing.assert_close(left.sample(2), mirror_hand(prior.sample(2)))
    torch.testing.assert_close(left.reconstruct(left_hands), mirror_hand(prior.reconstruct(right_hands)))
    for edited, expected in (
        (left.complete(left_hands, "thumb"), prior.complete(right_hands, "thumb")),
        (left.swap(left_hands, left_hands[:1], "index"), prior.swap(right_hands, right_hands[:1], "index")),
        (left.blend([left_hands, left_hands.flip(0)], [1, 2]), prior.blend([right_hands, right_hands.flip(0)], [1, 2])),
        (left.vary(left_hands, "ring"), prior.vary(right_hands, "ring")),
    ):
        torch.testing.assert_close(edited, mirror_hand(expected), atol=1e-5, rtol=1e-4)


def test_completed_and_varied_fingers_leave_the_others_as_they_are(prior):
    hands = axis_angle_to_matrix(poses(2))
    for made in (prior.complete(hands, ("ring", "pinky"), n=3), prior.vary(hands, ("ring", "pinky"), 1.0, n=3)):
        assert made.shape == (3, 2, 15, 3, 3)
        assert torch.equal(made[:, :, OTHERS], hands[:, OTHERS].expand(3, -1, -1, -1, -1))
        assert ((made - hands)[:, :, RING_AND_LITTLE].abs().amax((-1, -2, -3)) > 0.01).all()


def test_swaps_take_the_codes_of_the_fingers(prior):
    hand, donor = poses(1), poses(1, seed=1)
    codes = prior.encode(hand)
    codes[:, RING_AND_LITTLE] = prior.encode(donor)[:, RING_AND_LITTLE]
    found = axis_angle_to_matrix(prior.swap(hand, donor, ("ring", "pinky")))
    torch.testing.assert_close(found, prior.decode(codes), atol=1e-4, rtol=0)


def test_energies_have_gradients(prior):
    hands = poses(2).requires_grad_()
    prior.energy(hands).sum().backward()
    assert hands.grad.abs().amax((-1, -2)).min() > 0


def test_files_are_read_as_they_were_written(networks, prior, tmp_path):
    networks.save(tmp_path / "hand.safetensors")
    again = load_hand_prior(path=tmp_path / "hand.safetensors")
    torch.testing.assert_close(again.model.state_dict(), networks.model.state_dict(), atol=1e-2, rtol=1e-2)
    torch.testing.assert_close(again.energy(poses(2)), prior.energy(poses(2)), atol=0.2, rtol=0.05)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((2, 21, 3), r"a hand pose must be \(\.\.\., 15, 3\)"),
        ((2, 45), r"45 numbers are a hand pose: give pose.unflatten\(-1, \(15, 3\)\)"),
        ((52, 3), r"52 joints are an SMPL-H pose: give pose\[\.\.\., 37:52, :\]"),
        ((2, 165), r"give pose.unflatten\(-1, \(55, 3\)\)\[\.\.\., 40:55, :\]"),
    ],
)
def test_other_shapes_are_explained(prior, shape, message):
    with pytest.raises(ValueError, match=message):
        prior.energy(torch.zeros(shape))


def test_wrong_words_are_explained(networks, prior):
    with pytest.raises(ValueError, match="left or right"):
        HandPrior(networks, "both")
    with pytest.raises(ValueError, match="did you mean thumb"):
        prior.complete(poses(1), "thum")


def test_a_body_prior_is_no_hand_prior(tmp_path):
    QPoser(QPoserConfig(width=8, depth=1)).save(tmp_path / "body.safetensors")
    with pytest.raises(ValueError, match="not a HandNetworks file"):
        load_hand_prior(path=tmp_path / "body.safetensors")
