"""What the detector finds on pictures of scenes, kept on disk in parts."""

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
"""People whose detections are kept in one file."""

MISTAKEN = 0.08
"""Nothing is recognised of people whose keypoints' median error is above this part of their height."""


@dataclass(frozen=True)
class TrackedKeypoints:
    """Detections of those people that the detector found, and what the pictures show of them."""

    person: Int[np.ndarray, " people"]
    keypoints: Keypoints
    visible: Bool[np.ndarray, "people 33"]
    inside: Bool[np.ndarray, "people 33"]

    @property
    def digest(self) -> str:
        """Of the keypoints: equal detections have equal digests."""
        return hashlib.sha256(self.keypoints.xy.tobytes() + self.keypoints.confidence.tobytes()).hexdigest()


def mistaken(
    xy: Float[np.ndarray, "people 33 2"],
    truth: Float[np.ndarray, "people 33 2"],
    inside: Bool[np.ndarray, "people 33"],
    height: Float[np.ndarray, " people"],
) -> Bool[np.ndarray, " people"]:
    """Of whom nothing is recognised: something else was taken for the person, or the person for upside down.

    Args:
        xy: detected keypoints, pixels.
        truth: true positions, pixels.
        inside: mask of keypoints inside the picture; the others are ignored.
        height: standing heights of the people, pixels.

    Returns:
        True for each such person.
    """
    apart = np.where(inside, np.linalg.norm(xy - truth, axis=-1), np.nan)
    return np.asarray(np.nanmedian(apart, axis=-1) > MISTAKEN * height)


def detected(
    people: Scenes, seed: int, origin: str, cache: Cache, progress: Callable[[int], None] = lambda done: None
) -> TrackedKeypoints:
    """Render everybody and look for them; a part that was measured before comes from the cache.

    Args:
        people: the scenes.
        seed: seed of the pictures.
        origin: key of the scenes: equal keys, equal scenes.
        cache: cache of the parts.
        progress: called with the number of people so far.

    Returns:
        The detections.

    Raises:
        ValueError: nobody was found.
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
        raise ValueError(f"the detector found none of {len(people)} people: check the pictures and the detector")
    keypoints = Keypoints(np.array(found["xy"]), np.array(found["confidence"]), "mediapipe", np.array(found["world"]))
    return TrackedKeypoints(np.array(found["person"]), keypoints, np.array(found["visible"]), np.array(found["inside"]))


def _look(people: Scenes, chosen: range, seed: int) -> Result:
    """Detections as lists, of those who are found."""
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
