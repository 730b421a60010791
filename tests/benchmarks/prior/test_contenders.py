import pytest
import torch

from benchmarks.baselines.mixture import PoseMixture, PoseMixtureConfig
from benchmarks.baselines.vposer import VPoser, VPoserConfig
from benchmarks.prior.contenders import NO_PRIOR, load_baselines, load_qposer


def save(prior, runs, name):
    (runs / name).mkdir(parents=True)
    prior.save(runs / name / "best.safetensors")


def test_every_run_is_a_row_and_missing_kinds_are_reported(tmp_path):
    save(VPoser(VPoserConfig(width=8)), tmp_path, "vposer-5e-3")
    save(VPoser(VPoserConfig(width=8)), tmp_path, "vposer-1e-3")
    save(PoseMixture(PoseMixtureConfig(2)), tmp_path, "gmm")
    found, missing = load_baselines(tmp_path)
    assert [contender.name for contender in found] == [NO_PRIOR, "VPoser 1e-3", "VPoser 5e-3", "GMM"]
    assert len(missing) == 1
    assert "train_diffusion" in missing[0]


def test_results_follow_from_the_weights(tmp_path):
    for seed in (0, 1):
        torch.manual_seed(seed)
        save(VPoser(VPoserConfig(width=8)), tmp_path / str(seed), "vposer-5e-3")
    (_, one), (_, other) = (load_baselines(tmp_path / str(seed))[0] for seed in (0, 1))
    assert one.digests != other.digests
    assert one.digests[1:] == other.digests[1:]


def test_no_runs_leave_the_fit_without_a_prior(tmp_path):
    found, missing = load_baselines(tmp_path)
    assert [contender.name for contender in found] == [NO_PRIOR]
    assert len(missing) == 3


def test_a_missing_qposer_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such file"):
        load_qposer(tmp_path / "qposer.safetensors", None)
