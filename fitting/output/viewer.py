"""A web page with a 3D view of a fit next to the photo or the video."""

from __future__ import annotations

import base64
import html
import io
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from PIL import Image

from fitting.body.joint_sets import TREES
from fitting.inputs.images import Photo
from fitting.output.fit_result import FitResult
from fitting.output.pictures import paleness
from fitting.output.render import BODY_COLOURS
from fitting.output.skinning import Y_UP, SkeletonMotion, SkinnedBody
from qposer.body_pose.rotations import matrix_to_quaternion
from qposer.io.atomic_files import atomic_write
from qposer.io.messages import one_line

LONG_SIDE = 1280
"""Larger photos are shrunk to this many pixels for the page."""

_TEMPLATE = Path(__file__).with_name("viewer.html")
_STEPS = 2**16 - 1  # a coordinate becomes 16 bits of the body's bounding box: steps of 0.03 mm
_JPEG_QUALITY = 85
_QUATERNION_STEPS = 2**15 - 1  # a rotation is off by 0.003 degrees at most
_FLESH = 0.2
"""Maximum distance of the skin from the nearest joint in metres."""

_FAINT = 0.25
"""Opacity of alternatives."""

_PHOTO = '<div><img alt="the photo" src="{}"><canvas></canvas></div>'
_FILM = '<div class="film" style="--ratio: {:.4f}"><video src="{}" muted loop playsinline preload="auto"></video></div>'


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
    _write(path, viewer_page(photo, results, title))


def write_clip_viewer(
    path: str | Path,
    body: SkinnedBody,
    motion: SkeletonMotion,
    size: tuple[int, int],
    *,
    video: str,
    title: str,
    caption: str,
) -> None:
    """Write the page of `clip_page` atomically.

    Args:
        path: the page to write.
        body: as `clip_page`, as all below.
        motion: the motion.
        size: width and height of the part of the video to show.
        video: the video.
        title: title of the page.
        caption: caption of the body.

    Raises:
        ValueError: as `clip_page`.
        OSError: the file cannot be written.
    """
    _write(path, clip_page(body, motion, size, video=video, title=title, caption=caption))


def _write(path: str | Path, page: str) -> None:
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
    people = [person for index, result in enumerate(results) for person in _hypotheses(index, result)]
    return _filled(title, _PHOTO.format(_jpeg(photo.rgb)), {"faces": _indices(np.asarray(faces)), "people": people})


def clip_page(
    body: SkinnedBody,
    motion: SkeletonMotion,
    size: tuple[int, int],
    *,
    video: str,
    title: str,
    caption: str,
) -> str:
    """HTML that plays a motion in 3D in step with a video: the body, bones and weights once, rotations of each frame.

    The page refers to the video by its relative name. It thus has half a megabyte however long the video is, and plays
    the motion without the video, too.

    Args:
        body: the body in the T-pose.
        motion: its motion.
        size: width and height of the part of the video to show, from the left; the height is the video's.
        video: name of the video beside the page.
        title: title of the page.
        caption: caption of the body.

    Returns:
        The page.

    Raises:
        ValueError: the body has more than 65 536 vertices.
    """
    if len(body.vertices) > _STEPS + 1:
        raise ValueError(f"a page can show a body of at most {_STEPS + 1} vertices, not {len(body.vertices)}")
    joints = motion.posed_joints(body.joints)[1]
    low, high = joints.min(axis=(0, 1)) - _FLESH, joints.max(axis=(0, 1)) + _FLESH
    turns = matrix_to_quaternion(torch.from_numpy(motion.rotations)).numpy()
    person = {
        "caption": caption,
        "opacity": 1.0,
        "colour": BODY_COLOURS[0].tolist(),
        **_quantised(body.vertices),
        "rest": body.joints.round(6).tolist(),
        "joints": _encoded(body.bones.astype("u1")),
        "weights": _encoded(np.round(body.weights * _STEPS).astype("<u2")),
        "turns": _encoded(np.round(turns * _QUATERNION_STEPS).astype("<i2")),
        "root": _encoded(motion.root.astype("<f4")),
        "reach": float(np.linalg.norm(joints - motion.root[:, None], axis=-1).max() + _FLESH),
        "whole": {"low": low.tolist(), "high": high.tolist()},
    }
    clip = {"fps": motion.fps, "first": motion.first, "frames": len(motion.root), "parents": TREES[len(body.joints)]}
    film = _FILM.format(size[0] / size[1], html.escape(quote(video)))
    return _filled(title, film, {"faces": _indices(body.faces), "people": [person], "clip": clip})


def _filled(title: str, picture: str, scene: dict[str, Any]) -> str:
    fills = {"title": html.escape(one_line(title)), "picture": picture, "scene": json.dumps(scene)}
    return re.sub(r"{{(\w+)}}", lambda match: fills[match[1]], _TEMPLATE.read_text(encoding="utf-8"))


def _hypotheses(index: int, result: FitResult) -> list[dict[str, Any]]:
    """A person, and the alternatives, which are drawn faintly."""
    error, metres = result.reprojection_error_percent, result.transl[2]
    caption = f"person {index}: {metres:.1f} m away, 2D error {error:.1f} % of the height"
    pale = paleness(result)
    shades = {} if pale is None else {"paleness": _encoded(np.round(255 * pale).astype("u1"))}
    others = [
        _person(index, other, f"alternative for person {index}, {other.probability:.0%}", _FAINT)
        for other in result.alternatives
    ]
    return [_person(index, result, caption, 1.0) | shades, *others]


def _person(index: int, result: FitResult, caption: str, opacity: float) -> dict[str, Any]:
    return {
        "caption": caption,
        "opacity": opacity,
        "colour": BODY_COLOURS[index % len(BODY_COLOURS)].tolist(),
        "focal": result.focal,
        "centre": result.centre.tolist(),
        "size": result.image_size.tolist(),
        **_quantised(np.asarray(result.vertices) @ Y_UP.T),
    }


def _quantised(vertices: Float[np.ndarray, "vertices 3"]) -> dict[str, Any]:
    """Vertices as integers within their bounding box."""
    low, high = vertices.min(axis=0), vertices.max(axis=0)
    steps = np.round((vertices - low) / np.maximum(high - low, 1e-6) * _STEPS)
    return {"low": low.tolist(), "high": high.tolist(), "vertices": _encoded(steps.astype("<u2"))}


def _indices(faces: Int[np.ndarray, "faces 3"]) -> str:
    return _encoded(np.asarray(faces, dtype="<u2"))


def _encoded(array: np.ndarray) -> str:
    return base64.b64encode(array.tobytes()).decode("ascii")


def _jpeg(rgb: UInt8[np.ndarray, "height width 3"]) -> str:
    picture = Image.fromarray(rgb)
    picture.thumbnail((LONG_SIDE, LONG_SIDE))
    file = io.BytesIO()
    picture.save(file, format="JPEG", quality=_JPEG_QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode('ascii')}"
