"""Evaluate the fitter on Human3.6M: errors of fits to projected joints against the recorded joints.

    qposer evaluate h36m FOLDER --cameras cameras.json

This project does not contain the recordings, because the licence forbids redistribution. Register at
http://vision.imar.ro/human3.6m/, accept the licence (academic use only) and download the 3D positions of S9 and S11
("D3 Positions"), or use exponential-map text files made from your own copy. FOLDER contains any of

    S9/MyPoseFeatures/D3_Positions/Walking 1.cdf   official positions (pip install cdflib)
    S9/MyPoses/3D_positions/Walking 1.h5           the same as HDF5 (pip install h5py)
    S9/Walking 1.npz                               the same, one plain array (frames, 32, 3)
    S9/walking_1.txt                               exponential maps, 99 numbers per line

Four cameras project each frame; each view is fitted independently. MPJPE is the mean joint error after pelvis alignment
(protocol 1), PA-MPJPE the error after Procrustes alignment (protocol 2), both over 14 and 17 joints. The energy
measures how plausible the fitted poses are (0: the median of recorded poses, 1: their 95th percentile). OUT keeps the
errors and bodies, one npz for each view; run the same command again to resume. See docs/human36m.md.
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import tyro
from rich.progress import Progress

from qposer.io.cli_errors import cli_errors, plain_console
from qposer.io.startup import loading


def main(
    source: Annotated[Path, tyro.conf.Positional],
    cameras: Path | None = None,
    out: Path = Path("out/h36m"),
    subjects: tuple[str, ...] = ("S9", "S11"),
    actions: tuple[str, ...] = (),
    every: int = 64,
    batch: int = 64,
    seed: int = 0,
    device: Literal["cpu", "cuda"] = "cpu",
    csv: Path | None = None,
    markdown: Path | None = None,
) -> None:
    """Fit bodies to recordings of Human3.6M, and report the errors by subject and action.

    Args:
        source: a folder with recordings, or one file.
        cameras: JSON with each subject's cameras: {"S9": {"54138969": {"R", "t", "focal", "centre"}}}, millimetres and
            pixels, or the calibration with extrinsics and intrinsics; default: four synthetic cameras.
        out: folder for errors and fitted bodies; OUT/S9/<recording>.<camera>.npz.
        subjects: subjects to evaluate.
        actions: actions to evaluate, named as in the table; default: all.
        every: fit every n-th frame; the recordings have 50 frames per second.
        batch: number of frames per batch.
        seed: random seed.
        device: where the optimisation runs.
        csv: write the table as CSV, too.
        markdown: write the table as Markdown, too.

    Raises:
        ValueError: ``every`` or ``batch`` is below 1, ``out`` is a file, or no recording is left.
    """
    console = plain_console()
    bar = Progress(console=console, transient=True, disable=not console.is_terminal)
    with cli_errors(resumable=True):
        with loading():
            from fitting import FitSettings, Fitter
            from fitting.commands.h36m_report import report
            from fitting.evaluation.h36m import digest_of, evaluate, read_cameras, read_scores, views, write_scores
            from fitting.optimise.schedule import total_steps
            from qposer.data.h36m import find_recordings

        _check_options(every, batch, out)
        found = find_recordings(source, subjects)
        recordings = [recording for recording in found if not actions or recording.action in actions]
        if not recordings:
            there = ", ".join(sorted({recording.action for recording in found}))
            raise ValueError(f"no recording of {', '.join(actions)}: expected one of {there}")
        rigs = read_cameras(cameras) if cameras else None
        fitter = Fitter(settings=FitSettings(seed=seed), device=device)
        steps, digest = total_steps(fitter.settings), digest_of(fitter)

        scored, failures = [], []
        with bar as progress:
            for recording in progress.track(recordings, description="recordings"):
                try:
                    seen = list(views(recording, rigs, every))
                except (ValueError, OSError) as error:
                    failures.append(str(error))
                    continue
                for view in seen:
                    path = out / recording.subject / f"{view.name}.npz"
                    if path.exists():
                        scores = read_scores(path, view, digest)
                    else:
                        task = progress.add_task(f"{recording.subject} {view.name}", total=steps * len(view.frames))
                        scores = evaluate(fitter, view, batch, partial(progress.advance, task))
                        write_scores(path, scores, view, digest)
                        progress.remove_task(task)
                    scored.append((view, scores))

        if scored:
            seen_by = f"the cameras of {cameras}" if cameras else "synthetic cameras"
            report(scored, f"Human3.6M, every {every}. frame, {seen_by}", console, csv, markdown)
    if failures:
        _report_failures(failures, len(recordings))
        sys.exit(1)


def _check_options(every: int, batch: int, out: Path) -> None:
    if every < 1 or batch < 1:
        raise ValueError(f"--every and --batch must be at least 1, not {every} and {batch}")
    if out.exists() and not out.is_dir():
        raise ValueError(f"{out} is a file: give a folder as --out")


def _report_failures(failures: list[str], recordings: int) -> None:
    """Print why recordings were skipped."""
    console = plain_console(stderr=True)
    for failure in failures:
        console.print(f"evaluate_h36m: {failure}", style="red")
    console.print(f"evaluate_h36m: skipped {len(failures)} of {recordings} recordings", style="red")


def command() -> None:
    """Run the command line."""
    tyro.cli(main, description=__doc__)
