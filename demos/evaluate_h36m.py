"""Evaluate the fitter on Human3.6M: how far fits to projected joints are from the recorded ones.

    python demos/evaluate_h36m.py FOLDER --cameras cameras.json

The recordings do not come with this project, and nobody may pass them on: register at http://vision.imar.ro/human3.6m/,
accept the licence (academic use only) and download the 3D positions of S9 and S11 ("D3 Positions"), or bring the
exponential-map text that you made from your own copy. FOLDER holds any part of

    S9/MyPoseFeatures/D3_Positions/Walking 1.cdf   official positions (pip install cdflib)
    S9/MyPoses/3D_positions/Walking 1.h5           the same as HDF5 (pip install h5py)
    S9/Walking 1.npz                               the same, one plain array (frames, 32, 3)
    S9/walking_1.txt                               exponential maps, 99 numbers a line

Each frame is projected by four cameras and fitted by itself. MPJPE is the mean joint error after the pelvis was aligned
(protocol 1), PA-MPJPE the one after Procrustes (protocol 2), both over 14 and 17 joints; the energy tells how plausible
the fitted poses are (0: the median of recorded ones, 1: their 95th percentile). Errors and bodies are kept in OUT, one
npz a view; the same command goes on after an interruption. docs/human36m.md tells more.
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from qposer.io.interrupts import end_on_interrupt

if __name__ == "__main__":
    end_on_interrupt()

import tyro
from rich.console import Console
from rich.progress import Progress

from qposer.io.cli_errors import plain_console


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
    """Fit bodies to recordings of Human3.6M, and tell the errors by subject and action.

    Args:
        source: a folder with recordings, or one file.
        cameras: JSON with each subject's cameras: {"S9": {"54138969": {"R", "t", "focal", "centre"}}}, millimetres and
            pixels, or the calibration with extrinsics and intrinsics; four made-up cameras if left out.
        out: folder for errors and fitted bodies; OUT/S9/<recording>.<camera>.npz.
        subjects: whose recordings.
        actions: which actions, as the table calls them; all if left out.
        every: fit every n-th frame; the recordings have 50 a second.
        batch: frames fitted together.
        seed: of the noise that the prior is shown.
        device: where the optimisation runs.
        csv: write the table as CSV, too.
        markdown: write the table as Markdown, too.

    Raises:
        ValueError: ``every`` or ``batch`` is below 1, ``out`` is a file, or no recording is left.
    """
    from qposer.io.cli_errors import cli_errors

    console = plain_console()
    bar = Progress(console=console, transient=True, disable=not console.is_terminal)
    with cli_errors("evaluate_h36m", resumable=True):
        from demos.h36m_report import TABLE_WIDTH, console_table, summarise, write_csv, write_markdown
        from fitting import FitSettings, Fitter
        from fitting.evaluation.h36m import digest_of, evaluate, read_cameras, read_scores, views, write_scores
        from fitting.optimise.schedule import total_steps
        from qposer.data.h36m import find_recordings

        if every < 1 or batch < 1:
            raise ValueError(f"--every and --batch are whole numbers from 1, not {every} and {batch}")
        if out.exists() and not out.is_dir():
            raise ValueError(f"{out} is a file: give a folder as --out")
        found = find_recordings(source, subjects)
        recordings = [recording for recording in found if not actions or recording.action in actions]
        if not recordings:
            there = ", ".join(sorted({recording.action for recording in found}))
            raise ValueError(f"there is no recording of {', '.join(actions)}: there are {there}")
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
            rows = summarise(scored)
            if csv:
                write_csv(csv, rows)
            if markdown:
                write_markdown(markdown, rows)
            seen_by = f"the cameras of {cameras}" if cameras else "made-up cameras"
            table = console_table(rows, f"Human3.6M, every {every}. frame, {seen_by}")
            Console(width=max(console.width, TABLE_WIDTH)).print(table)
    if failures:
        complaints = plain_console(stderr=True)
        for failure in failures:
            complaints.print(f"evaluate_h36m: {failure}", style="red")
        complaints.print(f"evaluate_h36m: left out {len(failures)} of {len(recordings)} recordings", style="red")
        sys.exit(1)


if __name__ == "__main__":
    tyro.cli(main, description=__doc__)
