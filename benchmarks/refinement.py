"""Refinement of starts with typical regressor errors: ``python -m benchmarks.refinement --data poses.npz``.

Writes refinement.md to ``--out``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
import tyro
from jaxtyping import Float, Int
from rich.console import Console
from torch import Tensor

from benchmarks.commands import command
from benchmarks.fitting.people import People, people
from benchmarks.intervals import mean_interval
from benchmarks.machine import machine
from benchmarks.tables import Table
from fitting.fit import Fitter
from fitting.inputs.keypoints import Keypoints
from fitting.optimise.start import Start
from qposer.body_pose.kinematics import mirror_body_pose
from qposer.body_pose.poses import read_poses
from qposer.body_pose.rotations import axis_angle_to_matrix
from qposer.body_pose.skeleton import BODY_JOINT_NAMES
from qposer.data.dataset import PoseDataset
from qposer.evaluation.metrics import mpjpe, pa_mpjpe
from qposer.io.atomic_files import atomic_write
from qposer.io.cli_errors import cli_errors

KINDS = ("small errors alone", "knees bent 15 degrees", "lean of 5 degrees", "wrong shape", "one limb 35 degrees off")
EXCHANGED = "left and right exchanged"

SMALL_DEGREES, KNEES_DEGREES, LEAN_DEGREES, LIMB_DEGREES = 4.0, 15.0, 5.0, 35.0
SMALL_SHAPE, WRONG_SHAPE = 0.5, 1.5
"""Standard deviations of the errors of shape components: of all starts, and of starts with a wrong shape."""

LIMBS = ("left_shoulder", "right_shoulder", "left_hip", "right_hip")
HARM = 5.0
"""Fits count as worse if they end more than this farther from the truth than their start, in millimetres."""

PAGE = """# Refinement of given starts

Poses in front of synthetic cameras (`benchmarks.fitting`), with keypoint noise of {noise:g} % of the person's height.
Starts simulate the output of another method: the truth with errors of {small:g} degrees in every joint and half a
standard deviation in every shape component, and one larger fault. *fit from it* uses this start (`start=`),
*fit without* the same keypoints without a start.
MPJPE in millimetres with 95 % intervals over people; *worse* is the share of fits that
end more than {harm:g} mm farther from the truth than their start.

{tables}

Command: `{command}`.
Machine: {machine}.
"""


@dataclass(frozen=True)
class Faults:
    """Starts, and the fault of each person's start as an index into ``(*KINDS, EXCHANGED)``."""

    start: Start
    kind: Int[Tensor, " people"]


def faults(truth: People, generator: torch.Generator) -> Faults:
    """Corrupt the truth with typical regressor errors.

    Args:
        truth: people with known poses.
        generator: random generator.

    Returns:
        Starts and their faults.
    """
    count = len(truth.body_pose)
    kind = torch.arange(count) % (len(KINDS) + 1)

    def turned(degrees: float, *shape: int) -> Tensor:
        axes = torch.nn.functional.normalize(torch.randn(*shape, 3, generator=generator), dim=-1)
        return axis_angle_to_matrix(math.radians(degrees) * axes)

    body_pose = truth.body_pose @ turned(SMALL_DEGREES, count, 21)
    orient = truth.orient @ turned(SMALL_DEGREES, count)
    spread = torch.where(kind == KINDS.index("wrong shape"), WRONG_SHAPE, SMALL_SHAPE)[:, None]
    betas = truth.betas + spread * torch.randn(truth.betas.shape, generator=generator)
    about_x = torch.tensor([1.0, 0.0, 0.0])
    knees = [BODY_JOINT_NAMES.index(f"{side}_knee") for side in ("left", "right")]
    limbs = turned(LIMB_DEGREES, count)
    for person in range(count):
        name = (*KINDS, EXCHANGED)[int(kind[person])]
        if name.startswith("knees"):
            body_pose[person, knees] = body_pose[person, knees] @ axis_angle_to_matrix(
                math.radians(KNEES_DEGREES) * about_x
            )
        elif name.startswith("lean"):
            sign = 1.0 if person % 2 else -1.0
            orient[person] = axis_angle_to_matrix(sign * math.radians(LEAN_DEGREES) * about_x) @ orient[person]
        elif name.startswith("one limb"):
            joint = BODY_JOINT_NAMES.index(LIMBS[person % len(LIMBS)])
            body_pose[person, joint] = body_pose[person, joint] @ limbs[person]
        elif name == EXCHANGED:
            body_pose[person] = mirror_body_pose(body_pose[person])
    return Faults(Start(body_pose, orient, betas), kind)


@torch.no_grad()
def table(fitter: Fitter, poses: Float[Tensor, "poses 21 3"], number: int, noise: float) -> Table:
    """Measure errors before and after the fit, for each kind of fault and for all people.

    Args:
        fitter: body and prior.
        poses: body poses, axis-angle in radians.
        number: number of people.
        noise: standard deviation of the keypoint noise, as a fraction of the person's height.

    Returns:
        A row for each kind of fault, and one for all; errors in millimetres.
    """
    generator, body = torch.Generator().manual_seed(0), fitter.body
    truth = people(body, poses, number, generator)
    given = faults(truth, generator)
    xy = truth.xy + noise * truth.height[:, None, None] * torch.randn(truth.xy.shape, generator=generator)
    keypoints = Keypoints(xy.numpy(), np.ones(xy.shape[:2]), "mediapipe")
    true = body(truth.orient, truth.body_pose, truth.betas).joints[:, :22]

    def errors(orient: Tensor, body_pose: Tensor, betas: Tensor) -> tuple[Tensor, Tensor]:
        joints = body(orient, body_pose, betas).joints[:, :22]
        return 1000 * mpjpe(joints - joints[:, :1], true - true[:, :1]), 1000 * pa_mpjpe(joints, true)

    def fitted(start: Start | None) -> tuple[Tensor, Tensor]:
        _, found = fitter.solve(keypoints, truth.camera, start=start)
        return errors(found.orient, fitter.body_pose(found), found.betas)

    assert given.start.orient is not None
    assert given.start.betas is not None
    before = errors(given.start.orient, given.start.body_pose, given.start.betas)
    after, without = fitted(given.start), fitted(None)
    rows = []
    for name in (*KINDS, EXCHANGED, "all"):
        chosen = torch.ones(number, dtype=torch.bool)
        if name != "all":
            chosen = given.kind == (*KINDS, EXCHANGED).index(name)
        worse = (after[0] > before[0] + HARM)[chosen].float().mean()
        figures = [f"{mean_interval(one[0][chosen]):.1f}" for one in (before, after, without)]
        rows.append([name, *figures, f"{after[1][chosen].mean():.1f}", f"{100 * worse:.1f}"])
    columns = ["fault", "start", "fit from it", "fit without", "from it, PA-MPJPE", "worse, %"]
    return Table(columns, rows)


def main(
    data: Path,
    split: Literal["validation", "test"] = "test",
    number: int = 240,
    noise: float = 0.01,
    foreign: Path | None = None,
    out: Path | None = None,
) -> None:
    """Corrupt starts, fit from them, print the errors, and write refinement.md to ``out`` if given.

    Args:
        data: poses.npz, written by ``python -m qposer.data.build``.
        split: split of the poses.
        number: number of people, divided equally among the faults.
        noise: standard deviation of the keypoint noise, as a fraction of the person's height.
        foreign: npz of SMPL poses from other sources, for a second table.
        out: folder for refinement.md; by default, nothing is written.
    """
    console = Console(width=160)
    with cli_errors("benchmarks.refinement"):
        fitter = Fitter()
        sources = {f"{split} poses": PoseDataset.load(data).body_pose(split)}
        if foreign is not None:
            sources[f"Poses of {foreign.name}"] = read_poses(foreign)
        tables = {title: table(fitter, poses, number, noise) for title, poses in sources.items()}
        for title, one in tables.items():
            console.print(one.for_console(title))
        if out:
            run = command(
                "benchmarks.refinement",
                main,
                data=data,
                split=split,
                number=number,
                noise=noise,
                foreign=foreign,
                out=out,
            )
            page = PAGE.format(
                noise=100 * noise,
                small=SMALL_DEGREES,
                harm=HARM,
                tables="\n\n".join(
                    f"## {title[0].upper()}{title[1:]}\n\n{one.markdown()}" for title, one in tables.items()
                ),
                command=run,
                machine=machine(),
            )
            out.mkdir(parents=True, exist_ok=True)
            with atomic_write(out / "refinement.md") as temporary:
                temporary.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    tyro.cli(main)
