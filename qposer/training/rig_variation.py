"""Rig variation: poses as other rigs and body fits would record them.

The training poses come from a motion capture rig with rigid collars and with hinges as knees, elbows and feet.
Bodies, and SMPL bodies fitted to people, are different:

- A clavicle follows the arm by about a third of its elevation, and protracts when the arm reaches forward. In the rig
  the shoulder does all of that.
- The forearm twists along its length, the skin of the upper arm follows the humerus only in part, and a shin rotates
  relative to the thigh, more so if the knee is bent. How two joints share a twist is a convention.
- Knees and elbows bend slightly sideways; ankles and toes rotate about every axis.
- Vertebrae share the bend of the trunk and of the neck. The share of each joint is a convention, too.
- The orientation of a bone's frame on the body depends on markers, templates and calibration.

All of these rotate single bones and leave the others unchanged. If ``G`` is the rotation of a bone in its frame, its
world rotation ``W`` becomes ``W G``, and a joint's rotation ``R`` becomes ``G_parent^T R G``. Rotations about the axis
of a bone leave all joints in place; other rotations displace descendants only by that bone's end, and do not
accumulate along a limb. Each rotation is the sum of a constant of the rig, symmetric about the median plane, and a
change per pose.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

from qposer.body_pose.rotations import axis_angle_to_matrix, matrix_to_axis_angle, turn_about
from qposer.body_pose.skeleton import JOINT_NAMES, MIRROR, NUM_BODY_JOINTS, PARENTS, REST_JOINTS
from qposer.training.sides import FLEXION_AXES, HINGES, REFLECTION, SIDEWAYS_AXES, sided_axes, sided_joints

STRENGTH = 0.8
"""Strength of the variation in training; ``benchmarks.rig_variation`` compares strengths."""
POSES_PER_RIG = 8
"""Number of consecutive poses that share the constants of a rig."""

FRAME = 2.0
"""Rotations of every bone about every axis: standard deviation in degrees of each component, about 3 in total."""
ANY_AXIS = {"collar": 5.0, "ankle": 6.0, "foot": 5.0}
"""Larger standard deviations, in degrees, of joints with movements that the rig did not record."""
TWIST = {"hip": 10.0, "knee": 10.0, "shoulder": 12.0, "elbow": 20.0}
"""Twists of the bone below a joint about its length: standard deviation in degrees."""
SIDEWAYS = {"knee": 4.0, "elbow": 5.0}
"""Sideways rotations of the bone below a hinge: standard deviation in degrees."""

COLLAR_SHARE = 0.35
"""Maximum share of a collar in the swing of the arm."""
COLLAR_PROTRACTION = (-20.0, 20.0)
COLLAR_ELEVATION = (-25.0, 30.0)
"""Limits of the collars, degrees from the T-pose, in which clavicles are partly elevated (of at most 45 degrees)."""
KNEE_SIDEWAYS, ELBOW_SIDEWAYS = (-5.0, 5.0), (-15.0, 15.0)
KNEE_TWIST_EXTENDED, KNEE_TWIST_FLEXED = 10.0, 30.0
"""Maximum twist in degrees of an extended knee, and of one flexed by 90 degrees or more."""
ELBOW_TWIST = 80.0
"""Maximum pronation and supination, degrees."""

SHARING_OF_RIG = 2
"""Concentration of the Dirichlet distributions of a rig's shares in the spine and in the neck."""
SHARING_OF_POSE = 0.3
"""Standard deviation of the logarithms of a pose's factors on these shares."""


def _spreads() -> Float[Tensor, "22 3"]:
    spread = torch.full((NUM_BODY_JOINTS + 1, 3), FRAME)
    for kind, degrees in ANY_AXIS.items():
        spread[sided_joints(kind)] = degrees
    return spread.deg2rad()


_SPREADS = _spreads()
_REST = torch.from_numpy(REST_JOINTS)
_BONES = (_REST[sided_joints("knee", "ankle", "elbow", "wrist")] - _REST[sided_joints(*TWIST)])[:, 0]
_TWISTED, _TWIST_AXES = sided_joints(*TWIST), sided_axes(*_BONES.tolist())
_COLLARS, _SHOULDERS = sided_joints("collar", "shoulder")
_COLLAR_AXES = sided_axes((0.0, -1.0, 0.0), (0.0, 0.0, 1.0))
"""Shares of protraction and elevation."""
_TRUNK = torch.tensor([JOINT_NAMES.index(name) for name in ("spine1", "spine2", "spine3", "neck", "head")])


def vary_rig(
    rotations: Float[Tensor, "poses 21 3 3"], generator: torch.Generator, strength: float = STRENGTH
) -> Float[Tensor, "poses 21 3 3"]:
    """Apply rig variation, with one random rig for every ``POSES_PER_RIG`` poses.

    Args:
        rotations: rotations of the body joints, on any device.
        generator: random generator on the CPU.
        strength: factor on all rotations; 0 changes nothing.

    Returns:
        The varied poses.
    """
    draw = _Draw(len(rotations), generator, rotations)
    turns = strength * _SPREADS.to(rotations) * draw.normal_turns()
    _twist(turns, rotations, draw, strength)
    _bend_sideways(turns, rotations, draw, strength)
    _move_collars(turns, rotations, draw, strength)
    _redistribute(turns, rotations, draw, strength)
    frames = axis_angle_to_matrix(turns)
    return frames[:, PARENTS[1 : NUM_BODY_JOINTS + 1]].mT @ rotations @ frames[:, 1:]


class _Draw:
    """Random numbers: sums of a constant of the rig and a change of the pose, with equal variance."""

    def __init__(self, poses: int, generator: torch.Generator, like: Tensor) -> None:
        self.poses, self.generator, self.like = poses, generator, like
        self.rigs = -(-poses // POSES_PER_RIG)

    def normal(self, *shape: int) -> Float[Tensor, "poses *shape 2"]:
        """Standard normal numbers for both sides, with symmetric constants."""
        constant = torch.randn(self.rigs, *shape, 1, generator=self.generator)
        change = torch.randn(self.poses, *shape, 2, generator=self.generator)
        return (self.of_poses(constant) + change).to(self.like) / math.sqrt(2)

    def normal_turns(self) -> Float[Tensor, "poses 22 3"]:
        """Axis-angle vectors of all joints with standard normal components and symmetric constants."""
        drawn = torch.randn(self.rigs, NUM_BODY_JOINTS + 1, 3, generator=self.generator)
        constant = (drawn + REFLECTION * drawn[:, MIRROR[: NUM_BODY_JOINTS + 1]]) / math.sqrt(2)
        change = torch.randn(self.poses, NUM_BODY_JOINTS + 1, 3, generator=self.generator)
        return (self.of_poses(constant) + change).to(self.like) / math.sqrt(2)

    def uniform(self, *shape: int) -> Float[Tensor, "poses *shape 2"]:
        """Means of two uniform numbers from 0 to 1 for both sides, with symmetric constants."""
        constant = torch.rand(self.rigs, *shape, 1, generator=self.generator)
        change = torch.rand(self.poses, *shape, 2, generator=self.generator)
        return (self.of_poses(constant) + change).to(self.like) / 2

    def shares(self, number: int) -> Float[Tensor, "poses number"]:
        """Numbers that sum to one: a Dirichlet draw of the rig, and factors of the pose."""
        exponential = -torch.rand(self.rigs, number, SHARING_OF_RIG, generator=self.generator).clamp(min=1e-6).log()
        factor = (SHARING_OF_POSE * torch.randn(self.poses, number, generator=self.generator)).exp()
        weight = (self.of_poses(exponential.sum(-1)) * factor).to(self.like)
        return weight / weight.sum(-1, keepdim=True)

    def of_poses(self, constant: Float[Tensor, " rigs *shape"]) -> Float[Tensor, " poses *shape"]:
        """The constants of each pose's rig."""
        return constant.repeat_interleave(POSES_PER_RIG, 0)[: self.poses]


def _twist(turns: Tensor, rotations: Tensor, draw: _Draw, strength: float) -> None:
    """Move twist between hips, knees and ankles, and between shoulders, elbows and wrists."""
    spread = turns.new_tensor(list(TWIST.values())).deg2rad()
    upper, lower = (strength * spread[:, None] * draw.normal(len(TWIST))).unflatten(1, (2, 2)).unbind(2)
    bent = _of(rotations, _TWISTED[1::2])
    axes = _TWIST_AXES.to(turns)
    twist = turn_about(bent, axes[1::2])
    flexion = turn_about(bent[:, 0], FLEXION_AXES[0].to(turns)).rad2deg()
    knee = KNEE_TWIST_EXTENDED + (KNEE_TWIST_FLEXED - KNEE_TWIST_EXTENDED) * (flexion / 90).clamp(0, 1)
    limit = torch.stack([knee, torch.full_like(knee, ELBOW_TWIST)], dim=1).deg2rad()
    difference = _within(lower - upper, -limit - twist, limit - twist) / 2
    middle = (upper + lower) / 2
    amounts = torch.stack([middle - difference, middle + difference], dim=2).flatten(1, 2)
    turns[:, _TWISTED] += amounts.unsqueeze(-1) * axes


def _bend_sideways(turns: Tensor, rotations: Tensor, draw: _Draw, strength: float) -> None:
    """Bend knees and elbows sideways."""
    axes = SIDEWAYS_AXES.to(turns)
    spread = turns.new_tensor(list(SIDEWAYS.values())).deg2rad()
    bend = turn_about(_of(rotations, HINGES), axes)
    low, high = turns.new_tensor([KNEE_SIDEWAYS, ELBOW_SIDEWAYS]).deg2rad()[..., None].unbind(1)
    amounts = _within(strength * spread[:, None] * draw.normal(len(SIDEWAYS)), low - bend, high - bend)
    turns[:, HINGES] += amounts.unsqueeze(-1) * axes


def _move_collars(turns: Tensor, rotations: Tensor, draw: _Draw, strength: float) -> None:
    """Move a share of the arms' swings to the collars, within the collars' limits."""
    axes = _COLLAR_AXES.to(turns)
    outward = _of(rotations, _SHOULDERS)[..., 0]  # direction of the upper arms; the right one points to -x
    outward = torch.stack([outward[:, 0], -outward[:, 1] * outward.new_tensor([-1.0, 1.0, 1.0])], dim=1)
    sine = torch.linalg.vector_norm(outward[..., 1:], dim=-1)
    angle = torch.atan2(sine, outward[..., 0]) / sine.clamp(min=1e-6)
    swing = angle.unsqueeze(1) * torch.stack([outward[..., 2], outward[..., 1]], dim=1)
    own = (turns[:, None, _COLLARS] * axes).sum(-1)
    moved = turn_about(_of(rotations, _COLLARS).unsqueeze(1), axes)
    low, high = turns.new_tensor([COLLAR_PROTRACTION, COLLAR_ELEVATION]).deg2rad()[..., None].unbind(1)
    amounts = _within(own + strength * COLLAR_SHARE * draw.uniform(2) * swing, low - moved, high - moved)
    turns[:, _COLLARS] += ((amounts - own).unsqueeze(-1) * axes).sum(1)


def _redistribute(turns: Tensor, rotations: Tensor, draw: _Draw, strength: float) -> None:
    """Redistribute rotation among the spine's joints, and between neck and head."""
    first, second, third, neck, head = _of(rotations, _TRUNK).unbind(1)
    lower = first @ second
    total = matrix_to_axis_angle(torch.stack([lower @ third, neck @ head], dim=1))
    spine, necks = draw.shares(3), draw.shares(2)
    part = torch.stack([spine[:, 0], spine[:, :2].sum(-1), necks[:, 0]], dim=1)
    shared = axis_angle_to_matrix(part.unsqueeze(-1) * total[:, [0, 0, 1]])
    recorded = torch.stack([first, lower, neck], dim=1)
    turns[:, _TRUNK[[0, 1, 3]]] += strength * matrix_to_axis_angle(recorded.mT @ shared)


def _of(rotations: Float[Tensor, "poses 21 3 3"], joints: Int[Tensor, " *some"]) -> Float[Tensor, "poses *some 3 3"]:
    """Rotations of joints, with indices that include the pelvis."""
    return rotations[:, joints - 1]


def _within(
    change: Float[Tensor, " *batch"], low: Float[Tensor, " *batch"], high: Float[Tensor, " *batch"]
) -> Float[Tensor, " *batch"]:
    """Changes that saturate smoothly at their limits; zero in directions already beyond the limit."""
    limit = torch.where(change > 0, high.clamp(min=1e-3), low.clamp(max=-1e-3))
    return limit * torch.tanh(change / limit)
