"""Track one person through the frames of a clip."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from fitting.inputs.keypoints import Keypoints

Choice = int | tuple[float, float]
"""A person of the first frame with people: rank by size (0 is the largest), or a point on the person in pixels."""

_JUMP = 0.25
"""Maximum median distance of a person's keypoints between frames, as a fraction of the person's size."""

_DRIFT = 0.03
"""Increase of that maximum for every frame without a detection."""

_FARTHEST = 1.0
"""Upper limit of that maximum."""


@dataclass
class Track:
    """The last position and velocity of a person."""

    choice: Choice = 0
    last: Keypoints | None = None
    """The person's last detected keypoints."""
    velocity: Float[np.ndarray, "2"] | None = None
    """In pixels per frame, if the person was also detected in the frame before."""
    missed: int = 0
    """Number of frames since the last detection, or since the beginning."""

    def expected(self) -> Float[np.ndarray, "4"] | None:
        """The expected box (left, top, right, bottom in pixels) in the next frame; None before the first."""
        if self.last is None:
            return None
        box: Float[np.ndarray, "4"] = self.last.boxes[0] + np.tile(self._shift(), 2)
        return box

    def find(self, people: Keypoints | None) -> Keypoints | None:
        """Find the person among the people of the next frame, if present.

        Raises:
            ValueError: the first people do not include the selected one.
        """
        if people is None:
            return None
        return self._first(people) if self.last is None else self._again(people)

    def advance(self, person: Keypoints | None) -> None:
        """Advance to the next frame, with or without a detection."""
        if person is None:
            self.missed += 1
            return
        self.velocity = None if self.last is None or self.missed else _median_shift(self.last, person)
        self.last, self.missed = person, 0

    def _first(self, people: Keypoints) -> Keypoints:
        if isinstance(self.choice, int):
            if not 0 <= self.choice < len(people):
                raise ValueError(
                    f"there is no person {self.choice}: the first frame with people shows {len(people)}, "
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
        """Expected displacement since the last detection; a lost person is assumed to have stopped."""
        return np.zeros(2) if self.velocity is None or self.missed else self.velocity


def _median_shift(a: Keypoints, b: Keypoints) -> Float[np.ndarray, "2"] | None:
    common = (a.seen & b.seen)[0]
    return np.median((b.xy - a.xy)[0, common], axis=0) if common.any() else None
