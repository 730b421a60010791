"""Protocol 4: completion of unknown parts of a pose."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from benchmarks.baselines.interface import PosePrior
from benchmarks.cache import Result
from benchmarks.prior.poses import Poses, drawn
from benchmarks.prior.protocol import joints_mm
from qposer.body_pose.skeleton import NUM_BODY_JOINTS, PARENTS
from qposer.control.edits import joints_of
from qposer.evaluation.metrics import average_pairwise_distance, mpjpe

PARTS = ("legs", "arms", "left_arm", "torso")


@dataclass(frozen=True)
class CompletionSettings:
    """Settings of protocol 4."""

    poses: int = 150
    hypotheses: int = 10
    seed: int = 0


def moved_joints(part: str) -> list[int]:
    """Indices of the joints, of 22, that the rotations of a part's joints move directly: the children of the part."""
    unknown = {joint + 1 for joint in joints_of(part)}
    return [joint for joint in range(1, NUM_BODY_JOINTS + 1) if PARENTS[joint] in unknown]


@torch.no_grad()
def measure(prior: PosePrior, poses: Poses, settings: CompletionSettings) -> Result:
    """Measure the errors of hypotheses for each unknown part and each pose, and the distances between hypotheses.

    Args:
        prior: prior to complete with.
        poses: body poses by split.
        settings: settings of the protocol.

    Returns:
        For each part, a value for each pose in millimetres: ``min_mm`` (best hypothesis), ``mean_mm`` (mean over the
        hypotheses) and ``diversity_mm`` (mean distance over pairs of hypotheses).
    """
    generator = torch.Generator().manual_seed(settings.seed)
    truth = drawn(poses.test, settings.poses, generator)
    result: Result = {}
    for part in PARTS:
        known = torch.ones(NUM_BODY_JOINTS, dtype=torch.bool)
        known[joints_of(part)] = False
        hypotheses = prior.complete(truth, known, settings.hypotheses, generator)
        joints = moved_joints(part)
        found, true = joints_mm(hypotheses)[..., joints, :], joints_mm(truth)[..., joints, :]
        error = mpjpe(found, true)
        result[part] = {
            "min_mm": error.amin(0).tolist(),
            "mean_mm": error.mean(0).tolist(),
            "diversity_mm": average_pairwise_distance(found.transpose(0, 1)).tolist(),
        }
    return result
