"""The tables and the document of the benchmark."""

from __future__ import annotations

from pathlib import Path

from benchmarks.intervals import mean_interval
from benchmarks.machine import machine
from benchmarks.tables import Table
from benchmarks.text.scores import POOL, TOPS, percentages
from qposer.io.atomic_files import atomic_write

TEXT = """# Poses sampled from texts

{number} {split} poses are described (`qposer.control.descriptions`), and each method gives one pose for each
description. An evaluator, a text encoder and a pose encoder trained on training people to match texts and poses,
measures how often the correct text is the nearest of 32, or among the nearest three (R-precision). Further columns are
the share of the described relations that hold for the pose, and the share of poses with an energy of at most 1.

- *The pose itself* is the described pose, as a reference for the evaluator.
- *Training pose of the nearest text*: retrieval from all training poses and their mirror images, by descriptions
  without paraphrases; with TF-IDF weights of words and word pairs, or with the evaluator's own embeddings, which favour
  it.
- *Drawn*: `qposer.control.text_prior`. The shipped guidance was chosen on validation poses.
- *Followed*: the text as an instruction; it uses no recorded poses and solves for the described relations.

Square brackets hold bootstrap 95 % intervals over texts.

Command: `{command}`.
Machine: {machine}.

{tables}

## Conclusions

- On descriptions of unseen people, sampled poses are recognised more often than the nearest training pose, and more of
  the described relations hold, even with paraphrases. The evaluator recognises sampled poses about as often as the
  described ones, because both evaluator and prior learned from the training people.
- Not all relations hold within 10 degrees or 5 cm. Descriptions have several sentences, and a sample may violate some.
  Use `instruct` for constraints that must hold.
- Guidance of 4 exaggerates: more poses have an energy above 1, and fewer relations hold.
"""


def table(scored: dict[str, dict[str, list[float]]]) -> Table:
    """Make a table of percentages with intervals, with a row for each method.

    Args:
        scored: results of `benchmarks.text.scores.score`, by method.

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
        out: folder of the document; it is created.
        tables: tables by kind of wording.
        facts: number and split of the texts, and the command line.
    """
    sections = [f"## Texts {words}\n\n{of_words.markdown()}" for words, of_words in tables.items()]
    out.mkdir(parents=True, exist_ok=True)
    with atomic_write(out / "text.md") as temporary:
        filled = TEXT.format(**facts, machine=machine(), tables="\n\n".join(sections))
        temporary.write_text(filled, encoding="utf-8")
