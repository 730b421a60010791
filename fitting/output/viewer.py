"""A self-contained web page with a 3D view of a fit next to the photo."""

from __future__ import annotations

import base64
import html
import io
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from fitting.inputs.images import Photo
from fitting.output.fit_result import FitResult
from fitting.output.render import BODY_COLOURS
from qposer.io.atomic_files import atomic_write
from qposer.io.messages import one_line

LONG_SIDE = 1280
"""Larger photos are shrunk to this many pixels for the page."""

_TEMPLATE = Path(__file__).with_name("viewer.html")
_STEPS = 2**16 - 1  # a coordinate becomes 16 bits of the body's bounding box: steps of 0.03 mm
_JPEG_QUALITY = 85


def write_viewer(path: str | Path, photo: Photo, results: Sequence[FitResult], title: str) -> None:
    """Write the page of `viewer_page` atomically.

    Args:
        path: the page to write.
        photo: the fitted photo.
        results: results of all people, with meshes.
        title: title of the page.

    Raises:
        ValueError: as `viewer_page`.
        OSError: the file cannot be written.
    """
    page = viewer_page(photo, results, title)
    with atomic_write(path) as temporary:
        temporary.write_text(page, encoding="utf-8")


def viewer_page(photo: Photo, results: Sequence[FitResult], title: str) -> str:
    """Self-contained HTML: the photo as a JPEG, the meshes as 16-bit integers, and WebGL code.

    One view shows the bodies over the photo, the other in 3D, rotated with the mouse.

    Args:
        photo: the fitted photo.
        results: results of all people, with one body model and meshes.
        title: title of the page.

    Returns:
        The page.

    Raises:
        ValueError: there are no results, one has no mesh (results read from files have none), or the meshes are not of
            one body model with at most 65 536 vertices.
    """
    if not results:
        raise ValueError("there is no result to show: give at least one person")
    faces = results[0].faces
    for result in results:
        if result.vertices is None or result.faces is None or faces is None:
            raise ValueError("this result has no mesh to show: compute it from its parameters with a Body")
        if not np.array_equal(result.faces, faces) or len(result.vertices) > _STEPS + 1:
            raise ValueError(f"a page can show only one body model, with at most {_STEPS + 1} vertices")
    people = [_person(index, result) for index, result in enumerate(results)]
    scene = json.dumps({"faces": _encoded(np.asarray(faces, dtype="<u2")), "people": people})
    fills = {"title": html.escape(one_line(title)), "photo": _jpeg(photo.rgb), "scene": scene}
    return re.sub(r"{{(\w+)}}", lambda match: fills[match[1]], _TEMPLATE.read_text(encoding="utf-8"))


def _person(index: int, result: FitResult) -> dict[str, Any]:
    vertices = np.asarray(result.vertices) * [1.0, -1.0, -1.0]
    low, high = vertices.min(axis=0), vertices.max(axis=0)
    steps = np.round((vertices - low) / np.maximum(high - low, 1e-6) * _STEPS)
    error, metres = result.reprojection_error_percent, result.transl[2]
    return {
        "caption": f"person {index}: {metres:.1f} m away, 2D error {error:.1f} % of the height",
        "colour": BODY_COLOURS[index % len(BODY_COLOURS)].tolist(),
        "focal": result.focal,
        "centre": result.centre.tolist(),
        "size": result.image_size.tolist(),
        "low": low.tolist(),
        "high": high.tolist(),
        "vertices": _encoded(steps.astype("<u2")),
    }


def _encoded(array: np.ndarray) -> str:
    return base64.b64encode(array.tobytes()).decode("ascii")


def _jpeg(rgb: UInt8[np.ndarray, "height width 3"]) -> str:
    picture = Image.fromarray(rgb)
    picture.thumbnail((LONG_SIDE, LONG_SIDE))
    file = io.BytesIO()
    picture.save(file, format="JPEG", quality=_JPEG_QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode('ascii')}"
