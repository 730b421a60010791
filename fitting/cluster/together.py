"""Fit the people of several images in one batch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import NamedTuple

from fitting.folders import FolderRun, Job, Outcome
from fitting.inputs.detect import detect
from fitting.inputs.images import Photo, read_image
from fitting.inputs.keypoint_files import read_keypoints
from fitting.inputs.keypoints import Keypoints
from fitting.photos import on_image


class _Read(NamedTuple):
    job: Job
    photo: Photo
    keypoints: Keypoints


def fit_together(run: FolderRun, jobs: Sequence[Job]) -> list[Outcome]:
    """As `FolderRun.outcome` for each image, faster; all images are in memory at once.

    Args:
        run: fits and writes.
        jobs: images with different names.

    Returns:
        Their outcomes, in order.

    Raises:
        OSError: the disk is full.
    """
    outcomes: dict[str, Outcome] = {}
    read: list[_Read] = []
    for job in jobs:
        found = run.guarded(job, partial(_finished_or_read, run, job))
        if isinstance(found, Outcome):
            outcomes[job.name] = found
        else:
            read.append(found)
    for group in _alike(read):
        photos, keypoints = [one.photo for one in group], [one.keypoints for one in group]
        try:
            results = run.fitter.fit_photos(photos, keypoints, focal=run.focal, hypotheses=run.hypotheses)
        except Exception:  # of one of them: the others can be fitted
            outcomes |= {one.job.name: run.outcome(one.job) for one in group}
            continue
        for one, people in zip(group, results, strict=True):
            outcomes[one.job.name] = run.guarded(one.job, partial(run.write, one.job, one.photo, people))
    return [outcomes[job.name] for job in jobs]


def _finished_or_read(run: FolderRun, job: Job) -> Outcome | _Read:
    finished = run.finished(job)
    if finished is not None:
        return finished
    photo = read_image(job.image)
    size = (photo.width, photo.height)
    if job.keypoints is None:
        seen = detect(photo.rgb, run.people, run.hands, run.detector)
    else:
        seen = read_keypoints(job.keypoints, str(job.image), size, job.sharing).largest_first()[: run.people]
    return _Read(job, photo, on_image(seen, size))


def _alike(read: Iterable[_Read]) -> list[list[_Read]]:
    """Groups of images whose keypoints can be joined."""
    groups: dict[tuple[object, ...], list[_Read]] = {}
    for one in read:
        seen = one.keypoints
        kind = seen.format, seen.world is None, seen.ambiguous is None, seen.hands is None, seen.noise_floor
        groups.setdefault(kind, []).append(one)
    return list(groups.values())
