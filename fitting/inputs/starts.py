"""Read initial bodies from other programs: files of regressors, of SMPLify-X and of QPoser."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float

from fitting.body.smpl_pickle import read_nested_arrays
from fitting.shapes import check_shapes
from qposer.body_pose.poses import as_matrices
from qposer.body_pose.rotations import matrix_to_axis_angle
from qposer.body_pose.skeleton import NUM_BODY_JOINTS
from qposer.io.messages import one_line
from qposer.io.npz import read_npz

ANY_BODY = "smpl"
"""Body model name for files that do not specify it: SMPL, SMPL-H or SMPL-X."""

_PREFIXES = ("", "pred_smpl_params.", "smpl_params_incam.", "smpl_params.", "smpl.")
"""Prefixes of the parameters in camera axes in files of HMR2 and 4D-Humans, GVHMR, and others."""

_LATENT = 32


@dataclass(frozen=True)
class StartBodies:
    """Bodies, one per row, in camera axes (x right, y down, z forward)."""

    body_pose: Float[np.ndarray, "people 21 3"]
    global_orient: Float[np.ndarray, "people 3"] | None = None
    """None if the file's axes are not the camera's."""
    betas: Float[np.ndarray, "people shapes"] | None = None
    body: str = ANY_BODY
    """Name of the body model that ``betas`` belongs to."""

    def __post_init__(self) -> None:
        """Check the arrays.

        Raises:
            ValueError: wrong shapes, different numbers of people, or values that are not finite.
        """
        shapes = {"body_pose": "people 21 3", "global_orient": "people 3", "betas": "people shapes"}
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
        return replace(
            self,
            body_pose=self.body_pose[chosen],
            global_orient=None if self.global_orient is None else self.global_orient[chosen],
            betas=None if self.betas is None else self.betas[chosen],
        )


def read_start(path: str | Path) -> StartBodies:
    """Read the bodies in a file; the layout is detected from its content.

    Supported are QPoser's ``fit.npz``, AMASS's layout (without the orientation, which is in world axes), SMPLify-X's
    pickles, the dictionaries of HMR2 / 4D-Humans (``pred_smpl_params``) and GVHMR (``smpl_params_incam``), and any npz,
    pickle or PyTorch file with ``global_orient``, ``body_pose`` and ``betas`` in axis-angle or matrices. No code in a
    file is run.

    Args:
        path: .npz, .pkl, .pt or .pth.

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
    except (ValueError, TypeError, KeyError) as error:
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
    return StartBodies(body_pose, betas=_rows(arrays.get("betas"), len(body_pose)), body=_text(arrays, "body"))


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
        None if orient is None else _axis_angle(np.asarray(orient, dtype=np.float32), 1)[:, 0],
        _rows(arrays.get(f"{prefix}betas"), len(body_pose)),
        _text(arrays, "body"),
    )


def _axis_angle(values: Float[np.ndarray, "*shape"], joints: int) -> Float[np.ndarray, "people joints 3"]:
    """The first joints of rotations in any common shape: flat or not, axis-angle or matrices, one or many."""
    if values.shape[-2:] == (3, 3):
        values = values.reshape(-1, *values.shape[-3:]) if values.ndim > 3 else values[None]
        if values.shape[1] < joints:
            raise ValueError(f"expected {joints} rotations, found {values.shape[1]}")
        matrices = as_matrices(torch.tensor(values[:, :joints])) if joints > 1 else torch.tensor(values[:, :1])
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


def _text(arrays: Mapping[str, np.ndarray], name: str) -> str:
    return str(arrays[name]) if name in arrays else ANY_BODY
