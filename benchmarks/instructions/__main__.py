"""Follow the suite of instructions: ``python -m benchmarks.instructions --out docs/benchmarks``.

With ``--quick``, it follows some of the instructions from one start pose each, in a minute or two. An interrupted run
resumes; results are cached until code or weights change.
"""

from __future__ import annotations

import hashlib
from functools import partial
from pathlib import Path
from typing import Literal

import torch
import tyro
from rich.console import Console
from rich.progress import track

from benchmarks.cache import Cache
from benchmarks.instructions import report
from benchmarks.instructions.suite import Half, Phrase, Suite
from benchmarks.instructions.trials import CIRCLE_SEED, description_round_trip, start_pose, trials, tried
from benchmarks.machine import machine
from qposer.body_pose import posed_skeleton
from qposer.control import (
    anatomy,
    collisions,
    constraint_solver,
    constraints,
    description_rules,
    descriptions,
    instructions,
    inverse_kinematics,
    measures,
)
from qposer.control.instructions import InstructionError, instruct
from qposer.io.assets import asset
from qposer.io.cli_errors import cli_errors
from qposer.prior.code_prior import CodePrior


def main(
    half: Literal["both", "development", "report"] = "both",
    out: Path | None = None,
    cache: Path = Path("runs/instructions"),
    poses: int = 3,
    circle: int = 100,
    quick: bool = False,
) -> None:
    """Follow the suite of instructions, print the tables, and write instructions.md to ``out`` if given.

    Args:
        half: half of the phrases; the report half must not be used to choose settings.
        out: folder for instructions.md; by default, nothing is written.
        cache: folder of the cached results.
        poses: number of start poses for each instruction.
        circle: number of postures whose descriptions are followed.
        quick: use one start pose for every sixth instruction, and ten descriptions.
    """
    console = Console(width=160)
    with cli_errors("benchmarks.instructions"):
        torch.set_num_threads(1)
        suite, prior, kept, code = Suite.load(), CodePrior.from_pretrained(), Cache(cache), _digest()
        halves: tuple[Half, ...] = ("development", "report") if half == "both" else (half,)
        poses, circle, every = (1, 10, 6) if quick else (poses, circle, 1)
        tried(prior, next(trials(suite.phrases, suite.seeds, 1)))  # load everything before the timing
        found: dict[str, list[report.Tried]] = {}
        for name in halves:
            phrases = [phrase for phrase in suite.phrases if phrase.half == name]
            wanted = list(trials(phrases, suite.seeds, poses, every))
            found[name] = []
            for trial in track(wanted, f"{name} half", console=console):
                depends = {"code": code, "said": trial.instruction, "after": trial.phrase.after, "seeds": trial.seeds}
                result = kept.result(trial.instruction, depends, partial(tried, prior, trial))
                found[name].append(report.Tried(trial, result))
        circles = [
            kept.result(f"circle {seed}", {"code": code, "seed": seed}, partial(description_round_trip, prior, seed))
            for seed in track(range(CIRCLE_SEED, CIRCLE_SEED + circle), "descriptions", console=console)
        ]
        to_refuse = [phrase for phrase in suite.refused if phrase.half in halves]
        refused = report.refusals(to_refuse, [_refusal(prior, phrase, suite.seeds[0]) for phrase in to_refuse])
        tables = {"Instructions": report.summary(found), "Descriptions": report.circle(circles), "Refusals": refused}
        for title, table in tables.items():
            console.print(table.for_console(title))
        failed = {name: report.failures(each) for name, each in found.items()}
        for title, lines in failed.items():
            console.print(f"failures, {title} half:", *lines, sep="\n", markup=False, highlight=False)
        lines = report.circle_failures(circles)
        console.print("failures, descriptions:", *lines, sep="\n", markup=False, highlight=False)
        if out:
            count = sum(map(len, found.values()))
            only = "" if half == "both" else f" --half {half}"
            parts = [
                report.TEXT.format(instructions=count, poses=poses),
                f"Command: `python -m benchmarks.instructions{only} --out {out}`, "
                f"{kept.seconds / 60:.0f} minutes on one core.\nMachine: {machine()}.",
                tables["Instructions"].markdown(),
                *(f"## By kind, {name} half\n\n{report.by_kind(each).markdown()}" for name, each in found.items()),
                f"{report.CIRCLE.format(number=circle)}\n{tables['Descriptions'].markdown()}",
                f"## Instructions to reject\n\n{refused.markdown()}",
                *(f"## Failures, {name} half\n\n" + "\n".join(each or ["- none"]) for name, each in failed.items()),
                "## Failures, descriptions\n\n" + "\n".join(lines or ["- none"]),
            ]
            console.print(f"written: {report.write(out, parts)}")


_MODULES = (
    anatomy,
    constraint_solver,
    collisions,
    constraints,
    description_rules,
    descriptions,
    measures,
    posed_skeleton,
    inverse_kinematics,
)


def _digest() -> str:
    """Digest of the code that follows instructions, and of the weights."""
    package = Path(str(instructions.__file__)).parent
    files = [*sorted(package.glob("*")), *(Path(str(module.__file__)) for module in _MODULES)]
    files += [asset(name) for name in ("qposer.safetensors", "codeprior.safetensors")]
    content = b"".join(file.read_bytes() for file in files if file.is_file())
    return hashlib.sha256(content).hexdigest()[:16]


def _refusal(prior: CodePrior, phrase: Phrase, seed: int) -> str | None:
    """Error message of an instruction; None if it is followed."""
    start, generator = start_pose(prior, seed), torch.Generator().manual_seed(0)
    try:
        instruct(start, phrase.instructions[0], generator=generator, prior=prior)
    except InstructionError as error:
        return str(error)
    return None


if __name__ == "__main__":
    tyro.cli(main, description=__doc__)
