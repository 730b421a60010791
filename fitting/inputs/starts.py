"""Read initial bodies from other programs: files of regressors, of SMPLify-X and of QPoser."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float

from fitting.body.smpl_pickle import read_nested_arrays
from fitting.shapes import check_shapes
from qposer.body_pose.articulation import BODY
from qposer.body_pose.poses import FILE_KEYS, as_matrices, by_joint
from qposer.body_pose.rotations import matrix_to_axis_angle
from qposer.body_pose.skeleton import NUM_BODY_JOINTS
from qposer.hands.skeleton import HAND
from qposer.hands.smplh import NUM_HAND_JOINTS, SIDES
from qposer.io.messages import one_line
from qposer.io.npz import read_npz

ANY_BODY = "smpl"
"""Body model name for files that do not specify it: SMPL, SMPL-H or SMPL-X."""

_PREFIXES = ("", "pred_smpl_params.", "smpl_params_incam.", "smpl_params.", "smpl.")
"""Prefixes of the parameters in camera axes in files of HMR2 and 4D-Humans, GVHMR, and others."""

_LATENT = 32

_WITH_HANDS = (52, 55)
"""Joints of poses of SMPL-H and SMPL-X, the hands last."""

_IN_JSON = ("body_pose", "global_orient", "betas", "body", "left_hand_pose", "right_hand_pose", "hands_found")
"""What ``fit.json`` has of a body."""


@dataclass(frozen=True)
class StartBodies:
    """Bodies, one per row, in camera axes (x right, y down, z forward)."""

    body_pose: Float[np.ndarray, "people 21 3"]
    global_orient: Float[np.ndarray, "people 3"] | None = None
    """None if the file's axes are not the camera's."""
    betas: Float[np.ndarray, "people shapes"] | None = None
    body: str = ANY_BODY
    """Name of the body model that ``betas`` and ``hand_pose`` belong to."""
    hand_pose: Float[np.ndarray, "people 30 3"] | None = None
    """Relative to the body model's template, the left hand first."""
    hands_found: Bool[np.ndarray, "people 2"] | None = None
    """Which hands have a pose; default: those whose pose is not zero."""

    def __post_init__(self) -> None:
        """Check the arrays.

        Raises:
            ValueError: wrong shapes, different numbers of people, or values that are not finite.
        """
        if self.hand_pose is not None and self.hands_found is None:
            posed = np.reshape(self.hand_pose, (len(self.hand_pose), 2, -1)).any(-1)
            object.__setattr__(self, "hands_found", posed)
        shapes = {"body_pose": "people 21 3", "global_orient": "people 3", "betas": "people shapes"}
        shapes |= {"hand_pose": "people 30 3", "hands_found": "people 2"}
        given = {name: np.asarray(getattr(self, name)) for name in shapes if getattr(self, name) is not None}
        check_shapes(given, {name: shapes[name] for name in given})
        for name, values in given.items():
            if not np.isfinite(values).all():
                raise ValueError(f"{name} of the start contains NaN or infinite numbers: omit that person")

    def __len__(self) -> int:
        """Number of people."""
        return len(self.body_pose)

    def __getitem__(self, people: Sequence[int]) -> StartBodies:
        """A selection of people."""
        chosen = np.asarray(people, dtype=int)
        arrays = ("body_pose", "global_orient", "betas", "hand_pose", "hands_found")
        given = {name: getattr(self, name) for name in arrays if getattr(self, name) is not None}
        return replace(self, **{name: values[chosen] for name, values in given.items()})


def read_start(path: str | Path) -> StartBodies:
    """Read the bodies in a file; the layout is detected from its content.

    Supported are QPoser's ``fit.npz`` and ``fit.json``, AMASS's layout (without the orientation, which is in world
    axes), SMPLify-X's pickles, the dictionaries of HMR2 / 4D-Humans (``pred_smpl_params``) and GVHMR
    (``smpl_params_incam``), and any npz, pickle or PyTorch file with ``global_orient``, ``body_pose`` and ``betas`` in
    axis-angle or matrices. Hands are read from the last 90 numbers of AMASS's poses and from ``left_hand_pose`` and
    ``right_hand_pose``, relative to the body's template; coefficients of principal components are ignored. No code in a
    file is run.

    Args:
        path: .npz, .json, .pkl, .pt or .pth.

    Returns:
        The bodies, one per row.

    Raises:
        FileNotFoundError: the file does not exist.
        ValueError: the file contains no SMPL parameters, or a latent instead.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no start file {path}: check the path")
    arrays = _arrays(path)
    try:
        return _amass(arrays) if {"poses", "trans"} <= arrays.keys() else _parameters(arrays)
    except (ValueError, TypeError, KeyError, IndexError) as error:
        raise ValueError(f"{path} contains no bodies to start from: {one_line(error)}") from None


def _arrays(path: Path) -> dict[str, np.ndarray]:
    """All arrays of a file, nested ones under dotted names."""
    if path.suffix.lower() == ".npz":
        return read_npz(path)
    if path.suffix.lower() in (".pt", ".pth"):
        try:
            content = torch.load(path, map_location="cpu", weights_only=True)
        except Exception as error:  # damaged and crafted files raise anything
            raise ValueError(f"{path} is not a PyTorch file of tensors only: {one_line(error)}") from None
        return _flattened(content)
    if path.suffix.lower() == ".json":
        try:
            content = json.loads(path.read_bytes())
            return {name: np.asarray(content[name]) for name in _IN_JSON if name in content}
        except (ValueError, TypeError, RecursionError) as error:
            raise ValueError(f"{path} is not QPoser's fit.json: {one_line(error)}") from None
    return read_nested_arrays(path)


def _flattened(content: object, prefix: str = "") -> dict[str, np.ndarray]:
    if not isinstance(content, Mapping):
        return {}
    arrays: dict[str, np.ndarray] = {}
    for name, value in content.items():
        if isinstance(value, torch.Tensor):
            arrays[f"{prefix}{name}"] = value.detach().float().numpy()
        arrays |= _flattened(value, f"{prefix}{name}.")
    return arrays


def _amass(arrays: Mapping[str, np.ndarray]) -> StartBodies:
    poses = np.asarray(arrays["poses"], dtype=np.float32)
    if poses.ndim != 2 or poses.shape[1] < 3 * (NUM_BODY_JOINTS + 1):
        raise ValueError(f"poses of AMASS must be (frames, 66 or more), not {poses.shape}")
    body_pose = poses[:, 3 : 3 * (NUM_BODY_JOINTS + 1)].reshape(-1, NUM_BODY_JOINTS, 3)
    hands, found = hands_in(arrays, len(body_pose)) or (None, None)
    betas = _rows(arrays.get("betas"), len(body_pose))
    return StartBodies(body_pose, None, betas, body_in(arrays), hands, found)


def _parameters(arrays: Mapping[str, np.ndarray]) -> StartBodies:
    prefix = next((one for one in _PREFIXES if f"{one}body_pose" in arrays), None)
    if prefix is None:
        raise ValueError("expected body_pose, global_orient and betas of SMPL")
    pose = np.asarray(arrays[f"{prefix}body_pose"], dtype=np.float32)
    if pose.shape[-1] == _LATENT:
        raise ValueError("body_pose is a latent of VPoser: decode it, and give 63 numbers")
    body_pose = _axis_angle(pose, NUM_BODY_JOINTS)
    orient = arrays.get(f"{prefix}global_orient")
    return StartBodies(
        body_pose,
        None if orient is None else _orientations(np.asarray(orient, dtype=np.float32), len(body_pose)),
        _rows(arrays.get(f"{prefix}betas"), len(body_pose)),
        body_in(arrays),
        *(hands_in(arrays, len(body_pose), prefix) or (None, None)),
    )


def hands_in(
    arrays: Mapping[str, np.ndarray], people: int, prefix: str = ""
) -> tuple[Float[np.ndarray, "people 30 3"], Bool[np.ndarray, "people 2"] | None] | None:
    """Poses of hands in the arrays of a file.

    They are read from ``left_hand_pose`` and ``right_hand_pose``, from ``hand_pose`` (both), or from the last 30 joints
    of poses of SMPL-H and SMPL-X.

    Args:
        arrays: arrays by name.
        people: number of poses.
        prefix: of the names.

    Returns:
        Poses relative to the template of the file's body, and which hands have one, if the file says so; None if there
        are no hands, or only coefficients of principal components.

    Raises:
        ValueError: the arrays are not numbers.
    """
    names = [f"{prefix}{side}_hand_pose" for side in SIDES]
    if all(name in arrays for name in names):
        sides = [arrays[name] for name in names]
    else:
        sides = _sides_of_both(arrays, prefix, people)
    sides = [np.asarray(hand, dtype=np.float32) for hand in sides]
    if not sides or any(hand.size != people * (135 if hand.shape[-2:] == (3, 3) else 45) for hand in sides):
        return None
    found = arrays.get("hands_found")
    pose = np.concatenate([_axis_angle(hand, NUM_HAND_JOINTS) for hand in sides], axis=1)
    return pose, None if found is None else np.asarray(found, dtype=bool).reshape(-1, 2)


def _orientations(values: Float[np.ndarray, "*shape"], people: int) -> Float[np.ndarray, "people 3"]:
    """Rotations of the pelvis, axis-angle or matrices; three rotations of the first kind are as many numbers as one of
    the second."""
    if values.size == 3 * people:
        return values.reshape(people, 3)
    return _axis_angle(values.reshape(people, 1, 3, 3) if values.size == 9 * people else values, 1)[:, 0]


def _sides_of_both(arrays: Mapping[str, np.ndarray], prefix: str, people: int) -> list[np.ndarray]:
    """The left and the right hand of an array of both, or of whole poses; otherwise nothing."""
    both = arrays.get(f"{prefix}hand_pose", np.zeros(0))
    if both.size == 6 * NUM_HAND_JOINTS * people:
        return np.split(both.reshape(people, -1, 3), 2, axis=1)
    poses = by_joint(next((arrays[key] for key in FILE_KEYS if key in arrays), np.zeros(0)))
    if poses is None or poses.shape[1] not in _WITH_HANDS:
        return []
    return np.split(poses[:, -2 * NUM_HAND_JOINTS :], 2, axis=1)


def body_in(arrays: Mapping[str, np.ndarray]) -> str:
    """Name of the body model of a file, as text or as the bytes of a pickle of arrays; `ANY_BODY` if there is none."""
    name = arrays.get("body", np.array(ANY_BODY))
    return name.tobytes().decode() if name.dtype == np.uint8 else str(name)


def _axis_angle(values: Float[np.ndarray, "*shape"], joints: int) -> Float[np.ndarray, "people joints 3"]:
    """The first joints of rotations in any common shape: flat or not, axis-angle or matrices, one or many."""
    if values.shape[-2:] == (3, 3):
        values = values.reshape(-1, *values.shape[-3:]) if values.ndim > 3 else values[None]
        if values.shape[1] < joints:
            raise ValueError(f"expected {joints} rotations, found {values.shape[1]}")
        given = torch.tensor(values[:, :joints])
        matrices = as_matrices(given, HAND if joints == NUM_HAND_JOINTS else BODY) if joints > 1 else given
        return matrix_to_axis_angle(matrices).numpy()
    if values.ndim > 1 and values.shape[-1] == 3 and joints > 1 and values.shape[-2] >= joints:
        return values.reshape(-1, *values.shape[-2:])[:, :joints]
    flat = values.reshape(-1, values.shape[-1]) if values.ndim else values.reshape(1, 1)
    if flat.shape[1] < 3 * joints:
        raise ValueError(f"expected {3 * joints} numbers, found {flat.shape[1]}")
    return flat[:, : 3 * joints].reshape(-1, joints, 3)


def _rows(betas: np.ndarray | None, people: int) -> Float[np.ndarray, "people shapes"] | None:
    """A row of shape coefficients for each person."""
    if betas is None:
        return None
    rows = np.asarray(betas, dtype=np.float32).reshape(-1, np.shape(betas)[-1])
    return np.repeat(rows, people, axis=0) if len(rows) == 1 else rows
