"""Whether stated uncertainties hold: ``python -m benchmarks.uncertainty --data poses.npz --out docs/benchmarks``.

Writes uncertainty.md. Where the recording of ``benchmarks.multiview`` is there, it is measured, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import tyro
from jaxtyping import Float
from rich.console import Console
from torch import Tensor

from benchmarks.commands import command
from benchmarks.fitting.people import CONDITIONS, observed, people
from benchmarks.machine import machine
from benchmarks.multiview.__main__ import FOLDER, detected
from benchmarks.multiview.bodies import JOINTS, Bodies
from benchmarks.multiview.recording import read_recording
from benchmarks.tables import Table
from fitting.fit import Fitter
from fitting.inputs.keypoints import Keypoints
from fitting.optimise.uncertainty import joint_covariance
from fitting.output.fit_result import FitResult
from qposer.body_pose.poses import read_poses
from qposer.body_pose.skeleton import JOINT_NAMES
from qposer.data.dataset import PoseDataset
from qposer.io.atomic_files import atomic_write
from qposer.io.cli_errors import cli_errors

CHI_SQUARED = {50: 2.366, 90: 6.251}
"""Quantiles of three degrees of freedom, by percent."""

REGULARISED = 1e-8
"""Square metres on the diagonal of covariances before they are inverted."""

COLUMNS = ["", "in the 50 % region, %", "in the 90 % region, %", "stated, mm", "true, mm", "rank correlation"]

PAGE = """# Stated uncertainty

A fit states a covariance for each joint's position relative to the pelvis (`FitResult.joint_covariance`): the inverse
curvature of the objective where the fit ended, times a factor that was set on poses of validation subjects and on SMPL
poses of others. The table shows the share of joints whose error lies in the region that should hold 50 and 90 % of
them, the stated standard deviation and the true error (root mean squares over all joints), and the rank correlation of
both over people. {number} people of each source seen by synthetic cameras; *the recording* is one man seen by four
calibrated cameras with the detector's keypoints, one view at a time ([multiview.md](multiview.md)); there, six pairs of
joints have a truth.

{table}

{facts}
"""


def row(
    name: str, covariance: Float[Tensor, "people joints 3 3"], error: Float[Tensor, "people joints 3"]
) -> list[str]:
    """Shares inside the regions, and how stated and true errors go together.

    Args:
        name: of the row.
        covariance: stated, square metres.
        error: found minus true, metres.

    Returns:
        Cells.
    """
    inverse = torch.linalg.inv(covariance.double() + REGULARISED * torch.eye(3, dtype=torch.float64))
    off = error.double()
    squared = (off[..., None, :] @ inverse @ off[..., None]).flatten()
    shares = [f"{100 * (squared < limit).double().mean():.0f}" for limit in CHI_SQUARED.values()]
    variance = covariance.diagonal(dim1=-2, dim2=-1).sum(-1).double()
    true = off.square().sum(-1)
    order = torch.stack([variance.mean(1).argsort().argsort(), true.mean(1).argsort().argsort()]).double()
    spreads = [f"{1000 * squares.mean().sqrt():.0f}" for squares in (variance, true)]
    return [name, *shares, *spreads, f"{torch.corrcoef(order)[0, 1]:.2f}"]


@torch.no_grad()
def synthetic(fitter: Fitter, name: str, poses: Float[Tensor, "poses 21 3"], number: int) -> list[list[str]]:
    """Rows of one source of poses, under all conditions of ``benchmarks.fitting``.

    Args:
        fitter: body and prior.
        name: of the source.
        poses: axis-angle in radians.
        number: people.

    Returns:
        A row for each condition.
    """
    body = fitter.body
    truth = people(body, poses, number, torch.Generator().manual_seed(0))
    true = body(truth.orient, truth.body_pose, truth.betas).joints[:, :22]
    rows = []
    for condition in CONDITIONS:
        xy, confidence = observed(truth, condition, torch.Generator().manual_seed(0))
        keypoints = Keypoints(xy.numpy(), confidence.numpy(), "mediapipe", noise_floor=0.0)
        problem, found = fitter.solve(keypoints, truth.camera)
        stated = joint_covariance(body, fitter.space, fitter.settings, problem, found)
        joints = body(found.orient, fitter.body_pose(found), found.betas).joints[:, :22]
        error = (joints - joints[:, :1]) - (true - true[:, :1])
        rows.append(row(f"{name}, {condition}", stated[:, 1:], error[:, 1:]))
    return rows


def recorded(fitter: Fitter, folder: Path) -> list[list[str]]:
    """The row of a recording with truth, one view at a time; relative to the middle of the hips.

    Args:
        fitter: body and prior.
        folder: of the recording.

    Returns:
        One row.
    """
    shots = read_recording(folder)
    names = [JOINT_NAMES.index(name) for name in shots.names]
    hips = [shots.names.index(f"{side}_hip") for side in ("left", "right")]
    stated, errors = [], []
    for view in shots.views:
        moments, keypoints = detected(view.pictures(shots.frames))
        results: Sequence[FitResult] = fitter.fit_keypoints(keypoints, view.size)
        found = Bodies.of_fits(results).points(fitter.body, shots.names)[JOINTS]
        true = torch.from_numpy(np.asarray(view.truth[moments])).to(found)
        errors.append((found - found[:, hips].mean(1, keepdim=True)) - (true - true[:, hips].mean(1, keepdim=True)))
        stated.append(torch.from_numpy(np.stack([np.asarray(one.joint_covariance)[names] for one in results])))
    return [row("the recording, assumed focal length", torch.cat(stated), torch.cat(errors))]


def main(
    data: Path, foreign: Path | None = None, recording: Path = FOLDER, number: int = 200, out: Path | None = None
) -> None:
    """Fit, compare stated and true errors, and print the table.

    Args:
        data: poses.npz, written by ``python -m qposer.data.build``.
        foreign: npz of SMPL poses of other sources.
        recording: folder of the multi-view recording; left out where there is none.
        number: people of each source.
        out: folder for uncertainty.md.
    """
    console = Console(width=160)
    with cli_errors("benchmarks.uncertainty"):
        fitter = Fitter()
        rows = synthetic(fitter, "test", PoseDataset.load(data).body_pose("test"), number)
        if foreign is not None:
            rows += synthetic(fitter, "others", read_poses(foreign), number)
        if recording.is_dir():
            rows += recorded(fitter, recording)
        table = Table(COLUMNS, rows)
        console.print(table.for_console(machine()))
        if out:
            given = {"data": data, "foreign": foreign, "recording": recording, "number": number, "out": out}
            facts = f"Command: `{command('benchmarks.uncertainty', main, **given)}`.\nMachine: {machine()}."
            out.mkdir(parents=True, exist_ok=True)
            with atomic_write(out / "uncertainty.md") as temporary:
                page = PAGE.format(number=number, table=table.markdown(), facts=facts)
                temporary.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    tyro.cli(main)
