"""Fit a body to a person in a video.

    python demos/fit_video.py VIDEO

tracks the largest person of the first frame, or the one that --person or --at selects, and writes into OUT/<video>/:
video.mp4 (each frame with the body over it, and a side view), fit.npz (SMPL parameters of each frame, one shape, one
camera), and motion.npz (the same in AMASS's layout). Frames in between without a detection are interpolated and marked.
--export adds files for animation programs and a web page that plays the motion in 3D.
To resume a stopped run, give the same command again.
"""

from __future__ import annotations

import sys

sys.path.insert(0, __file__.rpartition("demos")[0])

from qposer.io.interrupts import end_on_interrupt

if __name__ == "__main__":
    end_on_interrupt()

from pathlib import Path
from typing import Annotated, Literal

import tyro
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from qposer.io.cli_errors import cli_errors, plain_console
from qposer.io.startup import loading, seconds_since_start

ClipExport = Literal["bvh", "glb", "trc", "html"]
"""The formats of `fitting.video.clip_exports`, repeated here so that --help does not load that module."""


def main(
    video: Annotated[Path, tyro.conf.Positional],
    out: Path = Path("out"),
    person: int = 0,
    at: tuple[float, float] | None = None,
    body: Path | None = None,
    fps: float | None = None,
    focal: float | None = None,
    height: float | None = None,
    smoothness: float = 1.0,
    depth_cue: bool = True,
    seed: int = 0,
    export: tuple[ClipExport, ...] = (),
    device: Literal["cpu", "cuda"] = "cpu",
) -> None:
    """Fit a body to a person in a video.

    Args:
        video: a video file, or a folder of its frames, in the order of their names.
        out: folder for the results, OUT/<video>/.
        person: person to track, by size in the first frame with people: 0 is the largest, 1 the next, ...
        at: select the person by a point in that frame instead: x and y in pixels.
        body: an SMPL, SMPL-H or SMPL-X model file (.pkl or .npz); default: the open body.
        fps: frames per second; default: the file's rate, 30 for a folder.
        focal: focal length in pixels; default: estimated from the video's size.
        height: standing height of the person in metres, if known.
        smoothness: factor on the smoothness weight; 0 fits each frame independently.
        depth_cue: use the depths that the detector estimates, with a low weight.
        seed: random seed.
        export: the motion as a skeleton (bvh), a skinned animated body (glb), positions of the joints (trc), or a page
            that plays it in 3D next to the video (html: view.html).
        device: where the optimisation runs.

    Raises:
        ValueError: ``out`` is a file.
    """
    console = plain_console()
    telling = plain_console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    bar = Progress(*columns, console=telling, transient=True, disable=not telling.is_terminal)
    with cli_errors("fit_video", resumable=True), bar as progress:
        task = progress.add_task("loading", total=None)
        with loading():
            import torch

            from fitting import Body, FitSettings, Fitter
            from fitting.folders import output_lock
            from fitting.output.exports import result_name
            from fitting.video.clip_run import ClipRun
            from fitting.video.frames import open_video

        def begin(what: str, steps: int) -> None:
            nonlocal task
            progress.update(task, visible=False)
            task = TaskID(progress.add_task(what, total=steps or None))

        torch.set_num_threads(1)  # the matrices of one person's frames are too small to parallelise
        folder = out / result_name(video)
        opened = open_video(video, fps)
        if out.exists() and not out.is_dir():
            raise ValueError(f"{out} is a file: give a folder as --out")
        settings = FitSettings(depth_cue=depth_cue, seed=seed, height=height)
        fitter = Fitter(Body.load(body) if body else None, settings=settings, device=device)
        run = ClipRun(fitter, opened, folder, person if at is None else at, focal, smoothness, export)
        with output_lock(folder):
            result = run.run(begin, lambda: progress.advance(task))
    filled = int((~result.detected).sum())
    console.print(
        f"{folder}: frames {result.frames[0]} to {result.frames[-1]}, {filled} of them interpolated, "
        f"2D error {result.reprojection_error_percent:.1f} % of the person's height"
    )
    for warning in result.warnings:
        console.print(f"  warning: {warning}", style="yellow")
    console.print(f"{seconds_since_start():.1f} s; video: {folder / 'video.mp4'}")


if __name__ == "__main__":
    tyro.cli(main, description=__doc__)
