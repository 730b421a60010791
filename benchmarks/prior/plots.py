"""Pictures of the results."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import matplotlib as mpl
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.metrics import roc_curve

from benchmarks.cache import Result
from benchmarks.intervals import mean_interval
from benchmarks.prior import completion, denoising
from benchmarks.prior.contenders import QPOSER
from benchmarks.prior.generation import REAL as REAL_POSES
from benchmarks.prior.measurements import Measurements
from benchmarks.prior.negatives import NEGATIVES
from benchmarks.prior.plausibility import REAL
from qposer.io.atomic_files import atomic_write

Rows = dict[str, Result]

COLOURS = mpl.colormaps["tab10"]
GREYS = ("0.3", "0.7")
HEIGHT = 3.2
"""Height of a picture in inches."""


def save_plots(found: Measurements, folder: Path) -> None:
    """Write a picture ``prior_<protocol>.png`` for each protocol that has one.

    Args:
        found: the results.
        folder: folder for the pictures.
    """
    folder.mkdir(parents=True, exist_ok=True)
    plots: dict[str, Callable[[], Figure]] = {
        "reconstruction": lambda: reconstruction(found.reconstruction),
        "plausibility": lambda: plausibility(found.plausibility),
        "generation": lambda: generation(found.generation),
        "completion": lambda: completions(found.completion),
        "denoising": lambda: denoised(found.denoising),
    }
    for name, plot in plots.items():
        with atomic_write(folder / f"prior_{name}.png") as temporary:
            plot().savefig(temporary, dpi=110, format="png")


def reconstruction(rows: Rows) -> Figure:
    """Cumulative distribution of the reconstruction error over poses."""
    figure, (axes,) = _figure(1, width=5.5)
    for index, (name, result) in enumerate(rows.items()):
        axes.ecdf(result["mpjpe_mm"], label=name, color=COLOURS(index), linewidth=_width(name))
    axes.set(xscale="log", xlabel="MPJPE, mm", ylabel="part of the test poses below", title="reconstruction")
    axes.legend()
    return figure


def plausibility(rows: Rows) -> Figure:
    """ROC curves, one panel for each kind of negatives."""
    figure, panels = _figure(len(NEGATIVES))
    for axes, kind, letter in zip(panels, NEGATIVES, "abcd", strict=True):
        for index, (name, result) in enumerate(rows.items()):
            real, negatives = result["energy"][REAL], result["energy"][kind]
            labels = np.repeat([0, 1], [len(real), len(negatives)])
            false_alarms, found, _ = roc_curve(labels, [*real, *negatives])
            axes.plot(false_alarms, found, label=name, color=COLOURS(index), linewidth=_width(name))
        axes.set(xlabel="test poses refused", title=f"({letter}) {kind}")
    panels[0].set_ylabel("found")
    panels[0].legend(fontsize="x-small")
    return figure


def generation(rows: Rows) -> Figure:
    """Precision and recall; Frechet distances."""
    figure, (overlap, distance) = _figure(2, width=9)
    priors = [name for name in rows if name not in REAL_POSES]
    for axes, x, y in ((overlap, "recall", "precision"), (distance, "fid_pose", "fid_joints_cm")):
        for name, result in rows.items():
            colour = COLOURS(priors.index(name)) if name in priors else GREYS[REAL_POSES.index(name)]
            axes.scatter(result[x], result[y], color=colour, marker="*" if name == QPOSER else "o", label=name)
    overlap.set(xlabel="recall", ylabel="precision", title="up and right is better", xlim=(0, 1), ylim=(0, 1))
    distance.set(xlabel="FID pose, rad²", ylabel="FID joints, cm²", title="down and left is better")
    distance.set(xlim=(0, None), ylim=(0, None))
    distance.legend(fontsize="x-small")
    return figure


def completions(rows: Rows) -> Figure:
    """Errors of the best hypothesis and of all hypotheses, by part."""
    figure, panels = _figure(2, width=9)
    for axes, key, title in zip(panels, ("min_mm", "mean_mm"), ("best guess", "mean of the guesses"), strict=True):
        values = {name: [result[part][key] for part in completion.PARTS] for name, result in rows.items()}
        _bars(axes, values, [part.replace("_", " ") for part in completion.PARTS])
        axes.set(ylabel="error on the unknown, mm", title=title)
    panels[0].legend(fontsize="x-small")
    return figure


def denoised(rows: Rows) -> Figure:
    """Errors of fits to noisy joints, by noise level."""
    figure, (axes,) = _figure(1, width=6.5)
    levels = [str(level) for level in denoising.LEVELS_MM]
    _bars(axes, {name: [result[level] for level in levels] for name, result in rows.items()}, levels)
    axes.set(xlabel="noise, mm", ylabel="MPJPE, mm", title="denoising")
    axes.legend(fontsize="x-small")
    return figure


def _figure(panels: int, width: float = 12.0) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(width, HEIGHT), layout="constrained")
    row = figure.subplots(1, panels, squeeze=False)[0]
    for axes in row:
        axes.grid(alpha=0.3)
    return figure, list(row)


def _width(name: str) -> float:
    return 2.2 if name == QPOSER else 1.2


def _bars(axes: Axes, rows: dict[str, list[list[float]]], groups: list[str]) -> None:
    """Draw grouped bars of means with their intervals."""
    width = 0.85 / len(rows)
    for index, (name, values) in enumerate(rows.items()):
        intervals = [mean_interval(torch.tensor(value)) for value in values]
        heights = np.array([interval.value for interval in intervals])
        ends = np.array([[interval.low, interval.high] for interval in intervals]).T
        places = np.arange(len(groups)) + (index - (len(rows) - 1) / 2) * width
        axes.bar(places, heights, width, yerr=np.abs(ends - heights), color=COLOURS(index), label=name)
    axes.set_xticks(range(len(groups)), groups)
