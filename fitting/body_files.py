"""Files of SMPL-family bodies: reading the official layouts without running their code, and writing SMPL's."""

from __future__ import annotations

import pickle
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from jaxtyping import Float, Int

from fitting.landmarks import Landmark, smpl_landmarks, smplx_vertex_ids
from fitting.smpl_pickle import read_arrays
from qposer.assets import asset
from qposer.files import replacing
from qposer.skeleton import NUM_BODY_JOINTS, NUM_JOINTS, PARENTS

MAX_BETAS = 10
POSE_FEATURES = 9 * NUM_BODY_JOINTS
SMPL_KEYS = ("v_template", "shapedirs", "posedirs", "J_regressor", "weights", "f", "kintree_table")
TOPOLOGIES = {6890: "smplh", 10475: "smplx"}  # what the smplx package calls the meshes with so many vertices
HAND_JOINTS = {24: (22, 23), 52: (25, 40), 55: (28, 43)}  # by number of joints; with fingers, the middle one's knuckle
BODY_END = NUM_BODY_JOINTS + 1


@dataclass(frozen=True)
class BodyData:
    """A body over SMPL's 24 joints, float32, metres.

    ``pose_shapes`` holds, for each of the 9 x 21 entries of the body joints' rotations less the identity, the movement
    of every vertex; it is None for a body that has none.
    """

    name: str
    template: Float[np.ndarray, "vertices 3"]
    shapes: Float[np.ndarray, "vertices 3 betas"]
    pose_shapes: Float[np.ndarray, "features vertices 3"] | None
    joint_regressor: Float[np.ndarray, "24 vertices"]
    weights: Float[np.ndarray, "vertices 24"]
    faces: Int[np.ndarray, "faces 3"]
    landmarks: Mapping[str, Landmark]

    def shape_basis(self) -> Float[np.ndarray, "1+betas vertices 3"]:
        """The template, and below it the shape components."""
        return np.concatenate([self.template[None], np.moveaxis(self.shapes, -1, 0)])


def read_body(path: Path) -> BodyData:
    """Read SMPL ``.pkl``; SMPL, SMPL-H or SMPL-X ``.npz``; or the open body's ``.npz``.

    Pickles are read by an unpickler that makes arrays and nothing else, so none of their code runs.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not such a file.
    """
    if not path.is_file():
        raise FileNotFoundError(f"there is no body file {path}")
    if path.suffix == ".npz":
        try:
            file = np.load(path, allow_pickle=False)
        except (BadZipFile, EOFError, OSError, ValueError) as error:
            raise _wrong(path, "an npz archive", "something else") from error
        try:
            with file:
                return _open_data(file) if "weight_joints" in file.files else _official_data(path, file)
        except (BadZipFile, zlib.error, EOFError, KeyError, IndexError) as error:
            raise _wrong(path, "whole arrays", f"a damaged archive ({error})") from error
    if path.suffix == ".pkl":
        return _official_data(path, read_arrays(path, SMPL_KEYS))
    raise _wrong(path, "a .pkl or .npz file", f"a {path.suffix or 'nameless'} file")


def smplx_data(model: Any) -> BodyData:
    """The arrays of a model that ``smplx.create`` made.

    Raises:
        ValueError: it has not the joints of SMPL, SMPL-H or SMPL-X.
    """

    def array(name: str) -> np.ndarray:
        return getattr(model, name).detach().cpu().numpy()

    name = type(model).__name__
    vertices = array("v_template")
    posedirs = array("posedirs").T.reshape(*vertices.shape, -1)
    regressor, weights = array("J_regressor"), array("lbs_weights")
    faces = np.asarray(model.faces).astype(np.int64)
    try:
        return _body(name, vertices, array("shapedirs"), posedirs, regressor, weights, faces, array("parents"))
    except ValueError as error:
        raise ValueError(f"the smplx model {name} is not a body: {error}") from None


def export_smpl_pickle(data: BodyData, path: Path) -> None:
    """Write a body in SMPL's pickle format, for ``smplx.create(path, model_type="smpl")`` and tools built on it.

    The smplx package wants a file name that begins with ``SMPL_``. Its joints beyond the 24th are vertices; on the
    open body they are the right ones only with ``smplx.create(..., vertex_ids=...)``, and the file holds what to give
    there under ``vertex_ids``.
    """
    vertices = len(data.template)
    posedirs = np.zeros((vertices, 3, 9 * (NUM_JOINTS - 1)), np.float32)
    if data.pose_shapes is not None:
        posedirs[..., :POSE_FEATURES] = np.moveaxis(data.pose_shapes, 0, -1)
    layout: dict[str, Any] = {
        "v_template": data.template,
        "shapedirs": data.shapes,
        "posedirs": posedirs,
        "J_regressor": data.joint_regressor,
        "weights": data.weights,
        "f": data.faces.astype(np.uint32),
        "kintree_table": np.array([[2**32 - 1, *PARENTS[1:]], range(NUM_JOINTS)], dtype=np.uint32),
    }
    if vertices not in TOPOLOGIES:
        layout["vertex_ids"] = smplx_vertex_ids(data.landmarks)
    with replacing(path) as temporary, temporary.open("wb") as file:
        pickle.dump(layout, file, protocol=2)


def _open_data(file: Mapping[str, np.ndarray]) -> BodyData:
    """The open body, from the sparse layout of ``assets/body.npz``."""
    template = file["v_template"]
    weights, regressor = np.zeros((len(template), NUM_JOINTS), np.float32), np.zeros((NUM_JOINTS, len(template)))
    np.put_along_axis(weights, file["weight_joints"].astype(np.int64), file["weights"], axis=1)
    np.put_along_axis(regressor, file["regressor_vertices"].astype(np.int64), file["regressor_weights"], axis=1)
    return BodyData(
        name="open",
        template=template,
        shapes=file["shapedirs"].astype(np.float32),
        pose_shapes=None,
        joint_regressor=regressor.astype(np.float32),
        weights=weights,
        faces=file["f"].astype(np.int64),
        landmarks=_open_landmarks(file),
    )


def _open_landmarks(file: Mapping[str, np.ndarray]) -> dict[str, Landmark]:
    rows = zip(file["landmark_names"], file["landmark_vertices"], file["landmark_weights"], strict=True)
    return {str(name): {int(v): float(w) for v, w in zip(vs, ws, strict=True) if w} for name, vs, ws in rows}


def _official_data(path: Path, file: Mapping[str, Any]) -> BodyData:
    """A body from the official layout, whose arrays may each be missing, of a wrong kind, or of a wrong size."""
    missing = [key for key in SMPL_KEYS if key not in file]
    if missing:
        raise _wrong(path, f"the arrays {', '.join(SMPL_KEYS)}", f"no {', '.join(missing)}")
    arrays = {}
    for key in SMPL_KEYS:
        try:
            arrays[key] = np.asarray(file[key])
        except ValueError as error:  # an object array in an npz, which only a free unpickler would read
            raise _wrong(path, f"plain numbers as {key}", "Python objects: save it as a plain array") from error
        if arrays[key].dtype.kind not in "fiu":
            raise _wrong(path, f"plain numbers as {key}", f"an array of {arrays[key].dtype}: save it as a plain array")
        if arrays[key].ndim < 2:
            raise _wrong(path, f"an array of two dimensions or more as {key}", f"one of shape {arrays[key].shape}")
    try:
        return _body(
            path.stem,
            arrays["v_template"],
            arrays["shapedirs"][..., :MAX_BETAS],
            arrays["posedirs"],
            arrays["J_regressor"],
            arrays["weights"],
            arrays["f"],
            arrays["kintree_table"][0].astype(np.int64),
        )
    except ValueError as error:
        raise ValueError(f"body file {path} is not of the SMPL family: {error}") from None


def _body(
    name: str,
    template: np.ndarray,
    shapes: np.ndarray,
    posedirs: np.ndarray,
    regressor: np.ndarray,
    weights: np.ndarray,
    faces: np.ndarray,
    parents: np.ndarray,
) -> BodyData:
    """Check a body of 24, 52 or 55 joints, and merge fingers and face into SMPL's hands and head."""
    vertices, joints = len(template), len(parents)
    wanted = {
        "vertices": (template, (vertices, 3)),
        "shape components": (shapes, (vertices, 3, *shapes.shape[2:3])),
        "pose corrections": (posedirs, (vertices, 3, 9 * (joints - 1))),
        "joint regressor": (regressor, (joints, vertices)),
        "skinning weights": (weights, (vertices, joints)),
        "faces": (faces, (len(faces), 3)),
    }
    if joints not in HAND_JOINTS or tuple(parents[1:BODY_END]) != PARENTS[1:BODY_END]:
        raise ValueError(f"expected the 24, 52 or 55 joints of SMPL, SMPL-H or SMPL-X, found a tree of {joints}")
    for what, (array, shape) in wanted.items():
        if array.shape != shape:
            raise ValueError(f"expected {what} of shape {shape}, found {array.shape}")
    merged = np.zeros((vertices, NUM_JOINTS))
    for j in range(joints):
        merged[:, _owner(j, parents)] += weights[:, j]
    pose_shapes = np.moveaxis(posedirs[..., :POSE_FEATURES], -1, 0).astype(np.float32)
    return BodyData(
        name=name,
        template=template.astype(np.float32),
        shapes=shapes.astype(np.float32),
        pose_shapes=pose_shapes if pose_shapes.any() else None,
        joint_regressor=regressor[[*range(BODY_END), *HAND_JOINTS[joints]]].astype(np.float32),
        weights=merged.astype(np.float32),
        faces=faces.astype(np.int64),
        landmarks=_landmarks(vertices),
    )


def _owner(j: int, parents: np.ndarray) -> int:
    """The joint among SMPL's 24 that a joint moves with: fingers with their hand, jaw and eyes with the head."""
    hands = {20: 22, 21: 23}  # wrist: hand
    while j >= BODY_END:
        j = int(parents[j])
        if j in hands:
            return hands[j]
    return j


def _landmarks(vertices: int) -> Mapping[str, Landmark]:
    """Landmarks of a mesh, told by its number of vertices.

    Raises:
        ValueError: nobody knows where the landmarks of such a mesh are.
    """
    if vertices in TOPOLOGIES:
        try:
            from smplx.vertex_ids import vertex_ids  # slow to import, and only users' own bodies need it
        except ImportError:
            raise ValueError("bodies of the SMPL family need the smplx package: pip install smplx") from None

        return smpl_landmarks(vertex_ids[TOPOLOGIES[vertices]])
    with np.load(asset("body.npz"), allow_pickle=False) as file:
        if len(file["v_template"]) == vertices:
            return _open_landmarks(file)
    raise ValueError(f"expected a mesh of {' or '.join(map(str, TOPOLOGIES))} vertices, found {vertices}")


def _wrong(path: Path, expected: str, found: str) -> ValueError:
    return ValueError(f"body file {path} is not of the SMPL family: expected {expected}, found {found}")
