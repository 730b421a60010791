"""What the detector finds of real people: on photos, and in all views of a calibrated recording."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float

from benchmarks.cache import Cache, Result
from benchmarks.detector.triangulation import triangulated
from benchmarks.prior.poses import file_digest
from benchmarks.upright import MOST_PEOPLE, UPRIGHT, person_at, read_photo
from fitting.inputs import depth_bias, detect
from fitting.inputs.images import read_image
from fitting.inputs.keypoints import FORMATS
from qposer.body_pose.rotations import axis_angle_to_matrix
from qposer.io.assets import asset

SURE = 0.5
"""Confidence of the keypoints of legs that are in sight."""

EVERY = 5
"""Of so many frames of a recording one is taken."""

_LEGS = [k for k, name in enumerate(FORMATS["mediapipe"].names) if name.endswith(("hip", "knee", "ankle"))]


@dataclass(frozen=True)
class Found:
    """Keypoints of people; positions in metres have the axes of a camera that looks at the person's middle."""

    image: Float[np.ndarray, "standing 33 2"]
    """Pixels, of people on photos who stand or walk upright."""
    standing: Float[np.ndarray, "standing 33 3"]
    """The detector's positions of the same people, in metres."""
    everybody: Float[np.ndarray, "people 33 3"]
    """The same of all on any photo whose legs are in sight."""
    triangulated: Float[np.ndarray, "views 33 3"]
    """Of one man, from all views of a recording together, in metres."""
    seen: Float[np.ndarray, "views 33 3"]
    """What the detector says of him from each view alone."""


def look(photos: Path, cache: Cache) -> Found:
    """Detect everybody, or take what was found before from the cache.

    Args:
        photos: folder of photos, with those of `benchmarks.upright` and a recording in ``multiview``.
        cache: cache of the detections.

    Returns:
        What was found.

    Raises:
        FileNotFoundError: a photo or the recording is missing.
        ValueError: a file cannot be read, or somebody who stands is not found.
    """
    depends_on = {
        "code": [file_digest(Path(str(module.__file__))) for module in (detect, depth_bias)],
        "model": file_digest(asset(detect.MODEL)),
        "photos": [[str(path.relative_to(photos)), path.stat().st_size] for path in _pictures(photos)],
    }
    parts: Result = {}
    for name, find in (("standing", _standing), ("everybody", _everybody), ("views", _views)):
        parts |= cache.result(f"landmarks-{name}", depends_on, partial(find, photos))
    return Found(**{name: np.array(value) for name, value in parts.items()})


def _pictures(photos: Path) -> list[Path]:
    return sorted(path for path in photos.rglob("*") if path.suffix in (".jpg", ".png"))


def _standing(photos: Path) -> Result:
    image: list[list[list[float]]] = []
    world: list[list[list[float]]] = []
    for person in UPRIGHT:
        photo = read_photo(photos, person)
        found = detect.detect(photo.rgb, MOST_PEOPLE)
        chosen = person_at(found, np.array(person.at) * (photo.width, photo.height))
        image += chosen.xy.tolist()
        world += [] if chosen.world is None else chosen.world.tolist()
    return {"image": image, "standing": world}


def _everybody(photos: Path) -> Result:
    world = []
    with detect.Detector() as detector:
        for path in _pictures(photos):
            found = detector.search(read_image(path).rgb, MOST_PEOPLE)
            if found is not None and found.world is not None:
                world += found.world[(found.confidence[:, _LEGS] > SURE).all(-1)].tolist()
    return {"everybody": world}


def _views(photos: Path) -> Result:
    found = triangulated(photos / "multiview")
    points = found.landmarks[::EVERY].reshape(-1, 33, 3)
    return {
        "triangulated": facing_the_middle(points).tolist(),
        "seen": found.world[::EVERY].reshape(-1, 33, 3).tolist(),
    }


def facing_the_middle(points: Float[np.ndarray, "views 33 3"]) -> Float[np.ndarray, "views 33 3"]:
    """Positions in the axes of a camera, turned as if that looked at each person's middle."""
    ahead = torch.from_numpy(points.mean(1))
    ahead = ahead / torch.linalg.vector_norm(ahead, dim=-1, keepdim=True)
    axis = torch.linalg.cross(ahead, torch.tensor([0.0, 0.0, 1.0], dtype=ahead.dtype).expand_as(ahead))
    angle = torch.atan2(torch.linalg.vector_norm(axis, dim=-1, keepdim=True), ahead[:, 2:])
    turn = axis_angle_to_matrix(torch.nn.functional.normalize(axis, dim=-1) * angle)
    return np.asarray(points @ turn.mT.numpy())
