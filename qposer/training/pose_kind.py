"""What the training of a prior must know of its poses: their parts, how people differ, and what is impossible."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from qposer.body_pose.articulation import BODY, Articulation
from qposer.training.batches import draw_poses
from qposer.training.corruptions import perturbed
from qposer.training.rig_variation import vary_rig


@dataclass(frozen=True)
class PoseKind:
    """A kind of poses to train a prior on.

    Attributes:
        articulation: the joints.
        swapped: parts that training takes from other poses, or gives more noise than the rest.
        mixed: groups of parts from which incoherent poses are mixed.
        draw: rotations of a number of poses, drawn from axis-angle and varied with a strength.
        vary: rotations varied with a strength, as people and recordings differ.
        perturb: impossible or improbable poses, and a mask of the perturbed joints.
    """

    articulation: Articulation
    swapped: Sequence[str]
    mixed: Sequence[tuple[str, ...]]
    draw: Callable[[Tensor, int, torch.Generator, float], Tensor]
    vary: Callable[[Tensor, torch.Generator, float], Tensor]
    perturb: Callable[[Tensor, torch.Generator], tuple[Tensor, Tensor]]


BODY_KIND = PoseKind(
    BODY,
    ("left_arm", "right_arm", "arms", "left_leg", "right_leg", "legs", "upper_body", "torso", "head", "left_side"),
    (("left_arm",), ("right_arm",), ("left_leg",), ("right_leg",), ("torso", "head")),
    draw_poses,
    vary_rig,
    perturbed,
)
