"""Valid files of all supported kinds, with functions that read and check each kind."""

from __future__ import annotations

import io
import json
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import ExifTags, Image
from scipy import sparse

from fitting import read_keypoints
from fitting.body.body import Body
from fitting.body.smpl_pickle import read_arrays
from fitting.inputs.images import read_image
from fitting.inputs.keypoints import FORMATS
from fitting.output.results import read_result
from fitting.video.frames import open_video, writing_video
from qposer.body_pose.poses import read_poses
from qposer.io.assets import asset
from qposer.prior.model import QPoser, QPoserConfig

SIZE = (64, 48)


@dataclass(frozen=True)
class Kind:
    """A kind of file: valid examples by name, and a function that reads one and raises if the result is invalid."""

    name: str
    files: dict[str, bytes]
    read: Callable[[Path], None]


def kinds(folder: Path, bodies: bool = True) -> list[Kind]:
    """List all kinds of inputs.

    Args:
        folder: folder for temporary files.
        bodies: include the open body, which is the slowest to read.

    Returns:
        The kinds of inputs.
    """
    found = [
        Kind("images", _images(), _read_image),
        Kind("keypoints", _keypoints(), _read_keypoints),
        Kind("poses", _poses(), _read_poses),
        Kind("pickles", _pickles(), _read_pickle),
        Kind("checkpoints", _checkpoints(folder), _read_checkpoint),
        Kind("videos", _videos(folder), _read_video),
        Kind("results", _results(), _read_result),
    ]
    return [*found, Kind("bodies", {"body.npz": asset("body.npz").read_bytes()}, _read_body)] if bodies else found


def _images() -> dict[str, bytes]:
    noise = np.random.default_rng(0).integers(0, 255, (SIZE[1], SIZE[0], 3), dtype=np.uint8)
    picture = Image.fromarray(noise)
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.FocalLengthIn35mmFilm] = 26
    files = {}
    for kind in ("jpeg", "png", "webp", "tiff", "gif", "bmp", "ppm", "tga"):
        file = io.BytesIO()
        picture.save(file, kind, **({"exif": exif} if kind in ("jpeg", "png", "webp", "tiff") else {}))
        files[f"image.{kind}"] = file.getvalue()
    return files


def _person(names: tuple[str, ...]) -> np.ndarray:
    rng = np.random.default_rng(1)
    return np.column_stack([rng.uniform(0, 40, (len(names), 2)), rng.uniform(0.5, 1.0, len(names))])


def _keypoints() -> dict[str, bytes]:
    openpose, coco = _person(FORMATS["openpose"].names), _person(FORMATS["coco"].names)
    one = {"image_id": 1, "category_id": 1, "keypoints": coco.ravel().tolist(), "score": 0.9}
    images = [{"id": 1, "file_name": "image.png"}]
    xy, confidence = openpose[None, :, :2], openpose[None, :, 2]
    return {
        "openpose.json": json.dumps({"people": [{"pose_keypoints_2d": openpose.ravel().tolist()}]}).encode(),
        "coco.json": json.dumps({"images": images, "annotations": [one]}).encode(),
        "results.json": json.dumps([one]).encode(),
        "keypoints.npz": _npz(xy=xy, confidence=confidence, format=np.asarray("openpose")),
    }


def _poses() -> dict[str, bytes]:
    rng = np.random.default_rng(2)
    amass = {"trans": np.zeros((3, 3)), "betas": np.zeros(16), "mocap_framerate": np.array(30.0)}
    return {
        "poses.npz": _npz(body_pose=rng.normal(0, 0.2, (3, 21, 3)).astype(np.float32)),
        "amass.npz": _npz(poses=rng.normal(0, 0.2, (3, 156)), **amass),
    }


def _pickles() -> dict[str, bytes]:
    rng = np.random.default_rng(3)
    content = {
        "v_template": rng.normal(size=(20, 3)),
        "J_regressor": sparse.csc_matrix(np.eye(4, 20)),
        "weights": sparse.coo_matrix(np.eye(20, 4)),
        "f": np.zeros((5, 3), np.uint32),
    }
    return {f"body{protocol}.pkl": pickle.dumps(content, protocol=protocol) for protocol in (0, 2, 4, 5)}


def _checkpoints(folder: Path) -> dict[str, bytes]:
    sizes = QPoserConfig(heads=2, codes=16, code_dim=2, width=16, depth=1, global_tokens=2, attention_heads=2)
    QPoser(sizes).save(folder / "model.safetensors")
    return {"model.safetensors": (folder / "model.safetensors").read_bytes()}


def _videos(folder: Path) -> dict[str, bytes]:
    with writing_video(folder / "video.mp4", 12.0, SIZE) as writer:
        for step in range(6):
            writer.write(np.full((SIZE[1], SIZE[0], 3), 40 * step, np.uint8))
    return {"video.mp4": (folder / "video.mp4").read_bytes()}


def _results() -> dict[str, bytes]:
    person = _person(FORMATS["openpose"].names)
    arrays = {
        "global_orient": np.zeros(3),
        "body_pose": np.zeros((21, 3)),
        "betas": np.zeros(10),
        "transl": np.ones(3),
        "codes": np.zeros((21, 4), int),
        "centre": np.ones(2),
        "image_size": np.array(SIZE),
        "focal": np.array(60.0),
        "reprojection_error_px": np.array(1.0),
        "person_height_px": np.array(40.0),
        "body": np.asarray("open"),
        "qposer_version": np.asarray("0"),
        "settings": np.asarray("{}"),
        "keypoints_xy": person[:, :2],
        "keypoints_confidence": person[:, 2],
        "keypoints_format": np.asarray("openpose"),
    }
    return {"fit.npz": _npz(**arrays)}


def _npz(**arrays: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.savez(file, allow_pickle=False, **arrays)
    return file.getvalue()


def _check_finite(*arrays: np.ndarray) -> None:
    for array in arrays:
        if not array.size or (array.dtype.kind in "fc" and not np.isfinite(array).all()):
            raise AssertionError("a result is empty, NaN or infinite")


def _read_image(path: Path) -> None:
    _check_finite(read_image(path).rgb)


def _read_keypoints(path: Path) -> None:
    keypoints = read_keypoints(path, "image.png")
    _check_finite(keypoints.xy, keypoints.confidence)


def _read_poses(path: Path) -> None:
    _check_finite(read_poses(path).numpy())


def _read_pickle(path: Path) -> None:
    read_arrays(path, ("v_template", "J_regressor", "weights", "f"))


def _read_checkpoint(path: Path) -> None:
    _check_finite(QPoser.from_pretrained(path).decode(torch.zeros(1, 21, 2, dtype=torch.long)).numpy())


def _read_video(path: Path) -> None:
    for seconds, frame in open_video(path).timed_frames():
        _check_finite(np.array(seconds), frame)


def _read_result(path: Path) -> None:
    result = read_result(path)
    _check_finite(result.body_pose, result.transl)


def _read_body(path: Path) -> None:
    body, rest = Body.load(path), torch.zeros(1, 22, 3)
    for format in FORMATS:
        _check_finite(body.landmarks(rest[:, 0], rest[:, 1:], format=format).numpy())
