"""Detections of real people: in photos, and in all views of a calibrated recording."""

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
"""Minimum confidence of the keypoints of visible legs."""

EVERY = 5
"""Stride over the frames of a recording."""

_LEGS = [k for k, name in enumerate(FORMATS["mediapipe"].names) if name.endswith(("hip", "knee", "ankle"))]


@dataclass(frozen=True)
class Found:
    """Keypoints of people; positions in metres are in the axes of a camera that looks at the centre of the person."""

    image: Float[np.ndarray, "standing 33 2"]
    """Pixels of people who stand or walk upright in photos."""
    standing: Float[np.ndarray, "standing 33 3"]
    """The detector's positions of the same people, in metres."""
    all_people: Float[np.ndarray, "people 33 3"]
    """The detector's positions of all people with visible legs in any photo, in metres."""
    triangulated: Float[np.ndarray, "views 33 3"]
    """Positions of one man, triangulated from all views of a recording, in metres."""
    seen: Float[np.ndarray, "views 33 3"]
    """The detector's positions of the same man in each view, in metres."""


def look(photos: Path, cache: Cache) -> Found:
    """Detect all people, or read earlier detections from the cache.

    Args:
        photos: folder of photos, with those of `benchmarks.upright` and a recording in ``multiview``.
        cache: cache of the detections.

    Returns:
        Keypoints of all people.

    Raises:
        FileNotFoundError: a photo or the recording is missing.
        ValueError: a file cannot be read, or a standing person is not detected.
    """
    depends_on = {
        "code": [file_digest(Path(str(module.__file__))) for module in (detect, depth_bias)],
        "model": file_digest(asset(detect.MODEL)),
        "photos": [[str(path.relative_to(photos)), path.stat().st_size] for path in _pictures(photos)],
    }
    parts: Result = {}
    for name, find in (("standing", _standing), ("all_people", _all_people), ("views", _views)):
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


def _all_people(photos: Path) -> Result:
    world = []
    with detect.Detector() as detector:
        for path in _pictures(photos):
            found = detector.search(read_image(path).rgb, MOST_PEOPLE)
            if found is not None and found.world is not None:
                world += found.world[(found.confidence[:, _LEGS] > SURE).all(-1)].tolist()
    return {"all_people": world}


def _views(photos: Path) -> Result:
    found = triangulated(photos / "multiview")
    points = found.landmarks[::EVERY].reshape(-1, 33, 3)
    return {
        "triangulated": facing_the_middle(points).tolist(),
        "seen": found.world[::EVERY].reshape(-1, 33, 3).tolist(),
    }


def facing_the_middle(points: Float[np.ndarray, "views 33 3"]) -> Float[np.ndarray, "views 33 3"]:
    """Rotate positions in camera axes to those of a camera that looks at the centre of each person."""
    ahead = torch.from_numpy(points.mean(1))
    ahead = ahead / torch.linalg.vector_norm(ahead, dim=-1, keepdim=True)
    axis = torch.linalg.cross(ahead, torch.tensor([0.0, 0.0, 1.0], dtype=ahead.dtype).expand_as(ahead))
    angle = torch.atan2(torch.linalg.vector_norm(axis, dim=-1, keepdim=True), ahead[:, 2:])
    turn = axis_angle_to_matrix(torch.nn.functional.normalize(axis, dim=-1) * angle)
    return np.asarray(points @ turn.mT.numpy())
