"""Write the results of a fit to several videos: files and pictures."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import fields
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from scipy.spatial.transform import Rotation

from fitting.body.body import Body
from fitting.inputs.calibration import CalibratedCamera
from fitting.output.amass import write_motion
from fitting.output.render import Mesh, overlay
from fitting.output.results import write_people
from fitting.output.trc import write_trc
from fitting.video.frames import open_video
from fitting.views.exports import in_upright_camera, overlay_name, to_upright_camera, y_up
from fitting.views.result import ViewsClip


def write_view_clip(
    folder: str | Path,
    clip: ViewsClip,
    body: Body,
    videos: Sequence[Path],
    cameras: Sequence[CalibratedCamera],
) -> Path:
    """Write ``folder/person0`` atomically.

    It contains ``fit.npz`` and ``fit.json`` (SMPL parameters and joints of each frame in world axes), ``motion.npz``
    (AMASS), ``markers.trc`` (the joints, y up, metres) and ``overlay_NAME.png``, the middle frame in each view.

    Args:
        folder: parent of the person's folder.
        clip: result of the fit.
        body: fitted body model, with fingers if the clip has hands.
        videos: one for each camera.
        cameras: cameras of the views.

    Returns:
        The person's folder.

    Raises:
        OSError: a file cannot be written; the folder is unchanged.
    """
    return write_people(folder, [partial(_write, clip, body, videos, cameras)])[0]


def _write(
    clip: ViewsClip, body: Body, videos: Sequence[Path], cameras: Sequence[CalibratedCamera], folder: Path
) -> None:
    arrays = {
        one.name: np.asarray(getattr(clip, one.name)) for one in fields(clip) if one.name not in ("notes", "hands")
    }
    arrays |= {} if clip.hands is None else clip.hands.arrays
    np.savez_compressed(folder / "fit.npz", allow_pickle=False, **arrays)
    readable = {name: array.tolist() for name, array in arrays.items()} | {"warnings": list(clip.warnings)}
    (folder / "fit.json").write_text(json.dumps(readable) + "\n", encoding="utf-8")
    write_trc(folder / "markers.trc", y_up(clip.joints.astype(np.float64), clip.up), clip.fps)
    turned = Rotation.from_matrix(to_upright_camera(clip.up)) * Rotation.from_rotvec(clip.global_orient)
    pelvis = in_upright_camera(clip.joints[:, 0].astype(np.float64), clip.up)
    fingers = None if clip.hands is None else clip.hands.both
    motion = (turned.as_rotvec(), clip.body_pose, clip.betas, pelvis, clip.pelvis, clip.fps, clip.body, fingers)
    write_motion(folder / "motion.npz", *motion)
    middle = len(clip.frames) // 2
    given = (clip.global_orient[[middle]], clip.body_pose[[middle]], clip.betas[None], clip.transl[[middle]])
    with torch.no_grad():
        posed = body(
            *(torch.from_numpy(value) for value in given),
            hand_pose=None if fingers is None else torch.from_numpy(fingers[[middle]]),
        )
        vertices = posed.vertices[0].cpu().numpy()
    mesh = Mesh(vertices, body.faces.cpu().numpy())
    for video, camera, offset in zip(videos, cameras, clip.offsets, strict=True):
        frame = next(open_video(video).frames(max(int(clip.frames[middle]) + offset, 0)), None)
        seen = Mesh(mesh.vertices @ camera.rotation.T + camera.translation, mesh.faces)
        if frame is not None and seen.vertices[:, 2].min() > 0:
            centre = (float(camera.centre[0]), float(camera.centre[1]))
            drawn = overlay(camera.undistorted_picture(frame), [seen], camera.focal, centre)
            Image.fromarray(drawn).save(folder / f"{overlay_name(camera)}.png")
