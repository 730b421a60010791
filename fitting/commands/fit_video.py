"""Fit a body to a person in a video.

    qposer video VIDEO

tracks the largest person of the first frame, or the one that --person or --at selects, and writes into OUT/<video>/:
video.mp4 (each frame with the body over it, beside a side view and the paths of all fitted people from above), fit.npz
(SMPL parameters and hands of each frame, one shape, one camera), and motion.npz (the same in AMASS's layout).
--people N or all fits several people, each into a folder OUT/<video>/person<i>/. Frames in between without a detection
are interpolated and marked. --export adds files for animation programs and a web page that plays the motion in 3D. To
resume a stopped run, give the same command again.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from qposer.io.cli_errors import cli_errors, plain_console
from qposer.io.startup import loading, seconds_since_start

ClipExport = Literal["bvh", "glb", "trc", "html"]
"""The formats of `fitting.video.clip_exports`, repeated here so that --help does not load that module."""
if TYPE_CHECKING:
    from fitting.video.clip_result import ClipResult


def main(
    video: Annotated[Path, tyro.conf.Positional],
    out: Path = Path("out"),
    people: int | Literal["all"] | None = None,
    person: int = 0,
    at: tuple[float, float] | None = None,
    body: Path | None = None,
    fps: float | None = None,
    focal: float | None = None,
    height: float | None = None,
    subject: str | None = None,
    subjects: Path | None = None,
    smoothness: float = 1.0,
    contact: bool = True,
    ground: tuple[float, float, float, float] | None = None,
    hands: bool = True,
    depth_cue: bool = True,
    seed: int = 0,
    export: tuple[ClipExport, ...] = (),
    device: Literal["cpu", "cuda"] = "cpu",
) -> None:
    """Fit a body to a person in a video.

    Args:
        video: a video file, or a folder of its frames, in the order of their names.
        out: folder for the results, OUT/<video>/.
        people: fit this many people, those seen largest and longest, or all; default: one person.
        person: which person to track, from the first frame with people: 0 is the largest, 1 the next, ...
        at: select the person by a point in that frame instead: x and y in pixels.
        body: an SMPL, SMPL-H or SMPL-X model file (.pkl or .npz); default: the open body.
        fps: frames per second; default: the file's rate, 30 for a folder.
        focal: focal length in pixels; default: estimated from the video's size.
        height: standing height of the person in metres, if known.
        subject: name of the person: the shape is kept in SUBJECTS/<subject>.json, and each photo and clip of the person
            adds to it, once; for a single person.
        subjects: folder of the people's shapes; default: subjects, next to OUT.
        smoothness: factor on the smoothness weight; 0 fits each frame independently.
        contact: if the camera stands, find out which feet stand, and keep them where they are.
        ground: the ground, if known: direction against gravity in camera axes (x right, y down, z ahead), and the
            camera's height in metres; default: estimated from the feet.
        hands: detect and fit hands, too; those that are hidden or small stay at rest.
        depth_cue: use the depths that the detector estimates, with a low weight.
        seed: random seed.
        export: the motion as a skeleton (bvh), a skinned animated body (glb), positions of the joints (trc), or a page
            that plays it in 3D next to the video (html: view.html).
        device: where the optimisation runs.
    """
    console = plain_console()
    telling = plain_console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    bar = Progress(*columns, console=telling, transient=True, disable=not telling.is_terminal)
    with cli_errors(resumable=True), bar as progress:
        task = progress.add_task("loading", total=None)
        with loading():
            import torch

            from fitting import FitSettings, Ground
            from fitting.output.exports import result_name
            from fitting.output.folder_lock import output_lock
            from fitting.subjects import Who, fitter_of
            from fitting.video.clip_run import ClipRun
            from fitting.video.frames import open_video

        def begin(what: str, steps: int) -> None:
            nonlocal task
            progress.update(task, visible=False)
            task = TaskID(progress.add_task(what, total=steps or None))

        torch.set_num_threads(1)  # the matrices of one person's frames are too small to parallelise
        folder, opened = out / result_name(video), open_video(video, fps)
        check(out, people)
        settings = FitSettings(depth_cue=depth_cue, seed=seed, height=height)
        fitter, somebody = fitter_of(body, settings, device, Who(subject, subjects, out, people is None), video)
        known = None if ground is None else Ground(ground[:3], ground[3])
        run = ClipRun(fitter, opened, folder, at or person, focal, smoothness, contact, known, export, hands)
        with output_lock(folder):
            if people is None:
                results = {folder: run.run(begin, lambda: progress.advance(task))}
            else:
                found = run.run_people(None if people == "all" else people, begin, lambda: progress.advance(task))
                results = {folder / f"person{number}": result for number, result in enumerate(found)}
            if somebody:
                somebody.add(video, results[folder].shape_evidence)
    for where, result in results.items():
        report(console, where, result)
    console.print(f"{seconds_since_start():.1f} s; video: {', '.join(str(where / 'video.mp4') for where in results)}")


def check(out: Path, people: int | Literal["all"] | None) -> None:
    """Reject invalid arguments before the video is searched.

    Args:
        out: folder for the results.
        people: number of people.

    Raises:
        ValueError: ``out`` is a file, or ``people`` is below 1.
    """
    if isinstance(people, int) and people < 1:
        raise ValueError(f"the number of people must be at least 1, not {people}")
    if out.exists() and not out.is_dir():
        raise ValueError(f"{out} is a file: give a folder as --out")


def report(console: Console, folder: Path, result: ClipResult) -> None:
    """Print the result for one person.

    Args:
        console: where to print.
        folder: folder of the results.
        result: the fit.
    """
    filled = int((~result.detected).sum())
    hands = ""
    if result.hands is not None:
        left, right = result.hands.found.mean(axis=0)
        hands = f", left hand found in {left:.0%} and right hand in {right:.0%} of the frames"
    console.print(
        f"{folder}: frames {result.frames[0]} to {result.frames[-1]}, {filled} of them interpolated, "
        f"2D error {result.reprojection_error_percent:.1f} % of the person's height{hands}"
    )
    for warning in result.warnings:
        console.print(f"  warning: {warning}", style="yellow")


def command() -> None:
    """Run the command line."""
    tyro.cli(main, description=__doc__)
