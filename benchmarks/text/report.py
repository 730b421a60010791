"""The tables and the document of the benchmark."""

from __future__ import annotations

from pathlib import Path

from benchmarks.intervals import mean_interval
from benchmarks.machine import machine
from benchmarks.tables import Table
from benchmarks.text.scores import POOL, TOPS, percentages
from qposer.io.atomic_files import atomic_write

TEXT = """# Poses drawn from texts

{number} {split} poses are described (`qposer.control.descriptions`), and each method gives one pose for each
description. An evaluator, an encoder of texts and one of poses, trained on the training people alone to tell which
belong together, says how often a pose's own text is the nearest of 32, or among the nearest three (R-precision); also
reported are the share of the described relations that hold for the pose, and how many poses have an energy up to 1.

- *The pose itself* is what was described: what the evaluator can tell.
- *Training pose of the nearest text*: of all training poses and their mirror images, in whose descriptions nothing was
  reworded. TF-IDF weighted words and pairs of words, or, which favours it, the vectors that the evaluator itself
  judges by.
- *Drawn*: `qposer.control.text_prior`. The default guidance was chosen on validation poses.
- *Followed*: what is used where the weights are missing; it does not know how people pose, and measures the relations
  that it is asked for.

Square brackets hold bootstrap 95 % intervals over texts.

Command: `{command}`.
Machine: {machine}.

{tables}

## What they say

- On descriptions of people that training did not see, what is drawn is recognised more often than the nearest training
  pose, and more of what was said holds, in other words, too. The evaluator recognises drawn poses about as often as
  the described ones: it knows the training people's way, and so does the prior.
- Not all that was said holds to within 10 degrees or 5 cm. Descriptions have several sentences, and a draw takes
  liberties with some. What must hold is for `instruct`.
- Guidance of 4 exaggerates: more poses have an energy above 1, and fewer relations hold.
"""


def table(scored: dict[str, dict[str, list[float]]]) -> Table:
    """Percentages with their intervals, a row for each method.

    Args:
        scored: what `benchmarks.text.scores.score` measured, by method.

    Returns:
        The table.
    """
    tops = [f"R-precision, top {top} of {POOL}, %" for top in TOPS]
    rows = [
        [name, *(f"{mean_interval(values):.1f}" for values in percentages(of_one))] for name, of_one in scored.items()
    ]
    return Table(["", *tops, "relations that hold, %", "energy <= 1, %"], rows)


def write(out: Path, tables: dict[str, Table], facts: dict[str, object]) -> None:
    """Write text.md.

    Args:
        out: its folder, which is made.
        tables: by the words that the texts are in.
        facts: number and split of the texts, and the command.
    """
    sections = [f"## Texts {words}\n\n{of_words.markdown()}" for words, of_words in tables.items()]
    out.mkdir(parents=True, exist_ok=True)
    with atomic_write(out / "text.md") as temporary:
        filled = TEXT.format(**facts, machine=machine(), tables="\n\n".join(sections))
        temporary.write_text(filled, encoding="utf-8")
