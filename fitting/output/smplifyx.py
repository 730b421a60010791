"""Write results in SMPLify-X's folder layout: ``results/<image>/000.pkl`` and ``meshes``."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fitting.output.fit_result import FitResult
from fitting.output.obj import write_obj
from qposer.io.atomic_files import atomic_write

KEYS = (
    "camera_rotation",
    "camera_translation",
    "betas",
    "global_orient",
    "body_pose",
    "focal_length",
    "camera_center",
    "left_hand_pose",
    "right_hand_pose",
    "jaw_pose",
    "leye_pose",
    "reye_pose",
    "expression",
    "body",
)
"""Content of a pickle: SMPLify-X's names, and camera parameters and the body's name, which SMPLify-X does not store."""

_AT_REST = {
    "left_hand_pose": 45,
    "right_hand_pose": 45,
    "jaw_pose": 3,
    "leye_pose": 3,
    "reye_pose": 3,
    "expression": 10,
}
"""Sizes of parameters that are zero unless they are fitted, required by readers such as the Blender add-on."""


def smplifyx_arrays(result: FitResult) -> dict[str, np.ndarray]:
    """A fit with SMPLify-X's names and shapes, float32.

    ``camera_rotation`` (1, 3, 3) is the identity and ``camera_translation`` (1, 3) the body's position in metres;
    ``global_orient`` (1, 3) and ``body_pose`` (1, 63) are axis-angle, never a latent; ``betas`` (1, 10) belong to the
    fitted body model; ``focal_length`` (1,) and ``camera_center`` (1, 2) are in pixels of the photo. Hands
    (``left_hand_pose`` and ``right_hand_pose``, (1, 45), axis-angle, never a latent) that were not fitted, jaw, eyes
    and expression are zeros. ``body`` (1, bytes) is the name of the fitted body model, to which shape and hands belong,
    in UTF-8: numbers, because readers make tensors of all values.
    """
    hands = {} if result.hands is None else {"left_hand_pose": result.hands.left, "right_hand_pose": result.hands.right}
    values = {
        "camera_rotation": np.eye(3),
        "camera_translation": result.transl,
        "betas": result.betas,
        "global_orient": result.global_orient,
        "body_pose": result.body_pose.ravel(),
        "focal_length": result.focal,
        "camera_center": result.centre,
        **{name: np.zeros(size) for name, size in _AT_REST.items()},
        **{name: pose.ravel() for name, pose in hands.items()},
    }
    arrays = {name: np.asarray(value, dtype=np.float32)[None] for name, value in values.items()}
    return arrays | {"body": np.array([*result.body.encode()], np.uint8)[None]}


def write_smplifyx(folder: str | Path, image: str, results: Sequence[FitResult]) -> list[Path]:
    """Write ``results/<image>/<person>.pkl`` and ``meshes/<image>/<person>.obj``.

    People are 000, 001, ... Each pickle is a dictionary of arrays (see `smplifyx_arrays`), readable by Python 2 and any
    NumPy. Meshes, if present, follow SMPLify-X: y up, at the body's own position, not the camera's. Files are written
    atomically; excess files of an earlier run are deleted.

    Args:
        folder: parent of ``results`` and ``meshes``.
        image: image name without suffix.
        results: results of its people.

    Returns:
        Paths of the pickles.

    Raises:
        OSError: a file cannot be written.
    """
    pickles, meshes = Path(folder) / "results" / image, Path(folder) / "meshes" / image
    written = []
    for index, result in enumerate(results):
        written.append(pickles / f"{index:03d}.pkl")
        written[-1].parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(written[-1]) as temporary:
            temporary.write_bytes(_pickled(smplifyx_arrays(result)))
        if result.vertices is not None and result.faces is not None:
            meshes.mkdir(parents=True, exist_ok=True)
            upright = (np.asarray(result.vertices) - result.transl) * np.array([1.0, -1.0, -1.0])
            with atomic_write(meshes / f"{index:03d}.obj") as temporary:
                write_obj(temporary, upright, result.faces)
    for old in (*pickles.glob("[0-9][0-9][0-9].pkl"), *meshes.glob("[0-9][0-9][0-9].obj")):
        if int(old.stem) >= len(results):
            old.unlink()
    return written


def _pickled(arrays: dict[str, np.ndarray]) -> bytes:
    """A pickle of protocol 2 with NumPy module names that every version of NumPy supports."""
    return pickle.dumps(arrays, protocol=2).replace(b"cnumpy._core.", b"cnumpy.core.")
