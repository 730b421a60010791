"""A row of pictures: the references (photos with their fitted bodies) and the mixed body."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from fitting.body.body import Body
from fitting.commands.references import Fitted, Reference
from fitting.hands.template import TemplateHands
from fitting.output.pictures import cut_around
from fitting.output.render import Mesh, Picture, composed, overlay, render
from fitting.output.sheets import THREE_QUARTER
from qposer.body_pose.skeleton import NUM_BODY_JOINTS, PARENTS
from qposer.control.whole_pose import WholePose
from qposer.hands.pairs import as_right_hands

HEIGHT = 560
"""Height of each picture in pixels, without the caption."""

_PAPER, _INK = (245, 245, 245), (40, 40, 40)
_MARGIN, _TEXT_SIZE, _CAPTION_LINES = 12, 16, 2


class Tile(NamedTuple):
    """A picture of a row and its caption of at most two lines."""

    picture: Picture
    caption: str


def reference_tile(index: int, reference: Reference, body: Body) -> Tile:
    """The photo with its body, cropped around the person, or the saved pose; the body in the reference's colour.

    Args:
        index: index of the reference, which selects the colour.
        reference: photo or saved pose.
        body: body model to draw.

    Returns:
        The tile.
    """
    owner, (name, *_) = [index] * (body.num_joints - 1), reference.named
    if reference.fitted is None:
        return Tile(_portrait(_upright(reference.named.whole, body), owner, index, body), name)
    photo, result = reference.fitted
    vertices = np.asarray(result.vertices, dtype=np.float64)
    shown = overlay(photo.rgb, _pieces(vertices, owner, index, body), result.focal, tuple(result.centre.tolist()))
    xy = vertices[:, :2] / vertices[:, 2:] * result.focal + result.centre
    cut = cut_around(shown, xy * (shown.shape[1] / photo.width))
    return Tile(_as_high_as_the_row(cut), name)


def mixture_tile(pose: WholePose, owner: Sequence[int], base: Fitted | None, body: Body, caption: str) -> Tile:
    """The mixed body, each part in the colour of its reference.

    Orientation and shape are those of the base's fit; the body is upright if the base is a saved pose. The base is
    reference 0 and provides the pelvis.

    Args:
        pose: the mixture.
        owner: index of a reference for each joint of the body, and of both hands.
        base: the fit of reference 0, if it has one.
        body: body model to draw.
        caption: text below the picture.

    Returns:
        The tile.
    """
    if base is None:
        vertices = _upright(pose, body)
    else:
        orient, betas = (torch.from_numpy(value)[None] for value in (base.result.global_orient, base.result.betas))
        vertices = _vertices(orient, pose, betas, body)
    return Tile(_portrait(vertices, owner, 0, body), caption)


def draw_row(tiles: Sequence[Tile]) -> Picture:
    """The tiles from left to right."""
    columns = [_captioned(tile) for tile in tiles]
    gap = np.full((columns[0].shape[0], _MARGIN, 3), _PAPER[0], dtype=np.uint8)
    return np.concatenate([gap, *(part for column in columns for part in (column, gap))], axis=1)


def _upright(pose: WholePose, body: Body) -> Float[np.ndarray, "vertices 3"]:
    vertices = _vertices(torch.zeros(1, 3), pose, torch.zeros(1, body.num_betas), body)
    turned: np.ndarray = vertices @ THREE_QUARTER.as_matrix().T
    return turned


def _vertices(
    orient: Float[Tensor, "1 3"], pose: WholePose, betas: Float[Tensor, "1 betas"], body: Body
) -> Float[np.ndarray, "vertices 3"]:
    """The posed body; hands only if it has fingers."""
    hands = TemplateHands.of(body, betas).to_body(as_right_hands(pose.hands)[None]) if body.has_hands else None
    vertices: np.ndarray = body(orient, pose.body[None].float(), betas, hand_pose=hands).vertices[0].double().numpy()
    return vertices


def _pieces(vertices: Float[np.ndarray, "vertices 3"], owner: Sequence[int], root: int, body: Body) -> list[Mesh]:
    """The mesh in pieces, one for each reference, so that `render` gives them the references' colours."""
    of_joint = np.array([root, *owner[: body.num_joints - 1]])
    if not body.has_hands:
        of_joint[NUM_BODY_JOINTS + 1 :] = of_joint[list(PARENTS[NUM_BODY_JOINTS + 1 :])]
    faces: Int[np.ndarray, "faces 3"] = body.faces.numpy()
    of_face = np.median(of_joint[body.data.weights.argmax(axis=1)][faces], axis=1)
    return [Mesh(vertices, faces[of_face == index]) for index in range(max(root, *owner) + 1)]


def _portrait(vertices: Float[np.ndarray, "vertices 3"], owner: Sequence[int], root: int, body: Body) -> Picture:
    """The whole body on a plain background."""
    vertices = vertices - (vertices.min(axis=0) + vertices.max(axis=0)) / 2
    width, height, depth = 1.12 * np.ptp(vertices, axis=0)
    size = (ceil(HEIGHT * max(width / height, 0.5)), HEIGHT)
    distance = 8.0 + depth / 2
    meshes = _pieces(vertices + np.array([0.0, 0.0, distance]), owner, root, body)
    fine = 2  # smooth edges with any renderer
    focal = fine * HEIGHT / height * (distance - depth / 2)
    rgba = render(meshes, focal, (fine * size[0] / 2, fine * size[1] / 2), (fine * size[0], fine * size[1]))
    drawn = composed(rgba, np.full((fine * size[1], fine * size[0], 3), _PAPER, dtype=np.uint8))
    return np.asarray(Image.fromarray(drawn).reduce(fine))


def _as_high_as_the_row(picture: Picture) -> Picture:
    whole = Image.fromarray(picture)
    return np.asarray(
        whole.resize((max(1, round(HEIGHT * whole.width / whole.height)), HEIGHT), Image.Resampling.LANCZOS)
    )


def _captioned(tile: Tile) -> Picture:
    """The picture with its caption centred below, wrapped to the picture's width where possible."""
    font = ImageFont.load_default(_TEXT_SIZE)
    height, width = tile.picture.shape[:2]
    lines = _lines(tile.caption, font, width)
    width = max(width, *(ceil(font.getlength(line)) for line in lines))
    canvas = Image.new("RGB", (width, height + (_CAPTION_LINES + 1) * round(1.4 * _TEXT_SIZE) + _MARGIN), _PAPER)
    canvas.paste(Image.fromarray(tile.picture), ((width - tile.picture.shape[1]) // 2, _MARGIN))
    for number, line in enumerate(lines):
        y = height + 2 * _MARGIN + number * round(1.4 * _TEXT_SIZE)
        ImageDraw.Draw(canvas).text((width / 2, y), line, _INK, font, "ma")
    return np.asarray(canvas)


def _lines(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> list[str]:
    """The text in one line if it fits, otherwise in two of about equal width."""
    words = text.split()
    if font.getlength(text) <= width or len(words) < 2:
        return [text]
    ways = [(" ".join(words[:cut]), " ".join(words[cut:])) for cut in range(1, len(words))]
    return list(min(ways, key=lambda way: max(font.getlength(line) for line in way)))
