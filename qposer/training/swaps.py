"""Codes that never stood together: parts taken from donors, and joints drawn one by one."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from qposer.body_pose.skeleton import BODY_JOINT_NAMES, BODY_PARTS

SWAPPED = ("left_arm", "right_arm", "arms", "left_leg", "right_leg", "legs", "upper_body", "torso", "head", "left_side")


def draw_donated(number: int, generator: torch.Generator) -> Bool[Tensor, "number 21"]:
    """Which joints come from a donor: those of one part, a joint alone in every fourth.

    Args:
        number: of poses.
        generator: of the draws; equal seeds give equal results on one machine.

    Returns:
        True for the joints that come from a donor.
    """
    parts = torch.tensor([[joint in BODY_PARTS[part] for joint in BODY_JOINT_NAMES] for part in SWAPPED])
    masks = parts[torch.randint(len(parts), (number,), generator=generator)]
    single = torch.randint(len(BODY_JOINT_NAMES), (number // 4,), generator=generator)
    masks[: len(single)] = torch.nn.functional.one_hot(single, len(BODY_JOINT_NAMES)).bool()
    return masks


def draw_shuffled(codes: Int[Tensor, "batch 21 heads"], generator: torch.Generator) -> Int[Tensor, "batch 21 heads"]:
    """Every joint's codes from a pose of its own: what a sampler that knows nothing of the whole would draw.

    Args:
        codes: of a batch of poses.
        generator: of the draws; equal seeds give equal results on one machine.

    Returns:
        Shuffled codes; a pose may give its codes to several others, or to none.
    """
    batch, joints = codes.shape[:2]
    donor = torch.randint(batch, (batch, joints), generator=generator).to(codes.device)
    return codes.gather(0, donor[..., None].expand_as(codes))
