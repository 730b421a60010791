import pytest
import torch

from benchmarks.prior import completion, denoising, edits, generation, plausibility, reconstruction
from benchmarks.prior.completion import CompletionSettings, moved_joints
from benchmarks.prior.denoising import DenoisingSettings, TuningSettings
from benchmarks.prior.edits import EditsSettings
from benchmarks.prior.generation import GenerationSettings
from benchmarks.prior.negatives import NEGATIVES
from benchmarks.prior.plausibility import PlausibilitySettings
from benchmarks.prior.reconstruction import ReconstructionSettings, SpeedSettings
from qposer.body_pose.skeleton import JOINT_NAMES


class Whole:
    """Loses nothing."""

    def reconstruct(self, body_pose):
        return body_pose


def test_lossless_autoencoders_have_no_error(poses):
    result = reconstruction.measure(Whole(), poses, ReconstructionSettings(poses=6, meshes=2))
    assert len(result["mpjpe_mm"]) == 6
    assert len(result["mpvpe_mm"]) == 2
    assert max(result["mpjpe_mm"] + result["mpvpe_mm"]) < 1e-2


def test_use_of_codes_is_measured_of_a_qposer(poses, qposer):
    result = reconstruction.measure(qposer, poses, ReconstructionSettings(poses=20, meshes=1))
    assert result["bits"] == 21 * 2 * 4
    assert len(result["perplexity"]) == len(result["used"]) == 2
    assert all(0 < part <= 1 for part in result["perplexity"] + result["used"])


def test_speeds_are_reported_by_name_and_threads_are_restored(poses):
    threads = torch.get_num_threads()
    speeds = reconstruction.measure_speed({"a": Whole(), "b": Whole()}, poses, SpeedSettings(batch=4, rounds=2))
    assert set(speeds) == {"a", "b"}
    assert all(speed > 0 for speed in speeds.values())
    assert torch.get_num_threads() == threads


def test_a_prior_of_the_test_poses_finds_all_others_implausible(poses, oracle):
    energies = plausibility.measure(oracle, poses, PlausibilitySettings(poses=32))["energy"]
    assert max(energies["real"]) == 0
    assert all(min(energies[kind]) > 0 for kind in NEGATIVES)


def test_reconstruction_gaps_are_reported_for_autoencoders(poses, qposer):
    result = plausibility.measure(qposer, poses, PlausibilitySettings(poses=8))
    assert set(result["gap_mm"]) == set(result["energy"]) == {"real", *NEGATIVES}


def test_samples_that_are_the_test_poses_are_like_them(poses, oracle):
    result = generation.measure(oracle, poses, GenerationSettings(samples=600, pairs_of=50, nearest_of=3))
    assert result["precision"] == 1.0
    assert result["recall"] > 0.7
    real = generation.measure_real(poses, GenerationSettings(samples=600, pairs_of=50, nearest_of=3))
    assert result["fid_pose"] < 0.2 * real["training poses"]["fid_pose"]
    assert result["fid_joints_cm"] < 0.2 * real["training poses"]["fid_joints_cm"]
    assert max(real["training poses"]["nearest_rad"]) < 1e-2 < min(result["nearest_rad"])


def test_equal_rotations_by_other_angles_are_the_same_samples(poses):
    angle = poses.test.norm(dim=-1, keepdim=True)
    clear = (angle > 0.01) & (angle < 3)
    turned = torch.where(clear, poses.test * (1 + 2 * torch.pi / angle.clamp(min=0.01)), 0.0)
    expected = torch.where(clear, poses.test, 0.0)
    torch.testing.assert_close(generation.principal(turned), expected, atol=1e-3, rtol=0)


def test_joints_beyond_unknown_rotations_are_compared():
    names = {part: {JOINT_NAMES[joint] for joint in moved_joints(part)} for part in completion.PARTS}
    assert names["left_arm"] == {"left_shoulder", "left_elbow", "left_wrist"}
    assert names["legs"] == {f"{side}_{joint}" for side in ("left", "right") for joint in ("knee", "ankle", "foot")}
    assert names["torso"] == {"spine2", "spine3", "neck", "left_collar", "right_collar"}


def test_a_completion_by_the_truth_has_no_error(poses, oracle):
    result = completion.measure(oracle, poses, CompletionSettings(poses=3, hypotheses=4))
    for part in completion.PARTS:
        assert result[part] == {key: [0.0] * 3 for key in ("min_mm", "mean_mm", "diversity_mm")}


class Scaled:
    """A fit that finds the truth if its weight is near one."""

    def __init__(self, truth):
        self.truth = truth

    def fit_joints(self, joints, weight):
        return self.truth * weight


def test_weights_are_tuned_on_validation_poses_for_each_noise(poses):
    settings = TuningSettings(poses=4)
    truth = denoising.drawn(poses.validation, settings.poses, torch.Generator().manual_seed(settings.seed))
    result = denoising.tune(Scaled(truth), poses, settings)
    assert result["weights"] == [1.0, 1.0, 1.0]
    assert all(len(tried) >= 3 for tried in result["tried_mm"])


def test_a_fit_to_the_truth_has_no_error(poses):
    settings = DenoisingSettings(poses=4, weights=(1.0, 1.0, 2.0))
    truth = denoising.drawn(poses.test, settings.poses, torch.Generator().manual_seed(settings.seed))
    result = denoising.measure(Scaled(truth), poses, settings)
    assert result["20"] == result["40"] == [0.0] * 4
    assert min(result["100"]) > 0


def test_noise_has_its_size_in_millimetres(poses):
    clean = denoising.joints_mm(poses.test)
    noise = 1000 * denoising._noisy(poses.test, 40, torch.Generator().manual_seed(0)) - clean
    assert noise.std().item() == pytest.approx(40, rel=0.02)


def test_edits_are_measured_in_degrees(poses, qposer):
    result = edits.measure(qposer, poses, EditsSettings(pairs=6))
    assert set(result) == set(edits.PARTS)
    for angles in result.values():
        assert {len(values) for values in angles.values()} == {6}
        assert all(0 <= angle <= 180 for values in angles.values() for angle in values)
