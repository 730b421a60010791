"""The worker: fits batches of photos and writes each as a Parquet file."""

from __future__ import annotations

import collections
import dataclasses
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import IO, Any

import numpy as np

from fitting.cluster.batches import PARTS, Batch, Report, part_name
from fitting.cluster.together import fit_together
from fitting.folders import FolderRun, Job, Outcome
from fitting.output.results import read_result
from qposer.io.atomic_files import atomic_write

TRIES = 2
"""A photo is reported as a failure if this many workers were lost with it after its batch was lost once."""

_TEXTS = ("image", "folder", "verdict", "warning", "failure", "keypoints_format")
_FLOATS = (
    *("reprojection_error_px", "reprojection_error_percent", "person_height_px", "distance_m", "focal_px"),
    *("joint_std_mm", "probability"),
)
_FLOAT_ARRAYS = (
    *("global_orient", "body_pose", "betas", "transl", "centre"),
    *("left_hand_pose", "right_hand_pose", "keypoints_xy", "keypoints_confidence"),
)
_INTEGER_ARRAYS = ("codes", "image_size")
_TRUTH_ARRAYS = ("hands_found",)


class Worker:
    """Fits batches, on any machine; the models are loaded once."""

    def __init__(self, open_run: Callable[[ExitStack], FolderRun], out: Path, folders: bool) -> None:
        """Load the models.

        Args:
            open_run: loads the models; what it opens is closed with the stack.
            out: output folder, the same on all machines.
            folders: whether to write a folder for each photo besides the Parquet files.
        """
        import torch

        torch.set_num_threads(1)  # there is a worker on each core
        self._stack = ExitStack()
        self._run = open_run(self._stack)
        self._out, self._folders = out, folders

    def ready(self) -> None:
        """Return when the models are loaded."""

    def fit(self, batch: Batch) -> Report:
        """Fit the photos of a batch and write its Parquet file.

        Args:
            batch: the photos.

        Returns:
            What became of them.

        Raises:
            OSError: the results cannot be written.
        """
        tried = self._out / PARTS / f".tried-{batch.number:07d}"
        lost = collections.Counter(tried.read_text().split()) if tried.exists() else None
        with tempfile.TemporaryDirectory() as scratch, tried.open("a") as begun:
            out = self._out / batch.folder if self._folders else Path(scratch, "out")
            run = replace(self._run, out=out)
            here = {job: _fetched(job, Path(scratch, str(index))) for index, job in enumerate(batch.jobs)}
            if lost is None:
                jobs = [job for job in here.values() if isinstance(job, Job)]
                done = dict(zip(jobs, fit_together(run, jobs), strict=True))
                outcomes = [done[job] if isinstance(job, Job) else job for job in here.values()]
            else:
                outcomes = list(_one_by_one(run, list(here.values()), lost, begun))
            rows: list[dict[str, Any]] = []
            failures: list[tuple[str, str]] = []
            for job, outcome in zip(batch.jobs, outcomes, strict=True):
                name = job.address or str(job.image)
                rows += _rows(name, outcome, out, batch.folder if self._folders else None)
                failures += [(name, outcome.failure)] if outcome.failure is not None else []
        write_part(self._out / PARTS / part_name(batch.number), rows)
        tried.unlink(missing_ok=True)
        return Report(batch.number, batch.digest, len(batch.jobs), tuple(failures))


def _one_by_one(
    run: FolderRun, jobs: Iterable[Job | Outcome], lost: Mapping[str, int], begun: IO[str]
) -> Iterator[Outcome]:
    """Outcomes of a batch with which a worker was lost; the images that may be the reason are noted."""
    for index, job in enumerate(jobs):
        if isinstance(job, Outcome):
            yield job
        elif lost[str(index)] - lost[_finished(index)] >= TRIES:
            yield Outcome(job.image.name, failure=f"{TRIES} workers were lost while they fitted it")
        else:
            print(index, file=begun, flush=True)
            outcome = run.outcome(job)
            print(_finished(index), file=begun, flush=True)
            yield outcome


def _finished(index: int) -> str:
    """The mark of an image with which no worker was lost."""
    return f"{index}+"


def _fetched(job: Job, folder: Path) -> Job | Outcome:
    """The job with a local copy of its image, or why there is none."""
    if job.address is None:
        return job
    import fsspec

    folder.mkdir()
    copy = folder / PurePosixPath(job.address).name
    try:
        with fsspec.open(job.address, "rb") as source, copy.open("wb") as target:
            shutil.copyfileobj(source, target)
    except Exception as error:  # each file system of fsspec raises its own
        return Outcome(job.address, failure=f"it cannot be read: {type(error).__name__}: {error}")
    os.utime(copy, (0, 0))  # a resumed run finds the same file
    return replace(job, image=copy)


def _rows(image: str, outcome: Outcome, out: Path, folder: str | None) -> Iterator[dict[str, Any]]:
    """A row for each person, or for the failure; ``folder`` is None if only Parquet is kept."""
    if outcome.failure is not None:
        yield {"image": image, "failure": outcome.failure}
    for index, person in enumerate(outcome.people):
        result = read_result(out / person.folder)
        seen = {"keypoints_xy": result.keypoints.xy, "keypoints_confidence": result.keypoints.confidence}
        known = vars(result) | seen | ({} if result.hands is None else result.hands.arrays)
        names = [name for name in _FLOAT_ARRAYS + _INTEGER_ARRAYS + _TRUTH_ARRAYS if name in known]
        arrays = {name: np.ravel(np.asarray(known[name])).tolist() for name in names}
        about = dataclasses.asdict(person)
        where = None if folder is None else str(PurePosixPath(folder, person.folder))
        values = {"image": image, "person": index, "probability": result.probability, "folder": where}
        yield about | values | {"keypoints_format": result.keypoints.format} | arrays


def write_part(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write rows of people and failures as Parquet, atomically.

    Args:
        path: the Parquet file.
        rows: values by column; absent ones are null.

    Raises:
        OSError: the file cannot be written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    kinds = {name: pa.string() for name in _TEXTS} | {"person": pa.int32()}
    kinds |= {name: pa.float64() for name in _FLOATS}
    kinds |= {name: pa.list_(pa.float32()) for name in _FLOAT_ARRAYS}
    kinds |= {name: pa.list_(pa.int32()) for name in _INTEGER_ARRAYS}
    kinds |= {name: pa.list_(pa.bool_()) for name in _TRUTH_ARRAYS}
    with atomic_write(path) as temporary:
        pq.write_table(pa.Table.from_pylist(list(rows), schema=pa.schema(list(kinds.items()))), temporary)
