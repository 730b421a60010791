"""Read the official files of SMPL-family bodies without running their code, and write them."""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from fitting.body.age_groups import AgeGroups
from fitting.body.body_data import BodyData
from fitting.body.hand_space import HAND_KEYS, HandSpace
from fitting.body.joint_sets import WITH_FINGERS, check_tree, hand_joints, joint_rows, merged, rotating
from fitting.body.landmarks import (
    OFFICIAL,
    SMPL_VERTEX_IDS,
    SMPL_VERTICES,
    SMPLX_VERTICES,
    Landmark,
    smpl_landmarks,
)
from fitting.body.smpl_layout import renumbered, smpl_layout, smpl_order, smplh_layout
from fitting.body.smpl_pickle import read_arrays
from qposer.body_pose.skeleton import NUM_JOINTS
from qposer.hands.smplh import BODY_END, FINGERS
from qposer.io.assets import asset
from qposer.io.atomic_files import atomic_write
from qposer.io.messages import one_line
from qposer.io.npz import read_npz, write_npz

MAX_BETAS = 10
OPEN_NUMBERS = (
    *("v_template", "shapedirs", "weights", "f", "weight_joints", "regressor_vertices", "regressor_weights"),
    *("landmark_vertices", "landmark_weights"),
)
OPEN_KEYS = (*OPEN_NUMBERS, "landmark_names")
OPEN_HANDS = ("hand_weight_joints", "hand_weights", "hand_regressor_vertices", "hand_regressor_weights")
OPTIONAL_KEYS = ("name", "group_ages", "group_means", "group_roots")
SMPL_KEYS = ("v_template", "shapedirs", "posedirs", "J_regressor", "weights", "f", "kintree_table")
_LARGEST_INDEX = 2**32
OPEN_KNUCKLES = FINGERS[:4]
"""Fingers whose knuckles have the open body's hand joint as their mean."""

OPEN_BODY = "open"
"""Name of the shipped body of adults."""

AGES_BODY = "ages"
"""Name of the shipped body of children and adults."""


def read_body(path: Path, *, hands: bool = False) -> BodyData:
    """Read SMPL ``.pkl``; SMPL, SMPL-H or SMPL-X ``.npz``; the open body's ``.npz``; or the only body file in a folder.

    The unpickler creates only arrays, so no code of a pickle runs.

    Args:
        path: the file or its folder.
        hands: whether to keep the fingers, as SMPL-H's 52 joints; otherwise hands are rigid.

    Returns:
        The arrays of the body.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is invalid, has no fingers that were asked for, or the folder does not contain exactly one.
    """
    path = _only_file(path) if path.is_dir() else path
    if not path.is_file():
        raise FileNotFoundError(f"there is no body file {path}")
    kind = path.suffix.lower()
    if kind not in (".npz", ".pkl"):
        raise ValueError(f"body file {path} is not a .pkl or .npz file, but a {path.suffix or 'nameless'} file")
    keys = {*SMPL_KEYS, *HAND_KEYS} if hands else {*SMPL_KEYS}
    arrays = read_arrays(path, keys) if kind == ".pkl" else {}
    try:
        arrays = arrays or read_npz(path, {*OPTIONAL_KEYS, *OPEN_KEYS, *OPEN_HANDS, *keys})
        with np.errstate(over="ignore"):  # infinite numbers are rejected later
            if "weight_joints" in arrays:
                return _open_data(arrays, hands)
            return _official_data(path, arrays, hands)
    except (ValueError, TypeError, KeyError, IndexError, OverflowError) as error:
        reason = f"it lacks {error}" if isinstance(error, KeyError) else one_line(error).removeprefix(f"{path}: ")
        raise ValueError(f"body file {path} is not of the SMPL family: {reason}") from error


def _only_file(folder: Path) -> Path:
    """The only body file in a folder or its subfolders (the smplx package's layout)."""
    for pattern in ("*", "*/*"):
        seen = sorted(path for path in folder.glob(pattern) if not path.name.startswith("."))
        found = [path for path in seen if path.suffix.lower() in (".npz", ".pkl")]
        if len(found) == 1:
            return found[0]
        if found:
            names = ", ".join(str(path.relative_to(folder)) for path in found[:6])
            more = ", ..." if len(found) > 6 else ""
            raise ValueError(f"{folder} contains {len(found)} possible body files: give one of {names}{more}")
    raise ValueError(f"{folder} contains no body file: give a .pkl or .npz file, or its folder")


def smplx_data(model: Any, *, hands: bool = False) -> BodyData:
    """The arrays of a model of ``smplx.create``.

    Args:
        model: the model.
        hands: whether to keep the fingers.

    Returns:
        The arrays of the body.

    Raises:
        ValueError: the model does not have the joints of SMPL, SMPL-H or SMPL-X, or no fingers that were asked for.
    """

    def array(name: str) -> np.ndarray:
        values: np.ndarray = getattr(model, name).detach().cpu().numpy()
        return values

    name = type(model).__name__
    vertices = array("v_template")
    posedirs = array("posedirs").T.reshape(*vertices.shape, -1)
    regressor, weights = array("J_regressor"), array("lbs_weights")
    faces = np.asarray(model.faces).astype(np.int64)
    try:
        space = HandSpace.of_smplx(model) if hands and hasattr(model, "left_hand_mean") else None
        return _body(
            name, vertices, array("shapedirs"), posedirs, regressor, weights, faces, array("parents"), hands, space
        )
    except ValueError as error:
        raise ValueError(f"the smplx model {name} is not a body: {error}") from None


def export_smpl_pickle(data: BodyData, path: Path) -> None:
    """Write a body in SMPL's pickle format, for ``smplx.create(path, model_type="smpl")`` and tools based on it.

    The smplx package requires a file name that begins with ``SMPL_``. Its joints after the 24th are vertices with fixed
    indices; the open body's vertices are reordered to match. Up to 300 betas are allowed; those that the body does not
    have are ignored.

    Args:
        data: the open body, or another body, whose vertices keep their order.
        path: the file to write.
    """
    with atomic_write(path) as temporary, temporary.open("wb") as file:
        pickle.dump(smpl_layout(data) | {"vertex_ids": SMPL_VERTEX_IDS}, file, protocol=2)


def export_smplh_npz(data: BodyData, path: Path) -> None:
    """Write the open body in SMPL-H's npz format, for ``BodyModel`` of human_body_prior and tools for AMASS.

    Vertices and betas are as in ``export_smpl_pickle``. Hands are relative to the template's, which are relaxed, and
    the mean hand is zero. ``smplx.create(path, model_type="smplh", ext="npz")`` reads the file, too, if its name
    begins with ``SMPLH_``.

    Args:
        data: the open body, with fingers or without.
        path: the file to write.

    Raises:
        ValueError: ``data`` is another body.
    """
    if data.name == OPEN_BODY and data.hand_space is None:
        data = read_body(asset("body.npz"), hands=True)
    write_npz(path, smplh_layout(data))


def _open_data(file: Mapping[str, np.ndarray], hands: bool) -> BodyData:
    """An open body, from the sparse layout of ``assets/body.npz``, which has no name if it is the one of adults."""
    _check_numbers(file, (*OPEN_NUMBERS, *OPEN_HANDS) if hands else OPEN_NUMBERS)
    template, landmarks = file["v_template"], _open_landmarks(file)
    regressor = np.zeros((NUM_JOINTS, len(template)))
    np.put_along_axis(regressor, _indices(file, "regressor_vertices"), file["regressor_weights"], axis=1)
    if hands:
        fingers = np.zeros((WITH_FINGERS - BODY_END, len(template)))
        vertices, shares = _indices(file, "hand_regressor_vertices"), file["hand_regressor_weights"]
        np.put_along_axis(fingers, vertices, shares, axis=1)
        regressor = np.concatenate([regressor[:BODY_END], fingers])
        landmarks |= hand_joints(OPEN_KNUCKLES)
    part = "hand_" if hands else ""
    weights = np.zeros((len(template), len(regressor)), np.float32)
    np.put_along_axis(weights, _indices(file, f"{part}weight_joints"), file[f"{part}weights"], axis=1)
    return BodyData(
        name=str(file.get("name", OPEN_BODY)),
        template=template,
        shapes=file["shapedirs"].astype(np.float32),
        pose_shapes=None,
        joint_regressor=regressor.astype(np.float32),
        weights=weights,
        faces=_indices(file, "f"),
        landmarks=landmarks,
        hand_space=HandSpace.plain() if hands else None,
        groups=AgeGroups.from_file(file, file["shapedirs"].shape[-1]),
    )


def _open_landmarks(file: Mapping[str, np.ndarray]) -> dict[str, Landmark]:
    rows = zip(file["landmark_names"], _indices(file, "landmark_vertices"), file["landmark_weights"], strict=True)
    return {str(name): {int(v): float(w) for v, w in zip(vs, ws, strict=True) if w} for name, vs, ws in rows}


def _official_data(path: Path, arrays: Mapping[str, np.ndarray], hands: bool) -> BodyData:
    """A body from the official layout; checks for missing arrays, wrong types and wrong sizes."""
    missing = [key for key in SMPL_KEYS if key not in arrays]
    if missing:
        raise ValueError(f"expected the arrays {', '.join(SMPL_KEYS)}, found no {', '.join(missing)}")
    _check_numbers(arrays, SMPL_KEYS)
    return _body(
        path.stem,
        arrays["v_template"],
        arrays["shapedirs"][..., :MAX_BETAS],
        arrays["posedirs"],
        arrays["J_regressor"],
        arrays["weights"],
        _indices(arrays, "f"),
        _indices(arrays, "kintree_table")[0],
        hands,
        HandSpace.read(arrays) if hands else None,
    )


def _check_numbers(arrays: Mapping[str, np.ndarray], keys: Iterable[str]) -> None:
    for key in keys:
        if arrays[key].dtype.kind not in "fiu":
            raise ValueError(f"expected plain numbers in {key}, found an array of {arrays[key].dtype}")
        if arrays[key].ndim < 2:
            raise ValueError(f"expected two or more dimensions in {key}, found the shape {arrays[key].shape}")


def _indices(arrays: Mapping[str, np.ndarray], key: str) -> Int[np.ndarray, "..."]:
    if not (np.abs(arrays[key]) < _LARGEST_INDEX).all():
        raise ValueError(f"expected indices of vertices or joints in {key}, found NaN or huge numbers")
    return arrays[key].astype(np.int64)


def _body(
    name: str,
    template: np.ndarray,
    shapes: np.ndarray,
    posedirs: np.ndarray,
    regressor: np.ndarray,
    weights: np.ndarray,
    faces: np.ndarray,
    parents: np.ndarray,
    hands: bool,
    space: HandSpace | None,
) -> BodyData:
    """Check a body of 24, 52 or 55 joints; merge the face into the head, and unwanted fingers into the hands."""
    vertices, joints = len(template), len(parents)
    wanted = {
        "vertices": (template, (vertices, 3)),
        "shape components": (shapes, (vertices, 3, *shapes.shape[2:3])),
        "pose corrections": (posedirs, (vertices, 3, 9 * (joints - 1))),
        "joint regressor": (regressor, (joints, vertices)),
        "skinning weights": (weights, (vertices, joints)),
        "faces": (faces, (len(faces), 3)),
    }
    check_tree(parents, hands)
    for what, (array, shape) in wanted.items():
        if array.shape != shape:
            raise ValueError(f"expected {what} with shape {shape}, found {array.shape}")
    features = (9 * (rotating(joints, hands)[1:, None] - 1) + np.arange(9)).ravel()
    pose_shapes = np.moveaxis(posedirs[..., features], -1, 0).astype(np.float32)
    knuckles = ("middle",) if vertices in OFFICIAL else OPEN_KNUCKLES
    return BodyData(
        name=name,
        template=template.astype(np.float32),
        shapes=shapes.astype(np.float32),
        pose_shapes=pose_shapes if pose_shapes.any() else None,
        joint_regressor=joint_rows(regressor, hands, knuckles).astype(np.float32),
        weights=merged(weights, parents, hands).astype(np.float32),
        faces=faces.astype(np.int64),
        landmarks={**_landmarks(template), **(hand_joints(knuckles) if hands else {})},
        hand_space=space or (HandSpace.plain() if hands else None),
    )


def _landmarks(template: Float[np.ndarray, "vertices 3"]) -> Mapping[str, Landmark]:
    """Landmarks of a mesh, identified by its number of vertices; for the open body also in its export order.

    Raises:
        ValueError: the landmarks of such a mesh are unknown.
    """
    vertices = len(template)
    if vertices == SMPL_VERTICES:
        return smpl_landmarks(SMPL_VERTEX_IDS)
    if vertices == SMPLX_VERTICES:
        try:
            from smplx.vertex_ids import vertex_ids  # slow to import, and only users' own bodies need it
        except ImportError:
            message = "bodies with SMPL-X's mesh require the smplx package: pip install smplx"
            raise ValueError(f"{message} (its licence is for non-commercial research)") from None

        return smpl_landmarks(vertex_ids["smplx"])
    file = read_npz(asset("body.npz"), OPEN_KEYS)
    if len(file["v_template"]) == vertices:
        landmarks, own = _open_landmarks(file), file["v_template"]
        order = smpl_order(landmarks, vertices)
        exported = np.abs(template - own[order]).sum() < np.abs(template - own).sum()
        return renumbered(landmarks, order) if exported else landmarks
    raise ValueError(f"expected a mesh with {SMPL_VERTICES} or {SMPLX_VERTICES} vertices, found {vertices}")
