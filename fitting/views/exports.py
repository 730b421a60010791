"""Write the results of fits to several views: files and pictures."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from PIL import Image
from scipy.spatial.transform import Rotation

from fitting.inputs.calibration import Axis, CalibratedCamera, up_direction
from fitting.inputs.detections import Picture
from fitting.keypoints3d import upright
from fitting.output.render import Mesh, overlay, view
from fitting.output.results import write_people
from fitting.output.trc import write_trc
from fitting.views.result import ViewsResult

STILL_FPS = 1.0
"""Nominal frame rate of the markers of a single moment."""

_NEAREST = 0.1
"""Near clipping distance in metres."""

_Y_DOWN = np.array([1.0, -1.0, -1.0])


def write_views(
    folder: str | Path,
    results: Sequence[ViewsResult],
    cameras: Sequence[CalibratedCamera],
    pictures: Sequence[Picture | None],
) -> list[Path]:
    """Write ``folder/person0``, ``folder/person1``, ... atomically.

    Each contains ``fit.npz`` and ``fit.json`` (SMPL parameters and joints in world axes, metres; hands, if fitted;
    results of each used view; warnings), ``mesh.obj`` in world axes, ``markers.trc`` (the joints, y up, metres),
    ``overlay_NAME.png`` for each camera with a picture, undistorted, and ``front.png`` and ``side.png``.

    Args:
        folder: parent of the people's folders.
        results: results of all people.
        cameras: cameras of the views.
        pictures: pictures of the views; None for views with only keypoints.

    Returns:
        The people's folders.

    Raises:
        OSError: a file cannot be written; the folder is unchanged.
        FileExistsError: one of the folders exists and is not a fit.
    """
    return write_people(folder, [partial(_write_person, result, cameras, pictures) for result in results])


def y_up(points: Float[np.ndarray, "*batch 3"], up: Axis) -> Float[np.ndarray, "*batch 3"]:
    """Convert points to axes with y up by the smallest rotation.

    Args:
        points: points in world axes.
        up: the direction against gravity in world axes.

    Returns:
        Metres.
    """
    turned: np.ndarray = in_upright_camera(points, up) * _Y_DOWN
    return turned


def in_upright_camera(points: Float[np.ndarray, "*batch 3"], up: Axis) -> Float[np.ndarray, "*batch 3"]:
    """Convert points from world axes to those of an upright camera: x right, y down, z forward.

    Args:
        points: points in world axes.
        up: the direction against gravity in world axes.

    Returns:
        Metres.
    """
    turned: np.ndarray = points @ to_upright_camera(up).T
    return turned


def to_upright_camera(up: Axis) -> Float[np.ndarray, "3 3"]:
    """The rotation of `in_upright_camera`."""
    return upright(up_direction([], up)[1].tolist()).numpy().astype(np.float64)


def _write_person(
    result: ViewsResult, cameras: Sequence[CalibratedCamera], pictures: Sequence[Picture | None], folder: Path
) -> None:
    import trimesh

    values = _arrays(result)
    np.savez(folder / "fit.npz", allow_pickle=False, **values)
    readable: dict[str, Any] = {name: value.tolist() for name, value in values.items()}
    readable |= {"settings": dict(result.settings), "warnings": list(result.warnings)}
    readable["reprojection_error_percent"] = result.reprojection_error_percent
    readable["views"] = [{"camera": one.camera, "state": one.state} for one in result.views]
    (folder / "fit.json").write_text(json.dumps(readable, indent=1) + "\n", encoding="utf-8")
    trimesh.Trimesh(result.vertices, result.faces, process=False).export(folder / "mesh.obj", header=None)
    write_trc(folder / "markers.trc", y_up(result.joints[None].astype(np.float64), result.up), STILL_FPS)
    for name, picture in drawn(result, cameras, pictures).items():
        Image.fromarray(picture).save(folder / f"{name}.png")


def drawn(
    result: ViewsResult, cameras: Sequence[CalibratedCamera], pictures: Sequence[Picture | None]
) -> dict[str, Picture]:
    """Render the body over each view's picture, and from two sides.

    Args:
        result: result with a mesh.
        cameras: cameras of the views.
        pictures: pictures of the views; None for views with only keypoints.

    Returns:
        Pictures by name.
    """
    found = {}
    for camera, picture in zip(cameras, pictures, strict=True):
        vertices = result.vertices @ camera.rotation.T + camera.translation
        if picture is not None and vertices[:, 2].min() > _NEAREST:
            centre = (float(camera.centre[0]), float(camera.centre[1]))
            ground = camera.undistorted_picture(picture)
            found[overlay_name(camera)] = overlay(ground, [Mesh(vertices, result.faces)], camera.focal, centre)
    mesh = Mesh(in_upright_camera(result.vertices, result.up), result.faces)
    ahead = in_upright_camera(Rotation.from_rotvec(result.global_orient).as_matrix()[:, 2], result.up)
    front = np.arctan2(ahead[0], -ahead[2])
    return found | {"front": view(mesh, front), "side": view(mesh, front + np.pi / 2)}


def overlay_name(camera: CalibratedCamera) -> str:
    """The name of a picture of a view; calibrations name cameras by paths, too."""
    return "overlay_" + re.sub(r"[^\w.-]", "_", camera.name)


def _arrays(result: ViewsResult) -> dict[str, np.ndarray]:
    """The arrays of ``fit.npz``; arrays of views contain only used views."""
    names = ("global_orient", "body_pose", "betas", "transl", "codes", "joints", "body", "qposer_version", "up")
    used = [one for one in result.views if one.state == "used"]
    shown = [one.keypoints for one in used if one.keypoints is not None]
    return {name: np.asarray(getattr(result, name)) for name in names} | {
        "cameras": np.array([one.camera for one in used]),
        "exchanged": np.array([one.exchanged for one in used]),
        "keypoints_xy": np.concatenate([one.xy for one in shown]),
        "keypoints_confidence": np.concatenate([one.confidence for one in shown]),
        "keypoints_used": np.stack([one.used for one in used if one.used is not None]),
        "keypoints_format": np.asarray(shown[0].format),
        "reprojection_error_px": np.array([one.error_px for one in used]),
        "person_height_px": np.array([one.height_px for one in used]),
        "settings": np.asarray(json.dumps(dict(result.settings))),
        **({} if result.hands is None else result.hands.arrays),
    }
