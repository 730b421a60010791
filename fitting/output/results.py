"""What a fit gives for one person, and the files it is kept in."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Float, Int, UInt8
from PIL import Image

from fitting.inputs.keypoints import Keypoints
from fitting.optimise.agreement import warnings_of
from fitting.shapes import check_shapes
from qposer.io.atomic_files import sync, sync_tree
from qposer.io.messages import one_line
from qposer.io.npz import read_npz

_ARRAYS = {
    **{"global_orient": "3", "body_pose": "21 3", "betas": "shapes", "transl": "3", "codes": "21 heads"},
    **{"centre": "2", "image_size": "2"},
}
"""Names and shapes."""

_NUMBERS = ("focal", "reprojection_error_px", "person_height_px")
_TEXTS = ("body", "qposer_version")

MeshFormat = Literal["obj", "glb", "ply"]
_MESH_OPTIONS: dict[MeshFormat, dict[str, Any]] = {"obj": {"header": None}, "glb": {"include_normals": True}, "ply": {}}


@dataclass(frozen=True)
class FitResult:
    """One person's body and the camera that sees it.

    Pose and shape are SMPL parameters as they are, axis-angle in radians and metres, never latents. ``global_orient``
    turns the body about its pelvis into the camera's axes (x right, y down, z forward) and ``transl`` moves it there,
    as in SMPL: there is no other transformation between body and camera.
    """

    global_orient: Float[np.ndarray, "3"]
    body_pose: Float[np.ndarray, "21 3"]
    betas: Float[np.ndarray, " shapes"]
    transl: Float[np.ndarray, "3"]
    codes: Int[np.ndarray, "21 heads"]
    focal: float
    """Focal length in pixels of the photo."""
    centre: Float[np.ndarray, "2"]
    """Principal point in pixels of the photo."""
    image_size: Int[np.ndarray, "2"]
    """Width and height of the photo in pixels."""
    keypoints: Keypoints
    """What was fitted; of this person only."""
    reprojection_error_px: float
    """Mean distance of the body's landmarks to the keypoints, weighted by confidence, in pixels of the photo."""
    person_height_px: float
    """How tall the person is on the photo, in pixels: the measure for the error."""
    body: str
    """Name of the body model that ``betas`` belongs to."""
    qposer_version: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Settings of the fit, as JSON can hold them."""
    vertices: Float[np.ndarray, "vertices 3"] | None = None
    """In camera space, metres; not kept in ``fit.npz``."""
    faces: Int[np.ndarray, "faces 3"] | None = None
    joints: Float[np.ndarray, "24 3"] | None = None
    """In camera space, metres; not kept in ``fit.npz``."""
    notes: tuple[str, ...] = ()
    """What was done differently than the photo asks for; not kept in ``fit.npz``."""

    def __post_init__(self) -> None:
        """Let nothing out that is no number.

        Raises:
            ValueError: an array or a number is NaN or infinite, or an array is of another shape.
        """
        check_shapes({name: np.asarray(getattr(self, name)) for name in _ARRAYS}, _ARRAYS)
        for name in (*_ARRAYS, *_NUMBERS, "vertices", "joints"):
            values = getattr(self, name)
            if values is not None and not np.isfinite(values).all():
                raise ValueError(
                    f"the fit came out as NaN or infinite ({name}): the keypoints or the camera are absurd"
                )

    @property
    def reprojection_error_percent(self) -> float:
        """The 2D error as a percentage of the person's height on the photo."""
        return 100.0 * self.reprojection_error_px / self.person_height_px

    @property
    def warnings(self) -> tuple[str, ...]:
        """What of the fit deserves a look: a large error, parts of the person that are not seen, notes."""
        seen = self.keypoints.seen[0]
        return (*warnings_of(self.keypoints.names, seen, self.reprojection_error_percent), *self.notes)

    def smplx_arguments(self, body_joints: int = 23) -> dict[str, Float[np.ndarray, "1 values"]]:
        """Parameters for the models that ``smplx.create`` returns, once they are tensors.

        ``body_joints`` is 23 for SMPL, whose two hand joints are left at rest, and 21 for SMPL-H and SMPL-X.
        """
        pose = np.zeros((body_joints, 3), dtype=np.float32)
        pose[: len(self.body_pose)] = self.body_pose
        values = {"global_orient": self.global_orient, "body_pose": pose, "betas": self.betas, "transl": self.transl}
        return {name: np.asarray(value, dtype=np.float32).reshape(1, -1) for name, value in values.items()}


def write_results(
    folder: str | Path,
    results: Sequence[FitResult],
    pictures: Sequence[Mapping[str, UInt8[np.ndarray, "height width 3"]]],
    meshes: Sequence[MeshFormat] = ("obj",),
) -> list[Path]:
    """Write ``folder/person0``, ``folder/person1``, ... and return their paths.

    Each holds ``fit.npz``, ``fit.json``, and a PNG for every one of the person's pictures, named by its key. Where the
    result has a mesh, there is one file of it for each of the formats ``meshes``, ``mesh.obj`` and so on, in metres
    (y up, as viewers expect: y and z of camera space are negated).

    ``fit.npz`` is read with ``numpy.load(path, allow_pickle=False)``: ``global_orient`` (3,), ``body_pose`` (21, 3),
    ``betas``, ``transl`` (3,), ``codes`` (21, heads), ``focal``, ``centre`` (2,), ``image_size`` (2,), ``keypoints_xy``
    (K, 2), ``keypoints_confidence`` (K,), ``keypoints_format``, ``keypoints_world`` (K, 3) if known,
    ``reprojection_error_px``, ``person_height_px``, ``body``, ``qposer_version``, ``settings`` (JSON). For smplx,
    flatten ``body_pose`` to 63 numbers, and append six zeros for SMPL. ``fit.json`` holds the same, the error as a
    percentage of the person's height, and ``warnings``.

    Everything is first written elsewhere in ``folder`` and then renamed, so that nothing is ever half-written under a
    final name. People of an earlier run are replaced; those of whom there are fewer now are removed.

    Args:
        folder: where the people's folders are.
        results: of all people.
        pictures: by name, for each person.
        meshes: formats of the meshes that are written.

    Returns:
        The people's folders.

    Raises:
        OSError: something could not be written; then nothing has changed.
        FileExistsError: one of those folders exists and is not a fit's.
    """
    folder = Path(folder)
    targets = [folder / f"person{index}" for index in range(len(results))]
    for target in targets:
        if target.exists() and not _is_fit(target):
            raise FileExistsError(f"{target} exists and holds no fit: move it away, or choose another output folder")
    created = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=".writing-", dir=folder))
    old = {path: staging / f"old-{path.name}" for path in folder.iterdir() if _is_person(path)}
    try:
        for target, result, shown in zip(targets, results, pictures, strict=True):
            _write_person(staging / target.name, result, shown, meshes)
        sync_tree(staging)
        try:
            for path, aside in old.items():
                path.rename(aside)
            for target in targets:
                (staging / target.name).rename(target)
        except OSError:
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
    """Whether it is a folder that an earlier run wrote, and not one that somebody has put aside under another name."""
    return re.fullmatch(r"person\d+", folder.name) is not None and _is_fit(folder)


def _is_fit(folder: Path) -> bool:
    return (folder / "fit.npz").is_file()


def _write_person(
    folder: Path,
    result: FitResult,
    pictures: Mapping[str, UInt8[np.ndarray, "height width 3"]],
    meshes: Sequence[MeshFormat],
) -> None:
    folder.mkdir()
    values = _flattened(result)
    np.savez(folder / "fit.npz", allow_pickle=False, **values)
    readable = {name: value.tolist() for name, value in values.items()} | {"settings": dict(result.settings)}
    readable["reprojection_error_percent"] = result.reprojection_error_percent
    readable["warnings"] = list(result.warnings)
    (folder / "fit.json").write_text(json.dumps(readable, indent=1) + "\n", encoding="utf-8")
    if result.vertices is not None and result.faces is not None:
        import trimesh

        upright = np.asarray(result.vertices) * np.array([1.0, -1.0, -1.0])
        mesh = trimesh.Trimesh(upright, result.faces, process=False)
        for suffix in meshes:
            mesh.export(folder / f"mesh.{suffix}", **_MESH_OPTIONS[suffix])
    for name, picture in pictures.items():
        Image.fromarray(picture).save(folder / f"{name}.png")


def _flattened(result: FitResult) -> dict[str, np.ndarray]:
    """The arrays of ``fit.npz``."""
    keypoints = result.keypoints
    values = {name: np.asarray(getattr(result, name)) for name in (*_ARRAYS, *_NUMBERS, *_TEXTS)}
    values |= {
        "keypoints_xy": keypoints.xy[0],
        "keypoints_confidence": keypoints.confidence[0],
        "keypoints_format": np.asarray(keypoints.format),
        "settings": np.asarray(json.dumps(dict(result.settings))),
    }
    if keypoints.world is not None:
        values["keypoints_world"] = keypoints.world[0]
    return values


def read_result(path: str | Path) -> FitResult:
    """The result in a ``fit.npz``, or in the folder that holds one; without vertices, faces and joints.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is not one that `write_results` wrote.
    """
    path = Path(path)
    path = path / "fit.npz" if path.is_dir() else path
    if not path.is_file():
        raise FileNotFoundError(f"there is no fit {path}: give a fit.npz or the folder of a person")
    try:
        values = read_npz(path)
        world = values.get("keypoints_world")
        keypoints = Keypoints(
            values["keypoints_xy"][None],
            values["keypoints_confidence"][None],
            str(values["keypoints_format"]),  # type: ignore[arg-type]  # checked by Keypoints
            None if world is None else world[None],
        )
        fields: dict[str, Any] = {name: values[name] for name in _ARRAYS}
        fields |= {name: float(values[name]) for name in _NUMBERS}
        fields |= {name: str(values[name]) for name in _TEXTS}
        return FitResult(**fields, keypoints=keypoints, settings=json.loads(str(values["settings"])))
    except (ValueError, KeyError, TypeError, IndexError, RecursionError) as error:
        told = f"it lacks {error}" if isinstance(error, KeyError) else one_line(error)
        raise ValueError(f"{path} is not the fit of a person: {told.removeprefix(f'{path}: ')}") from None
