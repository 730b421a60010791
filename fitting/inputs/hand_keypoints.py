"""Keypoints of hands: MediaPipe's 21 points, which OpenPose and COCO-WholeBody use in the same order
(`qposer.hands.smplh.HAND_LANDMARKS`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float

ON_BODY = {"wrist": 0, "thumb": 2, "index": 5, "pinky": 17}
"""Points of a hand that MediaPipe's body has, too, by their index in the hand."""

MIN_HAND_KEYPOINTS = 8
"""Hands with fewer keypoints are ignored."""


@dataclass(frozen=True)
class HandKeypoints:
    """Keypoints of both hands of people in an image; a hand with confidences of zero was not found."""

    xy: Float[np.ndarray, "people 2 21 2"]
    """Pixels; the left hand, then the right."""
    confidence: Float[np.ndarray, "people 2 21"]
    """From 0 to 1."""
    world: Float[np.ndarray, "people 2 21 3"] | None = None
    """Estimated positions in metres, relative to any origin of each hand, in camera axes (x right, y down, z away)."""

    def __post_init__(self) -> None:
        """Check shapes and values; coordinates of unseen keypoints are ignored.

        Raises:
            ValueError: wrong shapes, confidences outside of 0..1, or invalid coordinates of a seen keypoint.
        """
        xy, confidence = (np.array(value, np.float32) for value in (self.xy, self.confidence))
        if xy.ndim != 4 or xy.shape[1:] != (2, 21, 2) or confidence.shape != xy.shape[:3]:
            raise ValueError(
                "hand keypoints need xy (people, 2, 21, 2) and confidence (people, 2, 21), left hands first, not "
                f"{xy.shape} and {confidence.shape}"
            )
        if not ((confidence >= 0) & (confidence <= 1)).all():
            raise ValueError("confidences of hand keypoints must be between 0 and 1")
        sound = np.isfinite(xy).all(-1)
        if (~sound & (confidence > 0)).any():
            raise ValueError("a hand keypoint has NaN or infinite coordinates: give confidence 0 where it is unseen")
        xy[~sound] = 0.0
        confidence[(confidence > 0).sum(-1) < MIN_HAND_KEYPOINTS] = 0.0
        object.__setattr__(self, "xy", xy)
        object.__setattr__(self, "confidence", confidence)
        if self.world is not None:
            world = np.array(self.world, np.float32)
            if world.shape != (*confidence.shape, 3) or not np.isfinite(world).all():
                raise ValueError(f"world positions of hands must be finite and {(*confidence.shape, 3)}")
            object.__setattr__(self, "world", world)

    @classmethod
    def unseen(cls, people: int) -> HandKeypoints:
        """No hands.

        Args:
            people: number of people.
        """
        return cls(np.zeros((people, 2, 21, 2)), np.zeros((people, 2, 21)))

    def __len__(self) -> int:
        """Number of people."""
        return len(self.xy)

    def __getitem__(self, people: slice | Sequence[int] | Bool[np.ndarray, " people"]) -> HandKeypoints:
        """Hands of a selection of people."""
        world = None if self.world is None else self.world[people]
        return replace(self, xy=self.xy[people], confidence=self.confidence[people], world=world)

    def exchanged(self, people: Bool[np.ndarray, " people"]) -> HandKeypoints:
        """The hands with left and right exchanged for a part of the people.

        Args:
            people: mask of these people.

        Returns:
            All people.
        """

        def chosen(values: Float[np.ndarray, "people 2 *numbers"]) -> Float[np.ndarray, "people 2 *numbers"]:
            return np.where(people.reshape(-1, *[1] * (values.ndim - 1)), values[:, ::-1], values)

        world = None if self.world is None else chosen(self.world)
        return replace(self, xy=chosen(self.xy), confidence=chosen(self.confidence), world=world)

    @property
    def found(self) -> Bool[np.ndarray, "people 2"]:
        """Which hands were found."""
        found: np.ndarray = np.any(self.confidence > 0, axis=-1)
        return found


def joined_hands(parts: Sequence[HandKeypoints]) -> HandKeypoints:
    """Hands of the people of several images as if they were in one.

    Args:
        parts: hands of the people of each image; hands without positions in metres get zeros, as if unknown.

    Returns:
        Hands of all people, in order.
    """
    worlds = [np.zeros((*part.confidence.shape, 3), np.float32) if part.world is None else part.world for part in parts]
    return HandKeypoints(
        np.concatenate([part.xy for part in parts]),
        np.concatenate([part.confidence for part in parts]),
        np.concatenate(worlds),
    )
