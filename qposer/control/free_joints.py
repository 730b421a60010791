"""Joints that may move while constraints are solved."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from qposer.body_pose.skeleton import BODY_JOINT_NAMES


@dataclass(frozen=True)
class FreeJoints:
    """The free joints of a solve.

    Attributes:
        named: body joints (of 21) that move freely.
        helping: joints that move if necessary.
        pelvis: whether the pelvis may rotate; the legs then keep their world rotation, unless they are named.
    """

    named: tuple[int, ...]
    helping: tuple[int, ...] = ()
    pelvis: bool = False

    @classmethod
    def of(cls, named: Iterable[str], helping: Iterable[str] = (), pelvis: bool = False) -> FreeJoints:
        """Create from names of body joints; hips help if the pelvis rotates.

        Args:
            named: joints of the constraints.
            helping: joints that move if necessary.
            pelvis: whether the pelvis may rotate.

        Returns:
            The free joints.

        Raises:
            ValueError: no joint may move.
        """
        free = {BODY_JOINT_NAMES.index(name) for name in named}
        help_ = {BODY_JOINT_NAMES.index(name) for name in (*helping, *(("left_hip", "right_hip") if pelvis else ()))}
        if not free | help_:
            raise ValueError("no joint may move: name at least one")
        return cls(tuple(sorted(free)), tuple(sorted(help_ - free)), pelvis)

    @property
    def moving(self) -> list[int]:
        """All body joints that may move, in ascending order."""
        return sorted({*self.named, *self.helping})
