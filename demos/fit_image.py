"""Fit bodies to the people on a photo, the largest first.

    python demos/fit_image.py PHOTO

writes, for each person, into OUT/<photo>/person<i>/: overlay.png (the body on the photo), side.png (seen from the
side), keypoints.png (what was fitted), mesh.obj, and fit.npz and fit.json (SMPL parameters, codes, camera, errors).
--export chooses other meshes, a page that turns the bodies in 3D, and SMPLify-X's folders.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated, Literal

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from qposer.io.interrupts import end_on_interrupt

if __name__ == "__main__":
    end_on_interrupt()

import tyro
from rich.progress import Progress

from qposer.io.cli_errors import plain_console

Export = Literal["obj", "glb", "ply", "html", "smplx-pkl"]
"""Those of `fitting.output.exports`, which is loaded when there is something to do, and not to show the help."""


def main(
    photo: Annotated[Path, tyro.conf.Positional],
    out: Path = Path("out"),
    body: Path | None = None,
    keypoints: Path | None = None,
    people: int = 1,
    focal: float | None = None,
    residual: bool = False,
    depth_cue: bool = True,
    seed: int = 0,
    export: tuple[Export, ...] = ("obj",),
    device: Literal["cpu", "cuda"] = "cpu",
) -> None:
    """Fit bodies to the people on a photo, the largest first.

    Args:
        photo: the photo: JPEG, PNG, WEBP, TIFF, BMP, GIF, AVIF, JPEG 2000, PPM or TGA.
        out: folder for the results; OUT/<photo>/person<i>/ is made in it.
        body: an SMPL, SMPL-H or SMPL-X model file (.pkl or .npz) instead of the open body.
        keypoints: a keypoint file of OpenPose, COCO, mmpose, AlphaPose, Ultralytics, ControlNet (docs/formats.md), or
            npz, instead of detecting them.
        people: how many people at most.
        focal: focal length in pixels; from the photo's EXIF, or else assumed from its size.
        residual: add small rotations after the codes, for poses that the codes do not reach.
        depth_cue: follow the depths that the detector estimates, a little.
        seed: of the noise that the prior is shown.
        export: meshes in each person's folder (obj, glb, ply), a page that turns the bodies in 3D (html:
            OUT/<photo>/view.html), SMPLify-X's folders (smplx-pkl: OUT/results and OUT/meshes).
        device: where the optimisation runs.

    Raises:
        ValueError: ``out`` is a file.
    """
    from qposer.io.cli_errors import cli_errors

    console = plain_console()
    started = time.monotonic()
    bar = Progress(console=console, transient=True, disable=not console.is_terminal)
    with cli_errors("fit_image"), bar as progress:
        task = progress.add_task("loading", total=None)
        import torch

        from fitting import Body, FitSettings, Fitter, read_keypoints
        from fitting.inputs.images import read_image
        from fitting.optimise.schedule import total_steps
        from fitting.output.exports import result_name, write_fit

        torch.set_num_threads(1)  # the matrices of a few people are too small to share
        if out.exists() and not out.is_dir():
            raise ValueError(f"{out} is a file: give a folder as --out")
        image = read_image(photo)
        given = read_keypoints(keypoints, str(photo), (image.width, image.height)) if keypoints else None
        settings = FitSettings(residual, depth_cue, seed)
        fitter = Fitter(Body.load(body) if body else None, settings=settings, device=device)
        progress.update(task, description="fitting", total=total_steps(settings))
        results = fitter.fit_photo(image, people, focal, given, on_step=lambda: progress.advance(task))
        progress.update(task, description="drawing", total=None)
        folders = write_fit(out, result_name(photo), image, results, export)
    for folder, result in zip(folders, results, strict=True):
        console.print(
            f"{folder}: 2D error {result.reprojection_error_px:.1f} px "
            f"({result.reprojection_error_percent:.1f} % of the person's height), "
            f"{result.transl[2]:.1f} m from the camera"
        )
        for warning in result.warnings:
            console.print(f"  warning: {warning}", style="yellow")
    console.print(f"{time.monotonic() - started:.1f} s; look at {folders[0] / 'overlay.png'}")


if __name__ == "__main__":
    tyro.cli(main, description=__doc__)
