"""Fit a video and write files; intermediate results are stored so that a stopped run can resume."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from fitting.inputs.focal import checked_focal
from fitting.models import FittingModels
from fitting.video.clip import ClipFit, fit_clips
from fitting.video.clip_exports import VIDEO, ClipExport, write_clip_exports
from fitting.video.clip_pictures import clip_pictures
from fitting.video.clip_result import ClipResult
from fitting.video.frame_times import Timing
from fitting.video.frames import Video, writing_video
from fitting.video.ground import Ground
from fitting.video.hand_sightings import with_hands
from fitting.video.kept_work import KeptWork
from fitting.video.sightings import follow_people, follow_person
from fitting.video.tracked_keypoints import TrackedKeypoints
from fitting.video.tracking import Choice
from qposer.io.atomic_files import atomic_write

WORK = ".work"
"""Folder for finished parts, next to the results."""

_FOR_BROWSERS = "for browsers"
"""Mark of a video that browsers play."""

Begin = Callable[[str, int], None]
"""Called before each phase with its name and approximate number of steps."""


@dataclass(frozen=True)
class ClipRun:
    """A video, the person to fit, and the output folder ``out``, which is created."""

    models: FittingModels
    video: Video
    out: Path
    person: Choice = 0
    focal: float | None = None
    smoothness: float = 1.0
    contact: bool = True
    ground: Ground | None = None
    exports: Sequence[ClipExport] = ()
    hands: bool = True
    """Whether hands are detected and fitted, too."""

    def __post_init__(self) -> None:
        """Reject an invalid focal length before all frames are searched.

        Raises:
            ValueError: the focal length is invalid.
        """
        if self.focal is not None:
            checked_focal(self.focal, self.video.width, self.video.height)

    def run(self, begin: Begin = lambda what, steps: None, on_step: Callable[[], None] = lambda: None) -> ClipResult:
        """Detect, fit and draw unfinished parts, and write ``fit.npz``, ``motion.npz`` and ``video.mp4``.

        `fitting.read_clip` reads ``fit.npz``; ``motion.npz`` is in AMASS's layout; ``video.mp4`` shows each frame with
        the body over it, next to a side view and the paths from above; ``exports`` are the files of
        `write_clip_exports`.

        Args:
            begin: called before each phase with its name and approximate number of steps.
            on_step: called after every step, except steps stored by an earlier run.

        Returns:
            The fit.

        Raises:
            ValueError: the video cannot be read, nobody or not the selected person is found, or the
                smoothness is invalid.
            OSError: a file cannot be written.
        """
        begin("detecting", self.video.count)
        seen, when = follow_person(self.video, self.person, KeptWork(self.out / WORK), on_step)
        return self._fit([seen], when, [self.out], begin, on_step)[0]

    def run_people(
        self,
        most: int | None = None,
        begin: Begin = lambda what, steps: None,
        on_step: Callable[[], None] = lambda: None,
    ) -> list[ClipResult]:
        """Fit everybody: as `run`, into a folder ``person<i>`` for each person.

        Args:
            most: maximum number of people; those who are seen largest and longest are fitted.
            begin: called before each phase with its name and approximate number of steps.
            on_step: called after every step, except steps stored by an earlier run.

        Returns:
            The fits, in the order of the folders.

        Raises:
            ValueError: the video cannot be read, nobody is found in it, or the smoothness is no such number.
            OSError: something could not be written.
        """
        begin("detecting", self.video.count)
        found = follow_people(self.video, None, KeptWork(self.out / WORK), on_step)
        people = found.people[:most]
        folders = [self.out / f"person{number}" for number in range(len(people))]
        return self._fit(people, found.when, folders, begin, on_step)

    def _fit(
        self,
        people: Sequence[TrackedKeypoints],
        when: Timing,
        folders: Sequence[Path],
        begin: Begin,
        on_step: Callable[[], None],
    ) -> list[ClipResult]:
        """Fit and draw people, each into a folder."""
        if self.hands and self.models.hand_body is not None:
            begin("detecting hands", self.video.count)
            people = with_hands(people, self.video, when, KeptWork(self.out / WORK), on_step)
        fits = [self._clip(seen, folder, on_step) for seen, folder in zip(people, folders, strict=True)]
        begin("fitting", sum(fit.steps for fit in fits))
        results = fit_clips(fits, self.ground)
        if self.focal is None and self.video.focal_warning is not None:
            results = [dataclasses.replace(result, notes=(self.video.focal_warning,)) for result in results]
        for result, folder in zip(results, folders, strict=True):
            result.write(folder / "fit.npz")
            result.write_amass(folder / "motion.npz")
        begin("drawing", self.video.count * len(results))
        written = []
        for number, (result, folder) in enumerate(zip(results, folders, strict=True)):
            others = [*results[:number], *results[number + 1 :]]
            self._draw(result, others, when, folder, on_step)
            body = self.models.body_of([result])
            notes = write_clip_exports(folder, result, body, self.exports, self.out.name)
            written.append(dataclasses.replace(result, notes=(*result.notes, *notes)))
        return written

    def _clip(self, seen: TrackedKeypoints, folder: Path, on_step: Callable[[], None]) -> ClipFit:
        work, request = KeptWork(folder / WORK), self._request(seen)
        return ClipFit(
            self.models,
            seen,
            (self.video.width, self.video.height),
            focal=self.video.focal_px if self.focal is None else self.focal,
            smoothness=self.smoothness,
            contact=self.contact,
            keep=lambda name, make: work.kept(name, request, make),
            on_step=on_step,
        )

    def _request(self, seen: TrackedKeypoints) -> dict[str, Any]:
        """Everything that the fit depends on."""
        return {
            "seen": hashlib.sha256(seen.frames.tobytes() + seen.keypoints.xy.tobytes()).hexdigest(),
            "settings": self.models.settings.as_json,
            "body": self.models.body.name,
            "focal": self.focal,
            "smoothness": self.smoothness,
            "fps": seen.fps,
        }

    def _draw(
        self,
        result: ClipResult,
        others: Sequence[ClipResult],
        when: Timing,
        folder: Path,
        on_step: Callable[[], None],
    ) -> None:
        """Write the video of the fit, unless it exists already."""
        note, path = folder / WORK / "drawn", folder / VIDEO
        paths = b"".join(one.joints[:, 0].tobytes() for one in others)
        drawn = hashlib.sha256((folder / "fit.npz").read_bytes() + paths).hexdigest()
        drawn_for_browsers, html = f"{drawn} {_FOR_BROWSERS}", "html" in self.exports
        enough = (drawn_for_browsers,) if html else (drawn, drawn_for_browsers)
        if path.is_file() and note.is_file() and note.read_text() in enough:
            return
        pictures = clip_pictures(self.video, when, result, self.models.body_of([result]), others)
        first = next(pictures)
        size = (first.shape[1], first.shape[0])
        with writing_video(path, result.fps, size, for_browsers=html) as writer:
            for picture in chain([first], pictures):
                writer.write(picture)
                on_step()
        with atomic_write(note) as temporary:
            temporary.write_text(drawn_for_browsers if html else drawn)
