"""Focal lengths in pixels: estimated, given, and from EXIF."""

from __future__ import annotations

from math import hypot, inf

_FILM_DIAGONAL_MM = hypot(36.0, 24.0)

SHORTEST, LONGEST = 0.2, 1000.0
"""Range of focal lengths, as multiples of the image's diagonal: from wider than any rectilinear lens (8.7 mm on film)
to narrower than small crops of pictures through telescopes."""


def default_focal(width: float, height: float) -> float:
    """Focal length in pixels assumed for an unknown camera: the image's diagonal.

    That is a field of view of 53 degrees across the diagonal, a "normal" 43 mm lens, between a phone's main camera
    (75-84 degrees) and the longer lenses and crops common in photos of people. Li et al., CLIFF (ECCV 2022), use
    the same estimate.

    Args:
        width: image width in pixels.
        height: image height in pixels.

    Returns:
        Pixels.
    """
    return hypot(width, height)


def checked_focal(focal: float, width: float, height: float) -> float:
    """Check that a focal length in pixels is plausible for an image of this size.

    Args:
        focal: focal length in pixels.
        width: image width in pixels.
        height: image height in pixels.

    Returns:
        The focal length as a Python float.

    Raises:
        ValueError: ``focal`` is not positive, or implausible, for example because it is in millimetres.
    """
    focal = positive_focal(focal)
    diagonal = hypot(width, height)
    if not SHORTEST * diagonal <= focal <= LONGEST * diagonal:
        hint = ""
        if SHORTEST * diagonal <= focal_from_35mm(focal, width, height) <= LONGEST * diagonal:
            hint = f" (a lens of {focal:g} mm on film has {focal_from_35mm(focal, width, height):.0f})"
        raise ValueError(
            f"no camera has a focal length of {focal:.3g} pixels for an image of {width} x {height}: give pixels, not "
            f"millimetres{hint}, or omit it"
        )
    return focal


def positive_focal(focal: float) -> float:
    """Check that a focal length is a positive number.

    Raises:
        ValueError: ``focal`` is not positive, infinite or NaN.
    """
    try:
        number = float(focal)
    except OverflowError:
        number = inf
    if not 0 < number < inf:
        raise ValueError(f"a focal length must be a positive number of pixels, not {number:g}: omit it if unknown")
    return number


def focal_from_35mm(equivalent_mm: float, width: float, height: float) -> float:
    """Focal length in pixels from the equivalent on 36 x 24 mm film, compared by the diagonal.

    Args:
        equivalent_mm: equivalent focal length in millimetres, from EXIF.
        width: image width in pixels.
        height: image height in pixels.

    Returns:
        Pixels.
    """
    return equivalent_mm / _FILM_DIAGONAL_MM * hypot(width, height)
