"""Folders of images: what is to be fitted, what of it is done, and a summary of all."""

from __future__ import annotations

import csv
import dataclasses
import errno
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from fitting.fit import Fitter
from fitting.inputs.camera import positive_focal
from fitting.inputs.images import Photo, is_image, read_image
from fitting.inputs.keypoint_files import read_keypoints
from fitting.output.exports import Export, check_name, write_fit
from fitting.output.results import FitResult
from qposer.io.atomic_files import atomic_write
from qposer.io.messages import one_line

DONE = "done.json"
"""In the folder of an image: what was asked for and came out. It is written last, and taken away first."""

SUMMARY = "summary.csv"
"""In the output folder: a line for each person and each failure."""

_FULL = (errno.ENOSPC, errno.EDQUOT)
"""What a disk without room says."""

_KEYPOINTS = "_keypoints.json"  # OpenPose's name for the file of an image, after the image's own

_KEYPOINT_ENDINGS = (_KEYPOINTS, ".json", ".txt", ".npz")


@dataclass(frozen=True)
class Job:
    """An image, and the file of its keypoints where they are given."""

    image: Path
    keypoints: Path | None = None
    sharing: tuple[str, ...] = ()
    """Names of all images that the file of keypoints is for."""

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
    warning: str = ""
    """What deserves a look; empty if nothing does."""


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
        keypoints: a folder with a file for each image, ``<image>_keypoints.json`` (OpenPose's name), ``<image>.json``,
            ``<image>.txt`` or ``<image>.npz``, or one file of all.

    Returns:
        The jobs, and an outcome for each failure.

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
    names = tuple(image.name for image in found)
    jobs: dict[str, Job] = {}
    failures = []
    for image in found:
        if image.stem in jobs:
            other = jobs[image.stem].image.name
            failures.append(Outcome(image.name, failure=f"its results would have the name of {other}'s: rename one"))
            continue
        if keypoints is not None and keypoints.is_dir():
            files = [keypoints / f"{image.stem}{ending}" for ending in _KEYPOINT_ENDINGS]
            jobs[image.stem] = Job(image, next((file for file in files if file.is_file()), files[0]))
        else:
            jobs[image.stem] = Job(image, keypoints, names if keypoints else ())
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
        if self.focal is not None:
            positive_focal(self.focal)

    def outcome(self, job: Job) -> Outcome:
        """Fit an image and write the results, unless an earlier run did the same.

        Whatever goes wrong with the image is told in the outcome. What a kill left of it is cleared away.

        Raises:
            OSError: the disk is full, which no other image would change.
        """
        try:
            self._check_name(job.name)
            request = self._request(job)
            people = _finished(self.out / job.name, request)
            if people is not None:
                return Outcome(job.image.name, people, resumed=True)
            photo, results = self._fitted(job)
            return Outcome(job.image.name, self._write(job.name, photo, results, request))
        except Exception as error:  # one image, whatever is wrong with it, is not to end the others
            if isinstance(error, OSError) and error.errno in _FULL:
                raise
            known = isinstance(error, ValueError | OSError | RuntimeError | ArithmeticError)
            told = one_line(error) if known else f"{type(error).__name__}: {one_line(error)}"
            return Outcome(job.image.name, failure=told)

    def _check_name(self, name: str) -> None:
        """Refuse names that are those of the run's own files.

        Raises:
            ValueError: it is one of them.
        """
        check_name(name)
        if name == SUMMARY or ("smplx-pkl" in self.exports and name in ("results", "meshes")):
            raise ValueError(f"{self.out / name} is the run's own: rename the image")

    def _fitted(self, job: Job) -> tuple[Photo, list[FitResult]]:
        photo = read_image(job.image)
        size = (photo.width, photo.height)
        given = read_keypoints(job.keypoints, str(job.image), size, job.sharing) if job.keypoints else None
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
                "; ".join(result.warnings),
            )
            for written, result in zip(folders, results, strict=True)
        )
        content = {"request": request, "people": [dataclasses.asdict(person) for person in people]}
        with atomic_write(folder / DONE) as temporary:
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
        plain: dict[str, Any] = json.loads(json.dumps(request))
        return plain


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
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    there = all((folder.parent / person.folder / "fit.npz").is_file() for person in people)
    return people if there and content.get("request") == request else None


@contextmanager
def output_lock(out: Path) -> Iterator[None]:
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

    Names that are not UTF-8 are written with escapes.

    Args:
        path: the CSV file.
        outcomes: of the images.

    Raises:
        OSError: it cannot be written.
    """
    columns = ["image", *(field.name for field in dataclasses.fields(PersonSummary)), "failure"]
    with (
        atomic_write(path) as temporary,
        temporary.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file,
    ):
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        for outcome in sorted(outcomes, key=lambda outcome: outcome.image):
            for person in outcome.people:
                writer.writerow({"image": outcome.image, **dataclasses.asdict(person)})
            if outcome.failure is not None:
                writer.writerow({"image": outcome.image, "failure": outcome.failure})
