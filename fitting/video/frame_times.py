"""When the frames of a video are, as numbers at a constant rate: phones, screens and editors make uneven ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

MOST_FPS = 240.0
MOST_EMPTY = 30
"""Numbers at the constant rate, for each frame, beyond which it is too fine."""


@dataclass(frozen=True)
class Timing:
    """A constant rate, and the number that each frame has at it."""

    fps: float
    numbers: Int[np.ndarray, " frames"]
    """Rising from 0; one that no frame has is a time at which the one before is still shown."""


def timing(seconds: Float[np.ndarray, " frames"], noted: float) -> Timing:
    """The lowest of a few likely rates at which every frame has a number of its own.

    Args:
        seconds: when each frame is shown.
        noted: frames a second as the file says; what holds where the times mean nothing.

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
