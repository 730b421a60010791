"""Report of the results as tables, a picture and a document."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from matplotlib.figure import Figure

from benchmarks.cache import Result
from benchmarks.fitting.contenders import QPOSER, QPOSER_ALONE
from benchmarks.fitting.protocol import ALL_CONDITIONS, GOOD_START
from benchmarks.intervals import Interval, mean_interval
from benchmarks.tables import Table
from qposer.io.atomic_files import atomic_write

FROM_MEAN = "from the mean"

Rows = dict[str, dict[str, Result]]
"""Results by contender and condition."""

FIGURES = {"pa_mpjpe": "PA-MPJPE, mm", "mpjpe": "MPJPE, mm", "mpvpe": "MPVPE, mm", "percent_2d": "2D error, %"}

TEXT = """# Comparison of priors on fits to synthetic photos

{people} {split} poses, each with its own shape ~ N(0, 1) and camera (yaw uniform, pitch within 20 degrees,
field of view 35 to 75 degrees), projected to MediaPipe's 33 landmarks. *clean*: exact; *noise*: standard deviation of
2 % of the person's height; *missing*: 30 % missing; *legs missing*, *side missing*: without the legs from the knees
down, or without the left or right side; *outliers*: 5 % at random positions; *good start*: noisy keypoints, and a start
from the truth with every joint rotated by 5 degrees. The focal length is known. The noise level of the keypoints
is unknown and estimated by the fit, whereas keypoints of a detector would have a noise floor of 1 %.

All fits share body, camera, stages and start: orientation and pose from the regressor
(`fitting/optimise/regressor.py`, trained on the training poses), and a closed-form position. None assumes upright
people (`fitting/terms/upright.py`) or keeps arms out of the body (`fitting/terms/penetration.py`). They differ in pose
parameters, prior and optimiser. *QPoser* and *QPoser, no guess* use 23 steps of Levenberg-Marquardt
(`fitting/optimise/levenberg_marquardt.py`), treat keypoints as outliers from 5 % of the height, and scale the prior by
the fourth power of the keypoint error. All others use 280 steps of Adam, with 10 % and the square, which work better
for them.

- *QPoser*: relaxed codes, the code prior, and the regressor's *guess*, which has more weight for joints that the
  keypoints constrain less. This is the shipped fit.
- *QPoser, no guess*: only the code prior. *codes alone*: no code prior either; half the squared norm of the latents.
- *none*: axis-angle parameters with a weak penalty towards the T-pose.
- *GMM*: SMPLify's mixture of 8 Gaussians; *GMM with the guess*: with the regressor's guess as in QPoser.
- *... from the mean*: the pose starts at the mean training pose, as in SMPLify, with the same orientation and position.
- *VPoser*: its latents and their squared norm, for each weight of the KL divergence; *diffusion*: score distillation
  on axis-angle parameters, as in DPoser.

The weight of each prior was chosen on 48 validation poses, in half decades, except for *QPoser*, which has the shipped
weights.
Square brackets hold bootstrap 95 % intervals over poses.
"""


@dataclass(frozen=True)
class Facts:
    """Facts about the run."""

    people: int
    split: str
    lines: list[str]


def tables(rows: Rows) -> dict[str, Table]:
    """Make all tables, by title."""
    conditions = [condition for condition in ALL_CONDITIONS if condition in next(iter(rows.values()))]
    found = {}
    for key, title in FIGURES.items():
        cells = [[name, *(f"{_interval(row[c][key]):.1f}" for c in conditions)] for name, row in rows.items()]
        found[title] = Table(["", *conditions], cells)
    seconds = [[name, *(f"{row[c]['seconds']:.2f}" for c in conditions)] for name, row in rows.items()]
    found["Seconds per fit"] = Table(["", *conditions], seconds)
    as_used = [name for name in rows if name.endswith(FROM_MEAN)]
    others = [name for name in rows if not name.startswith("QPoser") and not name.endswith(("guess", FROM_MEAN))]
    if others:
        duels = {
            "QPoser against the best other prior from the mean pose": (QPOSER, as_used),
            "QPoser against the best other prior from the regressor's pose": (QPOSER, others),
            "The code prior alone against the best other prior from the regressor's pose": (QPOSER_ALONE, others),
        }
        found |= {f"{title}, PA-MPJPE": _paired_comparison(rows, *duel, conditions) for title, duel in duels.items()}
    if GOOD_START in conditions:
        starts = [
            [
                name,
                f"{_interval(row[GOOD_START]['start']):.1f}",
                f"{_interval(row[GOOD_START]['pa_mpjpe']):.1f}",
                f"{_difference(row[GOOD_START]['pa_mpjpe'], row[GOOD_START]['start']):+.1f}",
            ]
            for name, row in rows.items()
        ]
        found["From a good start, PA-MPJPE"] = Table(["", "start", "end", "difference"], starts)
    return found


def _paired_comparison(rows: Rows, name: str, others: list[str], conditions: list[str]) -> Table:
    """Table of one contender's errors minus those of the best other contender on the same people."""
    cells = []
    for condition in conditions:
        ours = rows[name][condition]["pa_mpjpe"]
        best = min(others, key=lambda other: sum(rows[other][condition]["pa_mpjpe"]))
        theirs = rows[best][condition]["pa_mpjpe"]
        percent = 100 * (sum(ours) / sum(theirs) - 1)
        cells.append([condition, best, f"{_difference(ours, theirs):+.1f}", f"{percent:+.0f}"])
    return Table(["condition", "best other", "difference, mm", "%"], cells)


def _interval(values: list[float]) -> Interval:
    return mean_interval(torch.tensor(values))


def _difference(ours: list[float], theirs: list[float]) -> Interval:
    return mean_interval(torch.tensor(ours) - torch.tensor(theirs))


def picture(rows: Rows) -> Figure:
    """Draw the mean PA-MPJPE with its interval, a panel for each condition; filled dots: from the regressor's pose."""
    conditions = [condition for condition in ALL_CONDITIONS if condition in next(iter(rows.values()))]
    names = _shown(rows)
    figure = Figure(figsize=(13, 0.8 + 0.3 * len(names)), layout="constrained")
    panels = figure.subplots(1, len(conditions), sharey=True, squeeze=False)[0]
    for axes, condition in zip(panels, conditions, strict=True):
        for place, name in enumerate(names):
            for full, row in ((True, rows.get(name)), (False, rows.get(f"{name} {FROM_MEAN}"))):
                if row is None:
                    continue
                found = _interval(row[condition]["pa_mpjpe"])
                spread = [[found.value - found.low], [found.high - found.value]]
                colour = "tab:red" if name.startswith("QPoser") else "tab:blue"
                fill = colour if full else "white"
                axes.errorbar(
                    found.value, place - 0.12 + 0.24 * (not full), xerr=spread, fmt="o", color=colour, mfc=fill, ms=5
                )
        axes.set_title(condition, fontsize="medium")
        axes.grid(axis="x", alpha=0.3)
    panels[0].set_yticks(range(len(names)), names)
    panels[0].invert_yaxis()
    figure.supxlabel("PA-MPJPE, mm; full: started at the regressor's pose, hollow: at the mean pose", fontsize="medium")
    return figure


def _shown(rows: Rows) -> list[str]:
    """Names of the rows of the picture, with only the VPoser that is best on average."""
    names = [name for name in rows if not name.endswith((FROM_MEAN, "with the guess"))]
    vposers = [name for name in names if name.startswith("VPoser")]
    if vposers:
        best = min(vposers, key=lambda name: sum(sum(result["pa_mpjpe"]) for result in rows[name].values()))
        names = [name for name in names if name not in vposers or name == best]
    return names


def write(rows: Rows, facts: Facts, out: Path) -> Path:
    """Write ``fitting.md`` and its picture.

    Args:
        rows: results by contender and condition.
        facts: lines about the run.
        out: folder for the document.

    Returns:
        Path of the document.
    """
    (out / "images").mkdir(parents=True, exist_ok=True)
    with atomic_write(out / "images" / "fitting.png") as temporary:
        picture(rows).savefig(temporary, dpi=100, format="png")
    blocks = [TEXT.format(people=facts.people, split=facts.split), "\n".join(f"- {line}" for line in facts.lines)]
    blocks.append("![Mean errors with their intervals](images/fitting.png)")
    for title, table in tables(rows).items():
        blocks += [f"## {title}", table.markdown()]
    file = out / "fitting.md"
    with atomic_write(file) as temporary:
        temporary.write_text("\n\n".join(blocks) + "\n", encoding="utf-8")
    return file
