"""Numbers of calibration files, checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
from jaxtyping import Float


def numbers(values: Any, what: str) -> Float[np.ndarray, "..."]:
    """An array of real numbers.

    Args:
        values: nested lists of numbers.
        what: as errors name them.

    Returns:
        The array in double precision.

    Raises:
        ValueError: they are something else.
    """
    try:
        return np.array(values, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"{what} must be numbers, not {str(values)[:60]!r}") from None


def rotation_matrix(values: Any, what: str) -> Float[np.ndarray, "3 3"]:
    """A rotation of a matrix or a Rodrigues vector.

    Args:
        values: 3 x 3, 9 or 3 numbers, however nested.
        what: as errors name them.

    Returns:
        The matrix.

    Raises:
        ValueError: they are something else.
    """
    array = numbers(values, what)
    if array.size == 9:
        return array.reshape(3, 3)
    if array.size == 3:
        return cv2.Rodrigues(array.reshape(3))[0]
    raise ValueError(f"{what} must be a 3 x 3 matrix or a Rodrigues vector, not {array.size} numbers")


def sized(values: Any, count: int, what: str) -> Float[np.ndarray, " count"]:
    """So many real numbers, however nested.

    Args:
        values: nested lists of numbers.
        count: how many there must be.
        what: as errors name them.

    Returns:
        A flat array.

    Raises:
        ValueError: they are something else, or of another number.
    """
    array = numbers(values, what).ravel()
    if array.size != count:
        raise ValueError(f"{what} must be {count} numbers, not {array.size}")
    return array


def field(section: Mapping[str, Any], names: tuple[str, ...], whose: str) -> Any:
    """The first of a section's fields that is there, by any of its names.

    Args:
        section: of one camera.
        names: what the field may be called.
        whose: the camera, as errors name it.

    Returns:
        The value.

    Raises:
        ValueError: there is none.
    """
    for name in names:
        if name in section:
            return section[name]
    raise ValueError(f"camera {whose} lacks {' or '.join(names)}")


def picture_size(values: Any, what: str) -> tuple[int, int]:
    """Width and height in pixels.

    Args:
        values: two numbers.
        what: as errors name them.

    Returns:
        Whole numbers.

    Raises:
        ValueError: they are something else.
    """
    width, height = sized(values, 2, what)
    if not (np.isfinite([width, height]).all() and width == round(width) and height == round(height)):
        raise ValueError(f"{what} must be whole numbers of pixels, not {width:g} x {height:g}")
    return int(width), int(height)
