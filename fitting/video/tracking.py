"""One person through the frames of a clip: who it is at first, and who of those on the next frame it is again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from fitting.inputs.keypoints import Keypoints

Choice = int | tuple[float, float]
"""A person of the first frame that shows people: how many others are larger, or a point (pixels) on the person."""

_JUMP = 0.25
"""A detection whose keypoints are farther off, in the median, than this part of the person's size is somebody else."""

_DRIFT = 0.03
"""What is added to that for every frame in which the person was not seen."""

_FARTHEST = 1.0
"""The most that it grows to."""


@dataclass
class Track:
    """Where a person was last, and moves to."""

    choice: Choice = 0
    last: Keypoints | None = None
    """The person's keypoints on the last frame that showed them."""
    velocity: Float[np.ndarray, "2"] | None = None
    """Pixels a frame, where the last frame but one showed the person, too."""
    missed: int = 0
    """Frames since, or from the beginning."""

    def expected(self) -> Float[np.ndarray, "4"] | None:
        """The box (left, top, right, bottom in pixels) in which to look on the next frame; None before the first."""
        if self.last is None:
            return None
        box: Float[np.ndarray, "4"] = self.last.boxes[0] + np.tile(self._shift(), 2)
        return box

    def find(self, people: Keypoints | None) -> Keypoints | None:
        """Who of the people of the next frame is the person, if anybody.

        Raises:
            ValueError: the first people do not include the chosen one.
        """
        if people is None:
            return None
        return self._first(people) if self.last is None else self._again(people)

    def advance(self, person: Keypoints | None) -> None:
        """Go on to the next frame, which shows the person, or does not."""
        if person is None:
            self.missed += 1
            return
        self.velocity = None if self.last is None or self.missed else _median_shift(self.last, person)
        self.last, self.missed = person, 0

    def _first(self, people: Keypoints) -> Keypoints:
        if isinstance(self.choice, int):
            if not 0 <= self.choice < len(people):
                raise ValueError(
                    f"there is no person {self.choice}: {len(people)} are found on the first frame that shows anybody, "
                    "counted from 0, the largest first"
                )
            return people.largest_first()[self.choice]
        point, boxes = np.array(self.choice), people.boxes
        outside = np.maximum(np.maximum(boxes[:, :2] - point, point - boxes[:, 2:]), 0.0)
        middle = (boxes[:, :2] + boxes[:, 2:]) / 2
        distance = np.linalg.norm(outside, axis=1) + 1e-3 * np.linalg.norm(middle - point, axis=1)
        return people[int(distance.argmin())]

    def _again(self, people: Keypoints) -> Keypoints | None:
        assert self.last is not None
        size = np.ptp(self.last.boxes.reshape(2, 2), axis=0).max()
        common = self.last.seen & people.seen
        apart = np.linalg.norm(people.xy - self.last.xy - self._shift(), axis=-1)
        distance = [np.median(d[c]) if c.any() else np.inf for d, c in zip(apart, common, strict=True)]
        nearest = int(np.argmin(distance))
        limit = min(_JUMP + _DRIFT * self.missed, _FARTHEST) * size
        return people[nearest] if distance[nearest] < limit else None

    def _shift(self) -> Float[np.ndarray, "2"]:
        """How far the person has probably moved since last seen; who is lost is taken to have stopped."""
        return np.zeros(2) if self.velocity is None or self.missed else self.velocity


def _median_shift(a: Keypoints, b: Keypoints) -> Float[np.ndarray, "2"] | None:
    common = (a.seen & b.seen)[0]
    return np.median((b.xy - a.xy)[0, common], axis=0) if common.any() else None
