"""Detector errors: ``python -m benchmarks.detector --data poses.npz --out docs/benchmarks`` writes detector.md.

Only training subjects are rendered, because the model of detector errors for training
(`fitting.training.detector_errors`) is based on these measurements.
"""

from __future__ import annotations

from inspect import signature
from pathlib import Path

import numpy as np
import torch
import tyro
from jaxtyping import Float
from rich.console import Console

from benchmarks.cache import Cache, Result
from benchmarks.commands import command
from benchmarks.detector import report
from benchmarks.detector.statistics import Observed
from benchmarks.detector.triangulation import triangulated
from benchmarks.machine import machine
from benchmarks.prior.poses import file_digest
from benchmarks.rendered.__main__ import look
from benchmarks.rendered.scenes import Scenes
from benchmarks.rendered.sightings import TrackedKeypoints
from fitting.inputs import detect
from fitting.inputs.keypoints import FORMATS
from fitting.training.detector_errors import draw_detections
from fitting.training.detector_visibility import hidden_behind_body
from qposer.io.assets import asset
from qposer.io.atomic_files import atomic_write
from qposer.io.cli_errors import cli_errors

RECORDING = Path("../shared/photos/multiview")
STATURE = 1.7
DRAWS = 10
"""Number of error samples for each rendered person."""


def main(
    data: Path,
    recording: Path = RECORDING,
    out: Path | None = None,
    cache: Path = Path("runs/benchmarks"),
    number: int = 300,
    seed: int = 0,
) -> None:
    """Measure the detector, print its errors, and write detector.md to ``out`` if given.

    Args:
        data: poses.npz, written by ``python -m qposer.data.build``.
        recording: folder of cameras.json and the videos of calibrated cameras; skipped if missing.
        out: folder for detector.md; by default, nothing is written.
        cache: folder of the cached detections.
        number: number of rendered people.
        seed: seed of the scenes.
    """
    console = Console(width=160)
    with cli_errors("benchmarks.detector"):
        results = Cache(cache)
        people, seen = look(data, "train", number, seed, results, console)
        sources = {"rendered": of_scenes(people, seen), "drawn": drawn(people, seen, seed)}
        if recording.is_dir():
            sources["recorded"] = recorded(recording, results)
        else:
            console.print(f"benchmarks.detector: no folder {recording}: give the recording with --recording")
        given = dict(zip(signature(main).parameters, (data, recording, out, cache, number, seed), strict=True))
        minutes = f"{results.seconds / 60:.0f} minutes on one core"
        facts = [
            f"Command: `{command('benchmarks.detector', main, **given)}`, {minutes}.",
            f"Machine: {machine()}; detector: {detect.MODEL}.",
            *report.counts(sources, number),
        ]
        tables = report.tables(sources)
        for fact in facts:
            console.print(f"- {fact}", soft_wrap=True, markup=False, highlight=False)
        for title, table in tables.items():
            console.print(table.for_console(title))
        if out:
            out.mkdir(parents=True, exist_ok=True)
            with atomic_write(out / "detector.md") as temporary:
                temporary.write_text(report.document(facts, tables), encoding="utf-8")
            console.print(f"written: {out / 'detector.md'}")


def of_scenes(people: Scenes, seen: TrackedKeypoints) -> Observed:
    """Pair the detections of rendered people with the truth.

    Args:
        people: true people.
        seen: detections.

    Returns:
        Detections and truth in pixels.
    """
    person = torch.from_numpy(seen.person)
    return Observed(
        seen.keypoints.xy,
        seen.keypoints.confidence,
        people.xy[person].numpy(),
        seen.visible,
        seen.inside,
        people.height[person].numpy(),
        people.facing[person].numpy(),
    )


def drawn(people: Scenes, seen: TrackedKeypoints, seed: int) -> Observed:
    """Draw simulated detector errors for the same people.

    Args:
        people: true people.
        seen: detections; people without a detection are skipped.
        seed: seed of the errors.

    Returns:
        Simulated detections and truth in pixels.
    """
    person = torch.from_numpy(seen.person).repeat(DRAWS)
    landmarks, xy, height = people.landmarks[person], people.xy[person], people.height[person]
    found = draw_detections(landmarks, xy, height, "mediapipe", torch.Generator().manual_seed(seed))
    inside = np.tile(seen.inside, (DRAWS, 1))
    return Observed(
        found.xy.numpy(),
        found.confidence.numpy(),
        xy.numpy(),
        ~found.hidden.numpy() & inside,
        inside,
        height.numpy(),
        people.facing[person].numpy(),
    )


def recorded(folder: Path, cache: Cache) -> Observed:
    """Pair the detections in each view of a recording with the reprojected triangulation from all views.

    Args:
        folder: folder of the recording.
        cache: cache of the detections.

    Returns:
        Detections and reprojections in pixels.
    """
    inputs = [folder / "cameras.json", *sorted(folder.glob("*.mp4")), Path(str(detect.__file__)), asset(detect.MODEL)]
    depends_on = {"files": [file_digest(file) for file in inputs]}

    def measure() -> Result:
        found = triangulated(folder)
        there = found.confidence.max(-1) > 0
        views = np.broadcast_to(found.focal, there.shape)[there]
        arrays = {name: getattr(found, name)[there] for name in ("xy", "confidence", "landmarks", "truth")}
        return {name: array.tolist() for name, array in (arrays | {"focal": views}).items()}

    arrays = {name: np.array(v) for name, v in cache.result("recorded", depends_on, measure).items()}
    height = STATURE * arrays["focal"] / arrays["landmarks"][..., 2].mean(-1)
    landmarks, xy, tall = (torch.from_numpy(array).float() for array in (arrays["landmarks"], arrays["truth"], height))
    visible = ~hidden_behind_body(landmarks, xy, tall, "mediapipe").numpy()
    inside = np.ones_like(visible)
    facing = _facing(arrays["landmarks"])
    return Observed(arrays["xy"], arrays["confidence"], arrays["truth"], visible, inside, height, facing)


def _facing(landmarks: Float[np.ndarray, "people 33 3"]) -> Float[np.ndarray, " people"]:
    """Cosine of the angle between the direction that the trunk faces and the direction to the camera."""
    left_shoulder, right_shoulder, left_hip, right_hip = landmarks[:, list(FORMATS["mediapipe"].torso)].swapaxes(0, 1)
    ahead = np.cross(left_hip - right_hip, left_shoulder + right_shoulder - left_hip - right_hip)
    sight = left_hip + right_hip
    lengths = np.linalg.norm(ahead, axis=-1) * np.linalg.norm(sight, axis=-1)
    return np.asarray(-(ahead * sight).sum(-1) / lengths)


if __name__ == "__main__":
    tyro.cli(main)
