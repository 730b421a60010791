"""Files of the results of fits."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Float, Int, UInt8
from PIL import Image

from fitting.inputs.keypoints import Keypoints
from fitting.output.fit_result import ARRAYS, NUMBERS, FitResult
from fitting.output.hand_poses import HandPoses
from fitting.output.obj import write_obj
from qposer.io.atomic_files import sync, sync_tree
from qposer.io.messages import one_line
from qposer.io.npz import read_npz

_OF_ALTERNATIVES = (
    *("probability", "swapped", "global_orient", "body_pose", "betas", "transl", "codes"),
    *("reprojection_error_px", "person_height_px"),
)
"""What the alternatives do not share with the answer; stored with the prefix ``alternatives_``."""

_OF_HANDS = ("left_hand_pose", "right_hand_pose", "hands_found")

_TEXTS = ("body", "qposer_version")

MeshFormat = Literal["obj", "glb", "ply"]

_COMPRESSION = 1
"""Compression level of PNG files; Pillow's default of 6 takes four times as long for files 8 % smaller."""


def write_results(
    folder: str | Path,
    results: Sequence[FitResult],
    pictures: Sequence[Mapping[str, UInt8[np.ndarray, "height width 3"]]],
    meshes: Sequence[MeshFormat] = ("obj",),
    files: Sequence[Mapping[str, bytes]] | None = None,
) -> list[Path]:
    """Write ``folder/person0``, ``folder/person1``, ... and return their paths.

    Each contains ``fit.npz``, ``fit.json``, and a PNG for each of the person's pictures, named by its key. If the
    result has a mesh, it is written in each of the formats ``meshes``, as ``mesh.obj`` and so on, in metres (y up, as
    viewers expect: y and z of camera space are negated).

    Read ``fit.npz`` with ``numpy.load(path, allow_pickle=False)``: ``global_orient`` (3,), ``body_pose`` (21, 3),
    ``betas``, ``transl`` (3,), ``codes`` (21, heads), ``focal``, ``centre`` (2,), ``image_size`` (2,), ``keypoints_xy``
    (K, 2), ``keypoints_confidence`` (K,), ``keypoints_format``, ``keypoints_world`` (K, 3) and
    ``keypoints_ambiguous`` if known,
    ``reprojection_error_px``, ``person_height_px``, ``body``, ``qposer_version``, ``settings`` (JSON),
    ``probability``, ``risk`` if known, with fitted hands ``left_hand_pose`` and
    ``right_hand_pose`` (15, 3) and ``hands_found`` (2,), and, with alternatives, ``alternatives_global_orient``
    (alternatives, 3) and so on. For smplx,
    flatten ``body_pose`` to 63 numbers, and append six zeros for SMPL. ``fit.json`` contains the same, the error as a
    percentage of the person's height, ``verdict`` (good, doubtful or failed), ``warnings``, ``joint_std_mm`` by joint
    and ``guessed_joints``.

    All files are written under temporary names in ``folder`` and then renamed, so that no incomplete file has a final
    name. People of an earlier run are replaced; excess people are deleted.

    Args:
        folder: parent of the people's folders.
        results: results of all people.
        pictures: pictures by name, for each person.
        meshes: mesh formats to write.
        files: contents of further files by name, for each person; default: none.

    Returns:
        The people's folders.

    Raises:
        OSError: a file cannot be written; then nothing has changed.
        FileExistsError: one of the folders exists and does not contain a fit.
    """
    people = zip(results, pictures, files or [{}] * len(results), strict=True)
    return write_people(folder, [partial(_write_person, result, drawn, more, meshes) for result, drawn, more in people])


def write_people(folder: str | Path, writers: Sequence[Callable[[Path], None]]) -> list[Path]:
    """Write ``folder/person0``, ``folder/person1``, ..., atomically, replacing those of an earlier run.

    Args:
        folder: parent of the people's folders.
        writers: one for each person, which writes ``fit.npz`` and other files into an empty folder.

    Returns:
        The people's folders.

    Raises:
        OSError: a file cannot be written; the folder is unchanged.
        FileExistsError: one of the folders exists and is not a fit.
    """
    folder = Path(folder)
    targets = [folder / f"person{index}" for index in range(len(writers))]
    for target in targets:
        if target.exists() and not _is_fit(target):
            raise FileExistsError(
                f"{target} exists and does not contain a fit: move it, or choose another output folder"
            )
    created = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=".writing-", dir=folder))
    old = {path: staging / f"old-{path.name}" for path in folder.iterdir() if _is_person(path)}
    try:
        for target, write in zip(targets, writers, strict=True):
            (staging / target.name).mkdir()
            write(staging / target.name)
        sync_tree(staging)
        try:
            for path, aside in old.items():
                path.rename(aside)
            for target in targets:
                (staging / target.name).rename(target)
        except BaseException:
            for path, aside in old.items():
                if aside.exists():
                    shutil.rmtree(path, ignore_errors=True)
                    aside.rename(path)
            raise
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        for path in created:
            path.rmdir()
        raise
    sync(folder)
    shutil.rmtree(staging, ignore_errors=True)
    return targets


def _is_person(folder: Path) -> bool:
    """Whether a folder was written by an earlier run and has not been renamed."""
    return re.fullmatch(r"person\d+", folder.name) is not None and _is_fit(folder)


def _is_fit(folder: Path) -> bool:
    return (folder / "fit.npz").is_file()


def _write_person(
    result: FitResult,
    pictures: Mapping[str, UInt8[np.ndarray, "height width 3"]],
    files: Mapping[str, bytes],
    meshes: Sequence[MeshFormat],
    folder: Path,
) -> None:
    values = _flattened(result)
    np.savez(folder / "fit.npz", allow_pickle=False, **values)
    readable = {name: value.tolist() for name, value in values.items()} | {"settings": dict(result.settings)}
    readable["reprojection_error_percent"] = result.reprojection_error_percent
    readable["verdict"] = result.verdict
    readable["warnings"] = list(result.warnings)
    readable |= {"joint_std_mm": result.joint_std_mm, "guessed_joints": list(result.guessed_joints)}
    readable |= {"moved_from_start_degrees": dict(result.moved)} if result.moved else {}
    (folder / "fit.json").write_text(json.dumps(readable, indent=1) + "\n", encoding="utf-8")
    if result.vertices is not None and result.faces is not None:
        upright = np.asarray(result.vertices) * np.array([1.0, -1.0, -1.0])
        for suffix in meshes:
            _write_mesh(folder / f"mesh.{suffix}", upright, result.faces, suffix)
    for name, picture in pictures.items():
        Image.fromarray(picture).save(folder / f"{name}.png", compress_level=_COMPRESSION)
    for name, content in files.items():
        (folder / name).write_bytes(content)


def _write_mesh(
    path: Path, vertices: Float[np.ndarray, "vertices 3"], faces: Int[np.ndarray, "faces 3"], suffix: MeshFormat
) -> None:
    if suffix == "obj":
        write_obj(path, vertices, faces)
        return
    import trimesh  # loading takes as long as a fit, and most meshes are written as OBJ

    options: dict[str, Any] = {"include_normals": True} if suffix == "glb" else {}
    trimesh.Trimesh(vertices, faces, process=False).export(path, **options)


def _flattened(result: FitResult) -> dict[str, np.ndarray]:
    """The arrays of ``fit.npz``."""
    keypoints = result.keypoints
    values = {name: np.asarray(getattr(result, name)) for name in (*ARRAYS, *NUMBERS, *_TEXTS)}
    values |= {
        "keypoints_xy": keypoints.xy[0],
        "keypoints_confidence": keypoints.confidence[0],
        "keypoints_format": np.asarray(keypoints.format),
        "settings": np.asarray(json.dumps(dict(result.settings))),
    }
    if keypoints.world is not None:
        values["keypoints_world"] = keypoints.world[0]
    for name in ("joint_covariance", "keypoint_shares"):
        if getattr(result, name) is not None:
            values[name] = getattr(result, name)
    values["guessed_joints"] = np.asarray(json.dumps(list(result.guessed_joints)))
    values["probability"], values["swapped"] = np.asarray(result.probability), np.asarray(result.swapped)
    values |= {} if result.risk is None else {"risk": np.asarray(result.risk)}
    values |= {} if result.hands is None else result.hands.arrays
    if result.alternatives:
        values |= {
            f"alternatives_{name}": np.stack([np.asarray(getattr(body, name)) for body in result.alternatives])
            for name in _OF_ALTERNATIVES
        }
        hands = [body.hands.arrays for body in result.alternatives if body.hands is not None]
        if len(hands) == len(result.alternatives):
            values |= {f"alternatives_{name}": np.stack([one[name] for one in hands]) for name in hands[0]}
    if keypoints.ambiguous is not None:
        values["keypoints_ambiguous"] = keypoints.ambiguous[0]
    return values


def read_result(path: str | Path) -> FitResult:
    """Read the result in a ``fit.npz`` or its folder, without vertices, faces and joints.

    Raises:
        FileNotFoundError: the file does not exist.
        ValueError: the file was not written by `write_results`.
    """
    path = Path(path)
    path = path / "fit.npz" if path.is_dir() else path
    if not path.is_file():
        raise FileNotFoundError(f"there is no fit {path}: give a fit.npz or the folder of a person")
    try:
        values = read_npz(path)
        world, ambiguous = values.get("keypoints_world"), values.get("keypoints_ambiguous")
        keypoints = Keypoints(
            values["keypoints_xy"][None],
            values["keypoints_confidence"][None],
            str(values["keypoints_format"]),  # type: ignore[arg-type]  # checked by Keypoints
            None if world is None else world[None],
            ambiguous=None if ambiguous is None else ambiguous[None],
        )
        fields: dict[str, Any] = {name: values[name] for name in ARRAYS}
        fields |= {name: float(values[name]) for name in NUMBERS}
        fields |= {name: str(values[name]) for name in _TEXTS}
        fields |= {name: values.get(name) for name in ("joint_covariance", "keypoint_shares")}
        fields["guessed_joints"] = tuple(map(str, json.loads(str(values.get("guessed_joints", "[]")))))
        fields["probability"] = float(values.get("probability", 1.0))
        fields["swapped"] = bool(values.get("swapped", False))
        fields["risk"] = float(values["risk"]) if "risk" in values else None
        fields["hands"] = HandPoses.read(values)
        answer = FitResult(**fields, keypoints=keypoints, settings=json.loads(str(values["settings"])))
        return replace(answer, alternatives=tuple(_alternatives(answer, values)))
    except (ValueError, KeyError, TypeError, IndexError, RecursionError) as error:
        reason = f"it lacks {error}" if isinstance(error, KeyError) else one_line(error)
        raise ValueError(f"{path} is not the fit of a person: {reason.removeprefix(f'{path}: ')}") from None


def _alternatives(answer: FitResult, values: Mapping[str, np.ndarray]) -> Iterator[FitResult]:
    """The other bodies of a file, with the keypoints as they assume them."""
    columns = {name: values.get(f"alternatives_{name}", ()) for name in _OF_ALTERNATIVES}
    prefix = "alternatives_"
    own = {name.removeprefix(prefix): array for name, array in values.items() if name.startswith(prefix)}
    for index, row in enumerate(zip(*columns.values(), strict=True)):
        body: dict[str, Any] = dict(zip(columns, row, strict=True))
        keypoints = answer.keypoints.exchanged(np.array([bool(body["swapped"]) != answer.swapped]))
        hands = HandPoses.read({name: array[index] for name, array in own.items() if name in _OF_HANDS})
        yield replace(answer, **body, joint_covariance=None, risk=None, keypoints=keypoints, hands=hands)
