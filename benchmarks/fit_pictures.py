"""Contact sheets of fits for visual inspection: each body on its photo, and from the side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float
from PIL import Image

from fitting.inputs.images import Photo
from fitting.output.pictures import cut_around
from fitting.output.render import Mesh, Picture, contact_sheet, overlay, side_view
from fitting.output.results import FitResult
from qposer.io.atomic_files import atomic_write

TILE = (300, 440)
"""Width and height of each picture of a sheet, pixels."""

_PAPER = 245


def fit_tile(photo: Photo, result: FitResult) -> Picture:
    """The body on the photo, cropped, next to the body seen from the camera's right.

    Args:
        photo: fitted photo.
        result: fit with its mesh.

    Returns:
        A picture of twice the width of `TILE`.

    Raises:
        ValueError: the result has no mesh, for example because it was read from a file.
    """
    if result.vertices is None or result.faces is None:
        raise ValueError("this result has no mesh to draw: compute it from its parameters with a Body")
    vertices: Float[np.ndarray, "vertices 3"] = np.asarray(result.vertices, dtype=np.float64)
    mesh = Mesh(vertices, result.faces)
    shown = overlay(photo.rgb, [mesh], result.focal, (float(result.centre[0]), float(result.centre[1])))
    xy = vertices[:, :2] / vertices[:, 2:] * result.focal + result.centre
    cut = cut_around(shown, xy * (shown.shape[1] / photo.width))
    return np.concatenate([_fitted(cut), side_view(mesh, TILE)], axis=1)


def write_fits(path: Path, tiles: Sequence[Picture], columns: int = 4) -> None:
    """Write tiles of `fit_tile` as one PNG, row by row.

    Args:
        path: file to write; its folder is created.
        tiles: pictures; at least one.
        columns: number of tiles in a row.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as temporary:
        Image.fromarray(contact_sheet(tiles, columns)).save(temporary, format="PNG")


def _fitted(picture: Picture) -> Picture:
    """The whole picture, centred in a tile."""
    width, height = TILE
    scale = min(width / picture.shape[1], height / picture.shape[0])
    size = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
    tile = Image.new("RGB", TILE, (_PAPER,) * 3)
    tile.paste(
        Image.fromarray(picture).resize(size, Image.Resampling.LANCZOS),
        ((width - size[0]) // 2, (height - size[1]) // 2),
    )
    return np.asarray(tile)
