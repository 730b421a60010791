"""A z-buffer rasteriser in numpy, for machines without OpenGL."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
from jaxtyping import Float, Int, UInt8

NEAR = 0.05
"""Triangles closer to the camera than this, in metres, are skipped."""

_SUPERSAMPLING = 2
_FRAGMENTS_AT_ONCE = 1_000_000


def paint(
    vertices: Float[np.ndarray, "vertices 3"],
    faces: Int[np.ndarray, "faces 3"],
    colours: Float[np.ndarray, "vertices 3"],
    focal: float,
    centre: tuple[float, float],
    size: tuple[int, int],
) -> UInt8[np.ndarray, "height width 4"]:
    """Render the mesh with a pinhole camera on a transparent background: RGBA with straight alpha.

    Args:
        vertices: vertices in camera space, metres; x right, y down, z forward.
        faces: triangles of either orientation.
        colours: colours of the vertices, in 0..1, interpolated over the triangles.
        focal: focal length in pixels.
        centre: principal point in pixels.
        size: width and height of the picture.

    Returns:
        The picture, RGBA.
    """
    faces = faces[(vertices[faces, 2] > NEAR).all(axis=1)]
    depth = np.maximum(vertices[:, 2:], NEAR)
    xy = vertices[:, :2] * focal / depth + np.asarray(centre)
    picture = np.zeros((size[1], size[0], 4), dtype=np.uint8)
    left, top, right, bottom = _window(xy[faces], size)
    if left < right and top < bottom:
        window = xy - (left, top), depth, faces, colours
        picture[top:bottom, left:right] = _paint(*window, (right - left, bottom - top))
    return picture


def _window(corners: Float[np.ndarray, "faces 3 2"], size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of the area covered by triangles."""
    if not len(corners):
        return 0, 0, 0, 0
    left, top = np.clip(np.floor(corners.min(axis=(0, 1))), 0, size).astype(int).tolist()
    right, bottom = np.clip(np.ceil(corners.max(axis=(0, 1))), 0, size).astype(int).tolist()
    return left, top, right, bottom


def _paint(
    xy: Float[np.ndarray, "vertices 2"],
    depth: Float[np.ndarray, "vertices 1"],
    faces: Int[np.ndarray, "faces 3"],
    colours: Float[np.ndarray, "vertices 3"],
    size: tuple[int, int],
) -> UInt8[np.ndarray, "height width 4"]:
    """Render a whole picture from vertices at pixels ``xy``."""
    fine = _SUPERSAMPLING
    width, height = size[0] * fine, size[1] * fine
    xy = xy * fine
    area = np.linalg.det(_homogeneous(xy)[faces])
    faces, area = faces[area != 0], area[area != 0]
    nearness = 1.0 / depth[:, 0]  # linear in the picture, unlike depth

    # In the picture, barycentric coordinates, 1 / z and colour / z are linear: each is a vector times (x, y, 1).
    corners = _homogeneous(xy)[faces]
    edges = np.cross(corners[:, [1, 2, 0]], corners[:, [2, 0, 1]]) / area[:, None, None]
    planes = np.einsum("fi,fid->fd", nearness[faces], edges)
    colour_planes = np.einsum("fic,fid->fdc", (colours * nearness[:, None])[faces], edges)

    best = np.zeros(width * height, dtype=np.float32)
    owner = np.full(width * height, -1, dtype=np.int32)
    for triangle, pixel, near in _fragments(xy[faces], edges, planes, width, height):
        np.maximum.at(best, pixel, near)
        front = near == best[pixel]
        owner[pixel[front]] = triangle[front]

    covered = np.flatnonzero(owner >= 0)
    row, column = np.divmod(covered, width)
    picture = np.zeros((height * width, 4), dtype=np.float32)
    picture[:, 3] = owner >= 0
    for channel in range(3):
        by_x, by_y, constant = colour_planes[..., channel].T
        t = owner[covered]
        colour = by_x[t] * (column + 0.5) + by_y[t] * (row + 0.5) + constant[t]
        picture[covered, channel] = colour / best[covered]
    return _shrink(picture.reshape(height, width, 4), fine)


def _homogeneous(xy: Float[np.ndarray, "points 2"]) -> Float[np.ndarray, "points 3"]:
    return np.column_stack([xy, np.ones(len(xy))])


def _fragments(
    corners: Float[np.ndarray, "faces 3 2"],
    edges: Float[np.ndarray, "faces 3 3"],
    planes: Float[np.ndarray, "faces 3"],
    width: int,
    height: int,
) -> Iterator[tuple[Int[np.ndarray, " fragments"], Int[np.ndarray, " fragments"], Float[np.ndarray, " fragments"]]]:
    """Triangle, pixel and inverse depth wherever a pixel's centre is inside a triangle, about a million at a time."""
    top = np.clip(np.ceil(corners[..., 1].min(axis=1) - 0.5), 0, height).astype(np.int64)
    bottom = np.clip(np.floor(corners[..., 1].max(axis=1) - 0.5), -1, height - 1).astype(np.int64)
    triangle, nth = _repeat(np.maximum(bottom - top + 1, 0))
    row = top[triangle] + nth

    # In a row, coordinate i is slope[i] x + rest[i] and nonnegative inside, which gives a lower or upper limit of x.
    slope = edges[triangle, :, 0]
    rest = edges[triangle, :, 1] * (row + 0.5)[:, None] + edges[triangle, :, 2]
    with np.errstate(divide="ignore", invalid="ignore"):
        limit = -rest / slope
    left = np.where(slope > 0, limit, -np.inf).max(axis=1)
    right = np.where(slope < 0, limit, np.inf).min(axis=1)
    start = np.clip(np.ceil(left - 0.5), 0, width).astype(np.int64)
    length = np.maximum(np.clip(np.floor(right - 0.5), -1, width - 1).astype(np.int64) - start + 1, 0)
    step = planes[triangle, 0]
    first = step * (start + 0.5) + planes[triangle, 1] * (row + 0.5) + planes[triangle, 2]

    batch = np.cumsum(length) // _FRAGMENTS_AT_ONCE
    for spans in np.split(np.arange(len(length)), np.flatnonzero(np.diff(batch)) + 1):
        span, nth = _repeat(length[spans])
        span = spans[span]
        yield triangle[span], (row * width + start)[span] + nth, (first[span] + nth * step[span]).astype(np.float32)


def _repeat(counts: Int[np.ndarray, " items"]) -> tuple[Int[np.ndarray, " total"], Int[np.ndarray, " total"]]:
    """Each index repeated by its count, and the number of each repetition."""
    item = np.repeat(np.arange(len(counts)), counts)
    return item, np.arange(len(item)) - np.repeat(np.cumsum(counts) - counts, counts)


def _shrink(picture: Float[np.ndarray, "fine_height fine_width 4"], factor: int) -> UInt8[np.ndarray, "height width 4"]:
    """Average of ``factor`` x ``factor`` pixels; colour is that of the covered ones."""
    mean: np.ndarray = cv2.resize(picture, None, fx=1 / factor, fy=1 / factor, interpolation=cv2.INTER_AREA)
    mean[..., :3] /= np.maximum(mean[..., 3:], 1e-6)
    shrunk: np.ndarray = np.clip(mean * 255.0, 0.0, 255.0).round().astype(np.uint8)
    return shrunk
