"""Shapes of arrays that come from files."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np


def check_shapes(arrays: Mapping[str, np.ndarray], shapes: Mapping[str, str]) -> None:
    """Reject arrays with unexpected shapes.

    Args:
        arrays: arrays by name.
        shapes: expected shapes by name, such as ``"frames 21 3"``; a word stands for the same length, at least 1, in
            all of them.

    Raises:
        ValueError: an array has a wrong shape.
    """
    lengths: dict[str, int] = {}
    for name, shape in shapes.items():
        wanted, found = shape.split(), arrays[name].shape
        fits = len(wanted) == len(found) and 0 not in found
        for word, length in zip(wanted, found, strict=False):
            fits = fits and length == (int(word) if word.isdecimal() else lengths.setdefault(word, length))
        if not fits:
            raise ValueError(f"{name} must have the shape ({', '.join(wanted)}), not {found}")
