"""Folders of images: what is to be fitted, what of it is done, and a summary of all."""

from __future__ import annotations

import csv
import dataclasses
import json
import math
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from fitting.exports import Export, write_fit
from fitting.fit import Fitter
from fitting.images import Photo, is_image, read_image
from fitting.keypoints import read_keypoints
from fitting.results import FitResult
from qposer.files import replacing

DONE = "done.json"
"""In the folder of an image: what was asked for and came out. It is written last, and taken away first."""

_KEYPOINTS = "_keypoints.json"  # OpenPose's name for the file of an image, after the image's own


@dataclass(frozen=True)
class Job:
    """An image, and the file of its keypoints where they are given."""

    image: Path
    keypoints: Path | None = None

    @property
    def name(self) -> str:
        """What its results are called."""
        return self.image.stem


@dataclass(frozen=True)
class PersonSummary:
    """One line of the summary: a person, and how well the fit agrees with the keypoints."""

    folder: str
    """Below the output folder."""
    reprojection_error_px: float
    reprojection_error_percent: float
    person_height_px: float
    distance_m: float
    focal_px: float


@dataclass(frozen=True)
class Outcome:
    """What became of an image: its people, or why there are none."""

    image: str
    people: tuple[PersonSummary, ...] = ()
    failure: str | None = None
    resumed: bool = False
    """Whether an earlier run did it."""


def find_jobs(images: Path, keypoints: Path | None = None) -> tuple[list[Job], list[Outcome]]:
    """The images in a folder (not in those below it), by name, and failures that show before any is opened.

    Args:
        images: the folder; files whose names are not those of images are passed over.
        keypoints: a folder of OpenPose JSON, ``<image>_keypoints.json`` for each image, or one COCO file of all.

    Raises:
        FileNotFoundError: there are no such keypoints.
        ValueError: ``images`` is no folder, or holds no images.
    """
    if not images.is_dir():
        raise ValueError(f"{images} is no folder: give a folder of images")
    if keypoints is not None and not keypoints.exists():
        raise FileNotFoundError(f"there is neither a folder nor a file of keypoints {keypoints}: check the path")
    found = [path for path in sorted(images.iterdir()) if path.is_file() and is_image(path)]
    if not found:
        raise ValueError(f"{images} holds no images: give a folder that does")
    jobs: dict[str, Job] = {}
    failures = []
    for image in found:
        if image.stem in jobs:
            other = jobs[image.stem].image.name
            failures.append(Outcome(image.name, failure=f"its results would have the name of {other}'s: rename one"))
            continue
        folder = keypoints is not None and keypoints.is_dir()
        jobs[image.stem] = Job(image, keypoints / f"{image.stem}{_KEYPOINTS}" if keypoints and folder else keypoints)
    if keypoints is not None and keypoints.is_dir():
        for file in sorted(keypoints.glob(f"*{_KEYPOINTS}")):
            if file.name.removesuffix(_KEYPOINTS) not in jobs:
                failures.append(Outcome(file.name, failure=f"there is no image of these keypoints in {images}"))
    return list(jobs.values()), failures


@dataclass(frozen=True)
class FolderRun:
    """How the images of a folder are fitted and written, one by one, each as if it were the only one."""

    fitter: Fitter
    out: Path
    people: int = 1
    focal: float | None = None
    exports: Sequence[Export] = ("obj",)

    def __post_init__(self) -> None:
        """Refuse here what `Fitter.fit_photo` would refuse for each image.

        Raises:
            ValueError: nobody is to be fitted, or the focal length is no positive number.
        """
        if self.people < 1:
            raise ValueError(f"{self.people} people cannot be fitted: ask for 1 at least")
        if self.focal is not None and not 0 < self.focal < math.inf:
            raise ValueError(
                f"a focal length is a positive number of pixels, not {self.focal}: leave it out if unknown"
            )

    def outcome(self, job: Job) -> Outcome:
        """Fit an image and write the results, unless an earlier run did the same.

        Wrong input is told in the outcome. What a kill left of the image is cleared away.

        Raises:
            OSError: something could not be written.
        """
        folder = self.out / job.name
        try:
            request = self._request(job)
            people = _finished(folder, request)
            if people is not None:
                return Outcome(job.image.name, people, resumed=True)
            photo, results = self._fitted(job)
        except (ValueError, OSError, FloatingPointError, RuntimeError) as error:
            return Outcome(job.image.name, failure=str(error))
        try:
            people = self._write(job.name, photo, results, request)
        except FileExistsError as error:
            return Outcome(job.image.name, failure=str(error))
        return Outcome(job.image.name, people)

    def _fitted(self, job: Job) -> tuple[Photo, list[FitResult]]:
        photo = read_image(job.image)
        given = read_keypoints(job.keypoints, job.image.name) if job.keypoints else None
        return photo, self.fitter.fit_photo(photo, self.people, self.focal, given)

    def _write(
        self, name: str, photo: Photo, results: list[FitResult], request: Mapping[str, Any]
    ) -> tuple[PersonSummary, ...]:
        folder = self.out / name
        if folder.is_dir():
            (folder / DONE).unlink(missing_ok=True)
            for unfinished in folder.glob(".writing-*"):
                shutil.rmtree(unfinished)
        folders = write_fit(self.out, name, photo, results, self.exports)
        people = tuple(
            PersonSummary(
                written.relative_to(self.out).as_posix(),
                result.reprojection_error_px,
                result.reprojection_error_percent,
                result.person_height_px,
                float(result.transl[2]),
                result.focal,
            )
            for written, result in zip(folders, results, strict=True)
        )
        content = {"request": request, "people": [dataclasses.asdict(person) for person in people]}
        with replacing(folder / DONE) as temporary:
            temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        return people

    def _request(self, job: Job) -> dict[str, Any]:
        """All that the results depend on, as JSON has it."""
        request = {
            "image": _stamp(job.image),
            "keypoints": _stamp(job.keypoints) if job.keypoints else None,
            "body": self.fitter.body.name,
            "people": self.people,
            "focal": self.focal,
            "exports": sorted(self.exports),
            "settings": dataclasses.asdict(self.fitter.settings),
        }
        return json.loads(json.dumps(request))


def _stamp(path: Path) -> list[str | int]:
    """What tells a changed file from the one that was read."""
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    status = path.stat()
    return [path.name, status.st_size, status.st_mtime_ns]


def _finished(folder: Path, request: Mapping[str, Any]) -> tuple[PersonSummary, ...] | None:
    """The people that an earlier run wrote for the same request, if they are still there."""
    try:
        content = json.loads((folder / DONE).read_text(encoding="utf-8"))
        people = tuple(PersonSummary(**person) for person in content["people"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    there = all((folder.parent / person.folder / "fit.npz").is_file() for person in people)
    return people if there and content.get("request") == request else None


@contextmanager
def only_run(out: Path) -> Iterator[None]:
    """Hold the output folder, which is made, against other runs; a run that was killed holds nothing.

    Raises:
        ValueError: another run holds it, or it is a file.
    """
    if out.exists() and not out.is_dir():
        raise ValueError(f"{out} is a file: give a folder as --out")
    out.mkdir(parents=True, exist_ok=True)
    lock = FileLock(out / ".fit_folder.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise ValueError(f"another run writes into {out}: wait until it ends, or give another --out") from None
    try:
        yield
    finally:
        lock.release()


def write_summary(path: Path, outcomes: Sequence[Outcome]) -> None:
    """Write a CSV with a line for each person, and one for each failure, by the names of the images.

    Raises:
        OSError: it cannot be written.
    """
    columns = ["image", *(field.name for field in dataclasses.fields(PersonSummary)), "failure"]
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        for outcome in sorted(outcomes, key=lambda outcome: outcome.image):
            for person in outcome.people:
                writer.writerow({"image": outcome.image, **dataclasses.asdict(person)})
            if outcome.failure is not None:
                writer.writerow({"image": outcome.image, "failure": outcome.failure})
