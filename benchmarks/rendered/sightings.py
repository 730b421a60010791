"""Detections in pictures of scenes, cached in parts."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Int

from benchmarks.cache import Cache, Result
from benchmarks.prior.poses import file_digest
from benchmarks.rendered import pictures, scenes
from benchmarks.rendered.pictures import show
from benchmarks.rendered.scenes import Scenes
from fitting.inputs import detect
from fitting.inputs.keypoints import Keypoints
from qposer.io.assets import asset

PART = 50
"""Number of people in one part."""

MISTAKEN = 0.08
"""A detection with a larger median keypoint error, as a fraction of the person's height, counts as failed."""


@dataclass(frozen=True)
class TrackedKeypoints:
    """Keypoints of the detected people, and the visibility of their landmarks."""

    person: Int[np.ndarray, " people"]
    keypoints: Keypoints
    visible: Bool[np.ndarray, "people 33"]
    inside: Bool[np.ndarray, "people 33"]

    @property
    def digest(self) -> str:
        """Digest of the keypoints."""
        return hashlib.sha256(self.keypoints.xy.tobytes() + self.keypoints.confidence.tobytes()).hexdigest()


def mistaken(
    xy: Float[np.ndarray, "people 33 2"],
    truth: Float[np.ndarray, "people 33 2"],
    inside: Bool[np.ndarray, "people 33"],
    height: Float[np.ndarray, " people"],
) -> Bool[np.ndarray, " people"]:
    """Find failed detections, such as those of another object or of an upside-down person.

    Args:
        xy: detected keypoints, pixels.
        truth: true positions, pixels.
        inside: mask of keypoints within the image; the others are ignored.
        height: standing heights of the people, pixels.

    Returns:
        True for each failed detection.
    """
    apart = np.where(inside, np.linalg.norm(xy - truth, axis=-1), np.nan)
    return np.asarray(np.nanmedian(apart, axis=-1) > MISTAKEN * height)


def detected(
    people: Scenes, seed: int, origin: str, cache: Cache, progress: Callable[[int], None] = lambda done: None
) -> TrackedKeypoints:
    """Render and detect all people, or read their detections from the cache.

    Args:
        people: scenes.
        seed: seed of the pictures.
        origin: cache key of the scenes.
        cache: cache of the parts.
        progress: called with the number of people processed so far.

    Returns:
        The detections.

    Raises:
        ValueError: no person was detected.
    """
    code = [Path(str(module.__file__)) for module in (pictures, scenes, detect)]
    files = [file_digest(file) for file in (*code, asset(detect.MODEL), asset("body.npz"))]
    found: Result = {"person": [], "xy": [], "confidence": [], "world": [], "visible": [], "inside": []}
    for start in range(0, len(people), PART):
        chosen = range(start, min(start + PART, len(people)))
        depends_on = {"origin": origin, "seed": seed, "files": files, "people": [chosen.start, chosen.stop]}
        part = cache.result(f"detections-{start}", depends_on, partial(_look, people, chosen, seed))
        for name, values in part.items():
            found[name] += values
        progress(chosen.stop)
    if not found["person"]:
        raise ValueError(f"none of {len(people)} people were detected: check the pictures and the detector")
    keypoints = Keypoints(np.array(found["xy"]), np.array(found["confidence"]), "mediapipe", np.array(found["world"]))
    return TrackedKeypoints(np.array(found["person"]), keypoints, np.array(found["visible"]), np.array(found["inside"]))


def _look(people: Scenes, chosen: range, seed: int) -> Result:
    """Detections of the chosen people as lists, without missing people."""
    found: Result = {"person": [], "xy": [], "confidence": [], "world": [], "visible": [], "inside": []}
    with detect.Detector() as detector:
        for person in chosen:
            shown = show(people, person, seed)
            keypoints = detector.search(shown.picture)
            if keypoints is None or keypoints.world is None:
                continue
            found["person"].append(person)
            for name, values in (
                ("xy", keypoints.xy),
                ("confidence", keypoints.confidence),
                ("world", keypoints.world),
            ):
                found[name].append(np.round(values[0].astype(float), 4).tolist())
            found["visible"].append(shown.visible.tolist())
            found["inside"].append(shown.inside.tolist())
    return found
