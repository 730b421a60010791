"""A fitted photo that is corrected in the studio: keypoints, words, a height, and the choice among hypotheses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Float

from fitting.fit import Fitter
from fitting.inputs.images import Photo
from fitting.output.fit_result import FitResult
from fitting.output.pictures import fit_pictures, window_around
from fitting.output.render import Picture

HYPOTHESES = 5

_SIDED = ("shoulder", "elbow", "wrist", "hip", "knee", "ankle", "foot_index")

CORRECTABLE = ("nose", *(f"{side}_{name}" for name in _SIDED for side in ("left", "right")))
"""Keypoints that can be dragged."""

Place = Float[np.ndarray, "2"]
"""Fractions of the shown picture's width and height, from its upper left corner."""


@dataclass(frozen=True)
class Corrections:
    """What the user has corrected so far."""

    moved: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """Pixels of the photo, by keypoint."""
    unseen: frozenset[str] = frozenset()
    hold: str = ""
    height: float | None = None
    """Metres."""


class PhotoFit:
    """One person in a photo, and the corrections so far."""

    def __init__(self, fitter: Fitter, name: str, photo: Photo) -> None:
        """Fit the largest person.

        Args:
            fitter: body, prior and settings.
            name: name of the photo.
            photo: the photo.

        Raises:
            ValueError: the photo shows no person.
        """
        self.name = name
        self.corrections = Corrections()
        self._chosen = self.result = fitter.fit_photo(photo, hypotheses=HYPOTHESES)[0]
        self.hypotheses: tuple[FitResult, ...] = (self.result, *self.result.alternatives)
        self._fitter, self._photo = fitter, photo
        self.draw()

    def draw(self) -> None:
        """Draw the present body over the photo, cropped to the person."""
        overlay = fit_pictures(self._photo, [replace(self.result, alternatives=())])[0]["overlay"]
        self._scale = overlay.shape[1] / self._photo.width
        boxes = self.hypotheses[0].keypoints.boxes[0].reshape(2, 2)
        rows, columns = window_around(overlay, boxes * self._scale)
        self._corner = np.array([columns.start, rows.start])
        self.picture: Picture = overlay[rows, columns]

    @property
    def places(self) -> dict[str, Place]:
        """Where the draggable keypoints are."""
        keypoints = self.result.keypoints
        rows = {name: keypoints.names.index(name) for name in CORRECTABLE if name in keypoints.names}
        return {name: (keypoints.xy[0, row] * self._scale - self._corner) / self._size for name, row in rows.items()}

    def drag(self, name: str, place: Place) -> str:
        """Move a keypoint, and fit again.

        Args:
            name: name of the keypoint.
            place: where it is now.

        Returns:
            The message for the panel.
        """
        x, y = ((place * self._size + self._corner) / self._scale).tolist()
        moved, unseen = {**self.corrections.moved, name: (x, y)}, self.corrections.unseen - {name}
        return self._fit(replace(self.corrections, moved=moved, unseen=unseen))

    def toggle(self, name: str) -> str:
        """Ignore a keypoint, or use it again as detected, and fit again."""
        moved = {other: place for other, place in self.corrections.moved.items() if other != name}
        return self._fit(replace(self.corrections, moved=moved, unseen=self.corrections.unseen ^ {name}))

    def tell(self, hold: str, height: float) -> str:
        """Fit with what is known of the pose and the person.

        Args:
            hold: what is known of the pose, in words; empty if nothing.
            height: standing height in metres; 0 if unknown.

        Returns:
            The message for the panel.

        Raises:
            ValueError: the words are not understood, or the height is implausible.
        """
        return self._fit(replace(self.corrections, hold=" ".join(hold.split()), height=height or None))

    def choose(self, index: int) -> str:
        """Use one of the hypotheses, without the corrections so far.

        Raises:
            ValueError: there is no such hypothesis.
        """
        if not 0 <= index < len(self.hypotheses):
            raise ValueError(f"there is no hypothesis {index + 1}: there are {len(self.hypotheses)}")
        self._chosen = self.result = self.hypotheses[index]
        self.corrections = Corrections()
        return f"Hypothesis {index + 1}, with a probability of {self.result.probability:.0%}."

    @property
    def _size(self) -> Float[np.ndarray, "2"]:
        return np.array(self.picture.shape[1::-1], dtype=float)

    def _fit(self, corrections: Corrections) -> str:
        """Fit with corrections; if they are refused, nothing changes."""
        detected = replace(self.result, keypoints=self._chosen.keypoints)
        self.result = self._fitter.refit(
            detected,
            moved=corrections.moved,
            unseen=corrections.unseen,
            holds=(corrections.hold,) if corrections.hold else (),
            height=corrections.height,
        )
        self.corrections = corrections
        return self.summary

    @property
    def summary(self) -> str:
        """The 2D error, and the holds that are missed."""
        missed = "".join(f" {note}." for note in self.result.notes)
        return f"2D error {self.result.reprojection_error_percent:.1f} % of the person's height.{missed}"
