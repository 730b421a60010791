"""Fit bodies to all the images of a folder.

    python demos/fit_folder.py IMAGES --out OUT

writes for each image what fit_image.py writes, OUT/<image>/person<i>/, and OUT/summary.csv with a line for each person
and each image that could not be fitted. A run that was stopped goes on when the same command is given again: images
that are done stay as they are. One run at a time writes into OUT. Exit status: 0 if all images are fitted, 1 if some
are not, 2 if nothing can be done, 130 if stopped by Ctrl-C.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Literal

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from qposer.io.interrupts import end_on_interrupt

if __name__ == "__main__":
    end_on_interrupt()

import tyro
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from demos.fit_image import Export
from qposer.io.cli_errors import plain_console


def main(
    images: Annotated[Path, tyro.conf.Positional],
    out: Path = Path("out"),
    body: Path | None = None,
    keypoints: Path | None = None,
    people: int = 1,
    focal: float | None = None,
    residual: bool = False,
    depth_cue: bool = True,
    seed: int = 0,
    export: tuple[Export, ...] = ("obj",),
    device: Literal["cpu", "cuda"] = "cpu",
) -> None:
    """Fit bodies to all the images of a folder.

    Args:
        images: the folder; those below it are not searched.
        out: folder for the results; OUT/<image>/person<i>/ is made in it.
        body: an SMPL, SMPL-H or SMPL-X model file (.pkl or .npz) instead of the open body.
        keypoints: a folder with a file for each image (OpenPose's <image>_keypoints.json, or <image>.json, .txt or
            .npz), or one file of all images (docs/formats.md), instead of detecting them.
        people: how many people at most on each image.
        focal: focal length in pixels; from each photo's EXIF, or else assumed from its size.
        residual: add small rotations after the codes, for poses that the codes do not reach.
        depth_cue: follow the depths that the detector estimates, a little.
        seed: of the noise that the prior is shown, the same for each image.
        export: meshes in each person's folder (obj, glb, ply), a page that turns the bodies of an image in 3D (html:
            OUT/<image>/view.html), SMPLify-X's folders (smplx-pkl: OUT/results and OUT/meshes).
        device: where the optimisation runs.
    """
    from qposer.io.cli_errors import cli_errors
    from qposer.io.messages import one_line

    console = plain_console()
    telling = plain_console(stderr=True)
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    bar = Progress(*columns, console=telling, transient=True, disable=not telling.is_terminal)
    stopped = False
    with cli_errors("fit_folder"), bar as progress:
        task = progress.add_task("loading", total=None)
        import torch

        from fitting import Body, FitSettings, Fitter
        from fitting.folders import SUMMARY, FolderRun, Outcome, find_jobs, output_lock, write_summary

        def tell(failed: Outcome) -> None:
            telling.print(one_line(f"fit_folder: {failed.image}: {failed.failure}"), style="red")

        torch.set_num_threads(1)  # the matrices of a few people are too small to share
        jobs, outcomes = find_jobs(images, keypoints)
        settings = FitSettings(residual, depth_cue, seed)
        fitter = Fitter(Body.load(body) if body else None, settings=settings, device=device)
        run = FolderRun(fitter, out, people, focal, export)
        for outcome in outcomes:
            tell(outcome)
        with output_lock(out):
            progress.update(task, total=len(jobs))
            try:
                for job in jobs:
                    progress.update(task, description=one_line(job.image.name))
                    outcomes.append(run.outcome(job))
                    if outcomes[-1].failure is not None:
                        tell(outcomes[-1])
                    progress.advance(task)
            except KeyboardInterrupt:
                stopped = True
            except OSError:  # the disk is full, and perhaps there is room for a summary
                with suppress(OSError):
                    write_summary(out / SUMMARY, outcomes)
                raise
            write_summary(out / SUMMARY, outcomes)
    failed = sum(outcome.failure is not None for outcome in outcomes)
    done = len(outcomes) - failed
    resumed = sum(outcome.resumed for outcome in outcomes)
    doubtful = sum(any(person.warning for person in outcome.people) for outcome in outcomes)
    console.print(f"{done} images fitted ({resumed} of them by earlier runs), {failed} failed: look at {out / SUMMARY}")
    if doubtful:
        console.print(f"{doubtful} of them have a warning there: a large error, or parts that are not seen")
    if stopped:
        console.print("stopped: the same command goes on from here")
    sys.exit(130 if stopped else int(failed > 0))


if __name__ == "__main__":
    tyro.cli(main, description=__doc__)
