"""The pictures that show a fit."""

from __future__ import annotations

from collections.abc import Sequence

from fitting.images import Photo
from fitting.render import Mesh, Picture, draw_keypoints, overlay, side_view
from fitting.results import FitResult


def fit_pictures(photo: Photo, results: Sequence[FitResult]) -> list[dict[str, Picture]]:
    """For each person: ``overlay`` (the body on the photo), ``side`` (from the side), ``keypoints`` (what was fitted).

    Raises:
        ValueError: a result comes without its mesh, as those read from files do.
    """
    return [_of_person(photo, result) for result in results]


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
