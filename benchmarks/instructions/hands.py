"""Follow the suite of instructions for hands: ``python -m benchmarks.instructions.hands --out docs/benchmarks``."""

from __future__ import annotations

import time
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import torch
import tyro
from jaxtyping import Float
from rich.console import Console
from rich.progress import track
from torch import Tensor

from benchmarks.instructions.hand_checks import holds
from benchmarks.instructions.suite import Half
from benchmarks.intervals import mean_interval
from benchmarks.machine import machine
from benchmarks.tables import Table
from qposer.control.hand_instructions import InstructionError, instruct_hands
from qposer.hands.pairs import of_right_hands
from qposer.hands.prior import HandPrior, load_hand_prior
from qposer.io.atomic_files import atomic_write
from qposer.io.cli_errors import cli_errors

FILE = Path(__file__).with_name("hands.toml")
DOCUMENT = "hand-instructions.md"

SAMPLED = (11, 12)
"""Seeds of the start poses that are sampled from the prior; another one is the flat hand."""

TEXT = """# Following English instructions for hands

{phrases} phrases ([hands.toml](../../benchmarks/instructions/hands.toml)), written with their checks before the grammar
that reads them, each followed from {starts} poses of both hands: flat, and sampled from the hand prior. Phrases form
two disjoint halves: grammar and solver were tuned on the *development* half; the *report* half is used only for these
figures.

- *Checks*: share of the checks that hold. They measure the outcome (fingers straight or curled, fingertips that touch,
  the sphere through the fingers, a hand that must not change) and don't know the constraints that the grammar derives;
  those of a phrase that is not understood count as missed.
- *Instructions*: share of phrases and starts with all checks satisfied.
- *Energy*: share of instructed hands with an energy of at most 1, the 95th percentile of recorded hands.
- *Seconds*: time of one instruction, after loading.

Square brackets hold bootstrap 95 % intervals over phrases.
"""


@dataclass(frozen=True)
class HandPhrase:
    """An instruction for hands, and checks of its outcome."""

    kind: str
    half: Half
    instruction: str
    expect: tuple[str, ...]
    after: str = ""
    """Instruction that precedes it, if any."""


@dataclass(frozen=True)
class Outcome:
    """A phrase followed from one start."""

    missed: tuple[str, ...]
    """Checks that don't hold."""
    energy: float
    """The highest of the hands that changed."""
    seconds: float


@dataclass(frozen=True)
class Followed:
    """A phrase and its outcomes by start, or the error message."""

    phrase: HandPhrase
    outcomes: tuple[Outcome, ...]
    refused: str = ""

    @property
    def checks(self) -> float:
        """Share of the checks that hold, percent."""
        missed = [len(outcome.missed) for outcome in self.outcomes]
        return 100 - 100 * sum(missed) / (len(missed) * len(self.phrase.expect)) if missed else 0.0

    @property
    def followed(self) -> float:
        """Share of starts with all checks satisfied, percent."""
        return 100 * sum(not outcome.missed for outcome in self.outcomes) / max(len(self.outcomes), 1)


def load_phrases(file: Path = FILE) -> tuple[list[HandPhrase], list[HandPhrase]]:
    """Phrases to follow, and phrases to reject, whose kind says why.

    Args:
        file: the suite.

    Returns:
        Both.

    Raises:
        ValueError: an instruction occurs twice, or a half has an unknown name.
    """
    content = tomllib.loads(file.read_text(encoding="utf-8"))
    phrases = [
        HandPhrase(e["kind"], e["half"], e["instruction"], tuple(e["expect"]), e.get("after", ""))
        for e in content["phrase"]
    ]
    refused = [HandPhrase(e["why"], e["half"], e["instruction"], ()) for e in content["refused"]]
    texts = [phrase.instruction for phrase in phrases if not phrase.after]
    twice = sorted({text for text in texts if texts.count(text) > 1})
    if twice:
        raise ValueError(f"{file}: {', '.join(twice)} occur twice")
    for phrase in (*phrases, *refused):
        if phrase.half not in get_args(Half):
            raise ValueError(f"unknown half {phrase.half!r}: use {' or '.join(get_args(Half))}")
    return phrases, refused


def start_poses(prior: HandPrior) -> list[Float[Tensor, "30 3 3"]]:
    """Both hands flat, and sampled."""
    flat = torch.eye(3).expand(30, 3, 3).clone()
    return [flat, *(of_right_hands(prior.sample(2, seed=seed)) for seed in SAMPLED)]


def follow(phrase: HandPhrase, starts: Sequence[Float[Tensor, "30 3 3"]], prior: HandPrior) -> Followed:
    """Follow a phrase from each start, and check the outcomes.

    Args:
        phrase: the phrase.
        starts: poses of both hands.
        prior: the hand prior.

    Returns:
        The outcomes.
    """
    outcomes = []
    for start in starts:
        try:
            previous = instruct_hands(start, phrase.after, prior=prior) if phrase.after else None
            before = previous.hand_pose if previous else start
            began = time.perf_counter()
            edit = instruct_hands(before, phrase.instruction, previous=previous, prior=prior)
        except InstructionError as error:
            return Followed(phrase, (), str(error))
        seconds = time.perf_counter() - began
        sides = {joint.split("_")[0] for joint in edit.mentioned}
        energy = max(energy for side, energy in zip(("left", "right"), edit.energy, strict=True) if side in sides)
        missed = tuple(check for check in phrase.expect if not holds(check, before, edit.hand_pose))
        outcomes.append(Outcome(missed, energy, seconds))
    return Followed(phrase, tuple(outcomes))


def summary(found: dict[str, list[Followed]]) -> Table:
    """All figures by half."""
    rows = []
    for half, every in found.items():
        outcomes = [outcome for one in every for outcome in one.outcomes]
        seconds = torch.tensor([outcome.seconds for outcome in outcomes])
        energy = 100 * sum(outcome.energy <= 1 for outcome in outcomes) / max(len(outcomes), 1)
        rows.append(
            [
                half,
                f"{sum(not one.refused for one in every)} of {len(every)}",
                f"{mean_interval(torch.tensor([one.checks for one in every])):.1f}",
                f"{mean_interval(torch.tensor([one.followed for one in every])):.1f}",
                f"{energy:.0f}",
                f"{seconds.median():.2f}, {seconds.quantile(0.95):.2f}",
            ]
        )
    columns = [
        "half",
        "understood",
        "checks, %",
        "instructions, %",
        "energy <= 1, %",
        "seconds, median and 95th percentile",
    ]
    return Table(columns, rows)


def by_kind(every: Sequence[Followed]) -> Table:
    """Figures of one half by kind of phrase."""
    rows = []
    for kind in dict.fromkeys(one.phrase.kind for one in every):
        own = [one for one in every if one.phrase.kind == kind]
        understood = sum(not one.refused for one in own)
        checks, followed = (
            sum(values) / len(own) for values in zip(*((o.checks, o.followed) for o in own), strict=True)
        )
        rows.append([kind, f"{understood} of {len(own)}", f"{checks:.0f}", f"{followed:.0f}"])
    return Table(["kind", "understood", "checks, %", "instructions, %"], rows)


def failures(every: Sequence[Followed]) -> list[str]:
    """Phrases that were not understood, and checks that don't hold."""
    lines = []
    for one in every:
        said = f'"{one.phrase.instruction}"' + (f' after "{one.phrase.after}"' if one.phrase.after else "")
        if one.refused:
            lines.append(f"- {said}: not understood: {one.refused}")
        missed = [check for outcome in one.outcomes for check in outcome.missed]
        if missed:
            counts = (
                f"{check} ({missed.count(check)} of {len(one.outcomes)} starts)" for check in dict.fromkeys(missed)
            )
            lines.append(f"- {said}: {', '.join(counts)}")
    return lines


def refusals(phrases: Sequence[HandPhrase], prior: HandPrior) -> Table:
    """The phrases to reject with their error messages.

    Args:
        phrases: the phrases.
        prior: the hand prior.

    Returns:
        The table.
    """
    rows = []
    for phrase in phrases:
        refused = follow(phrase, start_poses(prior)[:1], prior).refused
        rows.append([phrase.kind, f'"{phrase.instruction}"', refused or "**not rejected**"])
    return Table(["why", "instruction", "message"], rows)


def main(half: Literal["both", "development", "report"] = "both", out: Path | None = None) -> None:
    """Follow the suite, print the tables, and write hand-instructions.md to ``out`` if given.

    Args:
        half: half of the phrases; the report half must not be used to choose settings.
        out: folder for the document; by default, nothing is written.
    """
    console = Console(width=160)
    with cli_errors("benchmarks.instructions.hands"):
        torch.set_num_threads(1)
        began, prior, (phrases, refused) = time.perf_counter(), load_hand_prior(), load_phrases()
        starts = start_poses(prior)
        instruct_hands(starts[0], "make a fist", prior=prior)  # load everything before the timing
        found = {
            name: [
                follow(p, starts, prior) for p in track([p for p in phrases if p.half == name], name, console=console)
            ]
            for name in get_args(Half)
            if half in ("both", name)
        }
        rejected = refusals([phrase for phrase in refused if phrase.half in found], prior)
        console.print(summary(found).for_console("Instructions for hands"), rejected.for_console("Refusals"))
        for name, every in found.items():
            console.print(by_kind(every).for_console(name), *failures(every), sep="\n", markup=False, highlight=False)
        if out:
            only = "" if half == "both" else f" --half {half}"
            minutes = (time.perf_counter() - began) / 60
            parts = [
                TEXT.format(phrases=sum(map(len, found.values())), starts=len(starts)),
                f"Command: `python -m benchmarks.instructions.hands{only} --out {out}`, {minutes:.0f} minutes on one "
                f"core.\nMachine: {machine()}.",
                summary(found).markdown(),
                *(f"## By kind, {name} half\n\n{by_kind(every).markdown()}" for name, every in found.items()),
                f"## Instructions to reject\n\n{rejected.markdown()}",
                *(
                    f"## Failures, {name} half\n\n" + "\n".join(failures(every) or ["- none"])
                    for name, every in found.items()
                ),
            ]
            out.mkdir(parents=True, exist_ok=True)
            with atomic_write(out / DOCUMENT) as temporary:
                temporary.write_text("\n\n".join(part.strip() for part in parts) + "\n", encoding="utf-8")


if __name__ == "__main__":
    tyro.cli(main, description=__doc__)
