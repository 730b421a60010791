"""Report of the results as tables and a document."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from benchmarks.cache import Result
from benchmarks.instructions.suite import Phrase
from benchmarks.instructions.trials import Trial
from benchmarks.intervals import mean_interval
from benchmarks.tables import Table
from qposer.control.constraints import TOLERANCE
from qposer.io.atomic_files import atomic_write

DOCUMENT = "instructions.md"

TEXT = """# Following English instructions

{instructions} English instructions ([suite.toml](../../benchmarks/instructions/suite.toml)), written before the grammar
that parses them, each applied to {poses} of 20 start poses sampled from the prior. Phrases form two disjoint halves:
grammar and solver were tuned on the *development* half; the *report* half is used only for these figures.

- *Constraints*: share of the parsed constraints that hold within 10 degrees or 5 cm.
- *Held before*: share of the constraints that already hold in the start pose.
- *Instructions*: share of instructions with all constraints satisfied.
- *Energy*: share of results with an energy of at most 1, the 95th percentile of recorded poses; *before*: the same for
  start poses.
- *Drift*: mean rotation in degrees of joints without a constraint.
- *Seconds*: time of one instruction, after loading.

Square brackets hold bootstrap 95 % intervals over instructions.
"""

CIRCLE = """## Following descriptions

{number} postures sampled from the prior are described (`qposer.control.descriptions`). `instruct` follows all sentences
of a description at once, from the neutral posture.
"""


@dataclass(frozen=True)
class Tried:
    """An instruction and its result."""

    trial: Trial
    result: Result

    @property
    def outcomes(self) -> list[Result]:
        """Outcomes by start pose; empty if the instruction was rejected."""
        found: list[Result] = self.result.get("outcomes", [])
        return found


def summary(tried: dict[str, list[Tried]]) -> Table:
    """Make a table of all figures by half."""
    rows = []
    for half, trials in tried.items():
        read = [one for one in trials if one.outcomes]
        energy = _by_instruction(read, lambda o: 100.0 * (o["energy"] <= 1))
        before = _by_instruction(read, lambda o: 100.0 * (o["energy_before"] <= 1))
        seconds = torch.tensor([o["seconds"] for one in read for o in one.outcomes])
        rows.append(
            [
                half,
                f"{len(read)} of {len(trials)}",
                f"{mean_interval(_constraints(read, after=True)):.1f}",
                f"{_constraints(read, after=False).mean():.1f}",
                f"{mean_interval(_by_instruction(read, lambda o: 100.0 * all(map(_holds, o['checks'])))):.1f}",
                f"{mean_interval(energy):.1f}",
                f"{before.mean():.1f}",
                f"{mean_interval(_by_instruction(read, lambda o: o['drift'])):.2f}",
                f"{seconds.median():.2f}, {seconds.quantile(0.95):.2f}",
            ]
        )
    columns = [
        "half",
        "understood",
        "constraints, %",
        "held before, %",
        "instructions, %",
        "energy <= 1, %",
        "before, %",
    ]
    return Table([*columns, "drift, degrees", "seconds, median and 95th percentile"], rows)


def by_kind(trials: Sequence[Tried]) -> Table:
    """Make a table of the figures of one half by kind of instruction."""
    rows = []
    for kind in dict.fromkeys(one.trial.phrase.kind for one in trials):
        read = [one for one in trials if one.trial.phrase.kind == kind and one.outcomes]
        if not read:
            continue
        energy = _by_instruction(read, lambda o: 100.0 * (o["energy"] <= 1)).mean()
        drift = _by_instruction(read, lambda o: o["drift"]).mean()
        held = _constraints(read, after=True).mean()
        rows.append([kind, f"{len(read)}", f"{held:.0f}", f"{energy:.0f}", f"{drift:.1f}"])
    return Table(["kind", "instructions", "constraints, %", "energy <= 1, %", "drift, degrees"], rows)


def failures(trials: Sequence[Tried]) -> list[str]:
    """List rejected instructions, violated constraints, and energies above 1."""
    lines = []
    for one in trials:
        said = f'"{one.trial.instruction}"'
        if one.trial.phrase.after:
            said += f' after "{one.trial.phrase.after}"'
        if "refused" in one.result:
            lines.append(f"- {said}: not understood: {one.result['refused']}")
        for found in one.outcomes:
            missed = [
                f"{text} off by {after:.0f} {unit}"
                for text, unit, _, after in found["checks"]
                if after > TOLERANCE[unit]
            ]
            if found["energy"] > 1:
                missed.append(f"energy {found['energy']:.1f} (before: {found['energy_before']:.1f})")
            if missed:
                lines.append(f"- {said}, seed {found['seed']}: {'; '.join(missed)}")
    return lines


def refusals(phrases: Sequence[Phrase], said: Sequence[str | None]) -> Table:
    """Make a table of the instructions to reject with their error messages.

    Args:
        phrases: instructions to reject.
        said: error message of each; None if it was not rejected.

    Returns:
        The table.
    """
    rows = [
        [phrase.kind, f'"{phrase.instructions[0]}"', message or "**not rejected**"]
        for phrase, message in zip(phrases, said, strict=True)
    ]
    return Table(["why", "instruction", "message"], rows)


def circle(found: Sequence[Result]) -> Table:
    """Make a table of the sentences that hold after descriptions were followed."""
    described = [result for result in found if result["sentences"]]  # some poses have no description
    read = [result for result in described if "refused" not in result]
    held = torch.tensor([100.0 * sum(s[1] for s in r["sentences"]) / len(r["sentences"]) for r in read])
    every = [sentence[1] for result in read for sentence in result["sentences"]]
    energy = torch.tensor([100.0 * (result["energy"] <= 1) for result in read])
    seconds = torch.tensor([result["seconds"] for result in read])
    row = [
        f"{len(read)} of {len(described)}",
        f"{len(every) / len(read):.1f}",
        f"{100 * sum(every) / len(every):.1f}",
        f"{mean_interval(held):.1f}",
        f"{mean_interval(energy):.1f}",
        f"{seconds.median():.2f}",
    ]
    columns = ["understood", "sentences each", "sentences that hold, %", "mean of descriptions, %", "energy <= 1, %"]
    return Table([*columns, "seconds, median"], [row])


def circle_failures(found: Sequence[Result]) -> list[str]:
    """List rejected descriptions, and sentences that do not hold after they were followed."""
    lines = [f"- {result['refused']}" for result in found if "refused" in result]
    for result in found:
        for text, holds, *gaps in result["sentences"]:
            if holds is False:
                lines.append(f'- "{text}": off by {", ".join(f"{gap:.0f}" for gap in gaps[0])}')
    return lines


def write(out: Path, parts: Sequence[str]) -> Path:
    """Write the document.

    Args:
        out: folder for the document.
        parts: parts of the document in Markdown.

    Returns:
        Path of the document.
    """
    out.mkdir(parents=True, exist_ok=True)
    with atomic_write(out / DOCUMENT) as temporary:
        temporary.write_text("\n\n".join(part.strip() for part in parts) + "\n", encoding="utf-8")
    return out / DOCUMENT


def _holds(check: list[object]) -> bool:
    _, unit, _, after = check
    return bool(float(after) <= TOLERANCE[unit])  # type: ignore[index, arg-type]


def _constraints(trials: Sequence[Tried], after: bool) -> torch.Tensor:
    """100 for each constraint that holds and 0 for each that does not, over all instructions."""
    share = []
    for one in trials:
        checks = [check for found in one.outcomes for check in found["checks"]]
        share += [100.0 * (check[2 + after] <= TOLERANCE[check[1]]) for check in checks]
    return torch.tensor(share)


def _by_instruction(trials: Sequence[Tried], figure: Callable[[Result], float]) -> torch.Tensor:
    return torch.tensor([[figure(found) for found in one.outcomes] for one in trials]).mean(1)
