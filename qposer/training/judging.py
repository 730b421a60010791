"""Losses of the networks that tell poses from mixtures of poses, and disturbed joints from recorded ones."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from qposer.body_pose.skeleton import NUM_BODY_JOINTS
from qposer.control.edits import joints_of
from qposer.prior.classifiers import CoherenceClassifier, PerJointDetector, any_of
from qposer.training.batches import draw_poses, jitter
from qposer.training.corruptions import disturbed
from qposer.training.rig_variation import vary_rig

MIXED_PARTS = (("left_arm",), ("right_arm",), ("left_leg",), ("right_leg",), ("torso", "head"))

WOBBLE = math.radians(8)
"""Spread of the largest small turns of all joints that are no disturbance: other people differ by as much."""

JOINT_JUDGE_STRENGTH = 1.3
"""Of the variation of rigs that the judge of joints learns to accept. It looks at every joint by itself, where rigs
differ most; of 0.8, 1.3 and 1.6 this one finds most disturbances of poses of others."""


def mixed(poses: Float[Tensor, "poses 21 3 3"], generator: torch.Generator) -> Float[Tensor, "poses 21 3 3"]:
    """Poses of which most parts come from others.

    Args:
        poses: rotations of the body joints.
        generator: of the draws; equal seeds give equal results on one machine.

    Returns:
        The mixtures.
    """
    mixture = poses.clone()
    for parts in MIXED_PARTS:
        strangers = torch.randperm(len(poses), generator=generator)
        swapped = torch.rand(len(poses), generator=generator) < 0.7
        donor = torch.where(swapped, strangers, torch.arange(len(poses))).to(poses.device)
        joints = joints_of(parts)
        mixture[:, joints] = poses[donor][:, joints]
    return mixture


def coherence_loss(
    judge: CoherenceClassifier, real: Float[Tensor, "poses 21 3 3"], generator: torch.Generator, strength: float = 0.0
) -> Float[Tensor, ""]:
    """Errors of the logits; a mixture's parts were recorded by one rig, like a pose's.

    Args:
        judge: the network that tells poses from mixtures of the parts of several.
        real: recorded poses.
        generator: of the draws.
        strength: of the variation of rigs.

    Returns:
        The loss.
    """
    judgement = judge(vary_rig(torch.cat([real, mixed(real, generator)]), generator, strength))
    is_mixed = (torch.arange(len(judgement), device=real.device) >= len(real)).to(judgement)
    return F.binary_cross_entropy_with_logits(judgement, is_mixed)


def draw_wobbling(
    poses: Float[Tensor, "poses 21 3"], size: int, generator: torch.Generator, strength: float = JOINT_JUDGE_STRENGTH
) -> Float[Tensor, "size 21 3 3"]:
    """Random poses, in random order, of which all joints are turned a little: what the judge of joints shall accept.

    Args:
        poses: axis-angle in radians.
        size: number of poses to draw.
        generator: draws on the CPU.
        strength: of the variation of rigs.

    Returns:
        Rotation matrices relative to the parents.
    """
    real = draw_poses(poses, size, generator, strength)
    real = jitter(real, generator, WOBBLE * torch.rand(len(real), 1, 1, generator=generator))
    return real[torch.randperm(len(real), generator=generator)]


def joints_judged(
    judge: PerJointDetector, real: Float[Tensor, "poses 21 3 3"], generator: torch.Generator
) -> Float[Tensor, ""]:
    """Errors of the logits of joints, and of those of poses that come of them; a half of the poses is disturbed.

    Args:
        judge: the network that judges joints.
        real: recorded poses.
        generator: of the draws; equal seeds give equal results on one machine.

    Returns:
        The loss.
    """
    untouched, rest = real.chunk(2)
    spoilt, chosen = disturbed(rest, generator)
    turned = torch.cat([chosen.new_zeros(len(untouched), NUM_BODY_JOINTS), chosen]).to(real)
    logits = judge(torch.cat([untouched, spoilt]))
    of_poses = F.binary_cross_entropy_with_logits(any_of(logits), turned.amax(-1))
    return 3 * F.binary_cross_entropy_with_logits(logits, turned) + of_poses


def undetected(judge: PerJointDetector, real: Float[Tensor, "poses 21 3 3"], generator: torch.Generator) -> float:
    """How often a pose is judged more disturbed than a disturbed one: one less the area under the ROC curve.

    Args:
        judge: the network that judges joints.
        real: recorded poses.
        generator: of the draws; equal seeds give equal results on one machine.

    Returns:
        0 where all are told apart, 0.5 where the judge guesses.
    """
    untouched, spoilt = any_of(judge(real)), any_of(judge(disturbed(real, generator)[0]))
    return (untouched[:, None] > spoilt).float().mean().item()
