"""Pose hands by their descriptions: ``python -m benchmarks.instructions.hand_descriptions --out docs/benchmarks``."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import torch
import tyro
from jaxtyping import Float
from rich.console import Console
from rich.progress import track
from torch import Tensor

from benchmarks.instructions.hand_checks import holds
from benchmarks.instructions.hands import HandPhrase, load_phrases, start_poses
from benchmarks.instructions.suite import Half
from benchmarks.intervals import mean_interval
from benchmarks.machine import machine
from benchmarks.tables import Table
from qposer.control.hand_descriptions import describe_hands
from qposer.control.hand_instructions import InstructionError, instruct_hands
from qposer.hands.prior import HandPrior, load_hand_prior
from qposer.io.atomic_files import atomic_write
from qposer.io.cli_errors import cli_errors

DOCUMENT = "hand-descriptions.md"

TEXT = """# Posing hands by their descriptions

{phrases} phrases of [hands.toml](../../benchmarks/instructions/hands.toml), each followed from flat hands. The result
is described by `describe_hands`, and flat hands follow the description. The checks of the phrase, except those that a
hand does not change, are made on this second result. Grammar, solver and descriptions were tuned on the *development*
half.

- *Before*: share of the checks that hold after the phrase itself, and *after*: after its description.
- *Phrases*: share of the phrases all of whose checks hold after the description.
- *Sentences*: mean number of sentences about both hands.

Square brackets hold bootstrap 95 % intervals over phrases.
"""


@dataclass(frozen=True)
class RoundTrip:
    """A phrase, the description of its result, and the checks that don't hold."""

    phrase: HandPhrase
    checks: tuple[str, ...] = ()
    description: tuple[str, ...] = ()
    before: tuple[str, ...] = ()
    """Missed after the phrase."""
    after: tuple[str, ...] = ()
    """Missed after the description."""
    refused: str = ""
    """Error message if the phrase or the description is not understood."""

    def held(self, missed: Sequence[str]) -> float:
        """Share of the checks that hold, percent."""
        return 0.0 if self.refused else 100 - 100 * len(missed) / len(self.checks)


def round_trip(phrase: HandPhrase, flat: Float[Tensor, "30 3 3"], prior: HandPrior) -> RoundTrip:
    """Follow a phrase and then the description of its result, both from flat hands.

    Args:
        phrase: the phrase.
        flat: flat hands.
        prior: the hand prior.

    Returns:
        The outcome.
    """
    checks = tuple(check for check in phrase.expect if not check.endswith("unchanged"))
    try:
        previous = instruct_hands(flat, phrase.after, prior=prior) if phrase.after else None
        start = previous.hand_pose if previous else flat
        first = instruct_hands(start, phrase.instruction, previous=previous, prior=prior).hand_pose
        description = tuple(describe_hands(first))
        second = instruct_hands(flat, ". ".join(description), prior=prior).hand_pose
    except InstructionError as error:
        return RoundTrip(phrase, checks, refused=str(error))
    before, after = (tuple(check for check in checks if not holds(check, flat, pose)) for pose in (first, second))
    return RoundTrip(phrase, checks, description, before, after)


def summary(found: dict[str, list[RoundTrip]]) -> Table:
    """All figures by half."""
    rows = []
    for half, every in found.items():
        before, after, whole = (
            torch.tensor(values)
            for values in (
                [one.held(one.before) for one in every],
                [one.held(one.after) for one in every],
                [100.0 * (one.held(one.after) == 100) for one in every],
            )
        )
        sentences = sum(len(one.description) for one in every) / len(every)
        shares = [f"{mean_interval(values):.1f}" for values in (before, after, whole)]
        rows.append([half, str(len(every)), *shares, f"{sentences:.1f}"])
    return Table(["half", "phrases", "checks before, %", "checks after, %", "phrases, %", "sentences"], rows)


def failures(every: Sequence[RoundTrip]) -> list[str]:
    """Phrases whose description loses a check, with the description."""
    lines = []
    for one in every:
        lost = [check for check in one.after if check not in one.before]
        if one.refused:
            lines.append(f'- "{one.phrase.instruction}": {one.refused}')
        elif lost:
            lines.append(f'- "{one.phrase.instruction}" ({"; ".join(one.description)}): {", ".join(lost)}')
    return lines


def main(out: Path | None = None) -> None:
    """Follow phrases and their descriptions, print the table, and write hand-descriptions.md to ``out`` if given.

    Args:
        out: folder for the document; by default, nothing is written.
    """
    console = Console(width=160)
    with cli_errors("benchmarks.instructions.hand_descriptions"):
        torch.set_num_threads(1)
        began, prior, (phrases, _) = time.perf_counter(), load_hand_prior(), load_phrases()
        flat = start_poses(prior)[0]
        found: dict[str, list[RoundTrip]] = {
            half: [
                round_trip(phrase, flat, prior)
                for phrase in track([p for p in phrases if p.half == half], half, console=console)
            ]
            for half in get_args(Half)
        }
        console.print(summary(found).for_console("Descriptions of hands"))
        for half, every in found.items():
            console.print(f"failures, {half} half:", *failures(every), sep="\n", markup=False, highlight=False)
        if out:
            minutes = (time.perf_counter() - began) / 60
            parts = [
                TEXT.format(phrases=sum(map(len, found.values()))),
                f"Command: `python -m benchmarks.instructions.hand_descriptions --out {out}`, {minutes:.0f} minutes on "
                f"one core.\nMachine: {machine()}.",
                summary(found).markdown(),
                *(
                    f"## Failures, {half} half\n\n" + "\n".join(failures(every) or ["- none"])
                    for half, every in found.items()
                ),
            ]
            out.mkdir(parents=True, exist_ok=True)
            with atomic_write(out / DOCUMENT) as temporary:
                temporary.write_text("\n\n".join(part.strip() for part in parts) + "\n", encoding="utf-8")


if __name__ == "__main__":
    tyro.cli(main, description=__doc__)
