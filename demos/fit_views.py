"""Fit bodies to people whom several calibrated cameras see at the same moment.

    python demos/fit_views.py CAMERAS VIEW1 VIEW2 ... --out OUT

CAMERAS is a calibration: Pose2Sim's Calib.toml, Qualisys' .qca.txt, JSON with K, dist, R and t of each camera, or the
folder of EasyMocap's intri.yml and extri.yml. Each VIEW is a picture or a keypoint file of one camera, or all are
videos. A view belongs to the camera whose name its file or folder has; where no name says so, views are in the
calibration's order.

Written for each person into OUT/person<i>/: fit.npz and fit.json (SMPL parameters and joints in the calibration's world
axes, metres), mesh.obj, markers.trc (for OpenSim: y up), overlay_<camera>.png, front.png and side.png; for videos
motion.npz (AMASS) and no meshes. Views that disagree with the others are rejected, and named.
"""

from __future__ import annotations

import sys

sys.path.insert(0, __file__.rpartition("demos")[0])

from qposer.io.interrupts import end_on_interrupt

if __name__ == "__main__":
    end_on_interrupt()

import time
from pathlib import Path
from typing import Annotated, Literal

import tyro
from rich.progress import Progress

from qposer.io.cli_errors import plain_console

Axis = Literal["x", "y", "z", "-x", "-y", "-z"]
"""That of `fitting.inputs.calibration`, which is loaded when there is something to do, and not to show the help."""


def main(
    cameras: Annotated[Path, tyro.conf.Positional],
    views: Annotated[tuple[Path, ...], tyro.conf.Positional],
    out: Path = Path("out"),
    people: int = 1,
    up: Axis | None = None,
    offsets: tuple[int, ...] | None = None,
    body: Path | None = None,
    residual: bool = False,
    seed: int = 0,
    device: Literal["cpu", "cuda"] = "cpu",
) -> None:
    """Fit bodies to people whom several calibrated cameras see at the same moment.

    Args:
        cameras: the calibration: Pose2Sim (.toml), Qualisys (.qca.txt), OpenCV-style JSON, or EasyMocap's folder.
        views: pictures, keypoint files (docs/formats.md) or videos, one of each camera, of at least two cameras.
        out: folder for the results; OUT/person<i>/ is made in it.
        people: how many people at most; of videos, the largest person.
        up: the axis of the world against gravity; as the calibration's format prescribes, or else as the cameras stand.
        offsets: for videos, the frame of each at which the first one's frame 0 was taken; estimated if left out.
        body: an SMPL, SMPL-H or SMPL-X model file (.pkl or .npz) instead of the open body.
        residual: add small rotations after the codes, for poses that the codes do not reach.
        seed: of the noise that the prior is shown.
        device: where the optimisation runs.

    Raises:
        ValueError: ``out`` is a file, or ``offsets`` are given for pictures.
    """
    from qposer.io.cli_errors import cli_errors

    console = plain_console()
    started = time.monotonic()
    bar = Progress(console=console, transient=True, disable=not console.is_terminal)
    with cli_errors("fit_views"), bar as progress:
        task = progress.add_task("loading", total=None)
        import torch

        from fitting import Body, FitSettings, Fitter, read_cameras
        from fitting.views.clip import fit_view_videos
        from fitting.views.clip_exports import write_view_clip
        from fitting.views.exports import write_views
        from fitting.views.files import are_videos, cameras_of_files
        from fitting.views.reading import read_views
        from fitting.views.solving import view_steps

        torch.set_num_threads(1)  # the matrices of a few people are too small to share
        if out.exists() and not out.is_dir():
            raise ValueError(f"{out} is a file: give a folder as --out")
        chosen = cameras_of_files(views, read_cameras(cameras))
        settings = FitSettings(residual, seed=seed)
        fitter = Fitter(Body.load(body) if body else None, settings=settings, device=device)

        def on_step() -> None:
            progress.advance(task)

        if are_videos(views):
            progress.update(task, description="detecting and fitting")
            clip = fit_view_videos(fitter, views, chosen, offsets, up, on_step)
            folders = [write_view_clip(out, clip, fitter.body, views, chosen)]
            lines, warnings = [f"{len(clip.frames)} frames, {clip.summary}"], [clip.warnings]
        else:
            if offsets is not None:
                raise ValueError("offsets are those of videos: leave them out for pictures and keypoints")
            progress.update(task, description="detecting")
            read = read_views(views, chosen, people)
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


if __name__ == "__main__":
    tyro.cli(main, description=__doc__)
