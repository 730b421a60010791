"""Pictures of a fit."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from fitting.inputs.images import Photo
from fitting.output.render import Mesh, Picture, draw_keypoints, in_software, overlay, side_view
from fitting.output.results import FitResult

_SURROUNDINGS = 0.25  # margin around a person, as a fraction of the person's size


def fit_pictures(photo: Photo, results: Sequence[FitResult]) -> list[dict[str, Picture]]:
    """For each person: ``overlay`` (the body over the photo), ``side`` (side view), ``keypoints`` (the fitted
    keypoints).

    Args:
        photo: the fitted photo.
        results: results of its people.

    Returns:
        Pictures by name, for each person.

    Raises:
        ValueError: a result has no mesh (results read from files have none).
    """
    with in_software():
        return [_of_person(photo, result) for result in results]


def cut_around(picture: Picture, xy: Float[np.ndarray, "points 2"]) -> Picture:
    """Crop a picture around points, with a margin.

    Args:
        picture: the whole picture.
        xy: points in its pixels.

    Returns:
        The crop, at least one pixel.
    """
    low, high = xy.min(axis=0), xy.max(axis=0)
    margin = _SURROUNDINGS * (high - low).max()
    size = np.array(picture.shape[1::-1])
    left, top = np.clip(np.floor(low - margin), 0, size - 1).astype(int)
    right, bottom = np.clip(np.ceil(high + margin), [left + 1, top + 1], size).astype(int)
    return picture[top:bottom, left:right]


def _of_person(photo: Photo, result: FitResult) -> dict[str, Picture]:
    if result.vertices is None or result.faces is None:
        raise ValueError("this result has no mesh to draw: compute it from its parameters with a Body")
    mesh = Mesh(result.vertices, result.faces)
    centre = (float(result.centre[0]), float(result.centre[1]))
    return {
        "overlay": overlay(photo.rgb, [mesh], result.focal, centre),
        "side": side_view(mesh),
        "keypoints": draw_keypoints(photo.rgb, result.keypoints),
    }
