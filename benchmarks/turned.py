"""Fits of people who are upside down, lying or seen from above: ``python -m benchmarks.turned --out docs/benchmarks``.

Synthetic photos with exact truth, and real photos rotated by quarter turns, with and without rotating people upright
before the regressor predicts their pose.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import astuple, dataclass, replace
from inspect import signature
from itertools import product
from pathlib import Path
from typing import Literal, get_args
from unittest.mock import patch

import numpy as np
import torch
import tyro
from jaxtyping import Float
from rich.console import Console
from rich.progress import track
from scipy.spatial.transform import Rotation
from torch import Tensor

from benchmarks.commands import command
from benchmarks.fitting.people import NOISE, People, observed, photographed
from benchmarks.foreign.poses import FOREIGN_FILE, foreign_poses
from benchmarks.machine import machine
from benchmarks.tables import Table
from fitting.body.body import Body
from fitting.fit import Fitter
from fitting.inputs.detect import detect
from fitting.inputs.focal import default_focal
from fitting.inputs.images import Photo, read_image
from fitting.inputs.keypoints import DETECTORS_ERROR, Keypoints
from fitting.optimise import regressor
from fitting.output.fit_result import FitResult
from qposer.body_pose.rotations import axis_angle_to_matrix
from qposer.evaluation.metrics import mpjpe, pa_mpjpe
from qposer.io.atomic_files import atomic_write
from qposer.io.cli_errors import cli_errors

Axis = Literal["roll", "pitch"]

ANGLES = (0, 30, 60, 90, 120, 150, 180)
CONDITIONS = {"clean": "Exact keypoints", "noise": f"Noise of {100 * NOISE:g} % of the height"}
TURNS = (90, 180, 270)
PHOTO_SUFFIXES = (".jpg", ".png")
PHOTO_COLUMNS = ("", "2D error, %, upright", "2D error, %, before", "mm, before", "2D error, %, after", "mm, after")

PAGE = """# People upside down, lying or seen from above

*Before* is the fit without, *after* the fit with the rotation of people far from upright in the image
(`fitting/optimise/tilt.py`) before the regressor predicts their pose.

- *MPJPE*: in mm over 22 joints, in the camera's axes, pelvis aligned; *PA-MPJPE* after Procrustes alignment.
- *2D error*: mean distance of the fitted landmarks to the true ones, or in photos to the keypoints, in percent of the
  person's height.

{facts}

## Synthetic photos

{number} poses of {poses}, seen from all sides and rotated about the pelvis in front of the camera. *Roll* is about the
camera's axis: at 180 people are upside down. *Pitch* is about the image's horizontal axis: at 90 they are seen along
the body's length, as from above or lying; at 180 they are upside down. The threshold of 45 degrees was chosen on
poses of the same set, including these, and not on the photos. The threshold of 75 degrees for people with only head and
shoulders visible was added after `upper_body.png` had failed, so that photo is not an independent test of it.

{made_up}

## Photos

The largest person of each photo, detected and fitted on the photo rotated by 90, 180 and 270 degrees. *mm* is the
MPJPE between that fit, rotated back, and the fit of the upright photo; it includes different detections in the rotated
photo.

{photos}
"""


@dataclass(frozen=True)
class Errors:
    """Means over people."""

    percent: float
    pa_mpjpe_mm: float
    mpjpe_mm: float


@contextmanager
def without_rotation() -> Iterator[None]:
    """Disable the rotation of people to upright inside the block."""
    with patch.object(regressor, "tilt", lambda xy, *_: xy.new_zeros(len(xy))):
        yield


@torch.no_grad()
def rotated(body: Body, truth: People, axis: Axis, degrees: float) -> People:
    """Rotate people about their pelvis in front of their cameras.

    Args:
        body: body model.
        truth: true people.
        axis: the camera's axis, or the image's horizontal axis.
        degrees: angle in degrees.

    Returns:
        The rotated people with their new keypoints.
    """
    about = torch.tensor([0.0, 0.0, 1.0] if axis == "roll" else [1.0, 0.0, 0.0])
    orient = axis_angle_to_matrix(math.radians(degrees) * about) @ truth.orient
    landmarks = body.landmarks(orient, truth.body_pose, truth.betas, truth.transl)
    return replace(truth, orient=orient, xy=truth.camera.project(landmarks))


@torch.no_grad()
def errors(fitter: Fitter, truth: People, condition: str) -> Errors:
    """Fit people and measure the errors.

    Args:
        fitter: body and prior.
        truth: true people.
        condition: one of `CONDITIONS`.

    Returns:
        Mean errors over the people.
    """
    xy, confidence = observed(truth, condition, torch.Generator().manual_seed(1))
    floor = 0.0 if condition == "clean" else DETECTORS_ERROR
    keypoints = Keypoints(xy.numpy(), confidence.numpy(), "mediapipe", noise_floor=floor)
    _, found = fitter.solve(keypoints, truth.camera)
    fit = (found.orient, fitter.body_pose(found), found.betas)
    joints = fitter.body(*fit).joints[:, :22]
    true = fitter.body(truth.orient, truth.body_pose, truth.betas).joints[:, :22]
    off = truth.camera.project(fitter.body.landmarks(*fit, found.transl)) - truth.xy
    return Errors(
        100 * (torch.linalg.vector_norm(off, dim=-1).mean(-1) / truth.height).mean().item(),
        1000 * pa_mpjpe(joints, true).mean().item(),
        1000 * mpjpe(joints - joints[:, :1], true - true[:, :1]).mean().item(),
    )


def made_up(fitter: Fitter, poses: Float[Tensor, "people 21 3"], condition: str, console: Console) -> Table:
    """Measure errors without and with the rotation, for every angle about both axes.

    Args:
        fitter: body and prior.
        poses: body poses, axis-angle in radians, one for each person.
        condition: one of `CONDITIONS`.
        console: console for progress.

    Returns:
        A row for each angle.
    """
    truth = photographed(fitter.body, poses, torch.Generator().manual_seed(0))
    rows = []
    for axis, degrees in track([*product(get_args(Axis), ANGLES)], condition, console=console, transient=True):
        turned = rotated(fitter.body, truth, axis, degrees)
        with without_rotation():
            was = errors(fitter, turned, condition)
        now = errors(fitter, turned, condition)
        pairs = zip(astuple(was), astuple(now), (2, 0, 0), strict=True)
        figures = [f"{value:.{digits}f}" for *both, digits in pairs for value in both]
        rows.append([f"{axis} {degrees}", *figures])
    names = ("2D error, %", "PA-MPJPE", "MPJPE")
    return Table(["", *(f"{name}, {when}" for name in names for when in ("before", "after"))], rows)


def turned_photo(photo: Photo, degrees: int) -> Photo:
    """Rotate a photo clockwise.

    Args:
        photo: upright photo.
        degrees: multiple of 90.

    Returns:
        The rotated photo with the focal length of the upright one, known or assumed.
    """
    focal = photo.focal_px or default_focal(photo.width, photo.height)
    return Photo(np.ascontiguousarray(np.rot90(photo.rgb, -degrees // 90)), focal)


def joints_of(result: FitResult, degrees: int) -> Float[np.ndarray, "22 3"]:
    """Joints of a fit to a rotated photo, rotated back.

    Args:
        result: fit to the rotated photo.
        degrees: rotation of the photo in degrees.

    Returns:
        Positions relative to the pelvis, metres.

    Raises:
        ValueError: the result has no joints, for example because it was read from a file.
    """
    if result.joints is None:
        raise ValueError("this result has no joints: compute them from its parameters with a Body")
    joints = np.asarray(result.joints, dtype=np.float64)[:22]
    rotated: np.ndarray = Rotation.from_euler("z", -degrees, degrees=True).apply(joints - joints[0])
    return rotated


def photo_row(fitter: Fitter, name: str, photo: Photo) -> list[str]:
    """Measure 2D errors of the upright and the rotated photo, and distances between their fits.

    Args:
        fitter: body and prior.
        name: name of the photo.
        photo: upright photo.

    Returns:
        The row of the table; "-" without a detection.
    """
    upright = fitter.fit_photo(turned_photo(photo, 0), hands=False)[0]
    cells: dict[str, list[str]] = {title: [] for title in PHOTO_COLUMNS[2:]}
    for degrees in TURNS:
        turned = turned_photo(photo, degrees)
        try:
            keypoints = detect(turned.rgb)
        except ValueError:
            keypoints = None
        for when, context in (("before", without_rotation()), ("after", nullcontext())):
            percent = distance = "-"
            if keypoints is not None:
                with context:
                    fit = fitter.fit_photo(turned, keypoints=keypoints, hands=False)[0]
                off = np.linalg.norm(joints_of(fit, degrees) - joints_of(upright, 0), axis=-1)
                percent, distance = f"{fit.reprojection_error_percent:.1f}", f"{1000 * off.mean():.0f}"
            cells[f"2D error, %, {when}"].append(percent)
            cells[f"mm, {when}"].append(distance)
    return [name, f"{upright.reprojection_error_percent:.1f}", *(" / ".join(three) for three in cells.values())]


def main(
    foreign: Path = FOREIGN_FILE, photos: Path = Path("../shared/photos"), number: int = 40, out: Path | None = None
) -> None:
    """Fit synthetic and real photos, print the tables, and write turned.md to ``out`` if given.

    Args:
        foreign: npz of SMPL poses for the synthetic photos.
        photos: folder of photos, with more photos in its subfolder ``people``.
        number: number of poses.
        out: folder for turned.md; by default, nothing is written.
    """
    console = Console(width=180)
    with cli_errors("benchmarks.turned"):
        if not photos.is_dir():
            console.print(f"benchmarks.turned: skipped, there is no folder {photos}: give it with --photos")
            return
        fitter = Fitter()
        source = foreign_poses(foreign)
        poses = source.evenly(number, torch.Generator().manual_seed(0)).body_pose
        synthetic = {title: made_up(fitter, poses, name, console) for name, title in CONDITIONS.items()}
        files = sorted(
            file for folder in (photos, photos / "people") for file in folder.glob("*") if file.suffix in PHOTO_SUFFIXES
        )
        rows = [
            photo_row(fitter, file.name, read_image(file)) for file in track(files, console=console, transient=True)
        ]
        real = Table(PHOTO_COLUMNS, rows)
        for title, table in {**synthetic, "photos": real}.items():
            console.print(table.for_console(title))
        if out:
            given = dict(zip(signature(main).parameters, (foreign, photos, number, out), strict=True))
            text = PAGE.format(
                facts=f"- Command: `{command('benchmarks.turned', main, **given)}`\n- Machine: {machine()}.",
                number=len(poses),
                poses=f"`{source.name}`",
                made_up="\n\n".join(f"### {title}\n\n{table.markdown()}" for title, table in synthetic.items()),
                photos=real.markdown(),
            )
            out.mkdir(parents=True, exist_ok=True)
            with atomic_write(out / "turned.md") as temporary:
                temporary.write_text(text, encoding="utf-8")
            console.print(f"written: {out / 'turned.md'}")


if __name__ == "__main__":
    tyro.cli(main)
