"""Texts to generate poses from: descriptions of poses, with or without paraphrases."""

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
from qposer.training.paraphrases import paraphrase


@dataclass(frozen=True)
class Task:
    """Texts, their relations, and the described poses."""

    texts: Sequence[str]
    relations: Sequence[Sequence[Relation]]
    poses: Float[Tensor, "texts 21 3 3"]
    """The described poses as rotation matrices."""


def make_task(poses: Float[Tensor, "poses 21 3"], number: int, other_words: bool, seed: int = 0) -> Task:
    """Describe random poses, with or without paraphrases; poses without a description are skipped.

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
    described = [index for index, of_pose in enumerate(found) if of_pose][:number]
    rng = random.Random(seed)
    texts = []
    for index in described:
        sentences = [relation.text for relation in found[index]]
        if other_words:
            rng.shuffle(sentences)
            sentences = [paraphrase(sentence, rng) for sentence in sentences]
        texts.append(". ".join(sentences))
    return Task(texts, [found[index] for index in described], axis_angle_to_matrix(chosen[described]))
