"""Folders of images: jobs, resuming, and a summary."""

from __future__ import annotations

import csv
import dataclasses
import errno
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any, TypeVar

from fitting.fit import Fitter
from fitting.inputs.detect import Detector
from fitting.inputs.focal import positive_focal
from fitting.inputs.images import Photo, is_image, read_image
from fitting.inputs.keypoint_files import read_keypoints
from fitting.output.exports import Export, check_name, write_fit
from fitting.output.fit_result import FitResult
from fitting.subjects import Subject
from qposer.io.atomic_files import atomic_write
from qposer.io.messages import one_line

DONE = "done.json"
"""Request and result of an image, in its folder. It is written last and deleted first."""

SUMMARY = "summary.csv"
"""Summary in the output folder: one line for each person and each failure."""

_FULL = (errno.ENOSPC, errno.EDQUOT)
"""Error numbers of a full disk."""

Result = TypeVar("Result")

_KEYPOINTS = "_keypoints.json"  # suffix of OpenPose's file for an image

_KEYPOINT_ENDINGS = (_KEYPOINTS, ".json", ".txt", ".npz")


@dataclass(frozen=True)
class Job:
    """An image, and its keypoint file if given."""

    image: Path
    keypoints: Path | None = None
    sharing: tuple[str, ...] = ()
    """Names of all images that share the keypoint file."""
    title: str | None = None
    """Name of its results; default: the image's."""
    address: str | None = None
    """Where the image comes from, if it is not a local file."""

    @property
    def name(self) -> str:
        """Name of its results."""
        return self.title or self.image.stem


@dataclass(frozen=True)
class PersonSummary:
    """One line of the summary: a person and the quality of the fit."""

    folder: str
    """Relative to the output folder."""
    reprojection_error_px: float
    reprojection_error_percent: float
    person_height_px: float
    distance_m: float
    focal_px: float
    verdict: str = ""
    """Good, doubtful or failed."""
    joint_std_mm: float = 0.0
    """Mean standard deviation of the joints' positions relative to the pelvis."""
    warning: str = ""
    """Warnings, or empty."""


@dataclass(frozen=True)
class Outcome:
    """Result of an image: its people, or the reason of a failure."""

    image: str
    people: tuple[PersonSummary, ...] = ()
    failure: str | None = None
    resumed: bool = False
    """Whether an earlier run wrote it."""


def find_jobs(images: Path, keypoints: Path | None = None) -> tuple[list[Job], list[Outcome]]:
    """Find the images in a folder (not in subfolders) by name, and failures known before any image is opened.

    Args:
        images: the folder; files that are not images by name are skipped.
        keypoints: a folder with a file for each image, ``<image>_keypoints.json`` (OpenPose's name), ``<image>.json``,
            ``<image>.txt`` or ``<image>.npz``, or one file for all.

    Returns:
        The jobs, and an outcome for each failure.

    Raises:
        FileNotFoundError: the keypoints do not exist.
        ValueError: ``images`` is not a folder, or contains no images.
    """
    if not images.is_dir():
        raise ValueError(f"{images} is not a folder: give a folder of images")
    if keypoints is not None and not keypoints.exists():
        raise FileNotFoundError(f"there is no keypoint file or folder {keypoints}: check the path")
    found = [path for path in sorted(images.iterdir()) if path.is_file() and is_image(path)]
    if not found:
        raise ValueError(f"{images} contains no images: give a folder of images")
    names = tuple(image.name for image in found)
    jobs: dict[str, Job] = {}
    failures = []
    for image in found:
        if image.stem in jobs:
            other = jobs[image.stem].image.name
            failures.append(Outcome(image.name, failure=f"{other} gives results of the same name: rename one"))
            continue
        if keypoints is not None and keypoints.is_dir():
            files = [keypoints / f"{image.stem}{ending}" for ending in _KEYPOINT_ENDINGS]
            jobs[image.stem] = Job(image, next((file for file in files if file.is_file()), files[0]))
        else:
            jobs[image.stem] = Job(image, keypoints, names if keypoints else ())
    if keypoints is not None and keypoints.is_dir():
        for file in sorted(keypoints.glob(f"*{_KEYPOINTS}")):
            if file.name.removesuffix(_KEYPOINTS) not in jobs:
                failures.append(Outcome(file.name, failure=f"there is no image for these keypoints in {images}"))
    return list(jobs.values()), failures


@dataclass(frozen=True)
class FolderRun:
    """Fits and writes the images of a folder independently."""

    fitter: Fitter
    out: Path
    people: int = 1
    focal: float | None = None
    hypotheses: int = 1
    exports: Sequence[Export] = ("obj",)
    hands: bool = True
    """Whether hands are detected and fitted, too."""
    subject: Subject | None = None
    """Who is in all images; what they say about the shape is stored."""
    pictures: bool = True
    detector: Detector | None = None
    """An open detector; without one, each photo opens its own."""

    def __post_init__(self) -> None:
        """Check arguments that `Fitter.fit_photo` would reject for each image.

        Raises:
            ValueError: ``people`` or ``hypotheses`` is below 1, the focal length is not positive, or a subject is given
                for several people.
        """
        for name, number in (("people", self.people), ("hypotheses", self.hypotheses)):
            if number < 1:
                raise ValueError(f"the number of {name} must be at least 1, not {number}")
        if self.subject is not None and self.people != 1:
            raise ValueError("a subject is one person: give --subject without --people")
        if self.focal is not None:
            positive_focal(self.focal)

    def outcome(self, job: Job) -> Outcome:
        """Fit an image and write the results, unless an earlier run did the same.

        Errors of the image are reported in the outcome. Partial results of a killed run are deleted.

        Raises:
            OSError: the disk is full.
        """
        return self.guarded(job, lambda: self.finished(job) or self._fitted(job))

    def guarded(self, job: Job, work: Callable[[], Result]) -> Result | Outcome:
        """The result of a part of the work on an image, or the image's failure.

        Args:
            job: the image.
            work: the part of the work.

        Returns:
            What ``work`` returns, or the outcome with the failure.

        Raises:
            OSError: the disk is full.
        """
        try:
            return work()
        except Exception as error:  # a bad image must not stop the others
            if isinstance(error, OSError) and error.errno in _FULL:
                raise
            known = isinstance(error, ValueError | OSError | RuntimeError | ArithmeticError)
            reason = one_line(error) if known else f"{type(error).__name__}: {one_line(error)}"
            return Outcome(job.image.name, failure=reason)

    def finished(self, job: Job) -> Outcome | None:
        """The outcome of an earlier run with the same request, if its files still exist.

        Raises:
            ValueError: the results cannot have the image's name.
            OSError: a file is missing.
        """
        self._check_name(job.name)
        people = _finished(self.out / job.name, self._request(job))
        return None if people is None else Outcome(job.image.name, people, resumed=True)

    def _check_name(self, name: str) -> None:
        """Reject names of the run's own files.

        Raises:
            ValueError: the name is reserved.
        """
        check_name(name)
        if name == SUMMARY or ("smplx-pkl" in self.exports and name in ("results", "meshes")):
            raise ValueError(f"{self.out / name} is reserved for the run: rename the image")

    def _fitted(self, job: Job) -> Outcome:
        photo = read_image(job.image)
        size = (photo.width, photo.height)
        given = read_keypoints(job.keypoints, str(job.image), size, job.sharing) if job.keypoints else None
        options = {name: getattr(self, name) for name in ("people", "focal", "hypotheses", "hands", "detector")}
        results = self.fitter.fit_photo(photo, keypoints=given, **options)
        if self.subject is not None:
            self.subject.add(job.image, results[0].shape_evidence)
        return self.write(job, photo, results)

    def write(self, job: Job, photo: Photo, results: list[FitResult]) -> Outcome:
        """Write the results of an image, and then that it is finished.

        Args:
            job: the image.
            photo: its picture.
            results: results of its people.

        Returns:
            Its outcome.

        Raises:
            OSError: a file cannot be written.
        """
        name, request = job.name, self._request(job)
        folder = self.out / name
        if folder.is_dir():
            (folder / DONE).unlink(missing_ok=True)
            for unfinished in folder.glob(".writing-*"):
                shutil.rmtree(unfinished)
        folders = write_fit(self.out, name, photo, results, self.exports, self.fitter.body_of(results), self.pictures)
        people = tuple(
            PersonSummary(
                written.relative_to(self.out).as_posix(),
                result.reprojection_error_px,
                result.reprojection_error_percent,
                result.person_height_px,
                float(result.transl[2]),
                result.focal,
                result.verdict,
                round(fmean(result.joint_std_mm.values() or [0.0]), 1),
                "; ".join(result.warnings),
            )
            for written, result in zip(folders, results, strict=True)
        )
        content = {"request": request, "people": [dataclasses.asdict(person) for person in people]}
        with atomic_write(folder / DONE) as temporary:
            temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        return Outcome(job.image.name, people)

    def _request(self, job: Job) -> dict[str, Any]:
        """Everything that the results depend on, as JSON."""
        request = {
            "image": _stamp(job.image),
            "keypoints": _stamp(job.keypoints) if job.keypoints else None,
            "body": self.fitter.body.name,
            "people": self.people,
            "focal": self.focal,
            "hypotheses": self.hypotheses,
            "exports": sorted(self.exports),
            "hands": self.hands,
            "pictures": self.pictures,
            "settings": self.fitter.settings.as_json,
        }
        plain: dict[str, Any] = json.loads(json.dumps(request))
        return plain


def _stamp(path: Path) -> list[str | int]:
    """Fingerprint that detects a changed file."""
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    status = path.stat()
    return [path.name, status.st_size, status.st_mtime_ns]


def _finished(folder: Path, request: Mapping[str, Any]) -> tuple[PersonSummary, ...] | None:
    """The people that an earlier run wrote for the same request, if their files still exist."""
    try:
        content = json.loads((folder / DONE).read_text(encoding="utf-8"))
        people = tuple(PersonSummary(**person) for person in content["people"])
        there = all((folder.parent / person.folder / "fit.npz").is_file() for person in people)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return people if there and content.get("request") == request else None


def write_summary(path: Path, outcomes: Sequence[Outcome]) -> None:
    """Write a CSV with one line for each person and each failure, sorted by image name.

    Names that are not UTF-8 are written with escapes.

    Args:
        path: the CSV file.
        outcomes: outcomes of the images.

    Raises:
        OSError: the file cannot be written.
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


def in_words(outcomes: Sequence[Outcome], summary: Path) -> list[str]:
    """The numbers of fitted and failed images, in one or two sentences.

    Args:
        outcomes: outcomes of the images.
        summary: the file that `write_summary` wrote.

    Returns:
        One line each.
    """
    failed = sum(outcome.failure is not None for outcome in outcomes)
    resumed = sum(outcome.resumed for outcome in outcomes)
    doubtful = sum(any(person.warning for person in outcome.people) for outcome in outcomes)
    done = f"{len(outcomes) - failed} images fitted ({resumed} of them by earlier runs), {failed} failed"
    lines = [f"{done}: see {summary}"]
    if doubtful:
        lines.append(f"{doubtful} have warnings there: large errors, unseen or uncertain parts, or ambiguous keypoints")
    return lines
