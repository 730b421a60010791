"""Lower bound of the error with unseen limbs: ``python -m benchmarks.unseen_bound --data poses.npz``.

Orientation, shape and all joints that keypoints constrain are set to the truth; the other joints are predicted by the
regressor. No fit to keypoints can reduce the remaining error without a better prediction of unseen joints.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import torch
import tyro
from rich.console import Console

from benchmarks.fitting.people import observed, people
from benchmarks.intervals import mean_interval
from benchmarks.machine import machine
from benchmarks.tables import Table
from fitting.fit import Fitter
from fitting.inputs.keypoints import Keypoints
from fitting.optimise.initialize import initialize
from qposer.data.dataset import PoseDataset
from qposer.evaluation.metrics import pa_mpjpe
from qposer.io.cli_errors import cli_errors


@torch.no_grad()
def main(data: Path, split: Literal["validation", "test"] = "test", number: int = 500, seed: int = 0) -> None:
    """Print PA-MPJPE with all constrained joints at the truth.

    Args:
        data: poses.npz, written by ``python -m qposer.data.build``.
        split: split of the poses.
        number: number of people, the same as in ``benchmarks.fitting``.
        seed: seed of the synthetic photos.
    """
    with cli_errors("benchmarks.unseen_bound"):
        fitter = Fitter()
        body = fitter.body
        truth = people(body, PoseDataset.load(data).body_pose(split), number, torch.Generator().manual_seed(seed))
        joints = body(truth.orient, truth.body_pose, truth.betas).joints[:, :22]
        rows = []
        for condition in ("legs missing", "side missing"):
            xy, confidence = observed(truth, condition, torch.Generator().manual_seed(seed))
            keypoints = Keypoints(xy.numpy(), confidence.numpy(), "mediapipe", noise_floor=0.0)
            problem, _ = initialize(body, fitter.space, fitter.regressor, keypoints, truth.camera)
            unseen = problem.init_weight > 1
            pose = torch.where(unseen[..., None, None], problem.guess, truth.body_pose)
            error = pa_mpjpe(body(truth.orient, pose, truth.betas).joints[:, :22], joints)
            rows.append([condition, f"{unseen.sum(-1).float().mean():.0f}", f"{mean_interval(1000 * error):.1f}"])
        table = Table(["condition", "predicted joints", "PA-MPJPE, mm, other joints true"], rows)
        Console(width=120).print(table.for_console(f"{number} {split} poses; {machine()}"))


if __name__ == "__main__":
    tyro.cli(main)
