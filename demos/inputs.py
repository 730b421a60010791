"""What the demos on poses begin with: the prior, poses of files or drawn ones, and seeds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:  # torch is loaded when there is something to do, and not to show the help
    from jaxtyping import Float
    from torch import Tensor

    from qposer import CodePrior


STANDING = "standing"
"""In place of a file: somebody who stands at ease."""


class NamedPose(NamedTuple):
    """A pose, and where it is from."""

    name: str
    pose: Float[Tensor, "21 3"]


@dataclass(frozen=True)
class PoseSource:
    """A pose of a file, somebody who stands, or a pose that the prior draws."""

    pose: str | None = None
    """FILE or FILE:INDEX: an npz file of a fit, of these demos or of AMASS, and which of its poses, counted from 0; or
    "standing"."""
    sample: int | None = None
    """Without --pose the prior draws the pose: the seed; with neither, somebody stands."""

    def load(self, role: str, prior: CodePrior) -> NamedPose:
        """The pose, axis-angle, called by its role and where it is from.

        Args:
            role: what the pose is for, such as ``start``.
            prior: draws the pose where a seed is given.

        Returns:
            The pose and its name.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: it is no file of poses or has no pose of that index, or the seed is none.
        """
        import torch

        from qposer.body_pose.posed_skeleton import neutral_pose
        from qposer.body_pose.poses import read_poses
        from qposer.body_pose.rotations import matrix_to_axis_angle
        from qposer.prior.seeding import generator_of

        if self.pose == STANDING or (self.pose is None and self.sample is None):
            return NamedPose(f"{role}: standing", matrix_to_axis_angle(neutral_pose().body_pose))
        if self.pose is None and self.sample is not None:
            # A seed of its own, or else a hypothesis of equal seed would begin with the noise that the pose came from.
            seed = torch.randint(2**63 - 1, (), generator=generator_of(self.sample)).item()
            drawn = prior.sample(1, seed=int(seed))[0]
            return NamedPose(f"{role}: sample {self.sample}", matrix_to_axis_angle(drawn))
        file, _, number = str(self.pose).rpartition(":")
        path, index = (Path(file), int(number)) if file and number.isdecimal() else (Path(str(self.pose)), 0)
        poses = read_poses(path)
        if index >= len(poses):
            raise ValueError(f"{path} has {len(poses)} poses, counted from 0: there is no pose {index}")
        return NamedPose(f"{role}: {path.stem} {index}", poses[index])


FIRST, SECOND, AT_EASE = PoseSource(sample=0), PoseSource(sample=1), PoseSource()
"""What is edited and what it is edited with, if nothing is said; and somebody who stands."""


@contextmanager
def shipped_prior(program: str) -> Iterator[CodePrior]:
    """The prior, without gradients and on one thread, for single poses are too small to share.

    Wrong input ends the program with one line.
    """
    from qposer.io.cli_errors import cli_errors

    with cli_errors(program):
        import torch

        from qposer import CodePrior

        torch.set_num_threads(1)
        with torch.no_grad():
            yield CodePrior.from_pretrained()
