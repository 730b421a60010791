"""Fit bodies to the people in a photo, the largest first.

    qposer fit PHOTO

writes, for each person, into OUT/<photo>/person<i>/: overlay.png (the body over the photo), side.png (side view),
keypoints.png (the fitted keypoints), mesh.obj, and fit.npz and fit.json (SMPL parameters, codes, camera, errors).
--export selects other mesh formats, a web page with a 3D view, and SMPLify-X's folders.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro
from rich.console import Console
from rich.progress import Progress

from qposer.io.cli_errors import cli_errors, plain_console
from qposer.io.startup import loading, seconds_since_start

if TYPE_CHECKING:
    from fitting import FitResult

Export = Literal["obj", "glb", "ply", "glb-rigged", "html", "smplx-pkl"]
"""The formats of `fitting.output.exports`, repeated here so that --help does not load that module."""


def main(
    photo: Annotated[Path, tyro.conf.Positional],
    out: Path = Path("out"),
    body: Literal["ages"] | Path | None = None,
    keypoints: Path | None = None,
    start: Path | None = None,
    people: int = 1,
    hypotheses: int = 5,
    focal: float | None = None,
    height: float | None = None,
    age: float | None = None,
    subject: str | None = None,
    subjects: Path | None = None,
    hold: tuple[str, ...] = (),
    camera_pitch: float = 0.0,
    camera_height: float | None = None,
    hands: bool = True,
    residual: bool = False,
    depth_cue: bool = True,
    seed: int = 0,
    export: tuple[Export, ...] = ("obj",),
    device: Literal["cpu", "cuda"] = "cpu",
) -> None:
    """Fit bodies to the people in a photo, the largest first.

    Args:
        photo: the photo: JPEG, PNG, WEBP, TIFF, BMP, GIF, AVIF, JPEG 2000, PPM or TGA.
        out: folder for the results, OUT/<photo>/person<i>/.
        body: a file of SMPL, SMPL-H or SMPL-X, or "ages": children and adults (docs/bodies.md); default: the open body.
        keypoints: a keypoint file of OpenPose, COCO, mmpose, AlphaPose, Ultralytics, ControlNet (docs/formats.md), or
            npz; default: detect them.
        start: initial bodies from another program; the fit stays close to them where the keypoints allow it: fit.npz,
            SMPLify-X pickles, the dictionaries of HMR2, 4D-Humans or GVHMR (docs/formats.md).
        people: maximum number of people.
        hypotheses: maximum number of bodies to find for each person: one view leaves depth open, and the pictures show
            the alternatives as pale bodies; 1 fits a single body, a little faster.
        focal: focal length in pixels; default: from the photo's EXIF, otherwise estimated from its size.
        height: standing height of the person in metres, if known; used for all people.
        age: age of the person in years, if known, for --body ages; used for all people.
        subject: name of the person: the shape is kept in SUBJECTS/<subject>.json, and each photo and clip of the person
            adds to it, once; with --people 1.
        subjects: folder of the people's shapes; default: subjects, next to OUT.
        hold: what is known of the pose, in words: --hold "left foot on the floor" "right hand on the right hip".
        camera_pitch: downward angle of the camera in degrees: people are upright unless keypoints say otherwise, and
            --hold and --camera-height are relative to it.
        camera_height: height of the camera above the ground in metres, if known; the lowest foot is on the ground.
        hands: detect and fit hands, too, and keep those of --start; those that are hidden or small stay at rest.
        residual: add small rotations after decoding, for poses that the codes cannot represent.
        depth_cue: use the depths that the detector estimates, with a low weight.
        seed: random seed.
        export: meshes in each person's folder (obj, glb, ply), a skinned body in the fitted pose there (glb-rigged:
            rigged.glb), a web page with a 3D view (html: OUT/<photo>/view.html), folders in SMPLify-X's layout
            (smplx-pkl: OUT/results and OUT/meshes).
        device: where the optimisation runs.

    Raises:
        ValueError: ``out`` is a file.
    """
    console = plain_console()
    with cli_errors(), Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("loading", total=None)
        if out.is_file():
            raise ValueError(f"{out} is a file: give a folder as --out")
        with loading(), ThreadPoolExecutor(1) as pool:
            from fitting.inputs.detect import detect
            from fitting.inputs.images import read_image
            from fitting.inputs.keypoint_files import read_keypoints

            image = read_image(photo)
            if keypoints is None:
                found = pool.submit(detect, image.rgb, people, hands)  # while PyTorch loads
            else:
                found = pool.submit(read_keypoints, keypoints, str(photo), (image.width, image.height))
            import torch

            from fitting import FitSettings, read_start
            from fitting.optimise.schedule import total_steps
            from fitting.output.exports import result_name, write_fit
            from fitting.subjects import Who, fitter_of

            torch.set_num_threads(1)  # the matrices of a few people are too small to parallelise
            known = dict[str, Any](holds=hold, camera_pitch=camera_pitch, camera_height=camera_height, age=age)
            settings = FitSettings(residual, depth_cue, seed, height, **known)
            fitter, somebody = fitter_of(body, settings, device, Who(subject, subjects, out, people == 1), photo)
        progress.update(task, description="fitting", total=total_steps(settings, hypotheses))
        options = dict[str, Any](people=people, focal=focal, hypotheses=hypotheses, hands=hands)
        options["start"] = start and read_start(start)
        results = fitter.fit_photo(image, keypoints=found.result(), on_step=lambda: progress.advance(task), **options)
        if somebody:
            somebody.add(photo, results[0].shape_evidence)
        progress.update(task, description="drawing", total=None)
        folders = write_fit(out, result_name(photo), image, results, export, fitter.body_of(results))
    for folder, result in zip(folders, results, strict=True):
        _report(console, folder, result)
    console.print(f"{seconds_since_start():.1f} s; overlay: {folders[0] / 'overlay.png'}")


def _report(console: Console, folder: Path, result: FitResult) -> None:
    """Print the result for one person."""
    console.print(
        f"{folder}: 2D error {result.reprojection_error_px:.1f} px "
        f"({result.reprojection_error_percent:.1f} % of the person's height), "
        f"{result.transl[2]:.1f} m from the camera"
    )
    spread = fmean(result.joint_std_mm.values()) / 10
    guessed = f"; guessed: {', '.join(result.guessed_joints)}" if result.guessed_joints else ""
    console.print(f"  {result.verdict}; standard deviation of the joints {spread:.0f} cm{guessed}")
    if result.alternatives:
        others = ", ".join(f"{other.probability:.0%}" for other in result.alternatives)
        console.print(f"  probability of this body {result.probability:.0%}; of the alternatives {others}")
    if result.moved:
        moved = ", ".join(f"{name} {angle:.0f}" for name, angle in list(result.moved.items())[:5])
        console.print(f"  rotated from the start, in degrees: {moved}")
    for warning in result.warnings:
        console.print(f"  warning: {warning}", style="yellow")


def command() -> None:
    """Run the command line."""
    tyro.cli(main, description=__doc__)
