"""Fit bodies to all images of a folder.

    qposer folder IMAGES --out OUT

writes the same files as fit_image.py for each image, into OUT/<image>/person<i>/, and OUT/summary.csv with one line for
each person and for each image that could not be fitted. To resume a stopped run, give the same command again: finished
images are kept. Only one run at a time can write into OUT. Exit status: 0 if all images are fitted, 1 if some are not,
2 if the input is invalid, 130 if stopped by Ctrl-C.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Literal, NoReturn

import tyro
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from fitting.commands.fit_image import Export
from qposer.io.cli_errors import cli_errors, plain_console
from qposer.io.messages import one_line
from qposer.io.startup import loading


def main(
    images: Annotated[Path, tyro.conf.Positional],
    out: Path = Path("out"),
    body: Path | None = None,
    keypoints: Path | None = None,
    people: int = 1,
    hypotheses: int = 5,
    focal: float | None = None,
    height: float | None = None,
    subject: str | None = None,
    subjects: Path | None = None,
    hands: bool = True,
    residual: bool = False,
    depth_cue: bool = True,
    seed: int = 0,
    export: tuple[Export, ...] = ("obj",),
    device: Literal["cpu", "cuda"] = "cpu",
) -> None:
    """Fit bodies to all images of a folder.

    Args:
        images: the folder; subfolders are not searched.
        out: folder for the results, OUT/<image>/person<i>/.
        body: an SMPL, SMPL-H or SMPL-X model file (.pkl or .npz); default: the open body.
        keypoints: a folder with a file for each image (OpenPose's <image>_keypoints.json, or <image>.json, .txt or
            .npz), or one file for all images (docs/formats.md); default: detect them.
        people: maximum number of people per image.
        hypotheses: maximum number of bodies to find for each person: the answer and its alternatives; 1 is faster.
        focal: focal length in pixels; default: from each photo's EXIF, otherwise estimated from its size.
        height: standing height of the person in metres, if known; used for all people.
        subject: name of the person: the shape is kept in SUBJECTS/<subject>.json, and each photo and clip of the person
            adds to it, once; with --people 1.
        subjects: folder of the people's shapes; default: subjects, next to OUT.
        hands: detect and fit hands, too; those that are hidden or small stay at rest.
        residual: add small rotations after decoding, for poses that the codes cannot represent.
        depth_cue: use the depths that the detector estimates, with a low weight.
        seed: random seed, the same for each image.
        export: meshes in each person's folder (obj, glb, ply), a skinned body in the fitted pose there (glb-rigged:
            rigged.glb), a web page with a 3D view of the bodies (html: OUT/<image>/view.html), folders in SMPLify-X's
            layout (smplx-pkl: OUT/results and OUT/meshes).
        device: where the optimisation runs.
    """
    console = plain_console()
    telling = plain_console(stderr=True)
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    bar = Progress(*columns, console=telling, transient=True, disable=not telling.is_terminal)
    stopped = False
    with cli_errors(), bar as progress:
        task = progress.add_task("loading", total=None)
        with loading():
            import torch

            from fitting import FitSettings
            from fitting.folders import SUMMARY, FolderRun, Outcome, find_jobs, in_words, output_lock, write_summary
            from fitting.subjects import Who, fitter_of

        def report_failure(failed: Outcome) -> None:
            telling.print(one_line(f"fit_folder: {failed.image}: {failed.failure}"), style="red")

        torch.set_num_threads(1)  # the matrices of a few people are too small to parallelise
        jobs, outcomes = find_jobs(images, keypoints)
        settings, who = FitSettings(residual, depth_cue, seed, height), Who(subject, subjects, out, people == 1)
        fitter, somebody = fitter_of(body, settings, device, who, *(job.image for job in jobs))
        run = FolderRun(fitter, out, people, focal, hypotheses, export, hands, somebody)
        for outcome in outcomes:
            report_failure(outcome)
        with output_lock(out):
            progress.update(task, total=len(jobs))
            try:
                for job in jobs:
                    progress.update(task, description=one_line(job.image.name))
                    outcomes.append(run.outcome(job))
                    if outcomes[-1].failure is not None:
                        report_failure(outcomes[-1])
                    progress.advance(task)
            except KeyboardInterrupt:
                stopped = True
            except OSError:  # the disk may be full; the summary may still fit
                with suppress(OSError):
                    write_summary(out / SUMMARY, outcomes)
                raise
            write_summary(out / SUMMARY, outcomes)
    end(console, in_words(outcomes, out / SUMMARY), stopped, any(outcome.failure is not None for outcome in outcomes))


def end(console: Console, lines: list[str], stopped: bool, failed: bool) -> NoReturn:
    """Print the summary and exit.

    Args:
        console: where to print.
        lines: the summary.
        stopped: whether Ctrl-C stopped the run.
        failed: whether some images could not be fitted.
    """
    for line in lines:
        console.print(line)
    if stopped:
        console.print("stopped: run the same command again to resume")
        sys.exit(130)
    sys.exit(int(failed))


def command() -> None:
    """Run the command line."""
    tyro.cli(main, description=__doc__)
