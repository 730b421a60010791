"""Frame times as numbers at a constant rate; phones, screen recorders and editors write variable rates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

MOST_FPS = 240.0
MOST_EMPTY = 30
"""Maximum ratio of numbers at the constant rate to frames."""


@dataclass(frozen=True)
class Timing:
    """A constant rate, and the number of each frame at this rate."""

    fps: float
    numbers: Int[np.ndarray, " frames"]
    """Ascending from 0; at missing numbers the previous frame is still shown."""


def timing(seconds: Float[np.ndarray, " frames"], noted: float) -> Timing:
    """The lowest of a few likely rates at which all frames have different numbers.

    Args:
        seconds: time of each frame.
        noted: the file's frames per second, used if the times are invalid.

    Returns:
        The rate, and the number of each frame at this rate.
    """
    every = Timing(noted, np.arange(len(seconds)))
    steps = np.diff(seconds)
    if not len(steps) or not (np.isfinite(steps) & (steps > 0)).all():
        return every
    mean = len(steps) / (seconds[-1] - seconds[0])
    likely = (noted, mean, 1 / np.median(steps), 1 / np.percentile(steps, 5), 1 / steps.min())
    for fps in likely:
        numbers = np.round((seconds - seconds[0]) * fps)
        if fps <= MOST_FPS and (np.diff(numbers) > 0).all() and numbers[-1] < MOST_EMPTY * len(seconds):
            return Timing(float(fps), numbers.astype(int))
    numbers = np.round((seconds - seconds[0]) * mean)
    return Timing(float(mean), numbers.astype(int)) if mean <= MOST_FPS else every
