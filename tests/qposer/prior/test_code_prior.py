import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from qposer.body_pose.kinematics import body_joints
from qposer.body_pose.rotations import axis_angle_to_matrix
from qposer.body_pose.skeleton import REST_JOINTS
from qposer.prior.code_prior import CodePrior
from qposer.prior.code_prior_network import CodePriorConfig, CodePriorNetwork
from qposer.prior.model import QPoser, QPoserConfig

LEGS = [0, 1, 3, 4, 6, 7, 9, 10]


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def prior():
    """A prior with random weights."""
    torch.manual_seed(0)
    model = QPoser(QPoserConfig(heads=2, codes=16, code_dim=2, width=16, depth=1, global_tokens=2, attention_heads=2))
    network = CodePriorNetwork(CodePriorConfig(latent_dim=4, width=32, depth=1, judge_width=32, joint_judge_width=16))
    network.mean.normal_()
    network.scale.uniform_(0.5, 2)
    return CodePrior(*(part.eval().requires_grad_(False) for part in (model, network)))


@pytest.fixture(scope="module")
def shipped():
    return CodePrior.from_pretrained()


def poses(number, seed=0, spread=0.3):
    return spread * torch.randn(number, 21, 3, generator=generator(seed))


def test_standardising_survives_a_round_trip(prior):
    network = prior.network
    latents = torch.randn(5, 21, 2, 2)
    standard = network.standardise(latents)
    torch.testing.assert_close(standard, (latents.flatten(-2) - network.mean) / network.scale)
    torch.testing.assert_close(network.unstandardise(standard), latents.flatten(-2))


def test_the_gradient_of_the_pull_is_the_distance_to_the_answer(prior):
    latents = torch.randn(2, 21, 2, 2, requires_grad=True)
    prior.pull(latents, 0.5, generator()).sum().backward()
    standard = prior.network.standardise(latents.detach())
    noise = torch.randn(21, 4, generator=generator())
    answer = prior.network.denoiser(standard + 0.5 * noise, torch.full((2, 21), 0.5))
    expected = (standard - answer) / standard[0].numel() / prior.network.scale
    torch.testing.assert_close(latents.grad.flatten(-2), expected)


def test_a_pull_does_not_depend_on_the_rest_of_the_batch(prior):
    latents = torch.randn(4, 21, 2, 2)
    batched = prior.pull(latents, 0.3, generator())
    alone = torch.stack([prior.pull(one, 0.3, generator()) for one in latents])
    torch.testing.assert_close(batched, alone)


def test_one_noise_level_is_the_same_level_for_each_joint(prior):
    latents = torch.randn(4, 21, 2, 2)
    each = prior.pull(latents, torch.full((21,), 0.3), generator())
    torch.testing.assert_close(prior.pull(latents, 0.3, generator()), each)


def test_same_seed_same_pull(prior):
    latents = torch.randn(4, 21, 2, 2)
    assert torch.equal(prior.pull(latents, 0.3, generator(7)), prior.pull(latents, 0.3, generator(7)))


def test_saved_and_read_back(prior, tmp_path):
    prior.save(tmp_path / "prior.safetensors")
    again = CodePrior.from_pretrained(tmp_path / "prior.safetensors", prior.model)
    latents = torch.randn(3, 21, 2, 2)
    torch.testing.assert_close(again.energy_of_latents(latents), prior.energy_of_latents(latents), atol=2e-2, rtol=2e-2)
    assert again.network.mean.dtype == torch.float32


def test_a_prior_of_another_model_is_refused(prior):
    network = CodePriorNetwork(CodePriorConfig(latent_dim=5, width=32, depth=1, judge_width=32, joint_judge_width=16))
    with pytest.raises(ValueError, match="the code prior has 21 x 5 latents, but the model has 21 x 4: use two"):
        CodePrior(prior.model, network)


def test_a_prior_of_a_model_of_the_same_sizes_and_other_weights_is_refused(prior, tmp_path):
    file = tmp_path / "prior.safetensors"
    prior.save(file)
    other = QPoser(prior.model.config)
    with pytest.raises(ValueError, match=r"prior.safetensors is the code prior of another QPoser: use two"):
        CodePrior.from_pretrained(file, other)
    other.load_state_dict(prior.model.state_dict())
    CodePrior.from_pretrained(file, other)
    prior.network.save(file)
    with pytest.raises(ValueError, match="of another QPoser"):
        CodePrior.from_pretrained(file, prior.model)


@pytest.mark.parametrize("level", [0.0, -0.1, float("nan"), float("inf"), torch.tensor([0.5] * 20 + [0.0])])
def test_invalid_noise_levels_are_rejected(prior, level):
    with pytest.raises(ValueError, match="noise levels must be finite and above 0"):
        prior.pull(torch.randn(2, 21, 2, 2), level, generator())


def test_one_hot_logits_have_the_energy_of_their_codes(prior):
    codes = prior.model.encode(poses(3))
    logits = 1e4 * torch.nn.functional.one_hot(codes, 16).float()
    torch.testing.assert_close(prior.energy_of_logits(logits), prior.energy_of_codes(codes))


def test_matrices_have_the_energy_of_their_axis_angles(prior):
    pose = poses(3)
    torch.testing.assert_close(prior.energy(axis_angle_to_matrix(pose)), prior.energy(pose))


def test_codes_and_logits_of_other_precision_have_the_same_energy(prior):
    codes = prior.model.encode(poses(3))
    torch.testing.assert_close(prior.energy_of_codes(codes.to(torch.uint8)), prior.energy_of_codes(codes))
    logits = torch.randn(2, 21, 2, 16, dtype=torch.float64)
    torch.testing.assert_close(prior.energy_of_logits(logits), prior.energy_of_logits(logits.float()))


def test_no_poses_have_no_energies(prior):
    assert prior.energy(torch.zeros(0, 21, 3)).shape == (0,)


def test_an_energy_does_not_depend_on_the_rest_of_the_batch(shipped):
    pose = poses(4)
    alone = torch.stack([shipped.energy(one) for one in pose])
    torch.testing.assert_close(shipped.energy(pose), alone, atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(shipped.energy(pose.reshape(2, 2, 21, 3)).flatten(), alone, atol=1e-3, rtol=1e-3)


def test_energies_have_gradients(shipped):
    pose = poses(2).requires_grad_()
    shipped.energy(pose).sum().backward()
    assert torch.isfinite(pose.grad).all()
    assert (pose.grad != 0).any()


@given(spread=st.sampled_from([0.0, 1e-6, 0.1, 1.0, 3.0]), seed=st.integers(0, 1000))
@settings(max_examples=30)
def test_an_energy_is_never_nan(shipped, spread, seed):
    assert torch.isfinite(shipped.energy(poses(2, seed, spread))).all()
    codes = torch.randint(shipped.model.config.codes, (2, 21, shipped.model.config.heads), generator=generator(seed))
    assert torch.isfinite(shipped.energy_of_codes(codes)).all()


def test_limbs_bent_the_wrong_way_have_a_higher_energy(shipped):
    stance = torch.zeros(21, 3)
    stance[15, 2], stance[16, 2] = -1.2, 1.2
    bent, wrong = stance.clone(), stance.clone()
    bent[3, 0], wrong[3, 0] = 0.6, -0.8
    assert shipped.energy(bent) < 0.7
    assert shipped.energy(wrong) > 1.2


@pytest.mark.parametrize(
    ("given_", "message"),
    [
        (torch.zeros(21, 3, dtype=torch.long), "use energy_of_codes"),
        (torch.zeros(63), "63 numbers are an SMPL body pose"),
        (torch.full((21, 3), float("inf")), "NaN or infinite"),
    ],
)
def test_invalid_poses_have_no_energy(shipped, given_, message):
    with pytest.raises(ValueError, match=message):
        shipped.energy(given_)


def test_invalid_codes_and_logits_have_no_energy(shipped):
    with pytest.raises(ValueError, match=r"codes must be \(..., 21, 4\) integers"):
        shipped.energy_of_codes(torch.zeros(21, 3, dtype=torch.long))
    with pytest.raises(ValueError, match="codes must be from 0 to 255: found 256 to 256"):
        shipped.energy_of_codes(torch.full((21, 4), 256))
    with pytest.raises(ValueError, match="the logits contain NaN"):
        shipped.energy_of_logits(torch.full((21, 4, 256), float("nan")))


def test_samples_follow_the_seed(shipped):
    first, again, other = (shipped.sample(3, generator=generator(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.allclose(first, other)
    assert first.shape == (3, 21, 3, 3)


def test_samples_are_decoded_from_codes_and_plausible(shipped):
    drawn = shipped.sample(64, generator=generator())
    assert shipped.energy(drawn).median() < 1


def test_colder_samples_vary_less(shipped):
    def variety(temperature):
        drawn = shipped.sample(64, temperature, generator=generator())
        return body_joints(drawn, torch.from_numpy(REST_JOINTS)).std(0).mean()

    assert variety(0.5) < 0.9 * variety(1.0)


@pytest.mark.parametrize(("n", "temperature"), [(0, 1.0), (1, -1.0), (1, float("nan")), (1, float("inf"))])
def test_impossible_draws_are_refused(shipped, n, temperature):
    with pytest.raises(ValueError, match="n must be at least 1"):
        shipped.sample(n, temperature, generator=generator())


@pytest.mark.parametrize("kind", ["axis-angle", "matrices"])
def test_completion_keeps_known_joints_and_ignores_unknown_ones(shipped, kind):
    pose = poses(2)
    pose = axis_angle_to_matrix(pose) if kind == "matrices" else pose
    known = torch.ones(21, dtype=torch.bool)
    known[LEGS] = False
    guesses = shipped.complete(pose, known, 3, generator=generator())
    assert guesses.shape == (3, *pose.shape)
    torch.testing.assert_close(guesses[:, :, known], pose[:, known].expand(3, -1, *pose[:, known].shape[1:]))
    damaged = pose.clone()
    damaged[:, LEGS] = float("nan")
    torch.testing.assert_close(shipped.complete(damaged, known, 3, generator=generator()), guesses)
    assert (guesses[0] - guesses[1])[:, LEGS].abs().max() > 0.01


def test_completed_legs_are_less_surprising_than_strange_ones(shipped):
    known = torch.ones(21, dtype=torch.bool)
    known[LEGS] = False
    stance = poses(1, spread=0.0)
    stance[:, 15, 2], stance[:, 16, 2] = -1.2, 1.2
    strange = stance.clone()
    strange[:, LEGS] = poses(1, spread=0.8)[:, LEGS]
    guesses = shipped.complete(strange, known, 8, generator=generator())[:, 0]
    assert shipped.energy(guesses).median() < shipped.energy(strange)


@pytest.mark.parametrize("value", [False, True])
def test_masks_that_leave_nothing_to_do_are_refused(shipped, value):
    with pytest.raises(ValueError, match="known"):
        shipped.complete(poses(1), torch.full((21,), value), generator=generator())


def test_resampling_by_nothing_changes_nothing_and_by_more_changes_more(shipped):
    stance = torch.zeros(1, 21, 3)
    stance[:, 15, 2], stance[:, 16, 2] = -1.2, 1.2

    def change(amount):
        varied = shipped.resample(stance, LEGS, amount, 16, generator=generator())
        torch.testing.assert_close(varied[..., 11:, :], stance[..., 11:, :].expand(16, -1, -1, -1))
        return (varied - stance)[..., LEGS, :].norm(dim=-1).mean()

    none, some, much = (change(amount) for amount in (0.0, 0.5, 1.0))
    assert none < 0.1
    assert none < some < much
