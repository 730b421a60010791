"""Results of an evaluation on Human3.6M by subject and action, with bootstrap 95 % intervals."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rich.table
from jaxtyping import Float
from rich.console import Console

from fitting.evaluation.h36m import FIGURES, Scores, View
from qposer.data.h36m import ACTIONS
from qposer.io.atomic_files import atomic_write

HEADS = ("MPJPE 14", "PA-MPJPE 14", "MPJPE 17", "PA-MPJPE 17", "energy")
"""Column heads of `FIGURES`; the first four are in millimetres."""

TABLE_WIDTH = 160
"""Console width, in characters, that fits the whole table."""

DRAWS = 2000
ENDS = (0.025, 0.975)
EVERYBODY, EVERYTHING = "all", "all"


@dataclass(frozen=True)
class Row:
    """Metrics for one action of a subject, for all its actions, or for all subjects."""

    subject: str
    action: str
    moments: int
    fits: int
    mean: Float[np.ndarray, " figures"]
    ends: Float[np.ndarray, "2 figures"]
    """Lower and upper ends of the intervals."""

    @property
    def cells(self) -> list[str]:
        """The row's cells as text."""
        digits = [1] * (len(FIGURES) - 1) + [2]
        figures = zip(self.mean, *self.ends, digits, strict=True)
        intervals = [f"{mean:.{d}f} [{low:.{d}f}, {high:.{d}f}]" for mean, low, high, d in figures]
        return [self.subject, self.action, str(self.fits), *intervals]


def report(
    scored: Iterable[tuple[View, Scores]],
    title: str,
    console: Console,
    csv_file: Path | None = None,
    markdown_file: Path | None = None,
) -> None:
    """Print the table, and write it to files.

    Args:
        scored: views with their scores.
        title: title of the printed table.
        console: the table takes at least its width, and more if needed.
        csv_file: CSV file to write.
        markdown_file: Markdown file to write.
    """
    rows = summarise(scored)
    if csv_file:
        write_csv(csv_file, rows)
    if markdown_file:
        write_markdown(markdown_file, rows)
    Console(width=max(console.width, TABLE_WIDTH)).print(console_table(rows, title))


def summarise(scored: Iterable[tuple[View, Scores]]) -> list[Row]:
    """Rows for each subject and action, for each subject, and for all data.

    The bootstrap resamples moments, because all views of a moment show the same pose: each moment counts with the mean
    over its views. Moments much less than a second apart are correlated, which makes the intervals too narrow.
    """
    moments: dict[tuple[str, str], dict[tuple[str, int], list[np.ndarray]]] = defaultdict(lambda: defaultdict(list))
    for view, scores in scored:
        recording = view.recording
        take = recording.name.removesuffix(f".{view.camera.name}")
        figures = np.stack([getattr(scores, name) for name in FIGURES], axis=-1)
        for frame, row in zip(scores.frames.tolist(), figures, strict=True):
            moments[recording.subject, recording.action][take, frame].append(row)
    by_action = {
        key: (np.stack([np.mean(rows, axis=0) for rows in group.values()]), sum(map(len, group.values())))
        for key, group in sorted(moments.items(), key=_in_usual_order)
    }
    subjects = list(dict.fromkeys(subject for subject, _ in by_action))
    rows = [_row(*key, [part]) for key, part in by_action.items()]
    rows += [
        _row(subject, EVERYTHING, [part for (of, _), part in by_action.items() if of == subject])
        for subject in subjects
    ]
    if len(subjects) > 1:
        rows.append(_row(EVERYBODY, EVERYTHING, list(by_action.values())))
    return rows


def console_table(rows: list[Row], title: str) -> rich.table.Table:
    """The rows as a rich table.

    Args:
        rows: metrics by subject and action.
        title: title of the table.

    Returns:
        The table.
    """
    table = rich.table.Table(title=title, caption="mean [95 % interval]; mm, and the energy of the fitted poses")
    for number, head in enumerate(("subject", "action", "fits", *HEADS)):
        table.add_column(head, justify="left" if number < 2 else "right", no_wrap=True)
    for row in rows:
        table.add_row(*row.cells)
    return table


def write_csv(path: Path, rows: list[Row]) -> None:
    """Write one line per row; each metric has three columns: mean, lower and upper end of the interval.

    Args:
        path: the file to write.
        rows: metrics by subject and action.
    """
    columns = [f"{name}{end}" for name in FIGURES for end in ("", "_low", "_high")]
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["subject", "action", "moments", "fits", *columns])
        for row in rows:
            figures = np.stack([row.mean, *row.ends], axis=-1).ravel().tolist()
            writer.writerow([row.subject, row.action, row.moments, row.fits, *figures])


def write_markdown(path: Path, rows: list[Row]) -> None:
    """Write the table as GitHub Markdown.

    Args:
        path: the file to write.
        rows: metrics by subject and action.
    """
    lines = [["subject", "action", "fits", *HEADS], ["---", "---", *["--:"] * (1 + len(HEADS))]]
    lines += [row.cells for row in rows]
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as temporary:
        temporary.write_text("".join(f"| {' | '.join(line)} |\n" for line in lines), encoding="utf-8")


def _row(subject: str, action: str, parts: list[tuple[Float[np.ndarray, "moments figures"], int]]) -> Row:
    values = np.concatenate([figures for figures, _ in parts])
    generator = np.random.default_rng(0)
    draws = [values[generator.integers(len(values), size=len(values))].mean(axis=0) for _ in range(DRAWS)]
    fits = sum(count for _, count in parts)
    return Row(subject, action, len(values), fits, values.mean(axis=0), np.quantile(draws, ENDS, axis=0))


def _in_usual_order(item: tuple[tuple[str, str], object]) -> tuple[int, int, str]:
    (subject, action), _ = item
    place = ACTIONS.index(action) if action in ACTIONS else len(ACTIONS)
    return int(subject.removeprefix("S")), place, action
