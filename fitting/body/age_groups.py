"""The distribution of a body's shape coefficients by age."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from fitting.shapes import check_shapes

_SHAPES = {
    "group_ages": "groups 2",
    "group_means": "groups betas",
    "group_roots": "groups betas betas",
}


@dataclass(frozen=True)
class AgeGroups:
    """A normal distribution of the shape coefficients for each group of ages."""

    ages: Float[np.ndarray, "groups 2"]
    """Youngest and oldest, years."""
    means: Float[np.ndarray, "groups betas"]
    roots: Float[np.ndarray, "groups betas betas"]
    """Square roots of the inverse covariances: ``roots @ (betas - mean)`` has unit variance."""

    @classmethod
    def from_file(cls, file: Mapping[str, np.ndarray], betas: int) -> AgeGroups | None:
        """The groups of a body's file, None if it has none.

        Args:
            file: arrays of the file.
            betas: number of the body's shape coefficients.

        Returns:
            The groups.

        Raises:
            ValueError: an array is missing, has a wrong shape, or holds numbers that no distribution has.
        """
        if not file.keys() & _SHAPES.keys():
            return None
        missing = sorted(_SHAPES.keys() - file.keys())
        if missing:
            raise ValueError(f"expected all arrays of the age groups, found no {', '.join(missing)}")
        check_shapes(file, {name: shape.replace("betas", str(betas)) for name, shape in _SHAPES.items()})
        arrays = {name.removeprefix("group_"): file[name].astype(np.float32) for name in _SHAPES}
        sound = all(np.isfinite(array).all() for array in arrays.values())
        if not sound or (np.linalg.det(arrays["roots"].astype(float)) == 0).any():
            raise ValueError("expected finite age groups with regular roots, found others")
        return cls(**arrays)

    def at(self, age: float) -> AgeGroups:
        """The only group for people of a known age: its mean is interpolated, its spread that of the closest group.

        Args:
            age: years; the oldest group begins at the age from which people grow no more.

        Returns:
            The group.
        """
        centres = np.append(self.ages[:-1].mean(1), self.ages[-1, 0])
        mean = [np.interp(age, centres, column) for column in self.means.T]
        nearest = [int(np.abs(centres - age).argmin())]
        return AgeGroups(np.array([[age, age]], np.float32), np.array([mean], np.float32), self.roots[nearest])
