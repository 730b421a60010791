"""Poses of both hands of a fitted body."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from qposer.hands.smplh import NUM_HAND_JOINTS


@dataclass(frozen=True)
class HandPoses:
    """Poses of both hands, or of both in each frame of a clip.

    Poses are axis-angle in radians relative to the parents, of SMPL-H's joints in its order
    (`qposer.hands.smplh.FINGER_JOINT_NAMES`); zero is the hand of the body's template.
    """

    left: Float[np.ndarray, "*frames 15 3"]
    right: Float[np.ndarray, "*frames 15 3"]
    found: Bool[np.ndarray, "*frames 2"]
    """Whether the left and the right hand were seen; the poses of the others are guessed."""

    def __post_init__(self) -> None:
        """Check the arrays.

        Raises:
            ValueError: an array has a wrong shape, or a pose is NaN or infinite.
        """
        frames = np.shape(self.found)[:-1]
        wanted = {"left": (*frames, NUM_HAND_JOINTS, 3), "right": (*frames, NUM_HAND_JOINTS, 3), "found": (*frames, 2)}
        for name, shape in wanted.items():
            if np.shape(getattr(self, name)) != shape:
                raise ValueError(f"hand poses need {name} of the shape {shape}, not {np.shape(getattr(self, name))}")
        if not (np.isfinite(self.left).all() and np.isfinite(self.right).all()):
            raise ValueError("the poses of the hands contain NaN or infinite values: check the keypoints")

    @property
    def both(self) -> Float[np.ndarray, "*frames 30 3"]:
        """The left hand's joints before the right's: the ``hand_pose`` of `fitting.Body`."""
        return np.concatenate([self.left, self.right], axis=-2)

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """The arrays by their names in files."""
        found = np.asarray(self.found, dtype=bool)
        return {
            "left_hand_pose": np.asarray(self.left),
            "right_hand_pose": np.asarray(self.right),
            "hands_found": found,
        }

    @classmethod
    def read(cls, arrays: Mapping[str, np.ndarray]) -> HandPoses | None:
        """The poses in a file.

        Args:
            arrays: arrays of the file by name.

        Returns:
            The poses; None if the file has none.

        Raises:
            KeyError: some of the arrays are missing.
            ValueError: an array is wrong.
        """
        if "hands_found" not in arrays:
            return None
        found = arrays["hands_found"]
        if found.dtype != bool:
            raise ValueError(f"hands_found must be truth values, not {found.dtype}")
        return cls(arrays["left_hand_pose"], arrays["right_hand_pose"], found)
