"""Read keypoint files of any supported tool."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from fitting.inputs.hand_keypoints import HandKeypoints
from fitting.inputs.keypoint_files import coco, mmpose, openpose, ultralytics
from fitting.inputs.keypoint_files.choice import of_image
from fitting.inputs.keypoint_files.content import Content
from fitting.inputs.keypoint_files.layouts import layout_of
from fitting.inputs.keypoint_files.points import confidences, hands_of, points_of, rescaled, to_pixels
from fitting.inputs.keypoints import MIN_SEEN, SEEN_CONFIDENCE, FormatName, Keypoints
from qposer.io.npz import read_npz

READERS: tuple[Callable[[Any], Content | None], ...] = (openpose.read, mmpose.read, ultralytics.read, coco.read)
"""Each takes JSON content or plain text, and returns None for other file types; the first match is used."""

_ARRAYS = ("xy", "confidence", "format", "world")

_ZIP = b"PK\x03\x04"


def read_keypoints(
    path: str | Path,
    image: str | int | None = None,
    image_size: tuple[int, int] | None = None,
    folder: Sequence[str] = (),
) -> Keypoints:
    """Keypoints from a file, largest person first; people with fewer than four seen keypoints are skipped.

    docs/formats.md lists the supported tools; the file type is detected from the content. An ``.npz`` archive contains
    ``xy`` (people, joints, 2), ``confidence`` (people, joints), ``format`` (a name) and, if known, ``world`` (people,
    joints, 3).

    Args:
        path: the file.
        image: file name or id of the image, which selects people if the file covers several images.
        image_size: width and height of the image in pixels, required for normalised coordinates.
        folder: names of all images of the file, if there are several.

    Returns:
        The keypoints of the people in the image.

    Raises:
        FileNotFoundError: the file does not exist.
        ValueError: the file type is unknown, the file contains no person or is ambiguous, or the keypoints are invalid
            (see `Keypoints`).
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no keypoint file {path}: check the path")
    try:
        raw = b"" if path.suffix == ".npz" else path.read_bytes()
        world = hands = None
        if path.suffix == ".npz" or raw.startswith(_ZIP):
            if len(folder) > 1:
                raise ValueError(f"an npz archive contains the people of one image, not of {len(folder)}")
            xy, confidence, name, world = _read_archive(path)
        else:
            xy, confidence, name, hands = _people(_parsed(raw), image, image_size, folder)
        enough = (confidence > SEEN_CONFIDENCE).sum(axis=-1) >= MIN_SEEN
        chosen = enough if enough.any() else slice(None)  # if none remain, `Keypoints` reports what was found
        world = None if world is None else world[chosen]
        hands = None if hands is None else hands[chosen]
        return Keypoints(xy[chosen], confidence[chosen], name, world, hands=hands).largest_first()
    except ValueError as error:
        raise ValueError(f"{path}: {str(error).removeprefix(f'{path}: ')}") from None


def _read_archive(path: Path) -> tuple[np.ndarray, np.ndarray, FormatName, np.ndarray | None]:
    arrays = read_npz(path, _ARRAYS)
    missing = {"xy", "confidence", "format"} - arrays.keys()
    if missing:
        raise ValueError(f"the npz file lacks {', '.join(sorted(missing))}: it must contain xy, confidence and format")
    xy, confidence, world = arrays["xy"], arrays["confidence"], arrays.get("world")
    if (
        confidence.ndim != 2
        or xy.shape[:2] != confidence.shape
        or (world is not None and world.shape[:1] != xy.shape[:1])
    ):
        raise ValueError(
            "xy must be (people, joints, 2), confidence (people, joints) and world (people, joints, 3), "
            f"not {xy.shape}, {confidence.shape}" + ("" if world is None else f" and {world.shape}")
        )
    if confidence.dtype.kind not in "iuf":
        raise ValueError(f"confidence must hold real numbers, not {confidence.dtype}")
    return xy, confidence, str(arrays["format"]), world  # type: ignore[return-value]  # checked by Keypoints


def _parsed(raw: bytes) -> Any:
    """JSON in any Unicode encoding, or other text."""
    try:
        return json.loads(raw)
    except RecursionError:
        raise ValueError("this is not a JSON file of keypoints (it is nested too deeply)") from None
    except ValueError as error:
        try:
            text = raw.decode("utf-8-sig")
            if ultralytics.read(text) is not None:
                return text
        except UnicodeDecodeError:
            pass
        reason = str(error).partition(";")[0]
        raise ValueError(f"this is not a JSON file ({reason}): give a file type of docs/formats.md, or npz") from None


def _people(
    parsed: Any, image: str | int | None, image_size: tuple[int, int] | None, folder: Sequence[str]
) -> tuple[np.ndarray, np.ndarray, FormatName, HandKeypoints | None]:
    content = next((content for read in READERS if (content := read(parsed)) is not None), None)
    if content is None:
        raise ValueError(
            "this is neither OpenPose JSON (people) nor COCO JSON (annotations with keypoints) nor that of another "
            "tool that docs/formats.md lists"
        )
    points, hands = [], []
    for entry in of_image(content, image, folder) if content.entries else []:
        found = points_of(entry)
        if found is not None:
            stated = next((content.sizes[name] for name in entry.image if name in content.sizes), None)
            hand = hands_of(entry)
            both = to_pixels(rescaled(np.concatenate([found, hand]), stated, image_size), entry.size, image_size)
            points.append(both[: len(found)])
            hands.append(both[len(found) :].reshape(2, -1, 3))
    if not points:
        raise ValueError("the file contains no person: run the keypoint detector again, or give another image")
    counts = sorted({len(found) for found in points})
    if len(counts) > 1:
        raise ValueError(f"people have different numbers of keypoints: {', '.join(map(str, counts))}")
    people = np.stack(points)
    people[..., 2] = confidences(people[..., 2])
    layout = layout_of(people)
    joints = layout.joints(people)
    return joints[..., :2], joints[..., 2], layout.format, _hands(layout.hand_points(people), np.stack(hands))


def _hands(
    of_layout: Float[np.ndarray, "people 2 21 3"] | None, separate: Float[np.ndarray, "people 2 21 3"]
) -> HandKeypoints | None:
    """Hands from the list of the body's points or from lists of their own; None if no hand is seen."""
    points = separate if of_layout is None else of_layout
    points[..., 2] = np.where(points[..., 2] > SEEN_CONFIDENCE, points[..., 2], 0.0).clip(0.0, 1.0)
    hands = HandKeypoints(points[..., :2], points[..., 2])
    return hands if hands.found.any() else None
