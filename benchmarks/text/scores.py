"""Metrics of poses generated from texts."""

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
"""Number of texts for the ranking, including the correct one."""

TOPS = (1, 3)
"""Maximum ranks for R-precision."""


def score(
    task: Task, poses: Float[Tensor, "texts 21 3 3"], evaluator: Evaluator, prior: CodePrior
) -> dict[str, list[float]]:
    """Score the generated pose of each text.

    Args:
        task: texts with their relations.
        poses: generated poses as rotation matrices.
        evaluator: evaluator that ranks the texts.
        prior: prior that gives the energies.

    Returns:
        For each text, ``rank`` of the correct text among 32 (from 0), ``held``, the fraction of its relations that hold
        (0 to 1), and ``energy`` of the pose.
    """
    with torch.no_grad():
        text_features, shown = evaluator.of_texts(task.texts), evaluator.of_poses(poses)
        energy = prior.energy(poses)
    generator = torch.Generator().manual_seed(0)
    ranks, held = [], []
    figures = PosedSkeleton.of(OrientedPose.upright(poses))
    for index, of_pose in enumerate(task.relations):
        others = torch.randperm(len(text_features) - 1, generator=generator)[: POOL - 1]
        others = others + (others >= index)
        own = shown[index] @ text_features[index]
        ranks.append(float((shown[index] @ text_features[others].mT >= own).sum()))
        figure = PosedSkeleton(*(part[index] for part in figures))
        held.append(float(np.mean([bool(relation.holds(figure)) for relation in of_pose])))
    return {"rank": ranks, "held": held, "energy": energy.tolist()}


def percentages(scored: dict[str, list[float]]) -> list[Tensor]:
    """Percentages by text: rank 1 of 32, ranks 1 to 3, relations that hold, energies of at most 1."""
    ranks, held, energy = (torch.tensor(scored[key]) for key in ("rank", "held", "energy"))
    return [*(100 * (ranks < top).float() for top in TOPS), 100 * held, 100 * (energy <= 1).float()]
