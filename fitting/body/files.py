"""Read the official files of SMPL-family bodies without running their code, and write them."""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from fitting.body.age_groups import AgeGroups
from fitting.body.landmarks import SMPL_VERTEX_IDS, Landmark, check_landmarks, smpl_landmarks
from fitting.body.smpl_layout import renumbered, smpl_layout, smpl_order, smplh_layout
from fitting.body.smpl_pickle import read_arrays
from qposer.body_pose.skeleton import NUM_BODY_JOINTS, NUM_JOINTS, PARENTS
from qposer.io.assets import asset
from qposer.io.atomic_files import atomic_write
from qposer.io.messages import one_line
from qposer.io.npz import read_npz, write_npz

MAX_BETAS = 10
POSE_FEATURES = 9 * NUM_BODY_JOINTS
OPEN_NUMBERS = (
    *("v_template", "shapedirs", "weights", "f", "weight_joints", "regressor_vertices", "regressor_weights"),
    *("landmark_vertices", "landmark_weights"),
)
OPEN_KEYS = (*OPEN_NUMBERS, "landmark_names")
OPTIONAL_KEYS = ("name", "group_ages", "group_means", "group_roots")
SMPL_KEYS = ("v_template", "shapedirs", "posedirs", "J_regressor", "weights", "f", "kintree_table")
SMPL_VERTICES, SMPLX_VERTICES = 6890, 10475
HAND_JOINTS = {24: (22, 23), 52: (25, 40), 55: (28, 43)}  # by number of joints; with fingers, the middle one's knuckle
BODY_END = NUM_BODY_JOINTS + 1
_LARGEST_INDEX = 2**32
LEAST_METRES, MOST_METRES = 0.1, 100.0
"""Plausible range of a body's size."""

OPEN_BODY = "open"
"""Name of the shipped body of adults."""

AGES_BODY = "ages"
"""Name of the shipped body of children and adults."""


@dataclass(frozen=True)
class BodyData:
    """A body over SMPL's 24 joints, float32, metres.

    ``pose_shapes`` holds, for each of the 9 x 21 entries of the body joints' rotations minus the identity, the
    displacement of every vertex; None for a body without pose blend shapes.
    """

    name: str
    template: Float[np.ndarray, "vertices 3"]
    shapes: Float[np.ndarray, "vertices 3 betas"]
    pose_shapes: Float[np.ndarray, "features vertices 3"] | None
    joint_regressor: Float[np.ndarray, "24 vertices"]
    weights: Float[np.ndarray, "vertices 24"]
    faces: Int[np.ndarray, "faces 3"]
    landmarks: Mapping[str, Landmark]
    groups: AgeGroups | None = None
    """Distribution of the shapes by age; None if all components have unit variance."""

    def __post_init__(self) -> None:
        """Reject values that no body has, which would turn fits into NaN.

        Raises:
            ValueError: an array holds NaN or numbers far beyond a body's, the template is not of a body's size in
                metres, rows of weights do not sum to 1, a face refers to missing vertices, or landmarks are missing or
                refer to missing vertices.
        """
        parts = {"v_template": self.template, "shapedirs": self.shapes, "posedirs": self.pose_shapes}
        parts |= {"J_regressor": self.joint_regressor, "weights": self.weights}
        for what, array in parts.items():
            if array is not None and not (np.abs(array) <= MOST_METRES).all():
                raise ValueError(f"expected finite numbers of at most {MOST_METRES:g} in {what}, found others")
        size = float(np.ptp(self.template, axis=0).max()) if self.template.size else 0.0
        if not LEAST_METRES <= size <= MOST_METRES:
            raise ValueError(f"expected a body in metres, found one that is {size:g} long")
        for what, sums in (("weights", self.weights.sum(1)), ("J_regressor", self.joint_regressor.sum(1))):
            if not (np.abs(sums - 1.0) < 0.5).all():
                raise ValueError(
                    f"expected rows with sum 1 in {what}, found sums from {sums.min():g} to {sums.max():g}"
                )
        if not len(self.faces) or self.faces.min() < 0 or self.faces.max() >= len(self.template):
            raise ValueError(f"expected faces with vertices 0 to {len(self.template) - 1}, found others or none")
        check_landmarks(self.landmarks, len(self.template))

    def shape_basis(self) -> Float[np.ndarray, "rows vertices 3"]:
        """The template, and below it the shape components."""
        return np.concatenate([self.template[None], np.moveaxis(self.shapes, -1, 0)])


def read_body(path: Path) -> BodyData:
    """Read SMPL ``.pkl``; SMPL, SMPL-H or SMPL-X ``.npz``; the open body's ``.npz``; or the only body file in a folder.

    The unpickler creates only arrays, so no code of a pickle runs.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is invalid, or the folder does not contain exactly one.
    """
    path = _only_file(path) if path.is_dir() else path
    if not path.is_file():
        raise FileNotFoundError(f"there is no body file {path}")
    kind = path.suffix.lower()
    if kind not in (".npz", ".pkl"):
        raise ValueError(f"body file {path} is not a .pkl or .npz file, but a {path.suffix or 'nameless'} file")
    arrays = read_arrays(path, SMPL_KEYS) if kind == ".pkl" else {}
    try:
        arrays = arrays or read_npz(path, {*OPTIONAL_KEYS, *OPEN_KEYS, *SMPL_KEYS})
        with np.errstate(over="ignore"):  # infinite numbers are rejected later
            return _open_data(arrays) if "weight_joints" in arrays else _official_data(path, arrays)
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


def smplx_data(model: Any) -> BodyData:
    """The arrays of a model of ``smplx.create``.

    Raises:
        ValueError: the model does not have the joints of SMPL, SMPL-H or SMPL-X.
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
        return _body(name, vertices, array("shapedirs"), posedirs, regressor, weights, faces, array("parents"))
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

    Vertices and betas are as in ``export_smpl_pickle``. There are 52 joints, but fingers stay straight: their joints
    have no skinning weights. ``smplx.create(path, model_type="smplh", ext="npz")`` reads the file, too, if its name
    begins with ``SMPLH_``.

    Args:
        data: the open body.
        path: the file to write.

    Raises:
        ValueError: ``data`` is another body.
    """
    write_npz(path, smplh_layout(data))


def _open_data(file: Mapping[str, np.ndarray]) -> BodyData:
    """An open body, from the sparse layout of ``assets/body.npz``, which has no name if it is the one of adults."""
    _check_numbers(file, OPEN_NUMBERS)
    template = file["v_template"]
    weights, regressor = np.zeros((len(template), NUM_JOINTS), np.float32), np.zeros((NUM_JOINTS, len(template)))
    np.put_along_axis(weights, _indices(file, "weight_joints"), file["weights"], axis=1)
    np.put_along_axis(regressor, _indices(file, "regressor_vertices"), file["regressor_weights"], axis=1)
    return BodyData(
        name=str(file.get("name", OPEN_BODY)),
        template=template,
        shapes=file["shapedirs"].astype(np.float32),
        pose_shapes=None,
        joint_regressor=regressor.astype(np.float32),
        weights=weights,
        faces=_indices(file, "f"),
        landmarks=_open_landmarks(file),
        groups=AgeGroups.from_file(file, file["shapedirs"].shape[-1]),
    )


def _open_landmarks(file: Mapping[str, np.ndarray]) -> dict[str, Landmark]:
    rows = zip(file["landmark_names"], _indices(file, "landmark_vertices"), file["landmark_weights"], strict=True)
    return {str(name): {int(v): float(w) for v, w in zip(vs, ws, strict=True) if w} for name, vs, ws in rows}


def _official_data(path: Path, arrays: Mapping[str, np.ndarray]) -> BodyData:
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
        raise ValueError(f"expected the 24, 52 or 55 joints of SMPL, SMPL-H or SMPL-X, found {joints}")
    if any(not 0 <= parents[j] < j for j in range(1, joints)):
        raise ValueError("expected every joint after its parent, found another order")
    for what, (array, shape) in wanted.items():
        if array.shape != shape:
            raise ValueError(f"expected {what} with shape {shape}, found {array.shape}")
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
        landmarks=_landmarks(template),
    )


def _owner(j: int, parents: np.ndarray) -> int:
    """The joint among SMPL's 24 that a joint moves with: fingers with their hand, jaw and eyes with the head."""
    hands = {20: 22, 21: 23}  # wrist: hand
    while j >= BODY_END:
        j = int(parents[j])
        if j in hands:
            return hands[j]
    return j


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
            raise ValueError("bodies with SMPL-X's mesh require the smplx package: pip install smplx") from None

        return smpl_landmarks(vertex_ids["smplx"])
    file = read_npz(asset("body.npz"), OPEN_KEYS)
    if len(file["v_template"]) == vertices:
        landmarks, own = _open_landmarks(file), file["v_template"]
        order = smpl_order(landmarks, vertices)
        exported = np.abs(template - own[order]).sum() < np.abs(template - own).sum()
        return renumbered(landmarks, order) if exported else landmarks
    raise ValueError(f"expected a mesh with {SMPL_VERTICES} or {SMPLX_VERTICES} vertices, found {vertices}")
