"""Implausible poses, made from real ones."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from qposer.body_pose.rotations import axis_angle_to_matrix, matrix_to_axis_angle, turn_about
from qposer.body_pose.skeleton import BODY_JOINT_NAMES, NUM_BODY_JOINTS
from qposer.control.edits import joints_of

BodyPoses = Float[Tensor, "poses 21 3"]

MIXED_PARTS = (("left_arm",), ("right_arm",), ("left_leg",), ("right_leg",), ("torso", "head"))

NOISY_JOINTS = 3
NOISE = math.radians(20)

HINGES = {
    "left_knee": (1.0, 0.0, 0.0),
    "right_knee": (1.0, 0.0, 0.0),
    "left_elbow": (0.0, -1.0, 0.0),
    "right_elbow": (0.0, 1.0, 0.0),
}
"""Hinge axes of knees and elbows in SMPL's T-pose; they bend by positive angles."""
WRONG_BEND = (math.radians(30), math.radians(90))

LARGEST_RANDOM = math.radians(60)


def mixed_parts(
    poses: Shaped[Tensor, "poses 21 numbers"], generator: torch.Generator
) -> Shaped[Tensor, "poses 21 numbers"]:
    """Mix parts of poses: each arm, each leg, and the torso with the head come from different poses.

    Args:
        poses: values of the joints, such as angles or codes.
        generator: random generator.

    Returns:
        One mixture for each pose.
    """
    mixed = poses.clone()
    for parts in MIXED_PARTS:
        joints = joints_of(parts)
        mixed[:, joints] = poses[torch.randperm(len(poses), generator=generator)][:, joints]
    return mixed


def noisy(poses: BodyPoses, generator: torch.Generator) -> BodyPoses:
    """Rotate three random joints of each pose by 20 degrees about random axes.

    Args:
        poses: body poses, axis-angle in radians.
        generator: random generator.

    Returns:
        The perturbed poses, axis-angle in radians.
    """
    joints = torch.rand(len(poses), NUM_BODY_JOINTS, generator=generator).argsort(-1)[:, :NOISY_JOINTS]
    turned = torch.zeros_like(poses)
    axes = _random_axes((len(poses), NOISY_JOINTS), generator)
    turned.scatter_(1, joints[..., None].expand(-1, -1, 3), NOISE * axes)
    return matrix_to_axis_angle(axis_angle_to_matrix(poses) @ axis_angle_to_matrix(turned))


def wrong_bends(poses: BodyPoses, generator: torch.Generator) -> BodyPoses:
    """Bend one knee or elbow of each pose by 30 to 90 degrees in the impossible direction.

    The joint's rotation is split into swing and twist about the hinge axis, and only the twist is replaced.

    Args:
        poses: body poses, axis-angle in radians.
        generator: random generator.

    Returns:
        The perturbed poses, axis-angle in radians.
    """
    bent = poses.clone()
    hinge = torch.randint(len(HINGES), (len(poses),), generator=generator)
    low, high = WRONG_BEND
    angle = low + (high - low) * torch.rand(len(poses), generator=generator)
    for index, name in enumerate(HINGES):
        chosen, joint = torch.nonzero(hinge == index)[:, 0], BODY_JOINT_NAMES.index(name)
        axis = poses.new_tensor(HINGES[name])
        change = -angle[chosen] - flexion(poses[chosen], name)
        rest_and_turn = axis_angle_to_matrix(poses[chosen, joint]) @ axis_angle_to_matrix(change[:, None] * axis)
        bent[chosen, joint] = matrix_to_axis_angle(rest_and_turn)
    return bent


def flexion(poses: BodyPoses, hinge: str) -> Float[Tensor, " poses"]:
    """Twist about a hinge's axis (swing-twist decomposition, the twist first).

    Args:
        poses: body poses, axis-angle in radians.
        hinge: name of a knee or an elbow.

    Returns:
        Angles in radians, in [-pi, pi].
    """
    rotations = axis_angle_to_matrix(poses[:, BODY_JOINT_NAMES.index(hinge)])
    angle = turn_about(rotations, poses.new_tensor(HINGES[hinge]))
    return torch.remainder(angle + math.pi, 2 * math.pi) - math.pi


def random_rotations(poses: BodyPoses, generator: torch.Generator) -> BodyPoses:
    """Rotate every joint from the T-pose about a random axis by an angle uniform in 0 to 60 degrees.

    Args:
        poses: poses; only their number is used.
        generator: random generator.

    Returns:
        Body poses, axis-angle in radians.
    """
    angle = LARGEST_RANDOM * torch.rand(len(poses), NUM_BODY_JOINTS, 1, generator=generator)
    return angle * _random_axes((len(poses), NUM_BODY_JOINTS), generator)


NEGATIVES: dict[str, Callable[[BodyPoses, torch.Generator], BodyPoses]] = {
    "mixed parts": mixed_parts,
    "noise": noisy,
    "wrong bends": wrong_bends,
    "random": random_rotations,
}


def _random_axes(batch: tuple[int, ...], generator: torch.Generator) -> Float[Tensor, "*batch 3"]:
    return torch.nn.functional.normalize(torch.randn(*batch, 3, generator=generator), dim=-1)
