"""Report of the results as tables and a document."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import torch

from benchmarks.foreign.measurements import CONDITIONS, Fits, Plausibility
from benchmarks.foreign.poses import PoseSet
from benchmarks.intervals import Interval, auroc_interval, mean_interval
from benchmarks.prior.contenders import QPOSER
from benchmarks.prior.negatives import NEGATIVES
from benchmarks.prior.plausibility import REAL
from benchmarks.tables import Table
from qposer.io.atomic_files import atomic_write

NOTHING = "–"

TEXT = """# SMPL poses from other sources

CMU poses were converted from a motion capture rig, and test subjects share that rig with training subjects. This page
compares figures on CMU test subjects with figures on SMPL poses from other sources, fitted to videos
({names}). No weights were trained on the latter.

Poses of one sequence are similar, so poses are sampled evenly over sequences, and square brackets
hold bootstrap 95 % intervals over sequences: {counts}.

- *energy*: QPoser's energy is 0 at the median and 1 at the 95th percentile over three equally weighted sources:
  validation and test subjects, and smpl_dev.
- *AUROC*: probability that a negative has a higher energy than a real pose; 0.5 is chance. Negatives are made from the
  poses of the column as in [prior.md](prior.md), section 2.
- *reconstruction*: MPJPE in mm over 22 joints, decoded from hard codes.
- *drop-in*: the same, decoded from the 32 numbers of the VPoser replacement.
- *fit*: PA-MPJPE in mm of fits to {people} synthetic photos of each set, as in
  [fitting.md](fitting.md)."""

PRIORS_TEXT = """*accepted* is the share of poses with an energy below the 95th percentile of the CMU validation poses:
energies of different priors have no common scale."""


@dataclass
class Found:
    """All results; the sets are in the order of the columns."""

    sets: list[PoseSet]
    plausibility: dict[str, list[Plausibility]] = field(default_factory=dict)
    """Energies by prior, for each set."""
    limits: dict[str, float] = field(default_factory=dict)
    """95th percentile of the energy over validation poses, by prior."""
    drop_in: list[torch.Tensor] = field(default_factory=list)
    """Errors of the VPoser replacement in millimetres, one value for each pose, for each set."""
    fits: dict[str, list[Fits]] = field(default_factory=dict)
    """Errors of fits by contender, for each set."""


def tables(found: Found) -> dict[str, Table]:
    """Make all tables, by title."""
    names = [one.name for one in found.sets]
    shown = {"QPoser": Table(["", *names], _qposer_rows(found))}
    others = [name for name in found.plausibility if name != QPOSER]
    if others:
        columns = ["", *(f"{figure}, {name}" for figure in ("accepted", *_letters()) for name in names)]
        shown["All priors"] = Table(columns, [_prior_row(found, name) for name in (QPOSER, *others)])
    if len(found.fits) > 1:
        columns = ["", *(f"{condition}, {name}" for condition in CONDITIONS for name in names)]
        rows = [[who, *(cell for c in CONDITIONS for cell in _fit_cells(of, c))] for who, of in found.fits.items()]
        shown["Fits with all priors, PA-MPJPE in mm"] = Table(columns, rows)
    return shown


def write(found: Found, people: int, facts: list[str], out: Path) -> Path:
    """Write ``foreign.md``.

    Args:
        found: all results.
        people: number of fitted people of each set.
        facts: lines about the run.
        out: folder for the document; it is created.

    Returns:
        Path of the document.
    """
    out.mkdir(parents=True, exist_ok=True)
    counts = ", ".join(f"{len(one.sequence.unique())} of {one.name}" for one in found.sets)
    names = ", ".join(one.name for one in found.sets[1:])
    blocks = [TEXT.format(names=names, counts=counts, people=people), "\n".join(f"- {fact}" for fact in facts)]
    for title, table in tables(found).items():
        blocks += [f"## {title}", *([PRIORS_TEXT] if title == "All priors" else []), table.markdown()]
    file = out / "foreign.md"
    with atomic_write(file) as temporary:
        temporary.write_text("\n\n".join(blocks) + "\n", encoding="utf-8")
    return file


def _qposer_rows(found: Found) -> list[list[str]]:
    measured = found.plausibility[QPOSER]
    rows = [
        ["energy, median", *(f"{torch.tensor(one.result['energy'][REAL]).median().item():.2f}" for one in measured)],
        ["energy, share below 1", *(f"{_share_below(one, 1.0):.2f}" for one in measured)],
    ]
    rows += [
        [f"AUROC {letter}", *(f"{_auroc(one, kind):.3f}" for one in measured)] for letter, kind in _letters().items()
    ]
    gaps = [mean_interval(torch.tensor(one.result["gap_mm"][REAL]), one.poses.sequence) for one in measured]
    rows.append(["reconstruction, mm", *(f"{gap:.1f}" for gap in gaps)])
    pairs = zip(found.drop_in, measured, strict=True)
    rows.append(["drop-in, mm", *(f"{mean_interval(error, one.poses.sequence):.1f}" for error, one in pairs)])
    if QPOSER in found.fits:
        rows += [[f"fit, {condition}, mm", *_fit_cells(found.fits[QPOSER], condition)] for condition in CONDITIONS]
    return rows


def _prior_row(found: Found, name: str) -> list[str]:
    measured, limit = found.plausibility[name], found.limits[name]
    areas = [f"{_auroc(one, kind):.3f}" for kind in NEGATIVES for one in measured]
    return [name, *(f"{_share_below(one, limit):.2f}" for one in measured), *areas]


def _letters() -> dict[str, str]:
    """Kinds of negatives by the names of rows and columns."""
    return {f"({letter}) {kind}": kind for letter, kind in zip("abcd", NEGATIVES, strict=True)}


def _share_below(one: Plausibility, limit: float) -> Interval:
    return mean_interval((torch.tensor(one.result["energy"][REAL]) < limit).float(), one.poses.sequence)


def _auroc(one: Plausibility, kind: str) -> Interval:
    real, negatives = (torch.tensor(one.result["energy"][which]) for which in (REAL, kind))
    return auroc_interval(real, negatives, one.poses.sequence)


def _fit_cells(measured: list[Fits], condition: str) -> list[str]:
    return [f"{mean_interval(one.pa_mpjpe[condition], one.poses.sequence):.1f}" for one in measured]
