"""Inputs of the commands for poses: the prior, and poses from files or sampled."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from qposer.io.cli_errors import cli_errors
from qposer.io.startup import loading

if TYPE_CHECKING:  # --help does not load torch
    from jaxtyping import Float
    from torch import Tensor

    from qposer import CodePrior
    from qposer.control.whole_pose import WholePose


STANDING = "standing"
"""Used instead of a file name: a relaxed standing pose."""


class NamedPose(NamedTuple):
    """A pose and its source."""

    name: str
    pose: Float[Tensor, "21 3"]
    hands: Float[Tensor, "30 3"] | None = None
    """The left hand first, zero for flat hands; None if the source has no hands."""

    @property
    def whole(self) -> WholePose:
        """The pose with its hands, or with resting ones."""
        from fitting.hands.files import resting_hands
        from qposer.control.whole_pose import WholePose

        return WholePose(self.pose, resting_hands() if self.hands is None else self.hands)


@dataclass(frozen=True)
class PoseSource:
    """A pose from a file, the standing pose, or a sample from the prior."""

    pose: str | None = None
    """FILE or FILE:INDEX: an npz file of a fit, of these commands or of AMASS, and the index of the pose, from 0; or
    "standing"."""
    sample: int | None = None
    """Seed for a pose sampled from the prior, without --pose; with neither option, the standing pose."""

    def load(self, role: str, prior: CodePrior) -> NamedPose:
        """Load the pose, axis-angle, named after its role and source.

        Args:
            role: role of the pose, such as ``start``.
            prior: samples the pose if a seed is given.

        Returns:
            The pose and its name.

        Raises:
            FileNotFoundError: the file does not exist.
            ValueError: the file holds no poses or no pose of that index, its hands are damaged, or the seed is invalid.
        """
        import torch

        from fitting.hands.files import read_hands
        from qposer.body_pose.posed_skeleton import neutral_pose
        from qposer.body_pose.poses import read_poses
        from qposer.body_pose.rotations import matrix_to_axis_angle
        from qposer.prior.seeding import generator_of

        if self.pose == STANDING or (self.pose is None and self.sample is None):
            return NamedPose(f"{role}: standing", matrix_to_axis_angle(neutral_pose().body_pose))
        if self.pose is None and self.sample is not None:
            # A derived seed; otherwise a hypothesis with the same seed would start from the noise of this pose.
            seed = torch.randint(2**63 - 1, (), generator=generator_of(self.sample)).item()
            drawn = prior.sample(1, seed=int(seed))[0]
            return NamedPose(f"{role}: sample {self.sample}", matrix_to_axis_angle(drawn))
        path, index = self._file(str(self.pose))
        poses, hands = read_poses(path), read_hands(path)
        if index >= len(poses):
            raise ValueError(f"{path} has no pose {index}: it has {len(poses)} poses, counted from 0")
        return NamedPose(f"{role}: {path.stem} {index}", poses[index], None if hands is None else hands[index])

    @staticmethod
    def _file(pose: str) -> tuple[Path, int]:
        """Path and index of FILE or FILE:INDEX."""
        file, _, number = pose.rpartition(":")
        return (Path(file), int(number)) if file and number.isdecimal() else (Path(pose), 0)


FIRST, SECOND, AT_EASE = PoseSource(sample=0), PoseSource(sample=1), PoseSource()
"""Default pose to edit, default donor, and the standing pose."""


@contextmanager
def shipped_prior() -> Iterator[CodePrior]:
    """The prior, without gradients and on one thread (single poses are too small to parallelise).

    Invalid input ends the program with a one-line message.
    """
    with cli_errors():
        with loading():
            import torch

            from qposer import CodePrior

            prior = CodePrior.from_pretrained()
        torch.set_num_threads(1)
        with torch.no_grad():
            yield prior
