"""Sets of joints whose rotations a prior knows: the body's, or those of a hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from qposer.body_pose.kinematics import forward_kinematics
from qposer.body_pose.skeleton import BODY_JOINT_NAMES, BODY_PARTS, NUM_BODY_JOINTS, PARENTS, REST_JOINTS


class PoseLayout(NamedTuple):
    """Joint layout of a pose in files of others."""

    name: str
    first: int
    """First index of the articulation's joints in it."""


@dataclass(frozen=True, eq=False)
class Articulation:
    """Joints that turn, below a root that does not; points of the tree beyond the joints are ends of bones.

    Attributes:
        name: what its joints pose, for messages.
        joint_names: names of the joints, in the order of poses.
        parts: joints of each named part.
        parents: parent of each point; 0 is the root, ``1..joints`` are the joints, ends follow.
        rest_points: positions of the points with all rotations zero, metres, the root at the origin.
        layouts: layouts of files that contain these joints, by number of joints.
    """

    name: str
    joint_names: tuple[str, ...]
    parts: Mapping[str, tuple[str, ...]]
    parents: tuple[int, ...]
    rest_points: Float[np.ndarray, "points 3"]
    layouts: Mapping[int, PoseLayout]

    @property
    def joints(self) -> int:
        """Number of joints."""
        return len(self.joint_names)

    def points(self, rotations: Float[Tensor, "*batch joints 3 3"]) -> Float[Tensor, "*batch points 3"]:
        """Positions of root, joints and ends in metres, the root at the origin.

        Args:
            rotations: rotations of the joints relative to their parents.

        Returns:
            Positions in the frame of the root.
        """
        rest = torch.from_numpy(self.rest_points).to(rotations)
        still = torch.eye(3, dtype=rotations.dtype, device=rotations.device)
        root = still.expand(*rotations.shape[:-3], 1, 3, 3)
        ends = still.expand(*rotations.shape[:-3], len(rest) - 1 - self.joints, 3, 3)
        return forward_kinematics(torch.cat([root, rotations, ends], dim=-3), rest, self.parents)[1]

    def indices(self, parts: str | Sequence[str]) -> list[int]:
        """Indices of the joints of one part or of several.

        Raises:
            ValueError: no part is named, or an unknown one; the message lists the parts.
        """
        names = [parts] if isinstance(parts, str) else list(parts)
        if not names:
            raise ValueError(f"no part is named: use some of {', '.join(self.parts)}")
        for name in names:
            if name not in self.parts:
                near = get_close_matches(name, self.parts, n=1)
                hint = f" (did you mean {near[0]}?)" if near else ""
                raise ValueError(f"there is no part {name!r}{hint}: the parts are {', '.join(self.parts)}")
        return sorted({self.joint_names.index(joint) for name in names for joint in self.parts[name]})


BODY = Articulation(
    name="body pose",
    joint_names=BODY_JOINT_NAMES,
    parts=BODY_PARTS,
    parents=PARENTS[: NUM_BODY_JOINTS + 1],
    rest_points=REST_JOINTS[: NUM_BODY_JOINTS + 1],
    layouts={
        21: PoseLayout("an SMPL body pose", 0),
        22: PoseLayout("a body pose with its root", 1),
        23: PoseLayout("an SMPL body pose with its two hand joints", 0),
        24: PoseLayout("an SMPL pose with root and hands", 1),
        52: PoseLayout("an SMPL-H pose with root and hands", 1),
        55: PoseLayout("an SMPL-X pose with root, face and hands", 1),
    },
)
"""The joints of body poses, with the mean adult's bones."""
