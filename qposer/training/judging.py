"""Losses of the classifiers of mixed poses and of perturbed joints."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from qposer.prior.classifiers import CoherenceClassifier, PerJointDetector, any_of
from qposer.training.batches import jitter
from qposer.training.distributed import share
from qposer.training.pose_kind import BODY_KIND, PoseKind

WOBBLE = math.radians(8)
"""Maximum spread of small rotations of all joints that do not count as perturbation: people differ by as much."""

JOINT_DETECTOR_STRENGTH = 1.3
"""Strength of the rig variation that the per-joint detector learns to accept. It judges single joints, where rigs
differ most; of 0.8, 1.3 and 1.6 this value detects the most perturbations of external poses."""


def mixed(
    poses: Float[Tensor, "poses joints 3 3"], generator: torch.Generator, kind: PoseKind = BODY_KIND
) -> Float[Tensor, "poses joints 3 3"]:
    """Poses with most parts replaced by those of other poses.

    Args:
        poses: rotations of the joints.
        generator: random generator.
        kind: the poses.

    Returns:
        The mixtures.
    """
    mixture = poses.clone()
    for parts in kind.mixed:
        strangers = torch.randperm(len(poses), generator=generator)
        swapped = torch.rand(len(poses), generator=generator) < 0.7
        donor = torch.where(swapped, strangers, torch.arange(len(poses))).to(poses.device)
        joints = kind.articulation.indices(parts)
        mixture[:, joints] = poses[donor][:, joints]
    return mixture


def coherence_loss(
    judge: CoherenceClassifier,
    real: Float[Tensor, "poses joints 3 3"],
    generator: torch.Generator,
    strength: float = 0.0,
    kind: PoseKind = BODY_KIND,
) -> Float[Tensor, ""]:
    """Classification loss on poses and their mixtures; the parts of a mixture share a rig, as those of a pose do.

    Args:
        judge: classifier of mixed poses.
        real: recorded poses.
        generator: random generator.
        strength: strength of the rig variation.
        kind: the poses.

    Returns:
        The loss.
    """
    seen = judge.seen(kind.vary(torch.cat([real, mixed(real, generator, kind)]), generator, strength))
    is_mixed = (torch.arange(len(seen), device=real.device) >= len(real)).to(seen)
    return F.binary_cross_entropy_with_logits(judge.classify(share(seen)), share(is_mixed))


def draw_jittered(
    poses: Float[Tensor, "poses joints 3"],
    size: int,
    generator: torch.Generator,
    strength: float = JOINT_DETECTOR_STRENGTH,
    kind: PoseKind = BODY_KIND,
) -> Float[Tensor, "size joints 3 3"]:
    """Random poses with small rotations of all joints, which the per-joint detector must accept.

    Args:
        poses: axis-angle in radians.
        size: number of poses to draw.
        generator: random generator on the CPU.
        strength: strength of the rig variation.
        kind: the poses.

    Returns:
        Rotation matrices relative to the parents.
    """
    real = kind.draw(poses, size, generator, strength)
    real = jitter(real, generator, WOBBLE * torch.rand(len(real), 1, 1, generator=generator))
    return real[torch.randperm(len(real), generator=generator)]


def detection_loss(
    judge: PerJointDetector,
    real: Float[Tensor, "poses joints 3 3"],
    generator: torch.Generator,
    kind: PoseKind = BODY_KIND,
) -> Float[Tensor, ""]:
    """Classification loss of joints and of whole poses; half of the poses are perturbed.

    Args:
        judge: per-joint detector.
        real: recorded poses.
        generator: random generator.
        kind: the poses.

    Returns:
        The loss.
    """
    untouched, rest = real.chunk(2)
    perturbed_poses, chosen = kind.perturb(rest, generator)
    turned = torch.cat([chosen.new_zeros(len(untouched), chosen.shape[-1]), chosen]).to(real)
    turned = share(turned)
    logits = judge.classify(share(judge.seen(torch.cat([untouched, perturbed_poses]))))
    of_poses = F.binary_cross_entropy_with_logits(any_of(logits), turned.amax(-1))
    return 3 * F.binary_cross_entropy_with_logits(logits, turned) + of_poses


def detection_error(
    judge: PerJointDetector,
    real: Float[Tensor, "poses joints 3 3"],
    generator: torch.Generator,
    kind: PoseKind = BODY_KIND,
) -> float:
    """One minus the area under the ROC curve of detecting perturbed poses.

    Args:
        judge: per-joint detector.
        real: recorded poses.
        generator: random generator.
        kind: the poses.

    Returns:
        0 for perfect detection, 0.5 for chance.
    """
    untouched, perturbed_poses = any_of(judge(real)), any_of(judge(kind.perturb(real, generator)[0]))
    return (untouched[:, None] > perturbed_poses).float().mean().item()
