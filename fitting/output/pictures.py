"""Pictures of a fit."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from fitting.inputs.images import Photo
from fitting.output.fit_result import FitResult
from fitting.output.render import Mesh, Picture, draw_keypoints, overlay, side_view

_SURE, _UNSURE = 0.1, 0.3
"""Standard deviations in metres up to which a limb has its full colour, and from which it is palest."""

_PALEST, _REACH = 0.75, 0.1
"""The palest colour, and the distance in metres at which a joint's uncertainty still affects a vertex."""

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
    return [_of_person(photo, result) for result in results]


def cut_around(picture: Picture, xy: Float[np.ndarray, "points 2"]) -> Picture:
    """Crop a picture around points, with a margin.

    Args:
        picture: the whole picture.
        xy: points in its pixels.

    Returns:
        The crop, at least one pixel.
    """
    return picture[window_around(picture, xy)]


def window_around(picture: Picture, xy: Float[np.ndarray, "points 2"]) -> tuple[slice, slice]:
    """Rows and columns of a picture around points, with a margin.

    Args:
        picture: the whole picture.
        xy: points in its pixels.

    Returns:
        Ranges of at least one pixel.
    """
    low, high = xy.min(axis=0), xy.max(axis=0)
    margin = _SURROUNDINGS * (high - low).max()
    size = np.array(picture.shape[1::-1])
    left, top = np.clip(np.floor(low - margin), 0, size - 1).astype(int)
    right, bottom = np.clip(np.ceil(high + margin), [left + 1, top + 1], size).astype(int)
    return slice(int(top), int(bottom)), slice(int(left), int(right))


def _of_person(photo: Photo, result: FitResult) -> dict[str, Picture]:
    if result.vertices is None or result.faces is None:
        raise ValueError("this result has no mesh to draw: compute it from its parameters with a Body")
    mesh = Mesh(result.vertices, result.faces, paleness(result))
    centre = (float(result.centre[0]), float(result.centre[1]))
    ghosts = [Mesh(np.asarray(other.vertices), result.faces) for other in result.alternatives]
    aligned = [
        ghost._replace(vertices=ghost.vertices + _pelvis(result) - _pelvis(other))
        for ghost, other in zip(ghosts, result.alternatives, strict=True)
    ]
    return {
        "overlay": overlay(photo.rgb, [mesh], result.focal, centre, ghosts),
        "side": side_view(mesh, ghosts=aligned),
        "keypoints": draw_keypoints(photo.rgb, result.keypoints),
    }


def _pelvis(result: FitResult) -> Float[np.ndarray, "3"]:
    pelvis: np.ndarray = np.asarray(result.joints)[0]
    return pelvis


def paleness(result: FitResult) -> Float[np.ndarray, " vertices"] | None:
    """How pale each vertex is drawn, from 0 to 1: the standard deviations of the joints close to it.

    Args:
        result: a result with a mesh and joints.

    Returns:
        None if the uncertainty of the joints is unknown.
    """
    if result.joint_covariance is None or result.joints is None or result.vertices is None:
        return None
    std = np.sqrt(np.trace(result.joint_covariance, axis1=-2, axis2=-1))
    apart = np.linalg.norm(result.vertices[:, None] - result.joints[None, : len(std)], axis=-1)
    near = np.exp(-0.5 * (apart / _REACH) ** 2) + 1e-12
    spread = (near * std).sum(-1) / near.sum(-1)
    pale: np.ndarray = _PALEST * np.clip((spread - _SURE) / (_UNSURE - _SURE), 0.0, 1.0)
    return pale
