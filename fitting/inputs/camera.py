"""The pinhole camera and what is known of its focal length. Pixel (0, 0) covers [0, 1) x [0, 1)."""

from __future__ import annotations

from dataclasses import dataclass
from math import hypot, inf

import torch
from jaxtyping import Float, Int
from torch import Tensor

_FILM_DIAGONAL_MM = hypot(36.0, 24.0)

SHORTEST, LONGEST = 0.2, 1000.0
"""Of all focal lengths, beside the image's diagonal: wider than any lens without the bent lines of a fisheye (8.7 mm on
film), and narrower than small crops of pictures through telescopes."""


@dataclass(frozen=True)
class Camera:
    """Pinhole cameras at the origin, x right, y down, z forward (OpenCV); ``focal`` and ``centre`` in pixels."""

    focal: Float[Tensor, " batch"]
    centre: Float[Tensor, "batch 2"]

    def __post_init__(self) -> None:
        """Check the shapes.

        Raises:
            ValueError: focal is not (batch,), or centre not (batch, 2).
        """
        if self.focal.ndim != 1 or self.centre.shape != (len(self.focal), 2):
            raise ValueError(
                f"a camera needs focal (batch,) and centre (batch, 2), "
                f"not {tuple(self.focal.shape)} and {tuple(self.centre.shape)}"
            )

    @classmethod
    def for_image(
        cls,
        width: int,
        height: int,
        focal: float | None = None,
        *,
        batch: int = 1,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> Camera:
        """``batch`` cameras that look through the middle of an image; ``focal`` as `default_focal` unless given.

        Args:
            width: of the image, pixels.
            height: of the image, pixels.
            focal: focal length in pixels.
            batch: how many cameras.
            device: where the tensors are; torch's default if left out.
            dtype: of the tensors; torch's default if left out.

        Returns:
            The cameras.

        Raises:
            ValueError: ``focal`` is no focal length in pixels of a camera (see `checked_focal`).
        """
        focal = default_focal(width, height) if focal is None else checked_focal(focal, width, height)
        return cls(
            torch.full((batch,), focal, device=device, dtype=dtype or torch.get_default_dtype()),
            torch.tensor([width / 2, height / 2], device=device, dtype=dtype).expand(batch, 2),
        )

    def __getitem__(self, chosen: Int[Tensor, " chosen"]) -> Camera:
        """Some of the cameras, in the order and as often as they are named."""
        return Camera(self.focal[chosen], self.centre[chosen])

    def project(self, points: Float[Tensor, "batch points 3"]) -> Float[Tensor, "batch points 2"]:
        """Pixels of points in camera space, metres. Points behind the camera (z <= 0) have no meaningful pixel."""
        return self.focal[:, None, None] * points[..., :2] / points[..., 2:] + self.centre[:, None]


def default_focal(width: float, height: float) -> float:
    """Focal length in pixels assumed of an unknown camera: the image's diagonal.

    That is a field of view of 53 degrees across the diagonal, a "normal" 43 mm lens, between a phone's main camera
    (75-84 degrees) and the longer lenses and crops that people are often taken with. Li et al., CLIFF (ECCV 2022), use
    the same estimate.

    Args:
        width: of the image, pixels.
        height: of the image, pixels.

    Returns:
        Pixels.
    """
    return hypot(width, height)


def checked_focal(focal: float, width: float, height: float) -> float:
    """A focal length in pixels that an image of this size may have.

    Args:
        focal: focal length in pixels.
        width: of the image, pixels.
        height: of the image, pixels.

    Returns:
        The focal length as a number of Python.

    Raises:
        ValueError: it is no positive number, or no camera has it, as where it is given in millimetres.
    """
    focal = positive_focal(focal)
    diagonal = hypot(width, height)
    if not SHORTEST * diagonal <= focal <= LONGEST * diagonal:
        hint = ""
        if SHORTEST * diagonal <= focal_from_35mm(focal, width, height) <= LONGEST * diagonal:
            hint = f" (a lens of {focal:g} mm on film has {focal_from_35mm(focal, width, height):.0f})"
        raise ValueError(
            f"no camera has a focal length of {focal:.3g} pixels on an image of {width} x {height}: give pixels, not "
            f"millimetres{hint}, or leave it out"
        )
    return focal


def positive_focal(focal: float) -> float:
    """A number that may be a focal length in pixels.

    Raises:
        ValueError: it is not positive, infinite or NaN.
    """
    try:
        number = float(focal)
    except OverflowError:
        number = inf
    if not 0 < number < inf:
        raise ValueError(f"a focal length is a positive number of pixels, not {number:g}: leave it out if unknown")
    return number


def focal_from_35mm(equivalent_mm: float, width: float, height: float) -> float:
    """Focal length in pixels of a lens that equals ``equivalent_mm`` on 36 x 24 mm film, compared by the diagonal.

    Args:
        equivalent_mm: the equivalent focal length, as EXIF gives it.
        width: of the image, pixels.
        height: of the image, pixels.

    Returns:
        Pixels.
    """
    return equivalent_mm / _FILM_DIAGONAL_MM * hypot(width, height)


def depth_from_size(
    focal: Float[Tensor, " *batch"], metres: Float[Tensor, " *batch"], pixels: Float[Tensor, " *batch"]
) -> Float[Tensor, " *batch"]:
    """Depth in metres at which something ``metres`` long, parallel to the image, appears ``pixels`` long.

    Args:
        focal: focal length in pixels.
        metres: true length.
        pixels: length on the image.

    Returns:
        Metres, ``focal * metres / pixels``.
    """
    return focal * metres / pixels
