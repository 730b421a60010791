"""Gestures on fitted hands, recognised by somebody who sees only the rendered hands.

``python -m benchmarks.hands.gestures PHOTOS --out FOLDER`` fits photos whose names begin with the gesture
(``rock_01.jpg``), and writes sheets of numbered hands without their names, and ``key.csv``. Somebody writes down what
the sheets show, as rows ``number,seen``; with this file as ``--seen`` the command writes the confusion table.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro
from PIL import Image
from rich.console import Console
from rich.progress import track

from benchmarks.tables import Table
from fitting.fit import Fitter
from fitting.hands.files import hands_of
from fitting.output.fit_result import FitResult
from fitting.output.hand_sheets import HandFigure, draw_hands
from qposer.hands.smplh import SIDES
from qposer.io.cli_errors import cli_errors

KEY = "key.csv"
ON_A_SHEET = 16
NOT_FOUND = "no hand"

TEXT = """# Gestures

Photos of people who make a gesture with a hand are fitted (`qposer fit`), and the hands that are found are drawn
without their photos and names, in a random order, from the palm and from the thumb's side. Somebody who knows the
possible gestures, but not which photo shows which, says what each drawing shows. *call*: thumb and little finger
extended; *four*: four fingers extended; *rock*: index and little finger extended; *none*: another hand.

{table}

Recognised: {right} of {drawn} hands, {share:.0f} %.

    python -m benchmarks.hands.gestures PHOTOS --out FOLDER             # FOLDER/sheet0.png, ..., key.csv
    python -m benchmarks.hands.gestures PHOTOS --out FOLDER --seen CSV  # gestures.md, from what was seen
"""


def main(photos: Annotated[Path, tyro.conf.Positional], out: Path, seen: Path | None = None, seed: int = 0) -> None:
    """Draw the hands of photos without their names; or write gestures.md, from what was seen on them.

    Args:
        photos: folder of photos named after their gestures.
        out: folder of the sheets and of key.csv.
        seen: csv with the columns number and seen.
        seed: of the order.
    """
    with cli_errors("benchmarks.hands.gestures"):
        if seen is None:
            draw(photos, out, seed)
            return
        answers = {int(row["number"]): row["seen"].strip() for row in _rows(seen)}
        drawn = [row for row in _rows(out / KEY) if int(row["hands"])]
        right = sum(answers.get(int(row["number"])) == row["gesture"] for row in drawn)
        table = confusion(_rows(out / KEY), answers)
        Console(width=120).print(table.for_console("gestures (rows), and what was seen"))
        text = TEXT.format(table=table.markdown(), right=right, drawn=len(drawn), share=100 * right / len(drawn))
        (out / "gestures.md").write_text(text, encoding="utf-8")


def draw(photos: Path, out: Path, seed: int) -> None:
    """Fit the hands of photos, and draw those that are found, in a random order.

    Args:
        photos: folder of photos named after their gestures.
        out: folder to write.
        seed: of the order.

    Raises:
        ValueError: there is no photo.
    """
    paths = sorted(photos.glob("*.jpg"))
    if not paths:
        raise ValueError(f"no photo in {photos}")
    fitter = Fitter()
    order = np.random.default_rng(seed).permutation(len(paths)).tolist()
    figures, key = [], []
    for number, place in enumerate(track(order, "fitting", transient=True)):
        try:
            results = fitter.fit_photo(paths[place])
        except ValueError:  # nobody is found
            results = []
        hands = _figures(results, number)
        figures += hands
        gesture = paths[place].name.split("_")[0]
        key.append({"number": number, "gesture": gesture, "hands": len(hands), "photo": paths[place].name})
    out.mkdir(parents=True, exist_ok=True)
    for first in range(0, len(figures), ON_A_SHEET):
        sheet = Image.fromarray(draw_hands(figures[first : first + ON_A_SHEET]))
        sheet.save(out / f"sheet{first // ON_A_SHEET}.png")
    with (out / KEY).open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, ["number", "gesture", "hands", "photo"])
        writer.writeheader()
        writer.writerows(key)


def confusion(key: Sequence[dict[str, str]], seen: dict[int, str]) -> Table:
    """Count what was seen on the hands of each gesture.

    Args:
        key: rows of key.csv.
        seen: what was seen, by number.

    Returns:
        A row for each gesture.
    """
    counts = Counter(
        (row["gesture"], seen.get(int(row["number"]), "?") if int(row["hands"]) else NOT_FOUND) for row in key
    )
    gestures = sorted({gesture for gesture, _ in counts})
    answers = [*gestures, *sorted({answer for _, answer in counts} - set(gestures))]
    return Table(["", *answers], [[gesture, *(str(counts[gesture, one]) for one in answers)] for gesture in gestures])


def _figures(results: Sequence[FitResult], number: int) -> list[HandFigure]:
    """The found hands of the first person."""
    hands, flat = (results[0].hands, hands_of(results[0])) if results else (None, None)
    if hands is None or flat is None:
        return []
    return [HandFigure(str(number), flat[0], side) for side, found in zip(SIDES, hands.found, strict=True) if found]


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


if __name__ == "__main__":
    tyro.cli(main)
