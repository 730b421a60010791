"""Fits to detections on rendered people: ``python -m benchmarks.rendered --data poses.npz --out docs/benchmarks``.

Writes rendered.md. Detections are cached, so that new fits take only a minute.
"""

from __future__ import annotations

from inspect import signature
from pathlib import Path
from typing import Literal

import torch
import tyro
from rich.console import Console
from rich.progress import Progress

from benchmarks.cache import Cache
from benchmarks.commands import command
from benchmarks.machine import machine
from benchmarks.prior.poses import file_digest
from benchmarks.rendered import fits
from benchmarks.rendered.pictures import OCCLUDED_SHARE
from benchmarks.rendered.scenes import CUT_SHARE, Scenes, draw_scenes
from benchmarks.rendered.sightings import TrackedKeypoints, detected
from fitting.body.body import Body
from fitting.fit import Fitter
from qposer.data.dataset import PoseDataset, Split
from qposer.io.atomic_files import atomic_write
from qposer.io.cli_errors import cli_errors

TEXT = """# Rendered people, real detector

The open body in poses of {split} subjects, with random shapes, clothes and light, is rendered
in front of plain and photo-like backgrounds, from all directions, by cameras near eye level with fields of view of 35
to 75 degrees; a box occludes a part of {occluded:.0%} of the people, and the image border cuts {cut:.0%} of them. The
shipped detector's keypoints are fitted with the focal length assumed for pictures of unknown origin and with the true
one. The truth is exact.

- *MPJPE*: in mm over 22 joints, in the camera's axes, pelvis aligned; *PA-MPJPE* after Procrustes alignment; *MPVPE*
  over the vertices.
- *2D error*: mean distance of the fitted landmarks to the true ones, in percent of the person's height, hidden and
  cut-off ones included.
- *medians* of MPJPE and PA-MPJPE: a few failed detections raise the means.

Square brackets hold bootstrap 95 % intervals over people.

{facts}

{table}
"""


def main(
    data: Path,
    out: Path | None = None,
    cache: Path = Path("runs/benchmarks"),
    split: Literal["validation", "test"] = "test",
    number: int = 500,
    seed: int = 0,
) -> None:
    """Render people, detect and fit them, print the errors, and write rendered.md to ``out`` if given.

    Args:
        data: poses.npz, written by ``python -m qposer.data.build``.
        out: folder for rendered.md; by default, nothing is written.
        cache: folder of the cached detections and results.
        split: split of the poses.
        number: number of people.
        seed: seed of the scenes.
    """
    console = Console(width=160)
    with cli_errors("benchmarks.rendered"):
        results = Cache(cache)
        people, seen = look(data, split, number, seed, results, console)
        on = {"origin": origin(data, split, number, seed), "found": seen.digest}
        measured = fits.kept(results, on, Fitter(), people, seen)
        shown = fits.table(people, seen, measured)
        console.print(shown.for_console("errors on rendered people"))
        given = dict(zip(signature(main).parameters, (data, out, cache, split, number, seed), strict=True))
        minutes = f"{results.seconds / 60:.0f} minutes on one core"
        unknown = fits.nothing_recognised(people, seen).sum()
        facts = [
            f"Command: `{command('benchmarks.rendered', main, **given)}`, {minutes}.",
            f"Machine: {machine()}.",
            f"Detected: {len(seen.person)} of {number} people; {unknown} of these detections failed.",
        ]
        for fact in facts:
            console.print(f"- {fact}", soft_wrap=True, markup=False, highlight=False)
        if out:
            out.mkdir(parents=True, exist_ok=True)
            lines = "\n".join(f"- {fact}" for fact in facts)
            shares = {"occluded": OCCLUDED_SHARE, "cut": CUT_SHARE}
            text = TEXT.format(split=split, facts=lines, table=shown.markdown(), **shares)
            with atomic_write(out / "rendered.md") as temporary:
                temporary.write_text(text, encoding="utf-8")
            console.print(f"written: {out / 'rendered.md'}")


def origin(data: Path, split: Split, number: int, seed: int) -> str:
    """Make a cache key of scenes.

    Args:
        data: poses.npz.
        split: split of the poses.
        number: number of people.
        seed: seed of the scenes.

    Returns:
        A text that identifies the scenes.
    """
    return f"{file_digest(data)} {split} {number} {seed}"


def look(
    data: Path, split: Split, number: int, seed: int, cache: Cache, console: Console
) -> tuple[Scenes, TrackedKeypoints]:
    """Draw scenes with poses of one split, render them, and detect the people.

    Args:
        data: poses.npz.
        split: split of the poses.
        number: number of people.
        seed: seed of the scenes.
        cache: cache of the detections.
        console: console for progress.

    Returns:
        The scenes and the detections.
    """
    poses = PoseDataset.load(data).poses(split)[:, :22]
    people = draw_scenes(Body.open(), poses, number, torch.Generator().manual_seed(seed))
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("rendering and detecting", total=number)
        seen = detected(
            people, seed, origin(data, split, number, seed), cache, lambda done: progress.update(task, completed=done)
        )
    return people, seen


if __name__ == "__main__":
    tyro.cli(main)
