"""Sheets of bodies, side by side at one scale, for visual inspection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float
from PIL import Image, ImageDraw, ImageFont
from rich.console import Console
from rich.progress import track
from scipy.spatial.transform import Rotation
from torch import Tensor

from fitting.body.body import Body
from fitting.hands.template import TemplateHands
from fitting.output.render import Mesh, Picture, contact_sheet, render
from qposer.body_pose.skeleton import JOINT_NAMES, NUM_BODY_JOINTS, PARENTS
from qposer.hands.pairs import as_right_hands
from qposer.io.atomic_files import atomic_write
from qposer.io.npz import write_npz

SCALE = 170.0
"""Pixels per metre."""

NOTE = "energy: 0 is the median of recorded poses, 1 their 95th percentile"
UPRIGHT = "; drawn with an upright pelvis"

_DISTANCE = 8.0  # metres from the camera: far enough for a spread hand to look no larger than a foot
THREE_QUARTER = Rotation.from_euler("x", 188, degrees=True) * Rotation.from_euler("y", -32, degrees=True)
_PAPER, _INK, _FAINT = (245, 245, 245), (40, 40, 40), (120, 120, 120)
_MARGIN = 12
_CAPTION_SIZE, _TITLE_SIZE = 16, 22
_MOST_COLUMNS = 8
_SUPERSAMPLING = 2  # bodies have smooth edges with any renderer


class Figure(NamedTuple):
    """One body of a sheet."""

    name: str
    pose: Float[Tensor, "21 3"]
    energy: float
    tinted: Sequence[int] = ()
    """Indices of body joints (of 21, and after them the 30 of both hands) whose part of the body is drawn in coral
    instead of blue; rigid hands belong to their wrists."""
    orient: Float[Tensor, "3"] | None = None
    """Orientation of the pelvis, axis-angle; None for upright."""
    hand_pose: Float[Tensor, "30 3"] | None = None
    """Of both hands, axis-angle, zero for flat ones; if no body of a sheet has one, hands are rigid."""


def draw_sheet(figures: Sequence[Figure], title: str) -> Picture:
    """Draw the bodies in rows of at most eight, from the front and slightly from the side.

    All have the same scale and the same cell size, which fits the largest body. Without an orientation the pelvis is
    upright. The lowest point is on the ground.

    Args:
        figures: bodies with their captions.
        title: text above the rows.

    Returns:
        The picture.
    """
    body = Body.open(hands=any(figure.hand_pose is not None for figure in figures))
    poses = torch.stack([figure.pose for figure in figures]).float()
    upright = poses.new_zeros(3)
    orients = torch.stack([upright if figure.orient is None else figure.orient for figure in figures])
    hands = _hands(figures, body) if body.has_hands else None
    posed = body(orients, poses, hand_pose=hands).vertices.numpy()
    low, high = posed.min(axis=1, keepdims=True), posed.max(axis=1, keepdims=True)
    posed = posed - np.where([True, False, True], (low + high) / 2, low)
    cell = _cell(posed, [text for figure in figures for text in _captions(figure)])
    joint = body.data.weights.argmax(axis=1)
    pictures = []
    quiet = not Console().is_terminal
    for vertices, figure in track(list(zip(posed, figures, strict=True)), "drawing", transient=True, disable=quiet):
        tinted = np.isin(joint, _turned_by(figure.tinted, body))
        drawn = Image.fromarray(_drawn(Mesh(vertices, body.faces.numpy()), tinted, cell))
        name, energy = _captions(figure)
        _write(drawn, (cell.width / 2, cell.height - 3 * _CAPTION_SIZE), name, _CAPTION_SIZE, _INK, "mm")
        _write(drawn, (cell.width / 2, cell.height - 1.75 * _CAPTION_SIZE), energy, _CAPTION_SIZE, _FAINT, "mm")
        pictures.append(np.asarray(drawn))
    rows = ceil(len(figures) / _MOST_COLUMNS)
    note = NOTE if all(figure.orient is not None for figure in figures) else NOTE + UPRIGHT
    return _titled(contact_sheet(pictures, ceil(len(figures) / rows)), title, note)


def write_sheet(folder: Path, name: str, picture: Picture, arrays: Mapping[str, np.ndarray]) -> tuple[Path, Path]:
    """Write ``name``.npz and ``name``.png into the folder atomically; create the folder if necessary.

    Args:
        folder: folder for both files.
        name: name of both files, without suffix.
        picture: content of the PNG.
        arrays: content of the npz.

    Returns:
        Paths of the npz and the PNG.

    Raises:
        ValueError: ``folder`` is a file.
    """
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder} is a file: give a folder as --out")
    npz = folder / f"{name}.npz"
    write_npz(npz, dict(arrays))
    return write_picture(folder / f"{name}.png", picture), npz


def write_picture(path: Path, picture: Picture) -> Path:
    """Write a PNG file atomically into a folder that exists.

    Args:
        path: the file.
        picture: its content.

    Returns:
        The path.
    """
    with atomic_write(path) as temporary:
        Image.fromarray(picture).save(temporary, format="PNG")
    return path


def _captions(figure: Figure) -> tuple[str, str]:
    return figure.name, f"energy {figure.energy:.2f}"


class _Cell(NamedTuple):
    """Size of a body's cell in pixels; ``ground`` is the row of its ground point."""

    width: int
    height: int
    ground: int


def _cell(posed: Float[np.ndarray, "bodies vertices 3"], captions: Sequence[str]) -> _Cell:
    """A cell that fits every body and every caption."""
    x, y = np.moveaxis(_projected(posed), -1, 0)
    text = max(_font(_CAPTION_SIZE).getlength(caption) for caption in captions)
    width = ceil(max(np.ptp(x, axis=1).max(), text)) + 2 * _MARGIN
    above, below = ceil(-y.min()) + _MARGIN, ceil(y.max()) + _MARGIN
    return _Cell(width, above + below + 4 * _CAPTION_SIZE, above)


def _in_camera(points: Float[np.ndarray, "*batch 3"]) -> Float[np.ndarray, "*batch 3"]:
    turned: np.ndarray = points @ THREE_QUARTER.as_matrix().T + np.array([0.0, 0.0, _DISTANCE])
    return turned


def _projected(points: Float[np.ndarray, "*batch 3"]) -> Float[np.ndarray, "*batch 2"]:
    """Pixel offsets from the drawn ground point."""
    x, y, z = np.moveaxis(_in_camera(points), -1, 0)
    projected: np.ndarray = np.stack([x, y], axis=-1) * (SCALE * _DISTANCE / z)[..., None]
    return projected


def _hands(figures: Sequence[Figure], body: Body) -> Float[Tensor, "figures 30 3 3"]:
    """Hand poses of the body; missing ones are at rest."""
    template, still = TemplateHands.of(body, torch.zeros(1, body.num_betas)), torch.eye(3).expand(30, 3, 3)
    given = [figure.hand_pose for figure in figures]
    return torch.stack([still if one is None else template.to_body(as_right_hands(one)[None])[0] for one in given])


def _turned_by(joints: Sequence[int], body: Body) -> list[int]:
    """Joints of a body that belong to the given ones (of 21 and the fingers'); rigid hands belong to their wrists."""
    if body.has_hands:
        return [1 + joint for joint in joints]
    return [j for j in range(1, len(JOINT_NAMES)) if (j if j <= NUM_BODY_JOINTS else PARENTS[j]) - 1 in joints]


def _drawn(mesh: Mesh, tinted: Bool[np.ndarray, " vertices"], cell: _Cell) -> Picture:
    """The body in the middle of its cell, standing on its shadow."""
    x = _projected(mesh.vertices)[:, 0]
    foot = (cell.width - x.min() - x.max()) / 2, float(cell.ground)
    fine = _SUPERSAMPLING
    size = cell.width * fine, cell.height * fine
    picture = Image.fromarray(_ground(mesh.vertices, foot, cell)).resize(size)
    coral = tinted[mesh.faces].sum(axis=1) >= 2
    vertices = _in_camera(mesh.vertices)
    parts = [Mesh(vertices, mesh.faces[~coral]), Mesh(vertices, mesh.faces[coral])]  # blue comes first
    rgba = Image.fromarray(render(parts, SCALE * _DISTANCE * fine, (foot[0] * fine, foot[1] * fine), size))
    picture.paste(rgba, mask=rgba)
    return np.asarray(picture.reduce(fine))


def _ground(vertices: Float[np.ndarray, "vertices 3"], foot: tuple[float, float], cell: _Cell) -> Picture:
    """Background with a soft shadow, darker where the body is close to the ground."""
    column, row = np.moveaxis((_projected(vertices * [1.0, 0.0, 1.0]) + foot).astype(int), -1, 0)
    inside = (column >= 0) & (column < cell.width) & (row >= 0) & (row < cell.height)
    shade: np.ndarray = np.zeros((cell.height, cell.width), dtype=np.float32)
    np.maximum.at(shade, (row[inside], column[inside]), np.exp(-vertices[inside, 1] / 0.35).astype(np.float32))
    shade = cv2.GaussianBlur(cv2.dilate(shade, np.ones((5, 5))), (0, 0), 4.0)
    picture: np.ndarray = (np.array(_PAPER) * (1.0 - 0.3 * shade[..., None])).round().astype(np.uint8)
    return picture


def _titled(sheet: Picture, title: str, note: str) -> Picture:
    wide = max(_font(_TITLE_SIZE).getlength(title), _font(_CAPTION_SIZE).getlength(note))
    width = max(sheet.shape[1], ceil(wide) + 2 * _MARGIN)
    head = 2 * _MARGIN + 2 * _TITLE_SIZE + _CAPTION_SIZE
    picture = Image.new("RGB", (width, head + sheet.shape[0]), _PAPER)
    picture.paste(Image.fromarray(sheet), (0, head))
    _write(picture, (_MARGIN, _MARGIN), title, _TITLE_SIZE, _INK, "la")
    _write(picture, (_MARGIN, _MARGIN + 1.5 * _TITLE_SIZE), note, _CAPTION_SIZE, _FAINT, "la")
    return np.asarray(picture)


def _write(
    picture: Image.Image, at: tuple[float, float], text: str, size: int, colour: tuple[int, int, int], anchor: str
) -> None:
    ImageDraw.Draw(picture).text(at, text, colour, _font(size), anchor)


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
