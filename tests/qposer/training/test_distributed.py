"""Two processes, which ``torchrun`` starts with this file as their program, train as one process does."""

import csv
import os
import shutil
import subprocess
import sys
from functools import partialmethod
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from rich.console import Console
from torch import nn

from qposer.io.weights import read_tensors, write_tensors
from qposer.prior.code_prior import CodePrior
from qposer.prior.model import QPoserConfig
from qposer.prior.quantizer import MultiHeadQuantizer
from qposer.training import run as run_module
from qposer.training import train_codeprior
from qposer.training.config import RunConfig
from qposer.training.distributed import is_main, process_group, processes, share
from qposer.training.run import run
from qposer.training.train import TrainConfig, train
from qposer.training.train_codeprior import TrainConfig as PriorConfig
from qposer.training.train_codeprior import train as train_prior

ROOT = Path(__file__).resolve().parents[3]
QUIET = Console(quiet=True)
SMALL = QPoserConfig(heads=2, codes=16, code_dim=2, width=16, depth=1, global_tokens=2, attention_heads=2)


class Network(nn.Module):
    """A network with batch normalisation and dropout."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(3, 8, bias=False), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 1))

    def save(self, path, **notes):
        write_tensors(path, self.state_dict(), notes)


def train_network(data, out, batch_size=12):
    """Validation draws random numbers of the steps' generator."""
    torch.manual_seed(0)
    generator, network = torch.Generator().manual_seed(0), Network()

    def loss():
        inputs = torch.randn(batch_size, 3, generator=generator)
        errors = network.layers(share(inputs)).squeeze(-1) - share(inputs.prod(-1))
        return {"loss": errors.square().mean()}

    def validate():
        return {"validation": torch.rand((), generator=generator).item()}

    config = RunConfig(data, out, steps=12, batch_size=batch_size, learning_rate=0.1, validate_every=4)
    run(config, network, generator, loss, validate, lambda: None, QUIET)
    return network


def train_code_prior(data, out):
    steps = {"steps": 6, "judge_steps": 6, "joint_judge_steps": 6, "validate_every": 3}
    train_prior(PriorConfig(data, out, batch_size=16, width=16, depth=1, averaging=0.5, **steps), QUIET)


def train_qposer(data, out):
    """Codebooks follow the latents fast, so that unused codes are replaced within these steps."""
    update = partialmethod(MultiHeadQuantizer.update, decay=0.9)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(MultiHeadQuantizer, "update", update)
        train(TrainConfig(data, out, model=SMALL, steps=24, batch_size=32, validate_every=12), QUIET)


def train_all(data, out):
    """Train with any number of processes; ``killed`` is the run ``qposer`` as a kill after a checkpoint leaves it."""
    save = run_module.save_checkpoint

    def save_and_copy(path, *rest):
        save(path, *rest)
        if not (out / "killed").exists():
            shutil.copytree(path.parent, out / "killed")

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(run_module, "save_checkpoint", save_and_copy)
        train_qposer(data, out / "qposer")
        patched.setattr(train_codeprior, "FEATURE_POSES", 500)
        patched.setattr(CodePrior, "calibrate", lambda *_: None)
        train_code_prior(data, out / "prior")
    network = train_network(data, out / "network")
    write_tensors(out / f"network{dist.get_rank() if processes() > 1 else 0}.safetensors", network.state_dict(), {})


@pytest.fixture(scope="module")
def folders(poses, tmp_path_factory):
    """Results of one process and of two, which also resume the first one's killed run."""
    one, two = tmp_path_factory.mktemp("one"), tmp_path_factory.mktemp("two")
    train_all(poses, one)
    shutil.copytree(one / "killed", two / "resumed")
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*torchrun, __file__, poses, two], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return one, two


def assert_equal_runs(one, two, tolerance=1e-5):
    """Equal up to rounding: losses and figures at each validation, and everything in the last checkpoint."""
    logs = [list(csv.DictReader((run / "log.csv").open())) for run in (one, two)]
    for rows in zip(*logs, strict=True):
        first, second = ({name: float(value) for name, value in row.items() if name != "seconds"} for row in rows)
        assert second == pytest.approx(first, rel=10 * tolerance)
    (tensors, notes), (others, other_notes) = (read_tensors(run / "last.safetensors") for run in (one, two))
    assert notes["step"] == other_notes["step"]
    torch.testing.assert_close(others, tensors, atol=tolerance, rtol=tolerance)


@pytest.mark.parametrize("name", ["network", "prior/denoiser", "prior/judge", "prior/joint_judge", "qposer"])
def test_two_processes_train_as_one(folders, name):
    one, two = folders
    assert_equal_runs(one / name, two / name)


def test_two_processes_resume_the_run_of_one(folders):
    one, two = folders
    assert_equal_runs(one / "qposer", two / "resumed")


def test_one_process_resumes_the_run_of_two(folders, poses):
    one, two = folders
    train_qposer(poses, two / "killed")
    assert_equal_runs(one / "qposer", two / "killed")


def test_all_processes_have_the_same_weights(folders):
    _, two = folders
    (main, _), (other, _) = (read_tensors(two / f"network{rank}.safetensors") for rank in range(2))
    torch.testing.assert_close(other, main, atol=0, rtol=0)


def test_unused_codes_were_replaced(folders):
    """Otherwise no test here would notice how."""
    one, _ = folders
    usage = read_tensors(one / "qposer" / "last.safetensors")[0]["model.model.quantizer.usage"]
    assert usage.min() >= 0.4


def test_an_indivisible_batch_is_refused(folders):
    _, two = folders
    assert (two / "refused.txt").read_text() == (
        "11 poses of a batch cannot be divided evenly among 2 processes: "
        "change --batch-size, or torchrun's --nproc-per-node"
    )


def main(data, out):
    """Train as one of several processes."""
    with process_group("cpu"):
        train_all(data, out)
        train_qposer(data, out / "resumed")
        try:
            train_network(data, out / "refused", batch_size=11)
        except ValueError as error:
            if is_main():
                (out / "refused.txt").write_text(str(error))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
