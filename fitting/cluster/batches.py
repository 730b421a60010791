"""Batches of photos from folders and lists, and the record of finished batches."""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import itertools
import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from fitting.folders import Job, Outcome, find_jobs
from qposer.io.atomic_files import atomic_write

LEDGER = "batches.jsonl"
"""The record of finished batches in the output folder: the request first, then a line for each batch."""

PARTS = "parts"
"""Folder of the Parquet files, one for each batch."""

PATH_COLUMN = "path"
"""Column of the images in a Parquet or CSV manifest."""


@dataclass(frozen=True)
class Batch:
    """Photos that one worker fits, and the unit of what is repeated after a loss."""

    number: int
    jobs: tuple[Job, ...]
    folder: str = ""
    """Folder of their results in the output folder."""

    @property
    def digest(self) -> str:
        """Fingerprint of the photos' paths; contents and times are not read."""
        lines = [f"{job.address or job.image}\0{job.keypoints}\0{job.name}" for job in self.jobs]
        return hashlib.blake2b("\n".join(lines).encode(errors="surrogateescape"), digest_size=8).hexdigest()


@dataclass(frozen=True)
class Report:
    """What became of a batch."""

    number: int
    digest: str
    images: int
    failures: tuple[tuple[str, str], ...] = ()
    """Names of images, and why they could not be fitted."""


def batches_of(source: Path, size: int, keypoints: Path | None = None) -> tuple[Iterator[Batch], int, list[Outcome]]:
    """Divide the photos of a folder, or of a list, into batches.

    Args:
        source: a folder; a Parquet or CSV manifest with the column ``path``; or a text file with a path on each line.
            Paths may be addresses that fsspec reads (``s3://...``). Relative ones start at the list's folder.
        size: photos in a batch.
        keypoints: for a folder, as in `fitting.folders.find_jobs`.

    Returns:
        The batches, read while they are used; the number of photos; and failures known before any photo is opened.

    Raises:
        FileNotFoundError: the source or the keypoints do not exist.
        ValueError: the source is empty or has no column ``path``, ``size`` is below 1, or keypoints are given for a
            list.
    """
    if size < 1:
        raise ValueError(f"a batch must have at least 1 photo, not {size}")
    if source.is_dir():
        jobs, failures = find_jobs(source, keypoints)
        return _batched(iter(jobs), size, lambda number: ""), len(jobs), failures
    if keypoints is not None:
        raise ValueError("keypoints are read for a folder of images: give a folder, or detect them")
    count = sum(1 for _ in _paths(source))
    if not count:
        raise ValueError(f"{source} lists no images: give a path on each line, or a column '{PATH_COLUMN}'")
    listed = (_listed(row, path, source.parent) for row, path in enumerate(_paths(source)))
    return _batched(listed, size, "{:07d}".format), count, []


def _batched(jobs: Iterator[Job], size: int, folder: Callable[[int], str]) -> Iterator[Batch]:
    for number in itertools.count():
        chosen = tuple(itertools.islice(jobs, size))
        if not chosen:
            return
        yield Batch(number, chosen, folder(number))


def _listed(row: int, path: str, start: Path) -> Job:
    """The job of a line; its number keeps results of images of one name apart."""
    title = f"{row:09d}-{PurePosixPath(path).stem}"
    return Job(Path(path), title=title, address=path) if "://" in path else Job(start / path, title=title)


def _paths(source: Path) -> Iterator[str]:
    if not source.is_file():
        raise FileNotFoundError(f"there is no folder or list of images {source}: check the path")
    missing = ValueError(f"{source} has no column '{PATH_COLUMN}': name the column of the images so")
    if source.suffix == ".parquet":
        import pyarrow.parquet as pq

        with pq.ParquetFile(source) as file:
            if PATH_COLUMN not in file.schema_arrow.names:
                raise missing
            for rows in file.iter_batches(columns=[PATH_COLUMN]):
                yield from map(_named, rows.column(0).to_pylist())
        return
    with source.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        if source.suffix == ".csv":
            reader = csv.DictReader(file)
            if PATH_COLUMN not in (reader.fieldnames or ()):
                raise missing
            yield from (_named(row[PATH_COLUMN]) for row in reader)
        else:
            yield from (line.strip() for line in file if line.strip())


def _named(path: str | None) -> str:
    if not path:
        raise ValueError(f"the column '{PATH_COLUMN}' is empty in a row: remove the row")
    return path


def part_name(number: int) -> str:
    """Name of the Parquet file of a batch."""
    return f"part-{number:07d}.parquet"


class Ledger:
    """The record of finished batches."""

    def __init__(self, out: Path, request: Mapping[str, Any]) -> None:
        """Read the record of an earlier run, or begin one.

        Args:
            out: output folder.
            request: what the results depend on, as JSON values.

        Raises:
            ValueError: the earlier run had another request.
        """
        (out / PARTS).mkdir(parents=True, exist_ok=True)
        self._parts = out / PARTS
        self._file = out / LEDGER
        self._done: dict[int, Report] = {}
        head = json.loads(json.dumps({"request": dict(request)}))
        lines = list(_whole_lines(self._file))
        if lines and lines[0] != head:
            before, now = lines[0]["request"], head["request"]
            other = ", ".join(name for name in now if before.get(name) != now[name])
            raise ValueError(f"{out} contains a run with other options ({other}): repeat them, or give another --out")
        there = {path.name for path in self._parts.glob("part-*.parquet")}
        for line in lines[1:]:
            if part_name(line["number"]) in there:
                failures = tuple((image, reason) for image, reason in line["failures"])
                self._done[line["number"]] = Report(**{**line, "failures": failures})
        with atomic_write(self._file) as temporary:  # without the line that a killed run did not finish
            kept = [head, *map(dataclasses.asdict, self._done.values())]
            temporary.write_text("".join(f"{json.dumps(line)}\n" for line in kept), encoding="utf-8")

    def report(self, batch: Batch) -> Report | None:
        """The report of a batch that an earlier run finished with the same photos."""
        known = self._done.get(batch.number)
        return known if known is not None and known.digest == batch.digest else None

    def add(self, report: Report) -> None:
        """Note a finished batch, durably."""
        with self._file.open("a", encoding="utf-8") as file:
            file.write(f"{json.dumps(dataclasses.asdict(report))}\n")
            file.flush()
            os.fsync(file.fileno())

    def drop_from(self, count: int) -> None:
        """Delete Parquet files of batches from this number on, which an earlier, longer source had."""
        for path in self._parts.glob("part-*.parquet"):
            if int(path.stem.removeprefix("part-")) >= count:
                path.unlink()


def _whole_lines(file: Path) -> Iterator[dict[str, Any]]:
    for line in file.read_text(encoding="utf-8").splitlines(keepends=True) if file.exists() else []:
        if line.endswith("\n"):
            yield json.loads(line)
