import torch

from benchmarks.baselines.vposer import VPoser, VPoserConfig
from benchmarks.vposer_latent import Contender, detection_auroc, load_contenders, reconstruction, smoothness, tables
from qposer.body_pose.rotations import axis_angle_to_matrix
from qposer.prior.code_prior import CodePrior
from qposer.prior.latent_space import LatentSpace, LatentSpaceConfig


def poses(number=24):
    return axis_angle_to_matrix(0.2 * torch.randn(number, 21, 3, generator=torch.Generator().manual_seed(0)))


def small_space():
    torch.manual_seed(0)
    space = LatentSpace(LatentSpaceConfig(latent_dim=8, width=8))
    space.initialize_from(poses(100))
    return space


def test_figures_match_their_definitions():
    truth = poses()
    exact = Contender("exact", small_space().encode, lambda latents: truth)
    joints, skin, angle = reconstruction(exact, truth)
    assert max(joints, skin) < 1e-3
    assert angle < 0.1
    still = Contender("still", small_space().encode, lambda latents: truth[:1].expand(len(latents), 21, 3, 3))
    assert smoothness(still, 8, seed=0) == (0.0, 0.0)
    assert min(reconstruction(still, truth)) > 1


def test_longer_latents_of_corrupted_poses_are_detected():
    class Far:
        def __init__(self, rotations):
            identity = torch.eye(3)
            self.mean = (rotations - identity).square().sum((-1, -2, -3))[:, None]

    apart = detection_auroc(Contender("far from the rest pose", Far, lambda latents: latents), poses(), seed=0)
    assert apart["jittered"] > 0.6 > apart["bent"] > 0.4
    assert set(apart) == {"mixed", "jittered", "bent"}


def test_tables_have_a_row_for_each(tmp_path):
    for folder in ("ours", "vposer-1e-3"):
        (tmp_path / folder).mkdir()
    small_space().save(tmp_path / "ours" / "best.safetensors")
    VPoser(VPoserConfig(latent_dim=8, width=8)).save(tmp_path / "vposer-1e-3" / "best.safetensors")
    contenders = load_contenders(
        tmp_path / "ours" / "best.safetensors", (tmp_path / "vposer-1e-3" / "best.safetensors",)
    )
    found = tables(contenders, {"Some": poses()}, CodePrior.from_pretrained(), seed=0)
    assert list(found) == ["Some, 24 poses", "Unit normal latents z"]
    for table in found.values():
        assert [row[0] for row in table.rows] == ["ours", "vposer-1e-3"]
