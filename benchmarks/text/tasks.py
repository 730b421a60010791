"""Texts that poses shall go with: descriptions of poses, in their own words or in others."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from qposer.body_pose.posed_skeleton import OrientedPose
from qposer.body_pose.rotations import axis_angle_to_matrix
from qposer.control.descriptions import Relation, relations
from qposer.training.paraphrases import reworded


@dataclass(frozen=True)
class Task:
    """Texts, and what is measured of poses that shall go with them."""

    texts: Sequence[str]
    relations: Sequence[Sequence[Relation]]
    poses: Float[Tensor, "texts 21 3 3"]
    """Those that were described."""


def make_task(poses: Float[Tensor, "poses 21 3"], number: int, other_words: bool, seed: int = 0) -> Task:
    """Descriptions of poses, in their own words or in others; those of which nothing is remarkable are left out.

    Args:
        poses: body poses, axis-angle in radians.
        number: maximum number of poses.
        other_words: whether to paraphrase the sentences.
        seed: seed of the selection and of the paraphrases.

    Returns:
        Texts with their poses.
    """
    generator = torch.Generator().manual_seed(seed)
    chosen = poses[torch.randperm(len(poses), generator=generator)[: 2 * number]]
    found = relations(OrientedPose.upright(chosen))
    told = [index for index, of_pose in enumerate(found) if of_pose][:number]
    rng = random.Random(seed)
    texts = []
    for index in told:
        sentences = [relation.text for relation in found[index]]
        if other_words:
            rng.shuffle(sentences)
            sentences = [reworded(sentence, rng) for sentence in sentences]
        texts.append(". ".join(sentences))
    return Task(texts, [found[index] for index in told], axis_angle_to_matrix(chosen[told]))
