"""The Human3.6M evaluation on synthetic recordings, without the dataset: ``python -m benchmarks.h36m``.

The open body replaces the subjects, in poses of one split of poses.npz and with random shapes. Positions of its 17
joints are written in the dataset's layout (S9/Walking.npz etc.) and evaluated like the dataset. The body model can
represent the truth exactly, so this measures the ambiguity of 17 exact keypoints. It does not measure the effect of the
dataset's different skeleton.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Literal

import numpy as np
import torch
import tyro
from jaxtyping import Float

from benchmarks.machine import machine
from fitting.body.body import Body
from fitting.commands import evaluate_h36m
from qposer.body_pose.rotations import axis_angle_to_matrix
from qposer.data.dataset import PoseDataset
from qposer.data.h36m import JOINTS_17, NUM_JOINTS, PARENTS
from qposer.io.npz import write_npz

ACTIONS = ("Walking", "Sitting")
"""Names of the synthetic recordings; their poses are drawn at random from all actions."""


@torch.no_grad()
def synthetic_recording(
    body: Body, poses: Float[torch.Tensor, "poses 21 3"], number: int, generator: torch.Generator
) -> Float[np.ndarray, "number 32 3"]:
    """Make a recording of random poses of one body in a room, with random yaw.

    Joints other than the 17 are placed at their parents.

    Args:
        body: body model.
        poses: body poses, axis-angle in radians.
        number: number of frames.
        generator: random generator.

    Returns:
        Positions of the dataset's 32 joints in millimetres, z up.
    """
    body_pose = axis_angle_to_matrix(poses[torch.randint(len(poses), (number,), generator=generator)])
    zero, turn = torch.zeros(number), 2 * math.pi * torch.rand(number, generator=generator)
    upright = axis_angle_to_matrix(torch.tensor([math.pi / 2, 0.0, 0.0]))
    orient = upright @ axis_angle_to_matrix(torch.stack([zero, turn, zero], dim=-1))
    betas = torch.randn(1, body.num_betas, generator=generator).expand(number, -1)
    floor = 2 * torch.rand(number, 2, generator=generator) - 1
    transl = torch.cat([floor, torch.ones(number, 1)], dim=-1)
    joints = 1000 * body.landmarks(orient, body_pose, betas, transl, format="h36m").numpy()
    positions = np.zeros((number, NUM_JOINTS, 3))
    for joint, parent in enumerate(PARENTS):
        known = joint in JOINTS_17
        positions[:, joint] = joints[:, JOINTS_17.index(joint)] if known else positions[:, parent]
    return positions


def main(
    data: Path,
    split: Literal["validation", "test"] = "test",
    number: int = 50,
    out: Path = Path("out/h36m-stand-in"),
    batch: int = 64,
    seed: int = 0,
    device: Literal["cpu", "cuda"] = "cpu",
) -> None:
    """Write synthetic recordings, and evaluate fits to them.

    Args:
        data: poses.npz, written by ``python -m qposer.data.build``.
        split: split of the poses.
        number: number of poses in each of the four recordings; four cameras see each pose.
        out: folder for the recordings and the fits.
        batch: number of people fitted together.
        seed: seed of poses, shapes and positions.
        device: device of the optimisation.
    """
    body, poses = Body.open(), PoseDataset.load(data).body_pose(split)
    generator = torch.Generator().manual_seed(seed)
    for subject in ("S9", "S11"):
        for action in ACTIONS:
            positions = synthetic_recording(body, poses, number, generator)
            write_npz(out / "recordings" / subject / f"{action}.npz", {"positions": positions})
    print(machine())
    evaluate_h36m.main(out / "recordings", out=out / "fits", every=1, batch=batch, device=device)


if __name__ == "__main__":
    tyro.cli(main, description=__doc__)
