"""Poses generated from texts: ``python -m benchmarks.text --data poses.npz --out docs/benchmarks``.

Texts are descriptions of poses of unseen people. Each method gives one pose for each text. An evaluator, a text encoder
and a pose encoder trained on the training people to match texts and poses, measures how often the correct text is the
nearest, or among the nearest three, of 32 (R-precision: Guo et al., CVPR 2022). The share of the described relations
that hold is measured, too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import torch
import tyro
from rich.console import Console

import qposer
from benchmarks.cache import Cache
from benchmarks.commands import command
from benchmarks.prior.poses import file_digest
from benchmarks.text import report
from benchmarks.text.evaluator import Evaluator, trained_evaluator
from benchmarks.text.methods import Method, instructed, methods
from benchmarks.text.scores import score
from benchmarks.text.tasks import Task, make_task
from qposer.control.text_prior import GUIDANCE, TEXT_FILE, TextPrior
from qposer.data.dataset import PoseDataset, Split
from qposer.io.assets import asset
from qposer.io.cli_errors import cli_errors
from qposer.prior.code_prior import CodePrior
from qposer.training.train_text import descriptions_digest


def main(
    data: Path,
    runs: Path = Path("runs/text-benchmark"),
    weights: Path | None = None,
    out: Path | None = None,
    guidance: tuple[float, ...] = (1.0, GUIDANCE, 4.0),
    number: int = 500,
    followed: int = 100,
    evaluator_steps: int = 3000,
    split: Split = "test",
) -> None:
    """Compare the methods, print the tables, and write text.md to ``out`` if given.

    Args:
        data: poses.npz, written by ``python -m qposer.data.build``.
        runs: folder for the evaluator, the descriptions and the cached results.
        weights: weights of the text prior; by default, the shipped ones.
        out: folder for text.md; by default, nothing is written.
        guidance: guidance scales to sample with.
        number: number of texts.
        followed: number of texts that are also followed as instructions, which takes one second each.
        evaluator_steps: training steps of the evaluator.
        split: split of the described poses; the guidance was chosen on validation.
    """
    console = Console(width=140)
    with cli_errors("benchmarks.text"):
        torch.set_num_threads(1)
        poses, kept = PoseDataset.load(data), Cache(runs)
        same = {"evaluator": evaluator_steps, "trained on": descriptions_digest(poses.body_pose("train"))}
        same |= {"weights": _digest(_weights(weights)), "code": _digest(_code())}
        evaluator = trained_evaluator(poses, runs, evaluator_steps)
        drawing = TextPrior.from_pretrained(weights)
        compared = methods(poses, runs, evaluator, drawing, guidance)
        tables = {}
        for words, other_words in (("as written by `describe`", False), ("with paraphrases", True)):
            task = make_task(poses.body_pose(split), number, other_words)
            asked = [(name, method, task) for name, method in compared.items()]
            if not other_words and followed:
                first = Task(task.texts[:followed], task.relations[:followed], task.poses[:followed])
                asked.append(
                    (f"followed by `instruct` (the first {followed})", partial(instructed, drawing.prior), first)
                )
            scored = {}
            for name, method, given in asked:
                depends = {**same, "texts": given.texts, "method": name}
                measure = partial(_scored, method, given, evaluator, drawing.prior)
                scored[name] = kept.result(f"{split} {words} {name}", depends, measure)
            tables[words] = report.table(scored)
            console.print(tables[words].for_console(words))
        if out:
            asked_for = command(
                "benchmarks.text",
                main,
                data=data,
                runs=runs,
                weights=weights,
                out=out,
                guidance=guidance,
                number=number,
                followed=followed,
                evaluator_steps=evaluator_steps,
                split=split,
            )
            report.write(out, tables, {"number": number, "split": split, "command": asked_for})


def _weights(text: Path | None) -> list[Path]:
    """Weight files that the results depend on."""
    return [text or asset(TEXT_FILE), *(asset(name) for name in ("qposer.safetensors", "codeprior.safetensors"))]


def _code() -> list[Path]:
    """Source files that the results depend on."""
    package = Path(str(qposer.__file__)).parent
    rooms = [package / room for room in ("body_pose", "prior", "control", "io")]
    files = [file for room in rooms for file in room.rglob("*.*") if file.suffix in (".py", ".lark")]
    return [*sorted(Path(__file__).parent.glob("*.py")), *sorted(files), package / "training" / "paraphrases.py"]


def _digest(files: Sequence[Path]) -> str:
    return hashlib.sha256("".join(map(file_digest, files)).encode()).hexdigest()


def _scored(method: Method, task: Task, evaluator: Evaluator, prior: CodePrior) -> dict[str, list[float]]:
    return score(task, method(task), evaluator, prior)


if __name__ == "__main__":
    tyro.cli(main, description=__doc__)
