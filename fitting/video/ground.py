"""The ground below people in front of a camera that does not move: its direction, its height, and world axes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

LEANS = math.radians(8)
"""Standard deviation of the direction in which people stand on average, from the vertical."""

ROLLS = math.radians(4)
"""Standard deviation of a camera's roll."""

SOLE_ERROR = 0.03
"""Standard deviation of the measured height of a standing foot, in metres."""

A_SECOND = 4.0
"""Independent measurements of a foot per second, at most one while it stays where it is: errors of feet that do not
move stay the same."""

STOOPED = 0.02
"""People whose feet and head are closer by this part than at their tallest lean or bend, and say little about the
vertical."""

LEAST_STANDING = 0.3
"""Seconds that a foot must stand in all."""

UNEVEN = 0.08
"""Metres: if standing feet are farther than this from a plane (root mean square), the ground is no plane."""

_ROUNDS = 4

_TALLEST = 0.95
"""Quantile of the distances between feet and head that counts as a person's full height."""

_LYING = 0.35
"""If people's mean direction has more than this part along the picture's rows, the camera may be rolled."""


@dataclass(frozen=True)
class Ground:
    """A plane in camera axes (x right, y down, z forward)."""

    up: tuple[float, float, float]
    """Unit vector against gravity; (0, -1, 0) for a level camera."""
    camera_height: float
    """Metres from the ground to the camera."""

    def __post_init__(self) -> None:
        """Check and normalise.

        Raises:
            ValueError: the direction is zero or not finite, or the height is not finite.
        """
        length = math.hypot(*self.up)
        if len(self.up) != 3 or not 0 < length < math.inf:
            raise ValueError(f"up must be a finite direction in camera axes, not {self.up}")
        if not math.isfinite(self.camera_height):
            raise ValueError(f"the camera's height must be a finite number of metres, not {self.camera_height}")
        object.__setattr__(self, "up", tuple(part / length for part in self.up))

    @property
    def rotation(self) -> Float[np.ndarray, "3 3"]:
        """From camera axes to world axes: y up, x to the camera's right, z towards the camera."""
        up = np.array(self.up)
        ahead = np.array([0.0, 0.0, 1.0]) if abs(up[2]) < 0.9 else np.array([0.0, 1.0 if up[2] > 0 else -1.0, 0.0])
        back = -(ahead - up * (up @ ahead))
        back /= np.linalg.norm(back)
        return np.stack([np.cross(up, back), up, back])

    def to_world(self, points: Float[np.ndarray, "*shape 3"]) -> Float[np.ndarray, "*shape 3"]:
        """Points in world axes, with the ground at zero below the camera.

        Args:
            points: metres in camera axes.

        Returns:
            Metres.
        """
        return np.asarray(points @ self.rotation.T + np.array([0.0, self.camera_height, 0.0]))


@dataclass(frozen=True)
class Evidence:
    """What a person's motion says about the ground, in camera axes."""

    points: Float[np.ndarray, "frames points 3"]
    """Landmarks of the feet, metres."""
    soles: Float[np.ndarray, " points"]
    """Their heights when the foot stands flat, metres."""
    upright: Float[np.ndarray, "frames 3"]
    """Vectors from the feet to the head, metres."""
    seen: Float[np.ndarray, "frames points"]
    """From 0 to 1: how well each landmark is seen."""
    fps: float

    @property
    def direction(self) -> Float[np.ndarray, "3"]:
        """The robust mean direction of ``upright`` where the person stands straight."""
        tall = np.linalg.norm(self.upright, axis=1)
        ways, full = self.upright / tall[:, None], np.quantile(tall, _TALLEST)
        straight = np.exp(-0.5 * np.square(np.maximum(1 - tall / full, 0.0) / STOOPED))
        mean = (straight[:, None] * ways).sum(0)
        for _ in range(_ROUNDS):
            mean /= max(float(np.linalg.norm(mean)), 1e-9)
            weight = straight / (1.0 + np.square(np.linalg.norm(ways - mean, axis=1) / (2 * LEANS)))
            mean = (weight[:, None] * ways).sum(0)
        return np.asarray(mean / np.linalg.norm(mean))


def estimate_up(
    people: Sequence[tuple[Evidence, Float[np.ndarray, "frames points"]]],
) -> Float[np.ndarray, "3"]:
    """The direction against gravity: that of people, of the camera's rows, and across the places where feet stand.

    All people share it; each has an own height of the ground, because the sizes of people are uncertain.

    Args:
        people: evidence of each person, and probabilities that the landmarks stand.

    Returns:
        Unit vector.
    """
    frames = [len(evidence.upright) for evidence, _ in people]
    start = sum(count * evidence.direction for (evidence, _), count in zip(people, frames, strict=True))
    start = np.asarray(start) / np.linalg.norm(start)
    up = start
    for _ in range(_ROUNDS):
        across = np.linalg.svd(up[None])[2][1:]  # two directions in the plane
        normal, right = np.eye(2) / LEANS**2, across @ (start - up) / LEANS**2
        if abs(start[0]) < _LYING:
            normal += np.outer(across[:, 0], across[:, 0]) / ROLLS**2
            right -= across[:, 0] * up[0] / ROLLS**2
        for evidence, standing in people:
            matrix, vector = _across(evidence, standing, up, across)
            normal, right = normal + matrix, right + vector
        up = up + np.linalg.solve(normal, right) @ across
        up = up / np.linalg.norm(up)
    return np.asarray(up)


def ground_below(
    evidence: Evidence, standing: Float[np.ndarray, "frames points"], up: Float[np.ndarray, "3"]
) -> tuple[Ground | None, str]:
    """The plane through the places where a person's feet stand.

    Args:
        evidence: of the person.
        standing: probabilities that the landmarks stand.
        up: direction against gravity.

    Returns:
        The ground, or None and the reason.
    """
    weight = standing * evidence.seen
    seconds = float(weight.max(1).sum() / evidence.fps)
    if seconds < LEAST_STANDING:
        return None, f"feet stand for only {seconds:.1f} s"
    heights = evidence.points @ up - evidence.soles
    level = _robust_mean(heights, weight)
    uneven = math.sqrt(float((weight * np.square(heights - level)).sum() / weight.sum()))
    if uneven > UNEVEN:
        return (
            None,
            f"standing feet are {100 * uneven:.0f} cm from a plane: the ground is not flat, or the camera moves",
        )
    x, y, z = up.tolist()
    return Ground((x, y, z), -level), ""


def _across(
    evidence: Evidence,
    standing: Float[np.ndarray, "frames points"],
    up: Float[np.ndarray, "3"],
    across: Float[np.ndarray, "2 3"],
) -> tuple[Float[np.ndarray, "2 2"], Float[np.ndarray, "2"]]:
    """Normal equations for changes of ``up`` that make the heights of standing feet equal."""
    heights = evidence.points @ up - evidence.soles
    weight = _measurements(standing, evidence)
    level = _robust_mean(heights, weight)
    weight = weight / (1.0 + np.square((heights - level) / (2 * SOLE_ERROR)))
    total = max(float(weight.sum()), 1e-9)
    flat = evidence.points @ across.T
    flat = flat - (weight[..., None] * flat).sum((0, 1)) / total
    off = heights - (weight * heights).sum() / total
    weight = weight / SOLE_ERROR**2
    return np.einsum("fp,fpi,fpj->ij", weight, flat, flat), -np.einsum("fp,fpi,fp->i", weight, flat, off)


def _measurements(
    standing: Float[np.ndarray, "frames points"], evidence: Evidence
) -> Float[np.ndarray, "frames points"]:
    """Number of independent measurements of the ground's height in each frame; at most one while a point stays."""
    number = np.asarray(standing * evidence.seen * A_SECOND / evidence.fps)
    for point, stays in enumerate(standing.T > 0.5):
        stay = np.where(stays, np.cumsum(stays & ~np.roll(stays, 1)) + 1, 0)
        number[:, point] /= np.maximum(np.bincount(stay, number[:, point]), 1.0)[stay]
    return number


def _robust_mean(values: Float[np.ndarray, "*shape"], weight: Float[np.ndarray, "*shape"]) -> float:
    order = np.argsort(values, axis=None)
    sums = weight.ravel()[order].cumsum()
    mean = float(values.ravel()[order][min(int(np.searchsorted(sums, sums[-1] / 2)), len(order) - 1)])
    for _ in range(_ROUNDS):
        near = weight / (1.0 + np.square((values - mean) / (2 * SOLE_ERROR)))
        mean = float((near * values).sum() / max(float(near.sum()), 1e-9))
    return mean
