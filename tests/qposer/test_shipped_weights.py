"""Bounds for the shipped weights, which detect a wrong file of weights."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from benchmarks.prior.negatives import mixed_parts, noisy, wrong_bends
from benchmarks.prior.poses import Poses
from qposer.body_pose.kinematics import body_joints
from qposer.body_pose.posed_skeleton import OrientedPose, PosedSkeleton
from qposer.body_pose.rotations import axis_angle_to_matrix
from qposer.body_pose.skeleton import REST_JOINTS
from qposer.control.measures import JointAngle, Offset
from qposer.control.text_prior import TextPrior
from qposer.data.recordings import read_recording
from qposer.data.selection import select
from qposer.evaluation.metrics import mpjpe
from qposer.prior.code_prior import CodePrior
from qposer.prior.code_prior_network import CLUES
from qposer.prior.energy import PoseEnergy
from qposer.prior.model import QPoser

CLIPS = sorted(
    file for file in (Path(__file__).parent / "data" / "clips").rglob("*") if file.suffix in (".amc", ".bvh")
)
# fmt: off
T_POSE_CODES = [23, 201, 81, 218, 181, 53, 5, 44, 152, 0, 26, 49, 28, 123, 82, 162, 244, 119, 31, 55, 221, 6, 222, 17]
# fmt: on
"""Rotations of the first six joints."""


@pytest.fixture(scope="module")
def model():
    return QPoser.from_pretrained()


@pytest.fixture(scope="module")
def recorded():
    """The poses of the recorded clips next to the tests."""
    return torch.cat([torch.from_numpy(select(read_recording(clip, fps=60.0)).pose)[:, 1:22].float() for clip in CLIPS])


def test_files_are_small():
    sizes = [
        (Path(__file__).parents[2] / "assets" / name).stat().st_size
        for name in ("qposer.safetensors", "codeprior.safetensors", "text.safetensors")
    ]
    assert max(sizes) < 6e6


def test_recorded_poses_are_reconstructed_within_millimetres(model, recorded):
    rest = torch.from_numpy(REST_JOINTS)
    truth = axis_angle_to_matrix(recorded)
    error = 1000 * mpjpe(body_joints(model.reconstruct(truth), rest), body_joints(truth, rest))
    assert error.mean() < 5
    assert error.max() < 10


def test_codes_of_the_t_pose(model):
    codes = model.encode(torch.zeros(21, 3)).flatten()[: len(T_POSE_CODES)]
    assert (codes == torch.tensor(T_POSE_CODES)).float().mean() > 0.9


def test_double_precision_decodes_the_same(model, recorded):
    codes = model.encode(recorded)
    double = QPoser.from_pretrained().double()
    torch.testing.assert_close(double.decode(codes).float(), model.decode(codes), atol=1e-4, rtol=0)


def test_the_code_prior_removes_noise_from_recorded_poses(recorded):
    prior = CodePrior.from_pretrained()
    clean = prior.standard_latents(recorded)
    noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))
    for level, left in ((0.3, 0.9), (1.0, 0.75)):
        denoised = prior.network.denoiser(clean + level * noise, torch.full((len(clean), 21), level))
        assert (denoised - clean).square().mean() < left * level**2


def test_mixed_poses_have_a_higher_energy_and_a_stronger_gradient(model, recorded):
    prior = CodePrior.from_pretrained()
    latents = model.latents(recorded)
    order = torch.stack(
        [torch.randperm(len(latents), generator=torch.Generator().manual_seed(j)) for j in range(21)], 1
    )
    mixed = latents[order, torch.arange(21)]

    def pull(latents):
        return prior.pull(latents, 0.3, torch.Generator().manual_seed(0)).mean()

    assert pull(mixed) > pull(latents)
    assert prior.energy_of_latents(mixed).median() > prior.energy_of_latents(latents).median() + 0.5


def test_recorded_poses_have_usual_energies(recorded):
    energy = CodePrior.from_pretrained().energy(recorded)
    assert -1.5 < energy.median() < 1


def test_poses_that_are_not_human_have_higher_energies():
    """Shares of pairs in which the recorded pose has the lower energy; less without one of the features."""
    prior, recorded = CodePrior.from_pretrained(), Poses.quick().test[:128]
    energy = prior.energy(recorded)
    for disturbed, least in ((mixed_parts, 0.8), (noisy, 0.785), (wrong_bends, 0.985)):
        other = prior.energy(disturbed(recorded, torch.Generator().manual_seed(0)))
        assert (other[:, None] > energy).float().mean() > least, disturbed.__name__


def test_every_energy_term_raises_the_energy():
    prior = CodePrior.from_pretrained()
    clues = torch.zeros(1, CLUES, requires_grad=True)
    PoseEnergy(prior.model, prior.network)._calibrated(clues).sum().backward()
    assert (clues.grad > 0).all()


@pytest.mark.parametrize("guidance", [1.0, 3.0])
def test_texts_are_followed_by_most_of_the_poses_that_are_drawn(guidance):
    drawing = TextPrior.from_pretrained()

    def drawn(text):
        poses = drawing.generate(text, 16, guidance, generator=torch.Generator().manual_seed(0))
        return PosedSkeleton.of(OrientedPose.upright(poses))

    def share(figure, measure, low):
        return (measure(figure) > low).float().mean()

    reported, vaguely = drawn("the left knee is bent 90 degrees"), drawn("please flex your left knee 90 degrees")
    other = drawn("the right knee is bent 90 degrees")
    for figure in (reported, vaguely):
        assert share(figure, JointAngle("left_knee_flexion"), 65.0) > 0.6
    assert share(other, JointAngle("right_knee_flexion"), 65.0) > 0.6
    assert share(other, JointAngle("left_knee_flexion"), 65.0) < 0.5
    raised = drawn("both hands are above the head")
    for side in ("left", "right"):
        assert share(raised, Offset(f"{side}_palm", "crown", "up"), 0.0) > 0.6


def test_the_compiler_of_pytorch_is_not_loaded():
    """It is slow to load, and computations on the meta device would load it."""
    program = (
        "import sys\n"
        "from qposer import CodePrior\n"
        "from qposer.control.text_prior import TextPrior\n"
        "from qposer.vposer import load_vposer\n"
        "from fitting.optimise.regressor import Regressor\n"
        "CodePrior.from_pretrained(), TextPrior.from_pretrained(), load_vposer(), Regressor.from_pretrained()\n"
        "print([name for name in ('torch._dynamo', 'sympy', 'roma') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
