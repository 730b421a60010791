"""The paths of all people on the ground, seen from above."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import Float

from fitting.inputs.detections import Picture
from fitting.output.render import BODY_COLOURS
from fitting.video.clip_result import ClipResult
from fitting.video.ground import Ground

_BACKGROUND, _LINES, _TEXT = 245, 225, 110
_MARGIN = 0.5
"""Metres around the paths."""
_LEAST = 3.0
"""Minimum width of the view in metres."""
_MOST_LINES = 12
_BITS = 4


def level_axes(people: Sequence[ClipResult]) -> Float[np.ndarray, "3 3"] | None:
    """From camera axes to those of a level camera: x right, y down, z ahead.

    Args:
        people: people of one video, who share the direction of gravity.

    Returns:
        The rotation; None if nobody's ground is known.
    """
    grounds = [person.ground for person in people if person.ground is not None]
    if not grounds:
        return None
    x, y, z, height = grounds[0].tolist()
    return np.asarray(np.diag([1.0, -1.0, -1.0]) @ Ground((x, y, z), height).rotation)


class TopView:
    """Pictures of the paths; the camera is below their lower edge and looks up.

    Without a known ground the view is along the camera's y axis, which a caption says.
    """

    def __init__(self, people: Sequence[ClipResult], side: int) -> None:
        """Draw the complete paths faintly.

        Args:
            people: everybody; the path of the first is drawn wider than the others.
            side: width and height of the pictures in pixels.
        """
        axes = level_axes(people)
        flat = [person.joints[:, 0] @ (np.eye(3) if axes is None else axes).T for person in people]
        paths = [path[:, [0, 2]] * (1.0, -1.0) for path in flat]
        every = np.concatenate(paths)
        low, high = every.min(0), every.max(0)
        width = max(float((high - low).max()) + 2 * _MARGIN, _LEAST)
        self._corner, self._scale = (low + high - width) / 2, side / width
        self._paths = [self._fixed(path) for path in paths]
        self._first = [int(person.frames[0]) for person in people]
        self._colours = [tuple((165 * BODY_COLOURS[i % len(BODY_COLOURS)]).tolist()) for i in range(len(people))]
        self._widths = [max(1, side // 120 if number == 0 else side // 240) for number in range(len(people))]
        self._canvas = self._background(side, width, axes is not None)

    def draw(self, number: int) -> Picture:
        """The paths up to a frame, and where everybody is.

        Args:
            number: number of the frame; frames come in ascending order without gaps.

        Returns:
            The picture.
        """
        here = []
        for path, first, colour, width in zip(self._paths, self._first, self._colours, self._widths, strict=True):
            row = number - first
            if 0 <= row < len(path):
                cv2.line(self._canvas, path[max(row - 1, 0)], path[row], colour, width, cv2.LINE_AA, _BITS)
                here.append((path[row], colour, width))
        picture = self._canvas.copy()
        for place, colour, width in here:
            cv2.circle(picture, place, 3 * width << _BITS, colour, -1, cv2.LINE_AA, _BITS)
        return picture

    def _fixed(self, points: Float[np.ndarray, "points 2"]) -> list[tuple[int, int]]:
        """Metres to OpenCV's fixed-point pixels."""
        pixels = np.round((self._scale * (points - self._corner) - 0.5) * 2**_BITS).astype(int)
        return [(x, y) for x, y in pixels.tolist()]

    def _background(self, side: int, width: float, level: bool) -> Picture:
        canvas = np.full((side, side, 3), _BACKGROUND, np.uint8)
        step = next(step for step in (1, 2, 5, 10, 20, 50, 100, 1000) if width / step <= _MOST_LINES or step == 1000)
        for axis in range(2):
            begin = step * np.ceil(self._corner[axis] / step)
            for at in np.arange(begin, self._corner[axis] + width, step):
                pixel = int(self._scale * (at - self._corner[axis]))
                canvas[(slice(None), pixel) if axis == 0 else pixel] = _LINES
        for path, colour in zip(self._paths, self._colours, strict=True):
            faint = tuple(int(_BACKGROUND + 0.35 * (value - _BACKGROUND)) for value in colour)
            cv2.polylines(canvas, [np.array(path, np.int32)], False, faint, 1, cv2.LINE_AA, _BITS)
        size, grey = side / 900, (_TEXT,) * 3
        where = "from above" if level else "from above in camera axes (ground unknown)"
        for text, row in ((where, 30 * size), (f"squares of {step} m", 60 * size), ("camera below", side - 12 * size)):
            cv2.putText(canvas, text, (10, round(row)), cv2.FONT_HERSHEY_SIMPLEX, size, grey, 1, cv2.LINE_AA)
        return canvas
