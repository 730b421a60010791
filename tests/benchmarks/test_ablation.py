import numpy as np
import pytest
import torch
from rich.console import Console

from benchmarks import ablation
from benchmarks.ablation import FLAGS, finished, markdown, measure, scored_mixtures
from benchmarks.baselines.mixture import PoseMixture
from benchmarks.prior.poses import Poses
from qposer.data.dataset import PoseDataset
from qposer.prior.model import QPoser, QPoserConfig


@pytest.fixture
def data():
    poses = Poses.quick().test[:90]
    whole = torch.nn.functional.pad(poses, (0, 0, 1, 2))
    names = np.repeat(["02", "03", "01"], 30)
    return PoseDataset(whole, names, names, np.arange(90, dtype=np.int32), names)


@pytest.fixture
def model():
    torch.manual_seed(0)
    return QPoser(QPoserConfig(heads=2, codes=16, width=8, depth=1, global_tokens=1, attention_heads=1)).eval()


@pytest.mark.parametrize("name", FLAGS)
def test_every_run_has_different_settings_and_the_same_length(name, tmp_path, monkeypatch):
    configs = {}
    monkeypatch.setattr(ablation, "train", lambda config, console: configs.setdefault(config.out.name, config))
    for row in ("full", name):
        ablation.train_row(row, tmp_path / "poses.npz", tmp_path, "cpu", Console(quiet=True))
    assert configs[name].steps == ablation.STEPS
    settings = [(c.model, c.swap_weight, c.adversarial_weight) for c in (configs["full"], configs[name])]
    assert (settings[0] != settings[1]) == (name != "full")


def test_figures_of_a_model(data, model):
    figures = measure(model, PoseMixture(), data)
    assert figures.bits == 21 * 2 * 4
    assert figures.parameters > 2 * 16
    assert figures.test_mm.low <= figures.test_mm.value <= figures.test_mm.high
    assert 0 < figures.perplexity <= 1
    assert 0 <= figures.shuffled.value <= 1
    text = markdown({"full": figures}, scored_mixtures(PoseMixture(), data), ["Left out: small."])
    assert f"{figures.test_mm:.2f}" in text
    assert "Left out: small." in text


def test_a_run_is_finished_when_its_log_is_complete(tmp_path):
    assert not finished(tmp_path)
    (tmp_path / "best.safetensors").touch()
    (tmp_path / "log.csv").write_text("step,seconds\n500,1.0\n1000,2.0\n")
    assert not finished(tmp_path)
    with (tmp_path / "log.csv").open("a") as log:
        log.write(f"{ablation.STEPS},3.0\n")
    assert finished(tmp_path)


def test_the_error_without_runs_names_the_training_option(tmp_path, capsys):
    with pytest.raises(SystemExit) as stopped:
        ablation.main(tmp_path / "poses.npz", tmp_path)
    assert stopped.value.code == 2
    assert "--train" in capsys.readouterr().err
