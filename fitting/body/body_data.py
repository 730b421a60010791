"""The arrays of a body model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from fitting.body.age_groups import AgeGroups
from fitting.body.hand_space import HandSpace
from fitting.body.joint_sets import NAMES, TREES
from fitting.body.landmarks import Landmark, check_landmarks

LEAST_METRES, MOST_METRES = 0.1, 100.0
"""Plausible range of a body's size."""


@dataclass(frozen=True)
class BodyData:
    """A body over SMPL's 24 joints, or with fingers over SMPL-H's 52, float32, metres.

    ``pose_shapes`` holds, for each of the 9 entries of the rotations minus the identity of the 21 body joints and the
    fingers, the displacement of every vertex; None for a body without pose blend shapes. ``hand_space`` is None for a
    body without fingers.
    """

    name: str
    template: Float[np.ndarray, "vertices 3"]
    shapes: Float[np.ndarray, "vertices 3 betas"]
    pose_shapes: Float[np.ndarray, "features vertices 3"] | None
    joint_regressor: Float[np.ndarray, "joints vertices"]
    weights: Float[np.ndarray, "vertices joints"]
    faces: Int[np.ndarray, "faces 3"]
    landmarks: Mapping[str, Landmark]
    hand_space: HandSpace | None = None
    groups: AgeGroups | None = None
    """Distribution of the shapes by age; None if all components have unit variance."""

    def __post_init__(self) -> None:
        """Reject values that no body has, which would turn fits into NaN.

        Raises:
            ValueError: an array holds NaN or numbers far beyond a body's, the template is not of a body's size in
                metres, rows of weights do not sum to 1, a face refers to missing vertices, or landmarks are missing or
                refer to missing vertices.
        """
        parts = {"v_template": self.template, "shapedirs": self.shapes, "posedirs": self.pose_shapes}
        parts |= {"J_regressor": self.joint_regressor, "weights": self.weights}
        for what, array in parts.items():
            if array is not None and not (np.abs(array) <= MOST_METRES).all():
                raise ValueError(f"expected finite numbers of at most {MOST_METRES:g} in {what}, found others")
        size = float(np.ptp(self.template, axis=0).max()) if self.template.size else 0.0
        if not LEAST_METRES <= size <= MOST_METRES:
            raise ValueError(f"expected a body in metres, found one that is {size:g} long")
        for what, sums in (("weights", self.weights.sum(1)), ("J_regressor", self.joint_regressor.sum(1))):
            if not (np.abs(sums - 1.0) < 0.5).all():
                raise ValueError(
                    f"expected rows with sum 1 in {what}, found sums from {sums.min():g} to {sums.max():g}"
                )
        if not len(self.faces) or self.faces.min() < 0 or self.faces.max() >= len(self.template):
            raise ValueError(f"expected faces with vertices 0 to {len(self.template) - 1}, found others or none")
        check_landmarks(self.landmarks, len(self.template), self.joint_names)

    @property
    def parents(self) -> tuple[int, ...]:
        """Parent of each joint."""
        return TREES[len(self.joint_regressor)]

    @property
    def joint_names(self) -> tuple[str, ...]:
        """Names of the joints."""
        return NAMES[len(self.joint_regressor)]

    def shape_basis(self) -> Float[np.ndarray, "rows vertices 3"]:
        """The template, and below it the shape components."""
        return np.concatenate([self.template[None], np.moveaxis(self.shapes, -1, 0)])
