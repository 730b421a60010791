"""Tracked keypoints of one person in a clip."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from fitting.inputs.keypoints import Keypoints


@dataclass(frozen=True)
class TrackedKeypoints:
    """Keypoints of one person in a clip, for the frames with a detection."""

    keypoints: Keypoints
    frames: Int[np.ndarray, " seen"]
    """Numbers of these frames, ascending."""
    fps: float
    camera_moves: bool | None = False
    """Whether the video's camera moves; None if the background does not say."""
    notes: tuple[str, ...] = ()
    """Sentences: what happened while the person was followed."""

    def __post_init__(self) -> None:
        """Check the frame numbers and the rate.

        Raises:
            ValueError: the number of frames differs from the keypoints', the numbers do not ascend, or the rate is not
                positive.
        """
        frames = np.asarray(self.frames)
        if frames.shape != (len(self.keypoints),) or (np.diff(frames) <= 0).any():
            raise ValueError(f"a clip of {len(self.keypoints)} detections needs as many ascending frame numbers")
        if not 0 < self.fps < math.inf:
            raise ValueError(f"frames per second must be a positive number, not {self.fps}")

    def around(self, first: int, last: int) -> TrackedKeypoints:
        """Detections from frame ``first`` to ``last``, extended to the next outside if these have none.

        Args:
            first: frame number.
            last: frame number, not below the first.

        Returns:
            The sightings.
        """
        begin = int(np.searchsorted(self.frames, first, side="right")) - 1
        end = int(np.searchsorted(self.frames, last)) + 1
        return self[np.arange(max(begin, 0), min(end, len(self.frames)))]

    def __getitem__(self, chosen: Int[np.ndarray, " chosen"]) -> TrackedKeypoints:
        """A selection by index."""
        return dataclasses.replace(self, keypoints=self.keypoints[chosen.tolist()], frames=self.frames[chosen])

    def with_keypoints(self, **arrays: Float[np.ndarray, "..."]) -> TrackedKeypoints:
        """The same frames with other arrays of `Keypoints`."""
        return dataclasses.replace(self, keypoints=dataclasses.replace(self.keypoints, **arrays))  # type: ignore[arg-type]
