"""The report of the results, as a document and on a console."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from benchmarks.prior.measurements import Measurements, Sizes
from benchmarks.prior.plots import save_plots
from benchmarks.prior.sections import Section, sections
from benchmarks.tables import Table
from qposer.io.atomic_files import atomic_write

OVERVIEW = ("protocol", "QPoser", "best baseline")

INTRODUCTION = """# Comparison of body pose priors

QPoser compared with published priors, all trained on the same poses and tested on unseen people:
the split is by subject (test: CMU 01, 09, 49, 127; validation: 03, 08, 12; mirrored copies stay on their side).

- *VPoser* (Pavlakos et al., CVPR 2019): the published network and losses, trained with several weights of the KL
  divergence; each weight is a row.
- *GMM* (SMPLify, Bogo et al., ECCV 2016): 8 Gaussians with full covariance over axis-angle numbers.
- *diffusion* (in the style of DPoser, Lu et al., ICCV 2025): a denoiser of axis-angle numbers.

Baselines are trained by `python -m benchmarks.baselines.train_vposer`, `train_mixture` and `train_diffusion`, tuned on
validation subjects, and used as their authors use them. Square brackets hold bootstrap 95 % intervals (percentiles
of 2 000 draws of poses): they cover variation over poses of the same people, not over people.
Published figures use other data and another body and are not comparable.

Fits of 2D keypoints with these priors are compared in [fitting.md](fitting.md), and speed in
[speed.md](speed.md)."""


def markdown(found: Measurements, sizes: Sizes, facts: list[str]) -> str:
    """Compose the document.

    Args:
        found: the results.
        sizes: settings of the protocols.
        facts: lines about the run.

    Returns:
        Text in Markdown.
    """
    parts = sections(found, sizes)
    overview = Table(OVERVIEW, [row for part in parts for row in part.overview])
    legend = (
        "The best baseline is chosen for each row separately. The better figure is bold; the intervals below show "
        "whether a difference excludes zero."
    )
    blocks = [INTRODUCTION, "\n".join(f"- {fact}" for fact in facts), "## Overview", overview.markdown(), legend]
    for part in parts:
        blocks += [f"## {part.title}", part.text, *(table.markdown() for table in part.tables)]
        if part.plot:
            blocks.append(f"![{_caption(part)}](images/prior_{part.plot}.png)")
    return "\n\n".join(blocks) + "\n"


def write(found: Measurements, sizes: Sizes, facts: list[str], out: Path) -> Path:
    """Write ``prior.md``, and its pictures to ``images``.

    Args:
        found: the results.
        sizes: settings of the protocols.
        facts: lines about the run.
        out: folder for the document.

    Returns:
        Path of the document.
    """
    out.mkdir(parents=True, exist_ok=True)
    save_plots(found, out / "images")
    file = out / "prior.md"
    with atomic_write(file) as temporary:
        temporary.write_text(markdown(found, sizes, facts))
    return file


def show(found: Measurements, sizes: Sizes, facts: list[str], console: Console) -> None:
    """Print the tables.

    Args:
        found: the results.
        sizes: settings of the protocols.
        facts: lines about the run.
        console: console to print to.
    """
    for part in sections(found, sizes):
        for table in part.tables:
            console.print(table.for_console(part.title))
    for fact in facts:
        console.print(f"- {fact}", soft_wrap=True, markup=False, highlight=False)


def _caption(part: Section) -> str:
    return f"{part.title.partition(' ')[2]}: the figures above as a picture"
