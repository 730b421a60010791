"""Fit bodies to people seen by several calibrated cameras at the same moment.

    qposer views CAMERAS VIEW1 VIEW2 ... --out OUT

CAMERAS is a calibration: Pose2Sim's Calib.toml, Qualisys' .qca.txt, JSON with K, dist, R and t of each camera, or the
folder of EasyMocap's intri.yml and extri.yml. Each VIEW is a picture or keypoint file of one camera, or all are
videos. A view belongs to the camera named in its file or folder name; without such names, views must be in the
calibration's order.

writes for each person into OUT/person<i>/: fit.npz and fit.json (SMPL parameters and joints in the calibration's world
axes, metres), mesh.obj, markers.trc (for OpenSim: y up), overlay_<camera>.png, front.png and side.png; for videos
motion.npz (AMASS) and no meshes. Views that disagree with the others are rejected and reported.
"""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import tyro
from rich.progress import Progress

from qposer.io.cli_errors import plain_console

Axis = Literal["x", "y", "z", "-x", "-y", "-z"]
"""Axes of `fitting.inputs.calibration`, repeated here so that --help does not load that module."""


def main(
    cameras: Annotated[Path, tyro.conf.Positional],
    views: Annotated[tuple[Path, ...], tyro.conf.Positional],
    out: Path = Path("out"),
    people: int = 1,
    up: Axis | None = None,
    offsets: tuple[int, ...] | None = None,
    body: Path | None = None,
    hands: bool = True,
    residual: bool = False,
    seed: int = 0,
    device: Literal["cpu", "cuda"] = "cpu",
) -> None:
    """Fit bodies to people seen by several calibrated cameras at the same moment.

    Args:
        cameras: calibration: Pose2Sim (.toml), Qualisys (.qca.txt), OpenCV-style JSON, or EasyMocap's folder.
        views: pictures, keypoint files (docs/formats.md) or videos, one for each of at least two cameras.
        out: folder for the results, OUT/person<i>/.
        people: maximum number of people; in videos only the largest person is fitted.
        up: axis of the world against gravity; default: from the calibration's format, otherwise from the cameras.
        offsets: for videos, the frame of each that shows the moment of the first one's frame 0; default: estimated.
        body: an SMPL, SMPL-H or SMPL-X model file (.pkl or .npz); default: the open body.
        hands: detect and fit hands, too; those that are hidden or small stay at rest.
        residual: add small rotations after decoding, for poses that the codes cannot represent.
        seed: random seed.
        device: where the optimisation runs.

    Raises:
        ValueError: ``out`` is a file, or ``offsets`` are given for pictures.
    """
    from qposer.io.cli_errors import cli_errors

    console = plain_console()
    started = time.monotonic()
    bar = Progress(console=console, transient=True, disable=not console.is_terminal)
    with cli_errors(), bar as progress:
        task = progress.add_task("loading", total=None)
        import torch

        from fitting import Body, FitSettings, Fitter, read_cameras
        from fitting.views.clip import fit_view_videos
        from fitting.views.clip_exports import write_view_clip
        from fitting.views.exports import write_views
        from fitting.views.files import are_videos, cameras_of_files
        from fitting.views.reading import read_views
        from fitting.views.solving import view_steps

        torch.set_num_threads(1)  # the matrices of a few people are too small to parallelise
        if out.exists() and not out.is_dir():
            raise ValueError(f"{out} is a file: give a folder as --out")
        chosen = cameras_of_files(views, read_cameras(cameras))
        settings = FitSettings(residual, seed=seed)
        fitter = Fitter(Body.load(body) if body else None, settings=settings, device=device)

        on_step = partial(progress.advance, task)
        if are_videos(views):
            progress.update(task, description="detecting and fitting")
            clip = fit_view_videos(fitter, views, chosen, offsets, up, on_step, hands)
            folders = [write_view_clip(out, clip, fitter.body_of([clip]), views, chosen)]
            lines, warnings = [f"{len(clip.frames)} frames, {clip.summary}"], [clip.warnings]
        else:
            if offsets is not None:
                raise ValueError("offsets are only for videos: omit them for pictures and keypoints")
            progress.update(task, description="detecting")
            read = read_views(views, chosen, people, hands)
            progress.update(task, description="fitting", total=view_steps(settings))
            results = fitter.fit_views(read.keypoints, chosen, people=people, up=up, on_step=on_step)
            progress.update(task, description="drawing", total=None)
            folders = write_views(out, results, chosen, read.pictures)
            lines = [result.summary for result in results]
            warnings = [(*read.notes, *result.warnings) for result in results]
    for folder, line, found in zip(folders, lines, warnings, strict=True):
        console.print(f"{folder}: {line}")
        for warning in found:
            console.print(f"  warning: {warning}", style="yellow")
    console.print(f"{time.monotonic() - started:.1f} s; look at {folders[0]}")


def command() -> None:
    """Run the command line."""
    tyro.cli(main, description=__doc__)
