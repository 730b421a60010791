"""From the file of any tool to `Keypoints`."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fitting.inputs.keypoint_files import coco, mmpose, openpose, ultralytics
from fitting.inputs.keypoint_files.choice import of_image
from fitting.inputs.keypoint_files.content import Content
from fitting.inputs.keypoint_files.layouts import layout_of
from fitting.inputs.keypoint_files.points import confidences, points_of, to_pixels
from fitting.inputs.keypoints import MIN_SEEN, SEEN_CONFIDENCE, FormatName, Keypoints
from qposer.io.npz import read_npz

READERS: tuple[Callable[[Any], Content | None], ...] = (openpose.read, mmpose.read, ultralytics.read, coco.read)
"""Each takes JSON content, or text that is none, and returns None where it is not of its kind; the first counts."""

_ARRAYS = ("xy", "confidence", "format", "world")

_ZIP = b"PK\x03\x04"


def read_keypoints(
    path: str | Path,
    image: str | int | None = None,
    image_size: tuple[int, int] | None = None,
    folder: Sequence[str] = (),
) -> Keypoints:
    """Keypoints from a file, largest person first; people with fewer than four seen keypoints are left out.

    The file may be any tool's that docs/formats.md lists; it is recognised by what it holds. An ``.npz`` archive holds
    ``xy`` (people, joints, 2), ``confidence`` (people, joints), ``format`` (a name) and, if known, ``world`` (people,
    joints, 3).

    Args:
        path: the file.
        image: file name or id of the image, which says who is taken where the file covers several.
        image_size: width and height of the image in pixels, which files with normalised coordinates need.
        folder: file names of all images that the file is meant for, where these are several.

    Returns:
        The keypoints of the people on the image.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is of no known kind, it holds no person, it does not say clearly who is on the image, or
            the keypoints are not valid (see `Keypoints`).
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no keypoint file {path}: check the path")
    try:
        raw = b"" if path.suffix == ".npz" else path.read_bytes()
        world = None
        if path.suffix == ".npz" or raw.startswith(_ZIP):
            if len(folder) > 1:
                raise ValueError(f"an npz archive holds the people of one image, not of {len(folder)}")
            xy, confidence, name, world = _read_archive(path)
        else:
            xy, confidence, name = _people(_parsed(raw), image, image_size, folder)
        enough = (confidence > SEEN_CONFIDENCE).sum(axis=-1) >= MIN_SEEN
        chosen = enough if enough.any() else slice(None)  # with nobody to keep, let `Keypoints` say what was found
        world = None if world is None else world[chosen]
        return Keypoints(xy[chosen], confidence[chosen], name, world).largest_first()
    except ValueError as error:
        raise ValueError(f"{path}: {str(error).removeprefix(f'{path}: ')}") from None


def _read_archive(path: Path) -> tuple[np.ndarray, np.ndarray, FormatName, np.ndarray | None]:
    arrays = read_npz(path, _ARRAYS)
    missing = {"xy", "confidence", "format"} - arrays.keys()
    if missing:
        raise ValueError(f"the npz file lacks {', '.join(sorted(missing))}; it needs xy, confidence and format")
    xy, confidence, world = arrays["xy"], arrays["confidence"], arrays.get("world")
    if confidence.ndim != 2 or xy.shape[:2] != confidence.shape or (world is not None and len(world) != len(xy)):
        raise ValueError(
            "xy must be (people, joints, 2), confidence (people, joints) and world (people, joints, 3), "
            f"not {xy.shape}, {confidence.shape}" + ("" if world is None else f" and {world.shape}")
        )
    if confidence.dtype.kind not in "iuf":
        raise ValueError(f"confidence must hold real numbers, not {confidence.dtype}")
    return xy, confidence, str(arrays["format"]), world  # type: ignore[return-value]  # checked by Keypoints


def _parsed(raw: bytes) -> Any:
    """JSON in any of Unicode's encodings, or text that is none."""
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
        raise ValueError(f"this is not a JSON file ({reason}): give one of docs/formats.md, or npz") from None


def _people(
    parsed: Any, image: str | int | None, image_size: tuple[int, int] | None, folder: Sequence[str]
) -> tuple[np.ndarray, np.ndarray, FormatName]:
    content = next((content for read in READERS if (content := read(parsed)) is not None), None)
    if content is None:
        raise ValueError(
            "this is neither OpenPose JSON (people) nor COCO JSON (annotations with keypoints) nor that of another "
            "tool that docs/formats.md lists"
        )
    points = []
    for entry in of_image(content, image, folder) if content.entries else []:
        found = points_of(entry)
        if found is not None:
            points.append(to_pixels(found, entry.size, image_size))
    if not points:
        raise ValueError("the file holds no person: run the keypoint detector again, or give another image")
    counts = sorted({len(found) for found in points})
    if len(counts) > 1:
        raise ValueError(f"people have different numbers of keypoints: {', '.join(map(str, counts))}")
    people = np.stack(points)
    people[..., 2] = confidences(people[..., 2])
    layout = layout_of(people)
    joints = layout.joints(people)
    return joints[..., :2], joints[..., 2], layout.format
