"""The report on the detector's errors."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from benchmarks.detector.statistics import (
    LIMBS,
    LOST,
    Kind,
    Observed,
    by_kind,
    correlations,
    shift_and_scale,
    sound,
    swaps,
)
from benchmarks.tables import Table
from fitting.inputs.keypoints import SEEN_CONFIDENCE

KINDS = ("nose", "eye", "ear", "shoulder", "elbow", "wrist", "index", "hip", "knee", "ankle", "heel", "foot_index")
MIN_COUNT = 12
"""Minimum number of keypoints or people for a figure."""
HIGH = 0.5

TEXT = """# Detector errors

Errors of MediaPipe's pose landmarker, from three sources:

- *rendered*: the open body in poses of training subjects, with random shapes, clothes, light, backgrounds, occluding
  boxes and picture borders, as in `benchmarks.rendered`, with exact truth;
- *recorded*: one man on a treadmill, filmed by four calibrated cameras, against the reprojection of the points
  triangulated from all views. This hides errors common to all views and underestimates those of each view;
- *drawn*: simulated errors of `fitting.training.detector_errors`, used to train the regressor, for the rendered people.

Errors are in percent of the person's standing height. A keypoint is *hidden* if it is occluded by the person's own body
or by another object, and *lost* if its error exceeds {lost:.0f} %. Failed detections, and people with
left and right swapped, are counted below and excluded from the keypoint tables.

Results, and how the error model represents them:

- Visible keypoints have a median error of about 1 %, hips 2 %; errors of neighbouring keypoints on a limb correlate.
- **Whole limbs are lost**, rarely if they are visible (3 to 5 %) and often if they are hidden (arms 26 to 53 %,
  legs 20 to 44 %): elbow, wrist and hand are then displaced in the same direction, with errors that
  grow towards the hand. Legs behave the same.
- **Trunk and face are always reported with full confidence**, hidden or not; errors are up to twice as large when
  hidden.
- **Confidence follows visibility** on arms and legs; but a quarter to a half of the hidden elbows, knees and feet
  have a confidence above 0.5, with a median error of 2 to 3 %.
- **Left and right** are swapped on arms or legs only, for 1 to 2 % of the people each, and rarely on the whole body.
- Hips, shoulders and ankles are offset from the body's by some percent of the trunk's or the shin's length, depending
  on person and clothes; the model draws this offset for each person.

{facts}
"""


def counts(sources: Mapping[str, Observed], number: int) -> list[str]:
    """Summarise the numbers of people and of failed detections, and the common shifts and scales.

    Args:
        sources: detections and their truth, by source.
        number: number of rendered people.

    Returns:
        Lines in Markdown.
    """
    lines = []
    for name, seen in sources.items():
        total = f"{len(seen.height)} of {number}" if name == "rendered" else f"{len(seen.height)}"
        shift, scale = shift_and_scale(sound(seen))
        lines.append(
            f"{name.capitalize()}: {total} people; {int(seen.mistaken.sum())} failed detections; common shift "
            f"{100 * shift:.1f} % and scale {100 * scale:.1f} % (standard deviations)."
        )
    return lines


def tables(sources: Mapping[str, Observed]) -> dict[str, Table]:
    """Make all tables, by title."""
    well = {name: sound(seen) for name, seen in sources.items()}
    shown = {"Left and right swapped, % of the people": _swap_table(sources)}
    for hidden in (False, True):
        which = "Hidden" if hidden else "Visible"
        shown[f"{which} keypoints: errors, % of the height"] = _error_table(well, hidden)
        shown[f"{which} keypoints: confidence"] = _confidence_table(well, hidden)
    for limb in LIMBS:
        shown[f"Correlation of errors along the {limb}"] = _correlation_table(well, limb)
    return shown


def document(facts: Sequence[str], shown: Mapping[str, Table]) -> str:
    """Compose the document.

    Args:
        facts: lines about the run.
        shown: tables by their titles.

    Returns:
        Text in Markdown.
    """
    blocks = [TEXT.format(lost=100 * LOST, facts="\n".join(f"- {fact}" for fact in facts))]
    for title, table in shown.items():
        blocks += [f"## {title}", table.markdown()]
    return "\n\n".join(block.strip() for block in blocks) + "\n"


def _swap_table(sources: Mapping[str, Observed]) -> Table:
    rows = []
    for name, seen in sources.items():
        seen = seen[~seen.mistaken]
        views = {"front": seen.facing > 0.5, "side": np.abs(seen.facing) <= 0.5, "behind": seen.facing < -0.5}
        for view, members in views.items():
            if members.sum() >= MIN_COUNT:
                shares = (f"{100 * swapped[members].mean():.1f}" for swapped in swaps(seen).values())
                rows.append([f"{name}, from the {view}".replace("the behind", "behind"), str(members.sum()), *shares])
    return Table(["", "people", "whole body", "arms", "legs"], rows)


def _error_table(sources: Mapping[str, Observed], hidden: bool) -> Table:
    def cells(found: Kind) -> list[str]:
        if len(found) < MIN_COUNT:
            return [str(len(found)), "", "", ""]
        middle, most = (100 * np.quantile(found.error, share) for share in (0.5, 0.9))
        return [str(len(found)), f"{middle:.1f}", f"{most:.1f}", f"{100 * (found.error > LOST).mean():.0f}"]

    columns = ["", *(f"{what}, {name}" for name in sources for what in ("number", "median", "90 %", "lost %"))]
    rows = [
        [kind, *(cell for seen in sources.values() for cell in cells(by_kind(seen, kind)[hidden]))] for kind in KINDS
    ]
    return Table(columns, rows)


def _confidence_table(sources: Mapping[str, Observed], hidden: bool) -> Table:
    def cells(found: Kind) -> list[str]:
        if len(found) < MIN_COUNT:
            return ["", "", "", ""]
        seen, high = (100 * (found.confidence > level).mean() for level in (SEEN_CONFIDENCE, HIGH))
        sure = found.error[found.confidence > HIGH]
        error = f"{100 * np.median(sure):.1f}" if len(sure) >= MIN_COUNT else ""
        return [f"{np.median(found.confidence):.2f}", f"{seen:.0f}", f"{high:.0f}", error]

    what = ("median", f"> {SEEN_CONFIDENCE:g}, %", f"> {HIGH:g}, %", f"median error of those > {HIGH:g}, %")
    columns = ["", *(f"{one}, {name}" for name in sources for one in what)]
    rows = [
        [kind, *(cell for seen in sources.values() for cell in cells(by_kind(seen, kind)[hidden]))] for kind in KINDS
    ]
    return Table(columns, rows)


def _cells(sources: Mapping[str, Observed], kind: str, hidden: bool, cells: Callable[[Kind], list[str]]) -> list[str]:
    return [cell for seen in sources.values() for cell in cells(by_kind(seen, kind)[hidden])]


def _correlation_table(sources: Mapping[str, Observed], limb: str) -> Table:
    matrices = {name: correlations(seen, limb) for name, seen in sources.items()}
    columns = ["", *(f"{kind}, {name}" for name in sources for kind in LIMBS[limb])]
    rows = [
        [kind, *(f"{matrix[row, column]:.2f}" for matrix in matrices.values() for column in range(4))]
        for row, kind in enumerate(LIMBS[limb])
    ]
    return Table(columns, rows)
