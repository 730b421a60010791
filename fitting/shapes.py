"""Shapes of arrays that come from files."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np


def check_shapes(arrays: Mapping[str, np.ndarray], shapes: Mapping[str, str]) -> None:
    """Refuse arrays that are of other shapes than they should be.

    Args:
        arrays: by name.
        shapes: by the names of those that are looked at: lengths with blanks between them, such as ``"frames 21 3"``.
            A word stands for the same length, of 1 at least, in all of them.

    Raises:
        ValueError: one has another shape.
    """
    lengths: dict[str, int] = {}
    for name, shape in shapes.items():
        wanted, found = shape.split(), arrays[name].shape
        fits = len(wanted) == len(found) and 0 not in found
        for word, length in zip(wanted, found, strict=False):
            fits = fits and length == (int(word) if word.isdecimal() else lengths.setdefault(word, length))
        if not fits:
            raise ValueError(f"{name} should be of shape ({', '.join(wanted)}), not {found}")
