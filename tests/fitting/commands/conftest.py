import runpy
import signal
import sys
from pathlib import Path

import pytest
import torch

import demos
from qposer.prior.code_prior import CodePrior
from qposer.prior.code_prior_network import CodePriorConfig, CodePriorNetwork
from qposer.prior.model import QPoser, QPoserConfig


@pytest.fixture
def run(monkeypatch, capsys):
    """Run a demo's command line in this process; return its output."""

    def run(demo, *arguments):
        monkeypatch.setattr(sys, "argv", [f"{demo}.py", *map(str, arguments)])
        handler = signal.getsignal(signal.SIGINT)
        try:
            runpy.run_path(str(Path(demos.__file__).with_name(f"{demo}.py")), run_name="__main__")
        finally:
            signal.signal(signal.SIGINT, handler)
        return capsys.readouterr().out

    return run


@pytest.fixture
def refused(run, capsys):
    """Run a command with invalid input; return its one-line error."""

    def refused(demo, *arguments):
        with pytest.raises(SystemExit) as stopped:
            run(demo, *arguments)
        assert stopped.value.code == 2
        reported = capsys.readouterr()
        assert reported.out == ""
        assert reported.err.count("\n") == 1
        assert reported.err.startswith(f"{demo}: ")
        return reported.err

    return refused


@pytest.fixture
def random_prior(monkeypatch):
    """A small prior with random weights instead of the shipped one."""
    torch.manual_seed(0)
    model = QPoser(QPoserConfig(heads=2, codes=16, code_dim=2, width=16, depth=1, global_tokens=2, attention_heads=2))
    network = CodePriorNetwork(CodePriorConfig(latent_dim=4, width=32, depth=1, judge_width=32))
    prior = CodePrior(*(part.eval().requires_grad_(False) for part in (model, network)))
    monkeypatch.setattr(CodePrior, "from_pretrained", lambda: prior)
    return prior
