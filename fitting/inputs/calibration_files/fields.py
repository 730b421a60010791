"""Validation of numbers in calibration files."""

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
        what: name in error messages.

    Returns:
        The array in double precision.

    Raises:
        ValueError: the values are not numbers.
    """
    try:
        return np.array(values, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"{what} must be numbers, not {str(values)[:60]!r}") from None


def rotation_matrix(values: Any, what: str) -> Float[np.ndarray, "3 3"]:
    """Rotation matrix from a matrix or a Rodrigues vector.

    Args:
        values: 3 x 3, 9 or 3 numbers in any nesting.
        what: name in error messages.

    Returns:
        The matrix.

    Raises:
        ValueError: the values are not numbers.
    """
    array = numbers(values, what)
    if array.size == 9:
        return array.reshape(3, 3)
    if array.size == 3:
        return cv2.Rodrigues(array.reshape(3))[0]
    raise ValueError(f"{what} must be a 3 x 3 matrix or a Rodrigues vector, not {array.size} numbers")


def sized(values: Any, count: int, what: str) -> Float[np.ndarray, " count"]:
    """A given number of real numbers in any nesting.

    Args:
        values: nested lists of numbers.
        count: required number.
        what: name in error messages.

    Returns:
        A flat array.

    Raises:
        ValueError: the values are not numbers, or their count is wrong.
    """
    array = numbers(values, what).ravel()
    if array.size != count:
        raise ValueError(f"{what} must be {count} numbers, not {array.size}")
    return array


def field(section: Mapping[str, Any], names: tuple[str, ...], whose: str) -> Any:
    """The first existing field of a section among alternative names.

    Args:
        section: section of one camera.
        names: alternative names of the field.
        whose: name of the camera in error messages.

    Returns:
        The value.

    Raises:
        ValueError: there is no such field.
    """
    for name in names:
        if name in section:
            return section[name]
    raise ValueError(f"camera {whose} lacks {' or '.join(names)}")


def picture_size(values: Any, what: str) -> tuple[int, int]:
    """Width and height in pixels.

    Args:
        values: two numbers.
        what: name in error messages.

    Returns:
        Whole numbers.

    Raises:
        ValueError: the values are not numbers.
    """
    width, height = sized(values, 2, what)
    if not (np.isfinite([width, height]).all() and width == round(width) and height == round(height)):
        raise ValueError(f"{what} must be whole numbers of pixels, not {width:g} x {height:g}")
    return int(width), int(height)
