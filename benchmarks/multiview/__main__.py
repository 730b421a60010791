"""Fits to single views, and to several views at once, compared with triangulated truth.

``python -m benchmarks.multiview --out docs/benchmarks`` writes multiview.md.
"""

from __future__ import annotations

import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from inspect import signature
from pathlib import Path

import numpy as np
import tyro
from jaxtyping import Float, Int
from rich.console import Console
from rich.progress import track

from benchmarks.commands import command
from benchmarks.fit_pictures import fit_tile, write_fits
from benchmarks.machine import machine
from benchmarks.multiview.bodies import Bodies
from benchmarks.multiview.errors import Errors, swapped, table
from benchmarks.multiview.recording import Recording, View, read_recording
from benchmarks.multiview.several import calibrated, fitted_views, mirrored, points_of, sets_of_views
from fitting.body.body import Body
from fitting.fit import Fitter
from fitting.inputs.calibration_files import read_cameras
from fitting.inputs.detect import Detector
from fitting.inputs.detections import Picture
from fitting.inputs.images import Photo
from fitting.inputs.keypoints import Keypoints
from fitting.video.clip_result import ClipResult
from fitting.video.clip_run import ClipRun
from qposer.io.atomic_files import atomic_write
from qposer.io.cli_errors import cli_errors

FOLDER = Path("../shared/photos/multiview")
FOCALS = ("assumed", "true")

TEXT = """# Single and multiple views

{moments} moments of one person, recorded by {views} calibrated cameras. The truth was triangulated from a detector's
keypoints in all views and is accurate to 1 or 2 cm. Each view of each moment is detected and fitted separately, with
the focal length assumed from the image size and with the true one; *video*: each view's video is fitted as a clip.

- *MPJPE*: in mm over {joints} joints, mid hips aligned, without rotation: in camera axes.
- *PA-MPJPE*: after Procrustes alignment.
- *2D error*: mean distance in the image to the projected truth, in percent of the person's height.
- Rows *all views* and those of two views are results of `Fitter.fit_views` on single moments, with the calibration; the
  2D error is the mean over all four views. *mirrored*: one view is replaced by its mirror image, detected again.
- Rows *keypoints* use the body landmarks of the detector's keypoints, as in the triangulation; rows *joints* use
  SMPL's joints, whose positions differ.

Square brackets hold bootstrap 95 % intervals over moments. All moments show one person on one day, so the intervals do
not cover variation over people.

{facts}

{table}
"""

Rows = defaultdict[str, Errors]


def main(recording: Path = FOLDER, out: Path | None = None, pictures: Path | None = None, video: bool = False) -> None:
    """Detect and fit each view of each moment, print the errors, and write multiview.md to ``out`` if given.

    Args:
        recording: folder of cameras.json, truth.npz and the videos.
        out: folder for multiview.md; by default, nothing is written.
        pictures: folder for a sheet of the fits of each view.
        video: also fit each view's whole video.
    """
    console = Console(width=140)
    with cli_errors("benchmarks.multiview"):
        if not recording.is_dir():
            console.print(f"benchmarks.multiview: skipped, there is no folder {recording}: give it with --recording")
            return
        started = time.process_time()
        shots, fitter = read_recording(recording), Fitter()
        rows: Rows = defaultdict(Errors)
        exchanged, missed = 0, 0
        found: list[tuple[dict[int, Keypoints], dict[int, Keypoints]]] = []
        for view in track(shots.views, "fitting", console=console, transient=True):
            photos = view.pictures(shots.frames)
            moments, keypoints = detected(photos)
            missed += len(photos) - len(moments)
            found.append((by_moment(moments, keypoints), by_moment(*detected(mirrored(photos)))))
            xy = add_detector(rows, view, shots.names, moments, keypoints)
            exchanged += int(swapped(xy, view.projected[moments], shots.names).sum())
            for which in FOCALS:
                focal = view.focal if which == "true" else None
                results = fitter.fit_keypoints(keypoints, view.size, focal=focal)
                bodies = Bodies.of_fits(results)
                add_bodies(rows, f"{which} focal length", view, shots, moments, fitter.body, bodies)
                if pictures:
                    tiles = [fit_tile(Photo(photos[m]), r) for m, r in zip(moments.tolist(), results, strict=True)]
                    write_fits(pictures / f"{view.name}_{which}.png", tiles, columns=5)
            if video:
                for which, clip in fitted_clips(fitter, view).items():
                    inside = np.flatnonzero(np.isin(shots.frames, clip.frames))
                    bodies = Bodies.of_clip(clip, shots.frames[inside])
                    add_bodies(rows, f"video, {which} focal length", view, shots, inside, fitter.body, bodies)
        add_several(rows, shots, recording, fitter, found)
        shown = table(rows)
        console.print(shown.for_console("errors relative to triangulated truth"))
        given = dict(zip(signature(main).parameters, (recording, out, pictures, video), strict=True))
        seen = len(shots.frames) * len(shots.views) - missed
        facts = [
            f"Command: `{command('benchmarks.multiview', main, **given)}`, "
            f"{(time.process_time() - started) / 60:.0f} minutes on one core.",
            f"Machine: {machine()}.",
            f"Detected: {seen} of {seen + missed} views; left and right of the whole body swapped in {exchanged}.",
        ]
        for fact in facts:
            console.print(f"- {fact}", soft_wrap=True, markup=False, highlight=False)
        if out:
            write(shots, facts, shown.markdown(), out)
            console.print(f"written: {out / 'multiview.md'}")


def write(shots: Recording, facts: Sequence[str], rows: str, out: Path) -> None:
    """Write the document.

    Args:
        shots: the recording.
        facts: lines about the run.
        rows: the table in Markdown.
        out: folder of the document; it is created.
    """
    out.mkdir(parents=True, exist_ok=True)
    text = TEXT.format(
        moments=len(shots.frames),
        views=len(shots.views),
        joints=len(shots.names),
        facts="\n".join(f"- {fact}" for fact in facts),
        table=rows,
    )
    with atomic_write(out / "multiview.md") as temporary:
        temporary.write_text(text, encoding="utf-8")


def detected(photos: Sequence[Picture]) -> tuple[Int[np.ndarray, " found"], Keypoints]:
    """Detect the largest person in each picture.

    Args:
        photos: pictures, one for each moment.

    Returns:
        Indices of the pictures with a detection, and the keypoints in pixels.

    Raises:
        ValueError: no person was detected in any picture.
    """
    with Detector() as detector:
        found = {moment: detector.search(photo) for moment, photo in enumerate(photos)}
    people = {moment: person for moment, person in found.items() if person is not None}
    if not people:
        raise ValueError(f"no person was detected in {len(photos)} pictures")
    arrays = [np.concatenate([getattr(person, name) for person in people.values()]) for name in _ARRAYS]
    return np.array(list(people)), Keypoints(arrays[0], arrays[1], "mediapipe", arrays[2])


_ARRAYS = ("xy", "confidence", "world")


def by_moment(moments: Int[np.ndarray, " found"], keypoints: Keypoints) -> dict[int, Keypoints]:
    """Index keypoints by moment.

    Args:
        moments: indices of moments with a detection.
        keypoints: keypoints at these moments.

    Returns:
        Keypoints by moment.
    """
    return {moment: keypoints[row] for row, moment in enumerate(moments.tolist())}


def add_several(
    rows: Rows,
    shots: Recording,
    folder: Path,
    fitter: Fitter,
    found: Sequence[tuple[dict[int, Keypoints], dict[int, Keypoints]]],
) -> None:
    """Add the errors of fits to several views at once.

    Args:
        rows: table rows; extended in place.
        shots: the recording.
        folder: folder of the recording.
        fitter: body, prior and settings.
        found: for each view, detections by moment in the image and in its mirror image.
    """
    cameras = calibrated(shots, read_cameras(folder / "cameras.json"))
    seen, in_mirror = ([sides[side] for sides in found] for side in (0, 1))
    for name, (chosen, mirror) in sets_of_views([view.name for view in shots.views]).items():
        results = fitted_views(fitter, cameras, seen, in_mirror, chosen, mirror, len(shots.frames))
        moments = np.array(list(results))
        for kind, points in points_of(fitter, list(results.values()), shots.names).items() if results else ():
            for view, camera in zip(shots.views, cameras, strict=True):
                local = points @ camera.rotation.T + camera.translation
                xy = local[..., :2] / local[..., 2:] * view.focal + camera.centre
                rows[f"{name}, {kind}"].add(view, shots.names, moments, local, xy)


def add_detector(
    rows: Rows, view: View, names: tuple[str, ...], moments: Int[np.ndarray, " found"], keypoints: Keypoints
) -> Float[np.ndarray, "found joints 2"]:
    """Add the errors of the detector, in pixels and in metres.

    Args:
        rows: table rows; extended in place.
        view: view of the detections.
        names: joint names.
        moments: indices of moments with a detection.
        keypoints: keypoints at these moments.

    Returns:
        Detected keypoints of the joints, pixels.
    """
    assert keypoints.world is not None
    chosen = [keypoints.names.index(name) for name in names]
    rows["detector"].add(view, names, moments, keypoints.world[:, chosen], keypoints.xy[:, chosen])
    return keypoints.xy[:, chosen]


def add_bodies(
    rows: Rows, name: str, view: View, shots: Recording, moments: Int[np.ndarray, " found"], body: Body, bodies: Bodies
) -> None:
    """Add the errors of fitted bodies.

    Args:
        rows: table rows; extended in place.
        name: prefix of the row names.
        view: fitted view.
        shots: the recording.
        moments: moments of the bodies.
        body: fitted body model.
        bodies: a body for each moment.
    """
    for kind, points in bodies.points(body, shots.names).items():
        xy = bodies.camera.project(points).numpy()
        rows[f"{name}, {kind}"].add(view, shots.names, moments, points.numpy(), xy)


def fitted_clips(fitter: Fitter, view: View) -> dict[str, ClipResult]:
    """Fit a view's whole video with the assumed and with the true focal length.

    Args:
        fitter: body, prior and settings.
        view: the video and its camera.

    Returns:
        Fits by the kind of focal length.
    """
    with tempfile.TemporaryDirectory() as folder:  # the second fit reuses the detections of the first
        return {
            which: ClipRun(
                fitter, view.video, Path(folder), focal=view.focal if which == "true" else None, hands=False
            ).run()
            for which in FOCALS
        }


if __name__ == "__main__":
    tyro.cli(main)
