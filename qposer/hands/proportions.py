"""The proportions of images from the hands in them, for landmarks given as fractions of width and height."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

# fmt: off
_STIFF = ((0, 5), (0, 9), (0, 13), (0, 17), (5, 9), (9, 13), (13, 17), (5, 17), (0, 1), (1, 2), (2, 3), (5, 6), (6, 7),
          (9, 10), (10, 11), (13, 14), (17, 18))
# fmt: on
"""Pairs of landmarks whose distance the pose does not change; the first four give the hand's size in the image."""
_ASPECTS = (0.5625, 0.75, 1.0, 4 / 3, 1.5, 16 / 9, 2.0)
"""Usual widths of images, in heights."""
_DEPTHS = np.linspace(0.5, 2.5, 21)


class Proportions(NamedTuple):
    """Of an image and of the depths that a network guessed."""

    aspect: float
    """Width in heights."""
    depth: float
    """True depth for one of the network's units, in widths."""

    def applied(self, landmarks: Float[np.ndarray, "hands 21 3"]) -> Float[np.ndarray, "hands 21 3"]:
        """Landmarks in equal units along all axes, heights of the image."""
        scaled: np.ndarray = landmarks * np.array([self.aspect, 1.0, self.aspect * self.depth])
        return scaled


def estimate_proportions(landmarks: Float[np.ndarray, "hands 21 3"]) -> Proportions:
    """The usual aspect and the depth with which bones and palm of one person's hands vary least.

    Args:
        landmarks: x and y as fractions of the image, z in widths.

    Returns:
        The proportions.
    """
    choices = [Proportions(aspect, float(depth)) for aspect in _ASPECTS for depth in _DEPTHS]
    return min(choices, key=lambda choice: _variation(choice.applied(landmarks)))


def _variation(landmarks: Float[np.ndarray, "hands 21 3"]) -> float:
    """Mean absolute deviation of the logarithms of stiff distances from their medians, relative to the palm's size."""
    lengths = np.stack([np.linalg.norm(landmarks[:, a] - landmarks[:, b], axis=-1) for a, b in _STIFF], axis=1)
    logs = np.log(lengths + 1e-9)
    logs -= np.median(logs, axis=0)
    logs -= np.median(logs[:, :4], axis=1, keepdims=True)
    return float(np.abs(logs).mean())
