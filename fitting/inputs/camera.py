"""The pinhole camera. Pixel (0, 0) covers [0, 1) x [0, 1)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from fitting.inputs.focal import checked_focal, default_focal


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
        if self.focal.ndim != 1 or self.centre.shape != (*self.focal.shape, 2):
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
        """``batch`` cameras with the principal point at the image centre; ``focal`` defaults to `default_focal`.

        Args:
            width: image width in pixels.
            height: image height in pixels.
            focal: focal length in pixels.
            batch: number of cameras.
            device: device of the tensors; default: torch's.
            dtype: type of the tensors; default: torch's.

        Returns:
            The cameras.

        Raises:
            ValueError: ``focal`` is not a plausible focal length in pixels (see `checked_focal`).
        """
        focal = default_focal(width, height) if focal is None else checked_focal(focal, width, height)
        return cls(
            torch.full((batch,), focal, device=device, dtype=dtype or torch.get_default_dtype()),
            torch.tensor([width / 2, height / 2], device=device, dtype=dtype).expand(batch, 2),
        )

    def __getitem__(self, chosen: Int[Tensor, " chosen"]) -> Camera:
        """A selection of cameras; indices may repeat."""
        return Camera(self.focal[chosen], self.centre[chosen])

    def project(self, points: Float[Tensor, "batch points 3"]) -> Float[Tensor, "batch points 2"]:
        """Pixels of points in camera space, metres. Points behind the camera (z <= 0) have no meaningful pixel."""
        return self.focal[:, None, None] * points[..., :2] / points[..., 2:] + self.centre[:, None]


def depth_from_size(
    focal: Float[Tensor, " *batch"], metres: Float[Tensor, " *batch"], pixels: Float[Tensor, " *batch"]
) -> Float[Tensor, " *batch"]:
    """Depth in metres at which something ``metres`` long, parallel to the image, appears ``pixels`` long.

    Args:
        focal: focal length in pixels.
        metres: true length.
        pixels: length in the image.

    Returns:
        Metres, ``focal * metres / pixels``.
    """
    return focal * metres / pixels
