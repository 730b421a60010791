"""Fit a body to a person in a video.

    python demos/fit_video.py VIDEO

follows the largest person of the first frame, or the one that --person or --at chooses, and writes into OUT/<video>/:
video.mp4 (each frame with the body on it, beside the body from the side), fit.npz (SMPL parameters of each frame, one
shape, one camera), and motion.npz (the same in AMASS's layout). Frames without the person in between are filled in and
marked. A run that was stopped goes on when the same command is given again.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated, Literal

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from qposer.io.interrupts import end_on_interrupt

if __name__ == "__main__":
    end_on_interrupt()

import tyro
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from qposer.io.cli_errors import plain_console


def main(
    video: Annotated[Path, tyro.conf.Positional],
    out: Path = Path("out"),
    person: int = 0,
    at: tuple[float, float] | None = None,
    body: Path | None = None,
    fps: float | None = None,
    focal: float | None = None,
    smoothness: float = 1.0,
    depth_cue: bool = True,
    seed: int = 0,
    device: Literal["cpu", "cuda"] = "cpu",
) -> None:
    """Fit a body to a person in a video.

    Args:
        video: a video file, or a folder of its frames, in the order of their names.
        out: folder for the results; OUT/<video>/ is made in it.
        person: whom to follow of those on the first frame that shows anybody: 0 is the largest, 1 the next, ...
        at: or a point on the person there: x and y in pixels.
        body: an SMPL, SMPL-H or SMPL-X model file (.pkl or .npz) instead of the open body.
        fps: frames a second, in place of what the file says; 30 for a folder.
        focal: focal length in pixels; assumed from the video's size if left out.
        smoothness: factor on the weight of smoothness; 0 fits each frame for itself.
        depth_cue: follow the depths that the detector estimates, a little.
        seed: of the noise that the prior is shown.
        device: where the optimisation runs.

    Raises:
        ValueError: ``out`` is a file.
    """
    from qposer.io.cli_errors import cli_errors

    console = plain_console()
    telling = plain_console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    bar = Progress(*columns, console=telling, transient=True, disable=not telling.is_terminal)
    started = time.monotonic()
    with cli_errors("fit_video", resumable=True), bar as progress:
        task = progress.add_task("loading", total=None)
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

        torch.set_num_threads(1)  # the matrices of one person's frames are too small to share
        folder = out / result_name(video)
        opened = open_video(video, fps)
        if out.exists() and not out.is_dir():
            raise ValueError(f"{out} is a file: give a folder as --out")
        settings = FitSettings(depth_cue=depth_cue, seed=seed)
        fitter = Fitter(Body.load(body) if body else None, settings=settings, device=device)
        run = ClipRun(fitter, opened, folder, person if at is None else at, focal, smoothness)
        with output_lock(folder):
            result = run.run(begin, lambda: progress.advance(task))
    filled = int((~result.detected).sum())
    console.print(
        f"{folder}: frames {result.frames[0]} to {result.frames[-1]}, {filled} of them filled in, "
        f"2D error {result.reprojection_error_percent:.1f} % of the person's height"
    )
    for warning in result.warnings:
        console.print(f"  warning: {warning}", style="yellow")
    console.print(f"{time.monotonic() - started:.1f} s; look at {folder / 'video.mp4'}")


if __name__ == "__main__":
    tyro.cli(main, description=__doc__)
