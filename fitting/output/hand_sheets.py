"""Sheets of hands: each closely, from two sides, for visual inspection."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from fitting.body.body import Body
from fitting.hands.template import TemplateHands
from fitting.output.render import Mesh, Picture, view
from qposer.hands.pairs import as_right_hands
from qposer.hands.smplh import BODY_END, HAND_JOINTS, SIDES

_SIZE, _CAPTION, _MOST_COLUMNS = 300, 40, 4
_PAPER, _INK = (245, 245, 245), (40, 40, 40)
_FOREARM = 0.05
"""Length of the forearm that is shown, metres."""

_VIEWS = (
    np.array([[0.0, 0.0, -1.0], [-1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]),
    np.array([[0.0, -1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, -1.0]]),
)
"""Axes of the picture (right, down, away) with a left hand's palm, and with its thumb's side in front."""
_OF_SIDE = {"left": np.ones((3, 1)), "right": np.array([[-1.0], [-1.0], [1.0]])}


class HandFigure(NamedTuple):
    """One hand of a sheet."""

    name: str
    hand_pose: Float[Tensor, "30 3"] | Float[Tensor, "30 3 3"]
    """Of both hands, zero for flat ones."""
    side: str
    """The hand to draw."""


def draw_hands(figures: Sequence[HandFigure]) -> Picture:
    """Draw hands with their captions in rows of at most four, each from the palm and from the thumb's side.

    Args:
        figures: hands; fingers point up.

    Returns:
        The picture.
    """
    body = Body.open(hands=True)
    template = TemplateHands.of(body, torch.zeros(1, body.num_betas))
    columns = min(len(figures), _MOST_COLUMNS)
    width, height = 2 * _SIZE, _SIZE + _CAPTION
    sheet = Image.new("RGB", (columns * width, ceil(len(figures) / columns) * height), _PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(16)
    for number, figure in enumerate(figures):
        left, top = number % columns * width, number // columns * height
        mesh = _hand(body, template, figure)
        for place, turn in enumerate(_VIEWS):
            shown = mesh._replace(vertices=mesh.vertices @ (turn * _OF_SIDE[figure.side]).T)
            sheet.paste(Image.fromarray(view(shown, 0.0, (_SIZE, _SIZE))), (left + place * _SIZE, top + _CAPTION))
        draw.text((left + 8, top + 10), f"{figure.name} ({figure.side})", _INK, font)
    return np.asarray(sheet)


def _hand(body: Body, template: TemplateHands, figure: HandFigure) -> Mesh:
    """The hand's part of the body's mesh in the T-pose."""
    pose = template.to_body(as_right_hands(figure.hand_pose)[None].float())
    posed = body(torch.zeros(1, 3), torch.zeros(1, 21, 3), hand_pose=pose)
    vertices, faces = posed.vertices[0].numpy(), body.faces.numpy()
    side = SIDES.index(figure.side)
    wrist = BODY_END - 2 + side
    joints = posed.joints[0].numpy()
    outward = 1.0 if figure.side == "left" else -1.0
    near = outward * (vertices[:, 0] - joints[wrist, 0]) > -_FOREARM
    own = np.isin(body.data.weights.argmax(axis=1), [wrist, *HAND_JOINTS[side]]) | near
    kept = own[faces].all(axis=1)
    used, compact = np.unique(faces[kept], return_inverse=True)
    return Mesh(vertices[used], compact.reshape(-1, 3))
