"""COCO's JSON: annotation files, and lists of results as written by AlphaPose, Detectron2, Ultralytics and mmpose."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from fitting.inputs.keypoint_files.content import Content, Entry, ImageId, entry_of, is_list_of_objects

_IMAGE = ("file_name", "image_name", "image_id")


def read(content: Any) -> Content | None:
    """The people of ``annotations``, or of a list of results; entries without keypoints, such as boxes, are skipped.

    Raises:
        ValueError: the id of an image is neither a number nor text.
    """
    table: tuple[tuple[ImageId, str], ...] = ()
    sizes: dict[ImageId, tuple[float, float]] = {}
    if isinstance(content, dict) and "annotations" in content:
        table, sizes = _file_names(content.get("images")), _sizes(content.get("images"))
        content = content["annotations"]
    elif isinstance(content, dict) and "keypoints" in content:
        content = [content]
    if content == []:
        return Content([], table, sizes)
    if not is_list_of_objects(content) or not any("keypoints" in item or "image_id" in item for item in content):
        return None
    return Content([_entry(annotation) for annotation in content if annotation.get("keypoints")], table, sizes)


def _entry(annotation: Mapping[str, Any]) -> Entry:
    image = tuple(annotation[key] for key in _IMAGE if annotation.get(key) is not None)
    for reference in image:
        if isinstance(reference, bool) or not isinstance(reference, str | int):
            raise ValueError(f"image_id must be a number or text, not {reference!r:.40}")
    values, feet = annotation["keypoints"], annotation.get("foot_kpts")
    if isinstance(values, list) and isinstance(feet, list):  # COCO-WholeBody
        return Entry(values + feet, image=image)
    return entry_of(annotation, image)


def _file_names(images: Any) -> tuple[tuple[ImageId, str], ...]:
    rows = images if isinstance(images, list) else []
    return tuple(
        (row["id"], row["file_name"])
        for row in rows
        if isinstance(row, dict) and isinstance(row.get("id"), str | int) and isinstance(row.get("file_name"), str)
    )


def _sizes(images: Any) -> dict[ImageId, tuple[float, float]]:
    sizes: dict[ImageId, tuple[float, float]] = {}
    for row in images if isinstance(images, list) else []:
        if not isinstance(row, dict) or not isinstance(row.get("id"), str | int):
            continue
        size = row.get("width"), row.get("height")
        if all(isinstance(side, int | float) and 0 < side < math.inf for side in size):
            sizes[row["id"]] = float(size[0]), float(size[1])  # type: ignore[arg-type]  # checked
    return sizes
