"""Recorded clips: the common output of the readers and input of retargeting."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int


@dataclass(frozen=True)
class Motion:
    """A clip on its recorded skeleton.

    Joints are in topological order, joint 0 is the root, y is up, and in the rest pose the person faces +z.
    End sites of bones (``"Head end"``) rotate with their parent.

    Attributes:
        subject: name of the subject.
        sequence: name of the clip.
        fps: frame rate, frames per second.
        frames: numbers of the frames in the recording.
        names: joint names in the file.
        parents: parent of each joint, -1 for the root.
        offsets: position of each joint from its parent in the rest pose; the file's unit of length.
        rotations: rotation of each joint from the rest pose to the frame, in world axes.
        t_pose: whether the rest pose is a T-pose from the clip rather than the skeleton's zero pose.

    Raises:
        ValueError: there are no frames, or a rotation is not finite.
    """

    subject: str
    sequence: str
    fps: float
    frames: Int[np.ndarray, " frames"]
    names: tuple[str, ...]
    parents: tuple[int, ...]
    offsets: Float[np.ndarray, "joints 3"]
    rotations: Float[np.ndarray, "frames joints 3 3"]
    t_pose: bool = False

    def __post_init__(self) -> None:
        """Validate the clip."""
        if not len(self.frames):
            raise ValueError("expected frames of motion, found none")
        bad = np.argwhere(~np.isfinite(self.rotations).all(axis=(2, 3)))
        if len(bad):
            frame, joint = bad[0]
            raise ValueError(f"frame {self.frames[frame]}: the rotation of {self.names[joint]} is not finite")

    def positions(self) -> Float[np.ndarray, "frames joints 3"]:
        """Forward kinematics: joint positions with the root at the origin, in the file's unit of length."""
        positions = np.zeros(self.rotations.shape[:-1])
        for joint, parent in enumerate(self.parents):
            if parent >= 0:
                positions[:, joint] = positions[:, parent] + self.rotations[:, parent] @ self.offsets[joint]
        return positions

    def rest_positions(self) -> Float[np.ndarray, "joints 3"]:
        """Joint positions in the rest pose with the root at the origin, in the file's unit of length."""
        positions = np.zeros_like(self.offsets)
        for joint, parent in enumerate(self.parents):
            if parent >= 0:
                positions[joint] = positions[parent] + self.offsets[joint]
        return positions

    def select(self, indices: Int[np.ndarray, " kept"]) -> Motion:
        """The clip with only the frames at these indices and the same ``fps``."""
        return replace(self, frames=self.frames[indices], rotations=self.rotations[indices])

    def with_first_frame_as_rest(self) -> Motion:
        """The clip without its first frame, which becomes the rest pose; sets ``t_pose``."""
        rest = self.rotations[0]
        turned = [rest[max(parent, 0)] @ offset for parent, offset in zip(self.parents, self.offsets, strict=True)]
        return replace(
            self,
            frames=self.frames[1:],
            offsets=np.stack(turned),
            rotations=self.rotations[1:] @ rest.transpose(0, 2, 1),
            t_pose=True,
        )
