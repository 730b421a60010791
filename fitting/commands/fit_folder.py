"""Fit bodies to all images of a folder.

    qposer folder IMAGES --out OUT

writes the same files as fit_image.py for each image, into OUT/<image>/person<i>/, and OUT/summary.csv with one line for
each person and for each image that could not be fitted. To resume a stopped run, give the same command again: finished
images are kept.

    qposer folder IMAGES --out OUT --ray local|ADDRESS

does so with Ray, on all cores of this machine or on a cluster (docs/many-machines.md), and writes OUT/parts/*.parquet
instead of the summary. IMAGES may then also be a list of images.

Only one run at a time can write into OUT. Exit status: 0 if all images are fitted, 1 if some are not, 2 if the input is
invalid, 130 if stopped by Ctrl-C.
"""

from __future__ import annotations

import sys
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from fitting.commands.fit_image import Export
from qposer.io.cli_errors import cli_errors, plain_console
from qposer.io.interrupts import STATUS
from qposer.io.messages import one_line
from qposer.io.startup import loading

if TYPE_CHECKING:
    from fitting.folder_request import FolderRequest


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
    pictures: bool = True,
    device: Literal["cpu", "cuda"] = "cpu",
    ray: str | None = None,
    workers: int | None = None,
    batch: int = 16,
    folders: bool = True,
) -> None:
    """Fit bodies to all images of a folder.

    Args:
        images: the folder; subfolders are not searched. With --ray also a Parquet or CSV file with the column "path",
            or a text file with a path on each line.
        out: folder for the results, OUT/<image>/person<i>/.
        body: an SMPL, SMPL-H or SMPL-X model file (.pkl or .npz); default: the open body.
        keypoints: a folder with a file for each image (OpenPose's <image>_keypoints.json, or <image>.json, .txt or
            .npz), or one file for all images (docs/formats.md); default: detect them.
        people: maximum number of people per image.
        hypotheses: maximum number of bodies to find for each person: the answer and its alternatives; 1 is faster.
        focal: focal length in pixels; default: from each photo's EXIF, otherwise estimated from its size.
        height: standing height of the person in metres, if known; used for all people.
        subject: name of the person: the shape is kept in SUBJECTS/<subject>.json, and each photo and clip of the person
            adds to it, once; with --people 1 and without --ray.
        subjects: folder of the people's shapes; default: subjects, next to OUT.
        hands: detect and fit hands, too; those that are hidden or small stay at rest.
        residual: add small rotations after decoding, for poses that the codes cannot represent.
        depth_cue: use the depths that the detector estimates, with a low weight.
        seed: random seed, the same for each image.
        export: meshes in each person's folder (obj, glb, ply), a skinned body in the fitted pose there (glb-rigged:
            rigged.glb), a web page with a 3D view of the bodies (html: OUT/<image>/view.html), folders in SMPLify-X's
            layout (smplx-pkl: OUT/results and OUT/meshes).
        pictures: draw the overlay, the side view and the keypoints, which takes about as long as a fit.
        device: where the optimisation runs.
        ray: "local", or the address of a Ray cluster whose machines all see IMAGES and OUT under the same paths.
        workers: number of Ray workers; default: one for each core, or for each GPU with --device cuda.
        batch: number of images that a Ray worker fits at a time; a lost worker's batches are repeated.
        folders: write a folder for each image; otherwise, with --ray, only the Parquet files.

    Raises:
        ValueError: options contradict each other.
    """
    console = plain_console()
    telling = plain_console(stderr=True)
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    bar = Progress(*columns, console=telling, transient=True, disable=not telling.is_terminal)
    with cli_errors(), bar as progress:
        progress.add_task("loading", total=None)
        with loading():
            import torch

            from fitting import FitSettings
            from fitting.folder_request import FolderRequest
            from fitting.subjects import Who

        torch.set_num_threads(1)  # the matrices of a few people are too small to parallelise
        settings, who = FitSettings(residual, depth_cue, seed, height), Who(subject, subjects, out, people == 1)
        named = {"people": people, "focal": focal, "hypotheses": hypotheses, "exports": export}
        named |= {"hands": hands, "pictures": pictures}
        request = FolderRequest(out, body, settings, device, keypoints is None, named, who)
        if ray is None:
            if workers is not None or not folders:
                raise ValueError("--workers and --no-folders need --ray: add --ray local")
            lines, status = _here(request, images, keypoints, progress, telling)
        else:
            if subject is not None or subjects is not None:
                raise ValueError("--subject and --subjects need a run without --ray: leave out --ray, or these options")
            given = _ClusterOptions(ray, workers, batch, folders)
            lines, status = _on_cluster(request, images, keypoints, given, progress, telling)
    for line in lines:
        console.print(line)
    if status == STATUS:
        console.print("stopped: run the same command again to resume")
    sys.exit(status)


def _here(
    request: FolderRequest, images: Path, keypoints: Path | None, progress: Progress, telling: Console
) -> tuple[list[str], int]:
    """Fit one image after another in this process; the summary's lines and the exit status."""
    from fitting.folders import SUMMARY, find_jobs, in_words, write_summary
    from fitting.output.folder_lock import output_lock

    summary, task, stopped = request.out / SUMMARY, progress.task_ids[0], False
    jobs, outcomes = find_jobs(images, keypoints)
    with ExitStack() as stack:
        run = request.open(stack, *(job.image for job in jobs))
        for outcome in outcomes:
            _report_failure(telling, outcome.image, outcome.failure)
        stack.enter_context(output_lock(request.out))
        progress.update(task, total=len(jobs))
        try:
            for job in jobs:
                progress.update(task, description=one_line(job.image.name))
                outcomes.append(run.outcome(job))
                _report_failure(telling, job.image.name, outcomes[-1].failure)
                progress.advance(task)
        except KeyboardInterrupt:
            stopped = True
        except OSError:  # the disk may be full; the summary may still fit
            with suppress(OSError):
                write_summary(summary, outcomes)
            raise
        write_summary(summary, outcomes)
    failed = any(outcome.failure is not None for outcome in outcomes)
    return in_words(outcomes, summary), STATUS if stopped else int(failed)


@dataclass(frozen=True)
class _ClusterOptions:
    address: str
    workers: int | None
    batch: int
    folders: bool


def _on_cluster(
    request: FolderRequest,
    images: Path,
    keypoints: Path | None,
    given: _ClusterOptions,
    progress: Progress,
    telling: Console,
) -> tuple[list[str], int]:
    """Fit the images with Ray; the summary's lines and the exit status."""
    from fitting.cluster.batches import PARTS, Report, batches_of
    from fitting.cluster.driver import ClusterRun, connected
    from fitting.output.folder_lock import output_lock

    batches, count, failures = batches_of(images, given.batch, keypoints)
    task, stopped = progress.task_ids[0], False
    for failure in failures:
        _report_failure(telling, failure.image, failure.failure)

    def report(done: Report) -> None:
        for image, failure in done.failures:
            _report_failure(telling, image, failure)
        progress.update(task, description="fitting", advance=done.images)

    with output_lock(request.out), connected(given.address):
        progress.update(task, total=count)
        run = ClusterRun(request, given.batch, given.folders, given.workers)
        try:
            run.fit(batches, report)
        except KeyboardInterrupt:
            stopped = True
    totals = run.totals
    done = f"{totals.images - totals.failed} images fitted ({totals.resumed} images done by earlier runs)"
    lines = [f"{done}, {totals.failed + len(failures)} failed: see {request.out / PARTS}"]
    if totals.lost:
        lines.append(f"{totals.lost} workers were lost, and their batches repeated")
    return lines, STATUS if stopped else int(bool(totals.failed or failures))


def _report_failure(telling: Console, image: str, failure: str | None) -> None:
    if failure is not None:
        telling.print(one_line(f"fit_folder: {image}: {failure}"), style="red")


def command() -> None:
    """Run the command line."""
    tyro.cli(main, description=__doc__)
