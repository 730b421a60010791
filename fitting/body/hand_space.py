"""The spaces in which files of SMPL-H and SMPL-X write the poses of hands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from qposer.hands.smplh import NUM_HAND_JOINTS, SIDES

WIDTH = 3 * NUM_HAND_JOINTS
HAND_KEYS = ("hands_meanl", "hands_meanr", "hands_componentsl", "hands_componentsr")
"""Arrays of a body file with the mean pose and the principal components of each hand."""


@dataclass(frozen=True)
class HandSpace:
    """Mean and principal components of hand poses; row 0 is the left hand, row 1 the right.

    A pose of zero is the template's: in SMPL-H and SMPL-X the flat hand, in the open body a relaxed one. Poses written
    with ``flat_hand_mean=False``, the default of the smplx package and of SMPLify-X, are relative to the mean.
    """

    means: Float[np.ndarray, "2 45"]
    """Axis-angle in radians."""
    components: Float[np.ndarray, "2 components 45"]

    @classmethod
    def plain(cls) -> HandSpace:
        """A mean of zero, and the joints' own coordinates as components."""
        return cls(np.zeros((2, WIDTH)), np.stack([np.eye(WIDTH)] * 2))

    @classmethod
    def read(cls, arrays: Mapping[str, np.ndarray]) -> HandSpace:
        """The space in a body file; the plain one if the file has none.

        Args:
            arrays: arrays of the file by name.

        Raises:
            ValueError: some arrays are missing, have other shapes, or hold NaN or infinite numbers.
        """
        found = [key for key in HAND_KEYS if key in arrays]
        if not found:
            return cls.plain()
        if len(found) < len(HAND_KEYS):
            raise ValueError(f"expected the arrays {', '.join(HAND_KEYS)}, found only {', '.join(found)}")
        parts = [np.asarray(arrays[key], dtype=float) for key in HAND_KEYS]
        if [part.shape for part in parts[:2]] != [(WIDTH,)] * 2 or parts[2].shape != parts[3].shape:
            raise ValueError("expected 45 numbers in hands_meanl and hands_meanr, and components of the same shape")
        if parts[2].ndim != 2 or parts[2].shape[1] != WIDTH:
            raise ValueError(f"expected hand components of 45 numbers, found the shape {parts[2].shape}")
        if not all(np.isfinite(part).all() for part in parts):
            raise ValueError("expected finite numbers in the means and components of the hands, found others")
        return cls(np.stack(parts[:2]), np.stack(parts[2:]))

    @classmethod
    def of_smplx(cls, model: Any) -> HandSpace:
        """The space of a model of ``smplx.create``: SMPL-H or SMPL-X."""
        parts = {f"hands_mean{side[0]}": getattr(model, f"{side}_hand_mean") for side in SIDES}
        means = {name: part.detach().cpu().numpy() for name, part in parts.items()}
        components = {f"hands_components{side[0]}": getattr(model, f"np_{side}_hand_components") for side in SIDES}
        return cls.read(means | components)

    def hand_pose(
        self,
        left: Float[np.ndarray, "*batch left"],
        right: Float[np.ndarray, "*batch right"],
        *,
        flat_hand_mean: bool,
    ) -> Float[np.ndarray, "*batch 30 3"]:
        """A body's ``hand_pose`` from the hands of a file.

        Args:
            left: the left hand's 45 axis-angle numbers in radians, or fewer coefficients of components.
            right: the same of the right hand.
            flat_hand_mean: whether the numbers are relative to the template's hand; otherwise, to the mean hand.

        Returns:
            Axis-angle in radians relative to the template's hands, left before right.

        Raises:
            ValueError: there are more coefficients than components.
        """
        poses = []
        for values, mean, components in zip((left, right), self.means, self.components, strict=True):
            values = np.asarray(values, dtype=float)
            count = values.shape[-1]
            if count != WIDTH and count > len(components):
                raise ValueError(f"expected 45 numbers or at most {len(components)} coefficients, found {count}")
            full = values if count == WIDTH else values @ components[:count]
            poses.append(full if flat_hand_mean else full + mean)
        both = np.stack(poses, axis=-2)
        return both.reshape(*both.shape[:-2], 2 * NUM_HAND_JOINTS, 3)
