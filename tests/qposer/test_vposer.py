import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from qposer.body_pose.kinematics import body_joints, mirror_body_pose
from qposer.body_pose.rotations import axis_angle_to_matrix
from qposer.body_pose.skeleton import REST_JOINTS
from qposer.prior.code_prior import CodePrior
from qposer.prior.latent_space import LatentSpace, LatentSpaceConfig
from qposer.vposer import ModelParams, VPoser, VPoserV2, load_model, load_vposer

REST = torch.from_numpy(REST_JOINTS)


@pytest.fixture(scope="module")
def v1():
    return load_vposer()[0]


@pytest.fixture(scope="module")
def v2():
    return load_model()[0]


@pytest.fixture(scope="module")
def prior():
    return CodePrior.from_pretrained()


@pytest.fixture(scope="module")
def human(prior):
    """Plausible poses according to the code prior."""
    return prior.sample(16, generator=torch.Generator().manual_seed(3))


def drawn(number, dims=32, seed=0):
    return torch.randn(number, dims, generator=torch.Generator().manual_seed(seed))


def test_the_calls_of_smplify_x(v1):
    """`fit_single_frame`: the loader, an embedding of zeros, `decode` in the closure, the prior term; 69 for SMPL."""
    with pytest.warns(UserWarning, match="vposer_v1_0 does not exist: the shipped weights are loaded"):
        vposer, _ = load_vposer("vposer_v1_0", vp_model="snapshot")
    vposer = vposer.to(device=torch.device("cpu"))
    vposer.eval()
    pose_embedding = torch.zeros([1, 32], dtype=torch.float32, requires_grad=True)
    with torch.no_grad():
        pose_embedding.fill_(0)
    body_mean_pose = vposer.decode(pose_embedding, output_type="aa").view(1, -1)
    assert body_mean_pose.shape == (1, 63)
    target = body_joints(axis_angle_to_matrix(v1.sample_poses(1, seed=4)[:, 0]), REST)
    optimiser = torch.optim.LBFGS([pose_embedding], max_iter=30, line_search_fn="strong_wolfe")

    def closure():
        optimiser.zero_grad()
        body_pose = vposer.decode(pose_embedding, output_type="aa").view(1, -1)
        wrist_pose = torch.zeros([body_pose.shape[0], 6], dtype=body_pose.dtype)
        assert torch.cat([body_pose, wrist_pose], dim=1).shape == (1, 69)
        joints = body_joints(axis_angle_to_matrix(body_pose.view(1, 21, 3)), REST)
        loss = 1e2 * (joints - target).square().sum() + pose_embedding.pow(2).sum() * 0.01**2
        loss.backward()
        return loss

    before = closure().item()
    optimiser.step(closure)
    assert closure().item() < 0.05 * before
    assert torch.isfinite(pose_embedding.grad).all()


def test_the_calls_of_human_body_prior(human):
    support_dir = "V02_05"
    vp, ps = load_model(
        support_dir, model_code=VPoser, remove_words_in_model_weights="vp_model.", disable_grad=True, comp_device="cpu"
    )
    assert ps.model_params.latentD == vp.latentD == 32
    assert vp.num_joints == 21
    assert not vp.training
    assert not any(parameter.requires_grad for parameter in vp.parameters())
    pose_body = VPoser.matrot2aa(human.reshape(16, 1, 21, 9)).reshape(16, 63)
    q_z = vp.encode(pose_body)
    assert q_z.mean.shape == q_z.rsample().shape == (16, 32)
    decoded = vp.decode(q_z.mean)
    assert decoded["pose_body"].contiguous().view(-1, 63).shape == (16, 63)
    assert decoded["pose_body_matrot"].shape == (16, 21, 9)
    assert decoded.get("pose_body").reshape(1, -1).shape == (1, 16 * 63)
    found = vp(pose_body)
    assert set(found) == {"pose_body", "pose_body_matrot", "poZ_body_mean", "poZ_body_std", "q_z"}
    torch.testing.assert_close(found["poZ_body_mean"], q_z.mean)
    torch.testing.assert_close(found["q_z"].scale, found["poZ_body_std"])
    assert vp.sample_poses(num_poses=5)["pose_body"].shape == (5, 21, 3)


def test_inverse_kinematics_in_the_latents_reaches_the_targets(v2):
    """The engine's loop: `poZ_body` from zeros by L-BFGS until the decoded joints meet their targets."""
    with torch.no_grad():
        target = body_joints(v2.decode(0.8 * drawn(4))["pose_body_matrot"].unflatten(-1, (3, 3)), REST)
    poZ_body = torch.zeros(4, v2.latentD, requires_grad=True)
    optimiser = torch.optim.LBFGS([poZ_body], lr=1, max_iter=80, tolerance_change=1e-9, line_search_fn="strong_wolfe")

    def joints():
        pose_body = v2.decode(poZ_body)["pose_body"].contiguous().view(-1, 63)
        return body_joints(axis_angle_to_matrix(pose_body.view(-1, 21, 3)), REST)

    def closure():
        optimiser.zero_grad()
        loss = 10 * (joints() - target).square().sum() + 1e-6 * poZ_body.pow(2).sum()
        loss.backward()
        return loss

    start = (joints() - target).norm(dim=-1).mean().item()
    optimiser.step(closure)
    with torch.no_grad():
        error = (joints() - target).norm(dim=-1).mean().item()
    assert start > 0.03
    assert error < 0.005


def test_shapes_of_the_first_version(v1, human):
    latents = drawn(3)
    flat, turned = v1.decode(latents), v1.decode(latents, output_type="aa")
    assert flat.shape == (3, 1, 21, 9)
    assert turned.shape == (3, 1, 21, 3)
    torch.testing.assert_close(v1.aa2matrot(turned), flat, atol=1e-5, rtol=0)
    torch.testing.assert_close(v1.matrot2aa(flat), turned)
    given = human.reshape(16, 1, 21, 9)
    found = v1(given, "matrot", "aa")
    assert set(found) == {"mean", "std", "pose_aa"}
    assert found["pose_aa"].shape == (16, 1, 21, 3)
    assert set(v1(v1.matrot2aa(given), input_type="aa", output_type="matrot")) == {"mean", "std", "pose_matrot"}
    assert v1.sample_poses(2).shape == (2, 1, 21, 3)
    assert v1.sample_poses(2, output_type="matrot").shape == (2, 1, 21, 9)


def test_both_versions_are_one_model(v1, v2):
    latents = drawn(2)
    torch.testing.assert_close(v1.decode(latents, "aa")[:, 0], v2.decode(latents)["pose_body"])
    torch.testing.assert_close(v1.sample_poses(2, seed=1)[:, 0], v2.sample_poses(2, seed=1)["pose_body"])


@pytest.mark.parametrize("shape", [(16, 63), (16, 21, 3), (16, 1, 21, 3), (16, 189), (16, 21, 9), (16, 1, 21, 9)])
def test_poses_are_encoded_from_all_their_shapes(v1, human, shape):
    expected = v1.encode(human.flatten(1)).mean
    numbers = human if math.prod(shape[1:]) == 189 else v1.matrot2aa(human.reshape(16, 1, 21, 9))
    torch.testing.assert_close(v1.encode(numbers.reshape(shape)).mean, expected, atol=1e-3, rtol=1e-3)


def came_back(model, poses):
    """Mean error of the joints in metres."""
    found = model.rotations(model.encode(poses.flatten(1)).mean)
    return (body_joints(found, REST) - body_joints(poses, REST)).norm(dim=-1).mean()


def test_poses_are_reconstructed(v2, human):
    assert came_back(v2, human) < 0.025


def test_poses_of_drawn_latents_are_reconstructed(v2):
    assert came_back(v2, v2.rotations(drawn(16, seed=2))) < 0.025


def test_zeros_are_a_neutral_pose(v2, prior):
    pose = v2.rotations(torch.zeros(1, 32))
    joints = body_joints(pose, REST)[0]
    assert prior.energy(pose).item() < 1
    assert joints[15, 1] > 0.5  # the head above the hips, the feet far below, all near the middle
    assert (joints[[7, 8], 1] < -0.6).all()
    assert joints[[7, 8, 15], 2].abs().max() < 0.3
    torch.testing.assert_close(pose, mirror_body_pose(pose), atol=2e-3, rtol=0)


def test_longer_latents_are_less_plausible(v2, prior):
    latents = drawn(64)
    energies = [prior.energy(v2.rotations(spread * latents)).median().item() for spread in (0.0, 1.0, 2.0, 3.0)]
    assert energies == sorted(energies)


def test_latents_of_human_poses_are_of_unit_variance(v2, human):
    assert 0.4 < v2.encode(human.flatten(1)).mean.square().mean() < 2.5


def test_corrupted_poses_have_longer_latents(v2, human):
    damaged = human.clone()
    damaged[:, [3, 4, 17, 18]] = human[:, [3, 4, 17, 18]].mT @ axis_angle_to_matrix(torch.tensor([-0.8, 0.0, 0.0]))
    lengths = [v2.encode(pose.flatten(1)).mean.square().sum(-1) for pose in (human, damaged)]
    assert (lengths[1] > lengths[0]).float().mean() > 0.7


@given(seed=st.integers(0, 1000), spread=st.sampled_from([0.0, 0.5, 1.0, 2.0]))
@settings(max_examples=15)
def test_near_latents_decode_to_near_poses(v2, seed, spread):
    latents, direction = spread * drawn(8, seed=seed), torch.nn.functional.normalize(drawn(8, seed=seed + 1))
    with torch.no_grad():
        start, end = (body_joints(v2.rotations(z), REST) for z in (latents, latents + 0.01 * direction))
    assert (end - start).norm(dim=-1).mean(-1).max() < 0.003


@pytest.mark.parametrize("spread", [0.0, 1.0, 10.0, 100.0])
def test_gradients_are_finite_everywhere(v1, v2, spread):
    latents = (spread * drawn(4)).requires_grad_()
    pose = v1.decode(latents, output_type="aa")
    (pose.square().sum() + v2.decode(latents)["pose_body_matrot"].square().sum()).backward()
    assert torch.isfinite(latents.grad).all()
    assert (latents.grad != 0).any()


def test_poses_have_gradients_through_the_encoder(v2):
    for pose in (torch.zeros(2, 63), 0.3 * drawn(2, 63)):
        pose.requires_grad_()
        v2.encode(pose).rsample().square().sum().backward()
        assert torch.isfinite(pose.grad).all()
        assert (pose.grad != 0).any()


def test_gradients_are_those_of_finite_differences():
    torch.manual_seed(0)
    model = VPoserV2(LatentSpace(LatentSpaceConfig(4, 8))).double()
    latents = drawn(2, 4).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda z: model.decode(z)["pose_body_matrot"], latents, atol=1e-5, rtol=1e-3)


@pytest.mark.parametrize("batch", [1, 7])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_batches_of_all_sizes_in_the_precision_given(v1, v2, batch, dtype):
    latents = drawn(batch).to(dtype)
    decoded = v2.decode(latents)["pose_body"]
    assert decoded.shape == (batch, 21, 3)
    assert decoded.dtype == v1.decode(latents).dtype == dtype
    posterior = v2.encode(decoded.flatten(1))
    assert posterior.mean.shape == posterior.stddev.shape == (batch, 32)
    assert posterior.mean.dtype == posterior.rsample().dtype == dtype


def test_a_batch_decodes_like_its_members(v2):
    latents = drawn(5)
    alone = torch.cat([v2.rotations(one[None]) for one in latents])
    torch.testing.assert_close(v2.rotations(latents), alone, atol=1e-5, rtol=0)


def test_samples_follow_the_seed(v2):
    first, again, other = (v2.sample_poses(3, seed=seed)["pose_body"] for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.allclose(first, other)
    torch.manual_seed(0)
    unseeded = v2.sample_poses(3)["pose_body"]
    assert not torch.allclose(unseeded, v2.sample_poses(3)["pose_body"])
    assert not unseeded.requires_grad


def test_a_seed_leaves_the_global_generator_alone(v1):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    v1.sample_poses(2, seed=9)
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize(
    "latents", [torch.zeros(1, 31), torch.zeros(32), torch.zeros(1, 1, 32), torch.zeros(1, 32).int()]
)
def test_other_widths_of_latents_are_refused(v1, v2, latents):
    for model in (v1, v2):
        with pytest.raises(ValueError, match=r"latents must be \(N, 32\) floating point"):
            model.decode(latents)


@pytest.mark.parametrize("shape", [(2, 69), (63,), (21, 3), (2, 22, 3), (2, 156)])
def test_other_widths_of_poses_are_refused(v2, shape):
    with pytest.raises(ValueError, match=r"poses must be \(N, 63\) axis-angle or \(N, 189\)"):
        v2.encode(torch.zeros(shape))


def test_invalid_poses_are_refused(v1, v2):
    with pytest.raises(ValueError, match="NaN"):
        v2.encode(torch.full((1, 63), float("nan")))
    with pytest.raises(ValueError, match="rotation"):
        v1.encode(torch.zeros(1, 1, 21, 9))
    with pytest.raises(ValueError, match="poses of type 'matrot' must have 189 numbers each, not 63"):
        v1(torch.zeros(2, 1, 21, 3))
    with pytest.raises(ValueError, match="output_type must be 'matrot' or 'aa', not 'euler'"):
        v1.decode(torch.zeros(1, 32), output_type="euler")


def test_settings_that_the_weights_do_not_have_are_refused():
    same = {"model_params": {"latentD": 32, "num_joints": 21}}
    assert load_model(model_cfg_override=same)[1].model_params == ModelParams()
    assert load_model(load_only_cfg=True).model_params.latentD == 32
    for section, name, value in (
        ("model_params", "latentD", 48),
        ("model_params", "num_neurons", 512),
        ("train_parms", "gen_learning_rate", 1),
    ):
        with pytest.raises(ValueError, match=rf"of 32 numbers for 21 joints, and {section}\.{name} cannot be {value}"):
            load_model(model_cfg_override={section: {name: value}})


def test_weights_can_be_thawed():
    model, _ = load_model(disable_grad=False)
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_a_folder_of_our_weights_is_used_and_others_are_not(tmp_path):
    shipped, own = LatentSpace.from_pretrained(), LatentSpace(LatentSpaceConfig(latent_dim=8, width=4))
    assert torch.equal(load_vposer(tmp_path)[0].space.neutral, shipped.neutral)
    own.save(tmp_path / "vposer_latent.safetensors")
    v1, params = load_vposer(str(tmp_path))
    v2, settings = load_model(tmp_path)
    assert v1.latentD == params.latentD == v2.latentD == settings.model_params.latentD == 8
    assert load_model(tmp_path, load_only_cfg=True) == settings
    assert v1.decode(torch.zeros(2, 8), "aa").shape == (2, 1, 21, 3)


def test_the_state_moves_with_the_model(v2):
    assert {"space.neutral", "space.expand.weight", "space.decoder.0.weight"} <= set(v2.state_dict())
    assert next(v2.parameters()).device == v2.space.neutral.device
