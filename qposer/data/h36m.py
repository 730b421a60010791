"""Human3.6M (Ionescu et al., TPAMI 2014): positions of 32 joints, from the common file layouts.

- ``S9/walking_1.txt``: exponential maps, 99 numbers per line, of one skeleton for all subjects (`OFFSETS`).
- ``S9/MyPoseFeatures/D3_Positions/Walking 1.cdf``: the official positions; reading them needs the package ``cdflib``.
- ``S9/MyPoses/3D_positions/Walking 1.h5``: the same in HDF5; reading them needs the package ``h5py``.
- ``S9/Walking 1.npz``: the same as a plain array.

A file with positions in camera space has the camera's number in its name: ``Walking 1.54138969.cdf``.
"""

from __future__ import annotations

import importlib
import re
import warnings
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np
import torch
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from qposer.body_pose.kinematics import forward_kinematics
from qposer.io.npz import read_npz

FPS = 50
NUM_JOINTS = 32

# fmt: off
PARENTS: tuple[int, ...] = (
    -1, 0, 1, 2, 3, 4, 0, 6, 7, 8, 9, 0, 11, 12, 13, 14, 12, 16, 17, 18, 19, 20, 19, 22, 12, 24, 25, 26, 27, 28, 27, 30,
)
_OFFSETS_MM = {
    1: (-132.95, 0, 0), 2: (0, -442.89, 0), 3: (0, -454.21, 0), 4: (0, 0, 162.77), 5: (0, 0, 75.00),
    6: (132.95, 0, 0), 7: (0, -442.89, 0), 8: (0, -454.21, 0), 9: (0, 0, 162.77), 10: (0, 0, 75.00),
    11: (0, 0.1, 0), 12: (0, 233.38, 0), 13: (0, 257.08, 0), 14: (0, 121.13, 0), 15: (0, 115.00, 0),
    16: (0, 257.08, 0), 17: (0, 151.03, 0), 18: (0, 278.88, 0), 19: (0, 251.73, 0), 21: (0, 0, 100), 22: (0, 100, 0),
    24: (0, 257.08, 0), 25: (0, 151.03, 0), 26: (0, 278.89, 0), 27: (0, 251.73, 0), 29: (0, 0, 100), 30: (0, 137.50, 0),
}
# fmt: on
OFFSETS: Float[np.ndarray, "32 3"] = np.array([_OFFSETS_MM.get(joint, (0, 0, 0)) for joint in range(NUM_JOINTS)]) / 1000
"""Offsets from each joint's parent in the zero pose, metres: the skeleton of the exponential-map files."""

_REST_JOINTS = torch.zeros(NUM_JOINTS, 3, dtype=torch.float64)
for _joint, _offset in enumerate(torch.from_numpy(OFFSETS)[1:], start=1):
    _REST_JOINTS[_joint] = _REST_JOINTS[PARENTS[_joint]] + _offset

JOINTS_17: tuple[int, ...] = (0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27)
"""Pelvis; right hip, knee, ankle; left ones; spine, thorax, nose, head; left shoulder, elbow, wrist; right ones."""

JOINTS_14: tuple[int, ...] = tuple(index for index, joint in enumerate(JOINTS_17) if joint not in (0, 12, 14))
"""Indices of the 17 joints without pelvis, spine and nose."""

TEST_SUBJECTS = ("S9", "S11")

# fmt: off
ACTIONS = (
    "Directions", "Discussion", "Eating", "Greeting", "Phoning", "Posing", "Purchases", "Sitting", "SittingDown",
    "Smoking", "TakingPhoto", "Waiting", "Walking", "WalkingDog", "WalkingTogether",
)
# fmt: on
_OTHER_NAMES = {"photo": "TakingPhoto", "walkdog": "WalkingDog", "walktogether": "WalkingTogether"}
_ACTION_OF = {action.lower(): action for action in ACTIONS} | _OTHER_NAMES

_NAME = re.compile(r"(?P<action>[A-Za-z]+)[ _]?\d*(?:\.(?P<camera>\d{8}))?")
_OTHER_FEATURES = {
    *("D2_Positions", "D3_Angles", "D3_Angles_mono", "RawAngles"),
    *("D3_Positions_mono", "D3_Positions_mono_universal"),
}
"""Folders of the official archives with other data or duplicates; read only if given as the root."""

_ARRAY_NAMES = ("positions", "3D_positions", "Pose")
_THIGH_METRES = (0.25, 0.7)
_THIGHS = ((1, 2), (6, 7))


@dataclass(frozen=True)
class Recording:
    """A recording file, and the metadata in its path."""

    path: Path
    subject: str
    action: str
    """One of `ACTIONS`, or the file's name."""
    camera: str | None = None
    """Camera in whose space the positions are; None for world space."""

    @property
    def name(self) -> str:
        """Name of the file without its suffix: ``Walking 1``."""
        return self.path.stem


def find_recordings(root: Path, subjects: Collection[str] = TEST_SUBJECTS) -> list[Recording]:
    """Find the recordings of some subjects in a folder and its subfolders, or in a single file.

    The subject is the last part of the path like ``S9``; the action is the start of the file's name. Folders of the
    official archives with angles, 2D positions or positions in camera space are searched only if ``root``
    is one of them. Files whose names start with an underscore or a dot are skipped.

    Args:
        root: folder or file.
        subjects: names of subjects, such as ``S9``.

    Returns:
        The recordings found.

    Raises:
        FileNotFoundError: the folder or file does not exist.
        ValueError: there is no recording of these subjects, or two files are the same recording.
    """
    if not root.exists():
        raise FileNotFoundError(f"there is no folder or file {root}: give the folder of your Human3.6M recordings")
    files = [root] if root.is_file() else sorted(path for path in root.rglob("*") if _may_be_one(path, root))
    found = [recording for path in files if (recording := _recording(path)) is not None]
    chosen = [recording for recording in found if recording.subject in subjects]
    if not chosen:
        others = ", ".join(sorted({recording.subject for recording in found}))
        raise ValueError(
            f"{root} holds no recording of {', '.join(subjects)}: expected files like S9/walking_1.txt or "
            f"S9/MyPoseFeatures/D3_Positions/Walking.cdf" + (f", and found those of {others}" if others else "")
        )
    seen: dict[tuple[str, str], Path] = {}
    for recording in chosen:
        other = seen.setdefault((recording.subject, recording.name), recording.path)
        if other != recording.path:
            raise ValueError(f"{other} and {recording.path} are the same recording: give the folder of one of them")
    return chosen


def read_positions(path: Path) -> Float[np.ndarray, "frames 32 3"]:
    """Joint positions of a recording in metres, in the file's axes.

    The length of the thighs distinguishes millimetres, the common unit, from metres.

    Raises:
        FileNotFoundError: the file does not exist.
        ValueError: the file is damaged, has another layout, contains pickled objects, or needs a missing package.
    """
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}: check the path")
    if path.suffix not in _READERS:
        raise ValueError(f"{path}: recordings are files of {', '.join(_READERS)}")
    positions = _READERS[path.suffix](path)
    if not len(positions) or not np.isfinite(positions).all():
        raise ValueError(
            f"{path}: the file is damaged: it has {'NaN or infinite numbers' if len(positions) else 'no frame'}"
        )
    low, high = _THIGH_METRES
    thigh = np.median([np.linalg.norm(positions[:, a] - positions[:, b], axis=-1) for a, b in _THIGHS])
    for unit in (1.0, 1000.0):
        if low < thigh / unit < high:
            return positions / unit
    raise ValueError(
        f"{path}: a thigh is {thigh:g} long: expected positions of the dataset's 32 joints, in their order, in "
        "millimetres or metres"
    )


def positions_of_angles(
    exponential_maps: Float[np.ndarray, "frames 32 3"], root: Float[np.ndarray, "frames 3"]
) -> Float[np.ndarray, "frames 32 3"]:
    """Forward kinematics of the exponential-map files: positions in metres.

    A joint rotates by ``exp(-r)`` relative to its parent: the dataset multiplies row vectors by ``exp(r)`` from the
    right.

    Args:
        exponential_maps: ``r`` of each joint, radians.
        root: position of joint 0, metres.

    Returns:
        Positions of the joints in the world's axes.
    """
    local = Rotation.from_rotvec(-exponential_maps.reshape(-1, 3)).as_matrix().reshape(-1, NUM_JOINTS, 3, 3)
    _, relative = forward_kinematics(torch.from_numpy(local), _REST_JOINTS, PARENTS)
    positions: np.ndarray = relative.numpy() + root[:, None]
    return positions


def _may_be_one(path: Path, root: Path) -> bool:
    between = path.relative_to(root).parts
    return (
        path.suffix in _READERS
        and path.is_file()
        and not path.name.startswith(("_", "."))
        and not _OTHER_FEATURES.intersection(between)
    )


def _recording(path: Path) -> Recording | None:
    """Recording with the metadata of its path; None if the path names no subject."""
    subject = next((part for part in reversed(path.resolve().parts[:-1]) if re.fullmatch(r"S\d+", part)), None)
    if subject is None:
        return None
    name = _NAME.fullmatch(path.stem)
    action = name["action"] if name else path.stem
    return Recording(path, subject, _ACTION_OF.get(action.lower(), action), name["camera"] if name else None)


def _read_text(path: Path) -> Float[np.ndarray, "frames 32 3"]:
    try:
        with warnings.catch_warnings(action="ignore", category=UserWarning):  # an empty file, reported below
            numbers = np.loadtxt(path, delimiter=",", ndmin=2)
    except ValueError as error:
        raise ValueError(f"{path}: expected lines of 99 numbers with commas between them ({error})") from None
    if numbers.size and numbers.shape[1] != 3 + 3 * NUM_JOINTS:
        raise ValueError(f"{path}: expected 99 numbers per line, found {numbers.shape[1]}")
    numbers = numbers.reshape(-1, 1 + NUM_JOINTS, 3)
    if not np.isfinite(numbers).all():
        raise ValueError(f"{path}: the file is damaged: it has NaN or infinite numbers")
    return positions_of_angles(numbers[:, 1:], numbers[:, 0] / 1000)


def _read_cdf(path: Path) -> Float[np.ndarray, "frames 32 3"]:
    cdflib = _package("cdflib", path)
    try:
        array = np.asarray(cdflib.CDF(path).varget("Pose"))
    except Exception as error:  # damaged files raise anything
        raise ValueError(f"{path}: expected a CDF file whose variable Pose holds positions ({error})") from error
    return _as_positions(array, path)


def _read_h5(path: Path) -> Float[np.ndarray, "frames 32 3"]:
    h5py = _package("h5py", path)
    try:
        with h5py.File(path, "r") as file:
            arrays = {name: value[()] for name, value in file.items() if isinstance(value, h5py.Dataset)}
    except (OSError, ValueError, RuntimeError) as error:
        raise ValueError(f"{path}: expected an HDF5 file of positions ({error})") from error
    array = _chosen(arrays, path)
    transposed = array.ndim == 2 and array.shape[1] != 3 * NUM_JOINTS == array.shape[0]
    return _as_positions(array.T if transposed else array, path)


def _read_npz(path: Path) -> Float[np.ndarray, "frames 32 3"]:
    try:
        arrays = read_npz(path)
    except ValueError as error:
        raise ValueError(
            f"{error}: archives of pickled dictionaries, such as VideoPose3D's positions_3d, are not opened, since a "
            "pickle can run code; save each recording by itself: np.savez('S9/Walking 1.npz', positions=array)"
        ) from error
    return _as_positions(_chosen(arrays, path), path)


def _chosen(arrays: dict[str, np.ndarray], path: Path) -> np.ndarray:
    """The array with a known name, or else the only one."""
    named = [arrays[name] for name in _ARRAY_NAMES if name in arrays]
    candidates = named or list(arrays.values())
    if len(candidates) != 1:
        found = ", ".join(sorted(arrays)) or "none"
        raise ValueError(f"{path}: expected one array called {_ARRAY_NAMES[0]}, found {found}")
    return candidates[0]


def _as_positions(array: np.ndarray, path: Path) -> Float[np.ndarray, "frames 32 3"]:
    """Rows of 96 numbers or 32 x 3, after removal of leading dimensions of size 1."""
    rows = array[0] if array.ndim == 3 and array.shape[0] == 1 and array.shape[2] == 3 * NUM_JOINTS else array
    if rows.shape[1:] not in ((3 * NUM_JOINTS,), (NUM_JOINTS, 3)) or rows.dtype.kind not in "fiu":
        raise ValueError(
            f"{path}: expected positions (frames, 32, 3) or (frames, 96), found {array.dtype} {array.shape}"
        )
    return rows.reshape(-1, NUM_JOINTS, 3).astype(np.float64)


def _package(name: str, path: Path) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ImportError:
        raise ValueError(
            f"{path}: reading {path.suffix} files needs the package {name}, which is not installed: pip install {name}"
        ) from None


_READERS: dict[str, Callable[[Path], Float[np.ndarray, "frames 32 3"]]] = {
    ".txt": _read_text,
    ".cdf": _read_cdf,
    ".h5": _read_h5,
    ".npz": _read_npz,
}
