"""Files of a clip's fit for other programs."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float

from fitting.body.body import Body
from fitting.output.bvh import write_bvh
from fitting.output.gltf import write_glb
from fitting.output.skinning import SkeletonMotion, skeleton_motion, skinned_body, skinning_error_mm
from fitting.output.trc import write_trc
from fitting.output.viewer import write_clip_viewer
from fitting.video.clip_result import ClipResult

ClipExport = Literal["bvh", "glb", "trc", "html"]

FILES: dict[ClipExport, str] = {"bvh": "motion.bvh", "glb": "motion.glb", "trc": "markers.trc", "html": "view.html"}
"""Names of the files."""

VIDEO = "video.mp4"
"""The drawn video, which the page plays."""

_VISIBLE_MM = 1.0
"""Error of the skin above which there is a note."""


def write_clip_exports(
    folder: str | Path, result: ClipResult, body: Body, exports: Sequence[ClipExport], title: str
) -> tuple[str, ...]:
    """Write a clip for other programs; files of these names that are not asked for are deleted.

    y is up. If the ground is known, axes are those of the world, with the ground at zero; otherwise the camera is at
    the origin and looks along -z.

    - ``bvh``: ``motion.bvh``, the skeleton and its motion in centimetres (see `fitting.output.bvh.write_bvh`).
    - ``glb``: ``motion.glb``, the skinned and animated body (see `fitting.output.gltf.glb`).
    - ``trc``: ``markers.trc``, positions of the joints (see `fitting.output.trc.write_trc`).
    - ``html``: ``view.html``, a page with the motion next to ``video.mp4`` (see `fitting.output.viewer.clip_page`).

    Args:
        folder: folder of the fit.
        result: the fit.
        body: the fitted body model.
        exports: files to write.
        title: title of the page.

    Returns:
        Sentences: where the files deviate from the fit.

    Raises:
        ValueError: the fit belongs to another body model.
        OSError: a file cannot be written.
    """
    if result.body != body.name:
        raise ValueError(f"the clip was fitted with the body {result.body}, not {body.name}: give that body")
    folder = Path(folder)
    for export, name in FILES.items():
        if export not in exports:
            (folder / name).unlink(missing_ok=True)
    skinned = skinned_body(body, result.betas)
    motion = _motion(result, skinned.joints)
    if "bvh" in exports:
        write_bvh(folder / FILES["bvh"], skinned.joints, motion)
    if "trc" in exports:
        write_trc(folder / FILES["trc"], motion.posed_joints(skinned.joints)[1], result.fps, body.data.joint_names)
    shown = [FILES[export] for export in ("glb", "html") if export in exports]
    error = skinning_error_mm(body, result.betas, skinned, motion) if shown else 0.0
    if "glb" in exports:
        write_glb(folder / FILES["glb"], skinned, motion, error_mm=error)
    if "html" in exports:
        size = (int(result.image_size[0]), int(result.image_size[1]))
        caption = f"2D error {result.reprojection_error_percent:.1f} % of the height"
        write_clip_viewer(folder / FILES["html"], skinned, motion, size, video=VIDEO, title=title, caption=caption)
    if error < _VISIBLE_MM:
        return ()
    note = f"the skin in {' and '.join(shown)} is off by up to {error:.0f} mm"
    return (f"{note}: it has four bones per vertex and no pose blend shapes",)


def _motion(result: ClipResult, rest: Float[np.ndarray, "joints 3"]) -> SkeletonMotion:
    """The motion in world axes, if they are known."""
    first = int(result.frames[0])
    if result.world_orient is None or result.world_transl is None:
        return skeleton_motion(result, rest[0], result.fps, first, joints=len(rest))
    world = dataclasses.replace(result, global_orient=result.world_orient, transl=result.world_transl)
    return skeleton_motion(world, rest[0], result.fps, first, np.eye(3), len(rest))
