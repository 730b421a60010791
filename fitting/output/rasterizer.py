"""Render a mesh with OpenCV's rasteriser."""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

NEAR = 0.05
"""Triangles closer to the camera than this, in metres, are skipped."""

_SUPERSAMPLING = 2
_ROOM = 1.01
"""Distances from the nearest to the farthest vertex are extended by this factor, so that both are drawn."""


def paint(
    vertices: Float[np.ndarray, "vertices 3"],
    faces: Int[np.ndarray, "faces 3"],
    colours: Float[np.ndarray, "vertices 3"],
    focal: float,
    centre: tuple[float, float],
    size: tuple[int, int],
    *,
    closed: bool = False,
) -> UInt8[np.ndarray, "height width 4"]:
    """Render the mesh with a pinhole camera on a transparent background: RGBA with straight alpha.

    Args:
        vertices: vertices in camera space, metres; x right, y down, z forward.
        faces: triangles, anticlockwise from outside if ``closed``, otherwise of either orientation.
        colours: colours of the vertices, in 0..1, interpolated over the triangles.
        focal: focal length in pixels.
        centre: principal point in pixels.
        size: width and height of the picture.
        closed: whether the mesh has no inside to see; triangles that face away are left out, which is faster.

    Returns:
        The picture, RGBA.
    """
    picture = np.zeros((size[1], size[0], 4), dtype=np.uint8)
    left, top, right, bottom = _window(vertices[vertices[:, 2] > NEAR], focal, centre, size)
    if len(faces) and left < right and top < bottom:
        inside = focal, (centre[0] - left, centre[1] - top), (right - left, bottom - top)
        picture[top:bottom, left:right] = _shrink(*_painted(vertices, faces, colours, *inside, closed))
    return picture


def _window(
    vertices: Float[np.ndarray, "vertices 3"], focal: float, centre: tuple[float, float], size: tuple[int, int]
) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of the pixels that the mesh may cover."""
    if not len(vertices):
        return 0, 0, 0, 0
    ends = []
    for axis in (0, 1):
        pixels = vertices[:, axis] * (focal / vertices[:, 2]) + centre[axis]
        ends.append([np.floor(pixels.min()), np.ceil(pixels.max())])
    (left, right), (top, bottom) = (np.clip(ends[axis], 0, size[axis]).astype(int).tolist() for axis in (0, 1))
    return left, top, right, bottom


def _painted(
    vertices: Float[np.ndarray, "vertices 3"],
    faces: Int[np.ndarray, "faces 3"],
    colours: Float[np.ndarray, "vertices 3"],
    focal: float,
    centre: tuple[float, float],
    size: tuple[int, int],
    closed: bool,
) -> tuple[Float[np.ndarray, "fine_height fine_width 3"], Bool[np.ndarray, "fine_height fine_width"]]:
    """Colours of the samples of a whole picture, black where there is no surface, and where there is one."""
    width, height = size
    depth = vertices[:, 2]
    # OpenCV looks along -z, has y up, and the principal point in the middle: elsewhere, it is a shear.
    x = vertices[:, 0] + depth * ((centre[0] - width / 2) / focal)
    y = vertices[:, 1] + depth * ((centre[1] - height / 2) / focal)
    points = np.stack([x, -y, -depth], axis=-1).astype(np.float32)
    near, far = max(NEAR, float(depth.min())) / _ROOM, float(depth.max()) * _ROOM
    picture = np.zeros((_SUPERSAMPLING * height, _SUPERSAMPLING * width, 3), np.float32)
    distance = np.full(picture.shape[:2], far, np.float32)
    settings = cv2.TriangleRasterizeSettings()
    settings.setShadingType(cv2.RASTERIZE_SHADING_SHADED)
    settings.setCullingMode(cv2.RASTERIZE_CULLING_CW if closed else cv2.RASTERIZE_CULLING_NONE)
    triangles, hues = faces[None].astype(np.int32), colours[None].astype(np.float32)
    axes, angle = np.eye(4, dtype=np.float32), 2 * float(np.arctan(height / 2 / focal))
    cv2.triangleRasterize(points[None], triangles, hues, picture, distance, axes, angle, near, far, settings)
    return picture, distance < far / np.sqrt(_ROOM)


def _shrink(
    picture: Float[np.ndarray, "fine_height fine_width 3"], covered: Bool[np.ndarray, "fine_height fine_width"]
) -> UInt8[np.ndarray, "height width 4"]:
    """Average of the samples of each pixel; colour is that of the covered ones."""
    size = picture.shape[1] // _SUPERSAMPLING, picture.shape[0] // _SUPERSAMPLING
    colour: np.ndarray = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    alpha: np.ndarray = cv2.resize(255.0 * covered, size, interpolation=cv2.INTER_AREA)
    colour *= (255.0**2 / np.maximum(alpha, 1.0))[..., None]
    rgba: np.ndarray = np.dstack([np.minimum(colour, 255.0), alpha]).round().astype(np.uint8)
    return rgba
