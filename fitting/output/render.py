"""Pictures of bodies (over the photo, from the side, many on a sheet) and of keypoints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Float, Int, UInt8

from fitting.inputs.keypoints import FORMATS, Keypoints
from fitting.output.rasterizer import paint

Picture = UInt8[np.ndarray, "_height _width 3"]

LONG_SIDE = 1600
"""Pictures of larger photos are limited to this size in pixels."""

_OPACITY = 0.85
_GHOST_OPACITY = 0.3
_BACKGROUND = 245

BODY_COLOURS = np.array(
    [[0.66, 0.81, 0.97], [0.98, 0.72, 0.64], [0.7, 0.89, 0.7], [0.97, 0.87, 0.64], [0.83, 0.74, 0.95]]
)
"""Colours of successive bodies: blue, coral, green, sand, violet; in 0..1."""

_LAMPS = np.array([[-0.7, -0.6, -0.8], [0.9, -0.1, -0.5]], dtype=np.float32).T
_LAMPS /= np.linalg.norm(_LAMPS, axis=0)
"""Directions towards a key light and a fill light."""

_LEFT, _RIGHT, _MIDDLE = (255, 140, 40), (40, 190, 255), (240, 240, 240)


class Mesh(NamedTuple):
    """A triangle mesh in camera space: metres; x right, y down, z forward."""

    vertices: Float[np.ndarray, "vertices 3"]
    faces: Int[np.ndarray, "faces 3"]
    paleness: Float[np.ndarray, " vertices"] | None = None
    """From 0, the full colour, to 1, white; default: 0."""
    normals: Float[np.ndarray, "vertices 3"] | None = None
    """Unit normals of the vertices; default: computed."""


def render(
    meshes: Sequence[Mesh], focal: float, centre: tuple[float, float], size: tuple[int, int]
) -> UInt8[np.ndarray, "height width 4"]:
    """Render the meshes, each in its own colour, on a transparent background: RGBA with straight alpha.

    Args:
        meshes: meshes in camera space, metres.
        focal: focal length in pixels.
        centre: principal point in pixels.
        size: width and height of the picture in pixels.

    Returns:
        The picture, RGBA.
    """
    counts = [len(mesh.vertices) for mesh in meshes]
    vertices = np.concatenate([mesh.vertices for mesh in meshes]).astype(np.float32)
    normals = np.concatenate([vertex_normals(mesh) if mesh.normals is None else mesh.normals for mesh in meshes])
    offsets = np.cumsum([0, *counts[:-1]])
    faces = np.concatenate([mesh.faces + offset for mesh, offset in zip(meshes, offsets, strict=True)])
    albedo = np.repeat(BODY_COLOURS[np.arange(len(meshes)) % len(BODY_COLOURS)], counts, axis=0)
    pale = [np.zeros(len(mesh.vertices)) if mesh.paleness is None else mesh.paleness for mesh in meshes]
    albedo = albedo + np.concatenate(pale)[:, None] * (1.0 - albedo)
    colours = albedo * _light(vertices, normals.astype(np.float32))[:, None]
    return paint(vertices, faces, colours, focal, centre, size, closed=True)


def vertex_normals(mesh: Mesh) -> Float[np.ndarray, "vertices 3"]:
    """Unit normals of the vertices: area-weighted means over the adjacent faces."""
    corners, places = mesh.faces.T, np.asarray(mesh.vertices).T
    a, b, c = (places[:, corner] for corner in corners)
    across = np.cross(b - a, c - a, axis=0)
    sums = [np.bincount(corners.ravel(), np.tile(part, 3), len(mesh.vertices)) for part in across]
    return _unit(np.stack(sums, axis=-1))


def _light(
    vertices: Float[np.ndarray, "vertices 3"], normals: Float[np.ndarray, "vertices 3"]
) -> Float[np.ndarray, " vertices"]:
    """Light from above left, weaker from the right and from the sky, in 0..1; darker where the surface faces away."""
    key, fill = np.maximum(normals @ _LAMPS, 0.0).T
    sky = 0.5 - 0.5 * normals[:, 1]
    facing = -np.einsum("vi,vi->v", normals, vertices) / np.linalg.norm(vertices, axis=-1)
    dimmed = 0.5 + 0.5 * np.sqrt(np.maximum(facing, 0.0))
    light: np.ndarray = np.clip((0.3 + 0.68 * key + 0.2 * fill + 0.1 * sky) * dimmed, 0.0, 1.0)
    return light


def _unit(vectors: Float[np.ndarray, "*batch 3"]) -> Float[np.ndarray, "*batch 3"]:
    unit: np.ndarray = vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)
    return unit


def overlay(
    photo: Picture, meshes: Sequence[Mesh], focal: float, centre: tuple[float, float], ghosts: Sequence[Mesh] = ()
) -> Picture:
    """The photo with the bodies over it, slightly transparent; at most `LONG_SIDE` pixels long.

    ``focal`` and ``centre`` are in pixels of the photo.

    Args:
        photo: the fitted photo.
        meshes: meshes in camera space, metres.
        focal: focal length in pixels of the photo.
        centre: principal point in pixels of the photo.
        ghosts: meshes that are drawn faintly behind the others.

    Returns:
        The picture.
    """
    picture, scale = _limited(photo)
    height, width = picture.shape[:2]
    camera = focal * scale, (centre[0] * scale, centre[1] * scale), (width, height)
    for ghost in ghosts:
        picture = composed(render([ghost], *camera), picture, _GHOST_OPACITY)
    return composed(render(meshes, *camera), picture, _OPACITY)


def view(mesh: Mesh, yaw: float = 0.0, size: tuple[int, int] = (512, 512), ghosts: Sequence[Mesh] = ()) -> Picture:
    """The whole mesh on a light background, rotated by ``yaw`` radians about the vertical through its centre.

    0 is the view of the photo's camera, pi / 2 the view from that camera's right.

    Args:
        mesh: mesh in camera space, metres.
        yaw: radians.
        size: width and height of the picture in pixels.
        ghosts: meshes that are drawn faintly behind the other.

    Returns:
        The picture.
    """
    bounds = np.asarray(mesh.vertices, dtype=np.float64)
    middle = (bounds.min(axis=0) + bounds.max(axis=0)) / 2
    cos, sin = np.cos(yaw), np.sin(yaw)
    rotation = np.array([[cos, 0.0, -sin], [0.0, 1.0, 0.0], [sin, 0.0, cos]])
    shown = [(one.vertices - middle) @ rotation for one in (*ghosts, mesh)]
    every = np.concatenate(shown)
    radius = np.linalg.norm(every[:, [0, 2]], axis=1).max()
    half = np.array([radius, np.abs(every[:, 1]).max()])
    focal = 3.0 * max(size)
    away = np.array([0.0, 0.0, radius + 1.08 * (2.0 * focal * half / np.array(size)).max()])
    picture = np.full((size[1], size[0], 3), _BACKGROUND, dtype=np.uint8)
    for one, vertices in zip((*ghosts, mesh), shown, strict=True):
        rgba = render([one._replace(vertices=vertices + away)], focal, (size[0] / 2, size[1] / 2), size)
        picture = composed(rgba, picture, 1.0 if one is mesh else _GHOST_OPACITY)
    return picture


def composed(rgba: UInt8[np.ndarray, "height width 4"], ground: Picture, opacity: float = 1.0) -> Picture:
    """Composite an image of `render` over a background of the same size.

    Args:
        rgba: the foreground.
        ground: the background.
        opacity: opacity of the foreground, from 0 to 1.

    Returns:
        The picture.
    """
    picture = ground.copy()
    rows, columns = (np.flatnonzero(rgba[..., 3].any(axis=axis)) for axis in (1, 0))
    if len(rows):
        covered = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
        alpha = rgba[covered][..., 3:] * np.float32(opacity / 255.0)
        mixed = rgba[covered][..., :3] * alpha + ground[covered] * (1.0 - alpha)
        picture[covered] = mixed.round().astype(np.uint8)
    return picture


def side_view(mesh: Mesh, size: tuple[int, int] = (512, 512), ghosts: Sequence[Mesh] = ()) -> Picture:
    """The mesh seen from the right of the photo's camera, which is on the left of the picture.

    Args:
        mesh: mesh in camera space, metres.
        size: width and height of the picture in pixels.
        ghosts: meshes that are drawn faintly behind the other.

    Returns:
        The picture.
    """
    return view(mesh, np.pi / 2, size, ghosts)


def contact_sheet(pictures: Sequence[Picture], columns: int) -> Picture:
    """Pictures of one size side by side, row by row.

    Args:
        pictures: pictures of one size.
        columns: number of pictures per row.

    Returns:
        The sheet; empty cells are blank.
    """
    blank = np.full_like(pictures[0], _BACKGROUND)
    rows = [list(pictures[start : start + columns]) for start in range(0, len(pictures), columns)]
    rows[-1] += [blank] * (len(rows[0]) - len(rows[-1]))
    return np.concatenate([np.concatenate(row, axis=1) for row in rows])


@dataclass(frozen=True)
class _Stroke:
    points: Float[np.ndarray, "points 2"]
    colour: tuple[int, int, int]
    width: int
    confident: bool


def draw_keypoints(photo: Picture, keypoints: Keypoints) -> Picture:
    """The photo with all seen keypoints and limbs: left orange, right blue, faint at low confidence.

    At most `LONG_SIDE` pixels long.

    Args:
        photo: the photo of the keypoints.
        keypoints: keypoints in pixels of the photo.

    Returns:
        The picture.
    """
    picture, scale = _limited(photo)
    strokes = [stroke for person in range(len(keypoints)) for stroke in _strokes(keypoints[person], scale)]
    for confident, opacity in ((False, 0.35), (True, 0.95)):
        drawn = picture.copy()
        for stroke in strokes:
            if stroke.confident == confident:
                _draw(drawn, stroke)
        picture = cv2.addWeighted(drawn, opacity, picture, 1.0 - opacity, 0.0)
    return picture


def _strokes(person: Keypoints, scale: float) -> list[_Stroke]:
    left, top, right, bottom = person.boxes[0] * scale
    width = max(1, round(max(right - left, bottom - top) / 120))
    xy, seen, sure = person.xy[0] * scale, person.seen[0], person.confidence[0] > 0.5
    limbs = [
        _Stroke(xy[[a, b]], _side_colour(person.names[a], person.names[b]), width, bool(sure[a] and sure[b]))
        for a, b in FORMATS[person.format].limbs
        if seen[a] and seen[b]
    ]
    points = [
        _Stroke(xy[[joint]], _side_colour(name), round(1.5 * width), bool(sure[joint]))
        for joint, name in enumerate(person.names)
        if seen[joint]
    ]
    return limbs + points


def _side_colour(*names: str) -> tuple[int, int, int]:
    sides = {name.partition("_")[0] for name in names}
    if "left" in sides and "right" not in sides:
        return _LEFT
    return _RIGHT if "right" in sides and "left" not in sides else _MIDDLE


def _draw(picture: Picture, stroke: _Stroke) -> None:
    bits = 4  # OpenCV draws with fixed-point coordinates, with 0 at the centre of the first pixel
    points = [tuple(point) for point in np.round((stroke.points - 0.5) * 2**bits).astype(int).tolist()]
    if len(points) == 1:
        cv2.circle(picture, points[0], stroke.width * 2**bits, (30, 30, 30), -1, cv2.LINE_AA, bits)
        cv2.circle(picture, points[0], round(0.7 * stroke.width * 2**bits), stroke.colour, -1, cv2.LINE_AA, bits)
    else:
        cv2.line(picture, points[0], points[1], stroke.colour, stroke.width, cv2.LINE_AA, bits)


def _limited(photo: Picture) -> tuple[Picture, float]:
    """The photo, shrunk to at most `LONG_SIDE` pixels, and its scale."""
    scale = min(1.0, LONG_SIDE / max(photo.shape))
    if scale == 1.0:
        return photo.copy(), scale
    size = [max(1, round(side * scale)) for side in photo.shape[1::-1]]
    return cv2.resize(photo, size, interpolation=cv2.INTER_AREA), scale
