"""Pictures of hands as sticks, from the palm and from the side."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
import torch
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from qposer.hands.skeleton import HAND
from qposer.hands.smplh import FINGERS

_COLUMNS = 8
_COLOURS = dict(zip(FINGERS, mpl.colormaps["tab10"].colors, strict=False))  # type: ignore[attr-defined]


def draw_hands_sheet(hands: Sequence[Float[Tensor, "shown 15 3 3"]]) -> Figure:
    """A sheet with two views of each hand: the palm above, the side from the little finger below.

    Args:
        hands: for each place the rotations of one hand or several; those after the first are thin and black.

    Returns:
        The figure.
    """
    rows = -(-len(hands) // _COLUMNS)
    figure = Figure(figsize=(1.6 * _COLUMNS, 3.4 * rows), layout="tight")
    axes = figure.subplots(2 * rows, _COLUMNS, squeeze=False)
    for each in axes.flat:
        each.set_axis_off()
    for number, shown in enumerate(hands):
        row, column = divmod(number, _COLUMNS)
        for layer, points in enumerate(HAND.points(shown).numpy()):
            for view, across in enumerate((2, 1)):
                _draw(axes[2 * row + view, column], points[:, across], -points[:, 0], layer > 0)
    return figure


def _draw(axes: Axes, across: np.ndarray, up: np.ndarray, thin: bool) -> None:
    knuckles = [1, 4, 10, 7]
    axes.plot(across[knuckles], up[knuckles], color="0.6", linewidth=1)
    for number, finger in enumerate(FINGERS):
        line = [0, *range(3 * number + 1, 3 * number + 4), 16 + number]
        colour, width = ("black", 0.8) if thin else (_COLOURS[finger], 2.2)
        axes.plot(across[line], up[line], color=colour, linewidth=width, marker="o", markersize=0 if thin else 2)
    axes.set(xlim=(-0.1, 0.1), ylim=(-0.01, 0.2), aspect="equal")


def spread_out(number: int, of: int) -> Float[Tensor, " number"]:
    """Evenly spaced indices.

    Args:
        number: how many.
        of: number of elements.

    Returns:
        Indices from the first to the last element.
    """
    return torch.linspace(0, of - 1, number).round().long()
