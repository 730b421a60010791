"""What is measured of poses that were generated from texts."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from benchmarks.text.evaluator import Evaluator
from benchmarks.text.tasks import Task
from qposer.body_pose.posed_skeleton import OrientedPose, PosedSkeleton
from qposer.prior.code_prior import CodePrior

POOL = 32
"""Texts among which a pose's own is ranked."""

TOPS = (1, 3)
"""Ranks up to which a text counts as found."""


def score(
    task: Task, poses: Float[Tensor, "texts 21 3 3"], evaluator: Evaluator, prior: CodePrior
) -> dict[str, list[float]]:
    """For each text: ranks of the text among 32, the part of its relations that hold, and the pose's energy.

    Args:
        task: texts.
        poses: the answers.
        evaluator: ranks the texts.
        prior: gives the energies.

    Returns:
        Figures by name.
    """
    with torch.no_grad():
        told, shown = evaluator.of_texts(task.texts), evaluator.of_poses(poses)
        energy = prior.energy(poses)
    generator = torch.Generator().manual_seed(0)
    ranks, held = [], []
    figures = PosedSkeleton.of(OrientedPose.upright(poses))
    for index, of_pose in enumerate(task.relations):
        others = torch.randperm(len(told) - 1, generator=generator)[: POOL - 1]
        others = others + (others >= index)
        own = shown[index] @ told[index]
        ranks.append(float((shown[index] @ told[others].mT >= own).sum()))
        figure = PosedSkeleton(*(part[index] for part in figures))
        held.append(float(np.mean([bool(relation.holds(figure)) for relation in of_pose])))
    return {"rank": ranks, "held": held, "energy": energy.tolist()}


def percentages(scored: dict[str, list[float]]) -> list[Tensor]:
    """Percentages, by text: first among 32, among the first three, relations that hold, energies up to 1."""
    ranks, held, energy = (torch.tensor(scored[key]) for key in ("rank", "held", "energy"))
    return [*(100 * (ranks < top).float() for top in TOPS), 100 * held, 100 * (energy <= 1).float()]
