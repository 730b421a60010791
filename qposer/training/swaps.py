"""Random combinations of codes: parts from donors, and independently sampled joints."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from qposer.training.pose_kind import BODY_KIND, PoseKind


def draw_donated(number: int, generator: torch.Generator, kind: PoseKind = BODY_KIND) -> Bool[Tensor, "number joints"]:
    """Sample the joints that come from a donor: those of one part, or with probability 1/4 a single joint.

    Args:
        number: number of poses.
        generator: random generator.
        kind: the poses.

    Returns:
        True for the joints that come from a donor.
    """
    joints = kind.articulation.joints
    parts = torch.zeros(len(kind.swapped), joints, dtype=torch.bool)
    for row, part in zip(parts, kind.swapped, strict=True):
        row[kind.articulation.indices(part)] = True
    masks = parts[torch.randint(len(parts), (number,), generator=generator)]
    single = torch.randint(joints, (number // 4,), generator=generator)
    masks[: len(single)] = torch.nn.functional.one_hot(single, joints).bool()
    return masks


def draw_shuffled(
    codes: Int[Tensor, "batch joints heads"], generator: torch.Generator
) -> Int[Tensor, "batch joints heads"]:
    """Each joint's codes from an independently chosen pose, as from a sampler of independent joints.

    Args:
        codes: codes of a batch of poses.
        generator: random generator.

    Returns:
        Shuffled codes; a pose may be used several times or not at all.
    """
    batch, joints = codes.shape[:2]
    donor = torch.randint(batch, (batch, joints), generator=generator).to(codes.device)
    return codes.gather(0, donor[..., None].expand_as(codes))
