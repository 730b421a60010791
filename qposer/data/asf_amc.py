"""Reader of Acclaim ASF/AMC files, as used by the CMU Graphics Lab Motion Capture Database."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int
from scipy.spatial.transform import Rotation

from qposer.data.motion import Motion

CAPTURE_FPS = 120.0
"""Frame rate of AMC files in frames per second; from CMU's capture setup, as the format does not store it."""


@dataclass(frozen=True)
class _Bone:
    parent: int
    end: Float[np.ndarray, " 3"]
    """Vector from the bone's start to its end in the rest pose, world axes."""
    axes: Float[np.ndarray, "3 3"]
    """Frame of the rotational degrees of freedom."""
    dofs: tuple[str, ...]


def read_amc(path: Path) -> Motion:
    """Read a clip and its skeleton from the same folder.

    The skeleton is the ``.asf`` file whose name is a prefix of the clip's, or else the only one: ``02.asf`` for
    ``02_05.amc``, ``HDM_bd.asf`` for ``HDM_bd_01-01_01_120.amc``. In the first case the subject is the name of the
    skeleton, in the second that of the folder. A bone of an ASF file rotates about its start, so it becomes the joint
    at its start, with the bone's name.

    Raises:
        FileNotFoundError: the folder has no matching skeleton.
        ValueError: a file is damaged, or not in CMU's ASF/AMC format.
    """
    skeleton, subject = _find_skeleton(path)
    bones = _read_asf(skeleton)
    numbers, values = _read_frames(path, bones)

    rotations = np.empty((len(numbers), len(bones), 3, 3))
    for joint, (name, bone) in enumerate(bones.items()):
        turn = _turn(bone, values[name])
        rotations[:, joint] = turn if bone.parent < 0 else rotations[:, bone.parent] @ turn

    names, parents = list(bones), [bone.parent for bone in bones.values()]
    ends = [bone.end for bone in bones.values()]
    offsets = [np.zeros(3) if parent < 0 else ends[parent] for parent in parents]
    leaves = [joint for joint in range(len(bones)) if joint not in parents]
    step = int(np.median(np.diff(numbers))) if len(numbers) > 1 else 1
    return Motion(
        subject=subject,
        sequence=path.stem,
        fps=CAPTURE_FPS / step,
        frames=numbers,
        names=(*names, *(f"{names[leaf]} end" for leaf in leaves)),
        parents=(*parents, *leaves),
        offsets=np.stack([*offsets, *(ends[leaf] for leaf in leaves)]),
        rotations=np.concatenate([rotations, rotations[:, leaves]], axis=1),
    )


def _find_skeleton(path: Path) -> tuple[Path, str]:
    """Path of a clip's skeleton, and the name of the subject."""
    found = sorted(file for file in path.parent.iterdir() if file.suffix.lower() == ".asf")
    named = [file for file in found if re.match(rf"{re.escape(file.stem)}(?![A-Za-z0-9])", path.stem)]
    if named:
        skeleton = max(named, key=lambda file: len(file.stem))
        return skeleton, skeleton.stem
    if len(found) != 1:
        names = ", ".join(file.name for file in found) or "none"
        raise FileNotFoundError(
            f"{path}: expected one .asf file in its folder, or one whose name is a prefix of the clip's, found {names}"
        )
    return found[0], path.resolve().parent.name


def _turn(bone: _Bone, values: Float[np.ndarray, "frames dofs"]) -> Float[np.ndarray, "frames 3 3"]:
    """Rotation C M C^-1 of a bone: its degrees of freedom rotate, rx first, about the fixed axes of the frame C."""
    columns = [index for index, dof in enumerate(bone.dofs) if dof.startswith("r")]
    if not columns:
        return np.tile(np.eye(3), (len(values), 1, 1))
    order = "".join(bone.dofs[column][1] for column in columns)
    turn: np.ndarray = (
        bone.axes @ Rotation.from_euler(order, values[:, columns], degrees=True).as_matrix() @ bone.axes.T
    )
    return turn


def _read_asf(path: Path) -> dict[str, _Bone]:
    """Bones by name, root first, every parent before its children."""
    sections = _sections(path)
    missing = {":units", ":root", ":bonedata", ":hierarchy"} - sections.keys()
    if missing:
        raise ValueError(f"{path}: expected an ASF skeleton, but it has no {', '.join(sorted(missing))}")
    if ["angle", "deg"] not in sections[":units"]:
        raise ValueError(f"{path}: expected angles in degrees ('angle deg' in :units)")
    try:
        return _bones(sections)
    except (KeyError, IndexError, ValueError) as error:
        raise ValueError(f"{path}: the skeleton is damaged ({error!r})") from error


def _sections(path: Path) -> dict[str, list[list[str]]]:
    """Lines of an ASF file, split into words, by section keyword."""
    sections: dict[str, list[list[str]]] = {}
    lines: list[list[str]] = []
    for line in path.read_text(encoding="latin-1").splitlines():
        words = line.split()
        if words and words[0].startswith(":"):
            lines = sections.setdefault(words[0], [])
        elif words and not words[0].startswith("#"):
            lines.append(words)
    return sections


def _bones(sections: dict[str, list[list[str]]]) -> dict[str, _Bone]:
    root = {words[0]: words[1:] for words in sections[":root"]}
    dofs = tuple(dof.lower() for dof in root["order"])
    bones = {"root": _Bone(-1, np.zeros(3), _axes([*root["orientation"], *root["axis"]]), dofs)}

    records: dict[str, dict[str, list[str]]] = {}
    record: dict[str, list[str]] = {}
    for words in sections[":bonedata"]:
        if words[0] == "begin":
            record = {}
        elif words[0] == "end":
            records[record["name"][0]] = record
        else:
            record[words[0]] = words[1:]

    for parent, *children in (words for words in sections[":hierarchy"] if words[0] not in ("begin", "end")):
        for child in children:
            record = records[child]
            end = float(record["length"][0]) * np.array(record["direction"], dtype=float).reshape(3)
            bones[child] = _Bone(list(bones).index(parent), end, _axes(record["axis"]), tuple(record.get("dof", ())))
    return bones


def _axes(words: list[str]) -> Float[np.ndarray, "3 3"]:
    """Frame of an ``axis`` entry: three angles in degrees about fixed axes, in the order of the last word."""
    *angles, order = words
    axes: np.ndarray = Rotation.from_euler(order.lower(), [float(angle) for angle in angles], degrees=True).as_matrix()
    return axes


def _read_frames(path: Path, bones: dict[str, _Bone]) -> tuple[Int[np.ndarray, " frames"], dict[str, np.ndarray]]:
    """Frame numbers, and for each bone the (frames, dofs) values of its degrees of freedom."""
    numbers: list[int] = []
    rows: dict[str, list[list[float]]] = {name: [] for name in bones}
    for count, line in enumerate(path.read_text(encoding="latin-1").splitlines(), start=1):
        name, *values = line.split() or [""]
        if not name or name[0] in "#:":
            continue
        if not values and name.isdigit():
            numbers.append(int(name))
        elif name not in bones:
            raise ValueError(f"{path}: line {count}: bone {name!r} is not in the skeleton")
        elif len(values) != len(bones[name].dofs):
            raise ValueError(f"{path}: line {count}: {name} has {len(bones[name].dofs)} values, found {len(values)}")
        else:
            rows[name].append(_floats(values, path, count))
    if not numbers:
        raise ValueError(f"{path}: expected frames of motion, found none")
    for name, bone in bones.items():
        if bone.dofs and len(rows[name]) != len(numbers):
            raise ValueError(
                f"{path}: {name} is in {len(rows[name])} of {len(numbers)} frames; the file is cut or damaged"
            )
    return np.array(numbers), {
        name: np.array(rows[name] if bone.dofs else np.empty((len(numbers), 0))) for name, bone in bones.items()
    }


def _floats(words: list[str], path: Path, line: int) -> list[float]:
    try:
        return [float(word) for word in words]
    except ValueError as error:
        raise ValueError(f"{path}: line {line}: {error}") from error
