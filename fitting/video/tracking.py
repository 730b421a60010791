"""Track all people through the frames of a clip, by motion, size and the colours of their clothes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.optimize import linear_sum_assignment

from fitting.inputs.keypoints import FORMATS, Keypoints
from fitting.video.appearance import COLOURS, colour_distance, person_scale

Choice = int | tuple[float, float]
"""A person of the first frame with people: rank by size (0 is the largest), or a point on the person in pixels."""

NOBODY = -1

_JUMP = 0.25
"""Maximum median distance of a person's keypoints from where they are expected, as a fraction of the person's size."""

_DRIFT = 0.03
"""Increase of that maximum for every frame without a detection."""

_FARTHEST = 1.0
"""Upper limit of that maximum."""

_GROWTH, _GROWTH_DRIFT, _GROWTH_MOST = 0.3, 0.02, 0.7
"""The same for the logarithm of the person's size."""

_COLOURS = 0.6
"""Maximum distance of the colours. In one person's frames it is up to 0.45 when the person turns, between people in
different clothes 0.85 and more."""

_COLOURS_AGAIN = 0.35
"""Maximum for somebody who was out of sight for so long that the place says little."""

_LEARNT = 0.1
"""Part by which a new detection changes a person's colours."""

_KEEPS_GOING = 0.95
"""Part of a lost person's velocity that is left after each frame."""

_FORGOTTEN = 30
"""Frames after which the place of a lost person says little."""

_UNSURE = 0.25
"""Difference of costs below which two assignments are equally good."""

_NEVER = 1e3
"""Cost of an impossible assignment."""


@dataclass
class Track:
    """The last position, velocity and appearance of a person."""

    last: Keypoints
    """The person's last detected keypoints."""
    colours: Float[np.ndarray, " colours"] = field(default_factory=lambda: np.zeros(COLOURS, np.float32))
    velocity: Float[np.ndarray, "2"] | None = None
    """In pixels per frame, averaged over the last detections."""
    missed: int = 0
    """Number of frames since the last detection."""

    @property
    def lost(self) -> bool:
        """Whether the person was out of sight for so long that the place says little."""
        return self.missed >= _FORGOTTEN

    def expected(self) -> Float[np.ndarray, "4"]:
        """The expected box (left, top, right, bottom in pixels) in the next frame."""
        box: Float[np.ndarray, "4"] = self.last.boxes[0] + np.tile(self._shift(), 2)
        return box

    def costs(self, people: Keypoints, colours: Float[np.ndarray, "people colours"]) -> Float[np.ndarray, " people"]:
        """How unlike this person the people of the next frame are.

        Args:
            people: detections.
            colours: their colours.

        Returns:
            Sums of the differences in place, size and colours, each relative to its limit; infinite beyond a limit.
        """
        size = np.ptp(self.last.boxes.reshape(2, 2), axis=0).max()
        expected = self.last.xy[0] + self._shift()
        place = np.minimum(*(_median_distance(people, expected, self.last.seen[0], way) for way in _WAYS)) / size
        limit = min(_JUMP + _DRIFT * self.missed, _FARTHEST)
        growth = np.abs(np.log(person_scale(people) / person_scale(self.last)))
        most = min(_GROWTH + _GROWTH_DRIFT * self.missed, _GROWTH_MOST)
        unlike = colour_distance(colours, self.colours)
        known = (colours.sum(-1) > 0) & (self.colours.sum() > 0)
        if self.lost:
            cost = growth / most + unlike / _COLOURS_AGAIN + 1.0
            fine = known & (unlike < _COLOURS_AGAIN) & (growth < most)
        else:
            cost = place / limit + growth / most + unlike / _COLOURS
            fine = (place < limit) & (growth < most) & (unlike < _COLOURS)
        return np.asarray(np.where(fine, cost, np.inf))

    def advance(self, person: Keypoints | None, colours: Float[np.ndarray, " colours"] | None = None) -> None:
        """Advance to the next frame.

        Args:
            person: the detection, if there is one.
            colours: the person's colours there.
        """
        if person is None:
            self.missed += 1
            return
        shift = _median_shift(self.last, person) / (self.missed + 1)
        self.velocity = shift if self.velocity is None else (self.velocity + shift) / 2
        self.last, self.missed = person, 0
        if colours is not None and colours.sum() > 0:
            part = _LEARNT if self.colours.sum() > 0 else 1.0
            self.colours = (1 - part) * self.colours + part * colours

    def _shift(self) -> Float[np.ndarray, "2"]:
        """Expected displacement since the last detection; a lost person slows down."""
        if self.velocity is None:
            return np.zeros(2)
        return np.asarray(self.velocity * (_KEEPS_GOING ** np.arange(self.missed + 1)).sum())


class Tracker:
    """All people of a clip, numbered in the order in which they appear."""

    def __init__(self) -> None:
        self.tracks: dict[int, Track] = {}
        self._next = 0

    def assign(
        self, people: Keypoints | None, colours: Float[np.ndarray, "people colours"]
    ) -> tuple[Int[np.ndarray, " people"], Bool[np.ndarray, " people"]]:
        """Numbers of the people of the next frame: those of the tracks that they continue, or new ones.

        Args:
            people: detections; None for nobody.
            colours: their colours.

        Returns:
            Numbers, and for whom another track would do nearly as well.
        """
        if people is None:
            return np.zeros(0, dtype=int), np.zeros(0, dtype=bool)
        numbers, unsure = np.full(len(people), NOBODY), np.zeros(len(people), dtype=bool)
        known = [*self.tracks]
        if known:
            costs = np.stack([self.tracks[number].costs(people, colours) for number in known])
            rows, columns = linear_sum_assignment(np.where(np.isfinite(costs), costs, _NEVER))
            chosen = {
                row: col for row, col in zip(rows.tolist(), columns.tolist(), strict=True) if costs[row, col] < np.inf
            }
            for row, column in chosen.items():
                numbers[column] = known[row]
                unsure[column] = any(_nearly_as_good(costs, chosen, row, other) for other in range(len(known)))
        new = numbers == NOBODY
        numbers[new] = self._next + np.arange(new.sum())
        return numbers, unsure

    def advance(
        self,
        people: Keypoints | None,
        colours: Float[np.ndarray, "people colours"],
        numbers: Int[np.ndarray, " people"],
    ) -> None:
        """Advance all tracks to the next frame.

        Args:
            people: detections; None for nobody.
            colours: their colours.
            numbers: of `assign`.
        """
        rows = {int(number): row for row, number in enumerate(numbers)}
        for number, track in self.tracks.items():
            if number not in rows:
                track.advance(None)
        for number, row in rows.items():
            assert people is not None
            if number in self.tracks:
                self.tracks[number].advance(people[row], colours[row])
            else:
                self.tracks[number] = Track(people[row], colours[row].copy())
                self._next = max(self._next, number + 1)

    def forget(self) -> None:
        """End all tracks, at a cut to another shot."""
        self.tracks.clear()


def chosen_person(choice: Choice, people: Keypoints) -> int:
    """The index of the selected person.

    Args:
        choice: rank by size, or a point.
        people: those of the first frame that shows anybody.

    Returns:
        Index.

    Raises:
        ValueError: there are not as many people.
    """
    if isinstance(choice, int):
        if not 0 <= choice < len(people):
            raise ValueError(
                f"there is no person {choice}: the first frame with people shows {len(people)}, "
                "counted from 0, the largest first"
            )
        area = np.prod(people.boxes[:, 2:] - people.boxes[:, :2], axis=1)
        return int(np.argsort(-area, kind="stable")[choice])
    point, boxes = np.array(choice), people.boxes
    outside = np.maximum(np.maximum(boxes[:, :2] - point, point - boxes[:, 2:]), 0.0)
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2
    distance = np.linalg.norm(outside, axis=1) + 1e-3 * np.linalg.norm(middle - point, axis=1)
    return int(distance.argmin())


def _nearly_as_good(costs: Float[np.ndarray, "tracks people"], chosen: Mapping[int, int], row: int, other: int) -> bool:
    """Whether another track could have the detection of a track, and that track the other's."""
    column, others = chosen[row], chosen.get(other)
    if other == row:
        return False
    if others is None:
        return bool(costs[other, column] - costs[row, column] < _UNSURE)
    return bool(costs[other, column] + costs[row, others] - costs[row, column] - costs[other, others] < _UNSURE)


_WAYS = (False, True)
"""As detected, and with left and right exchanged."""


def _median_distance(
    people: Keypoints, expected: Float[np.ndarray, "joints 2"], seen: Bool[np.ndarray, " joints"], exchanged: bool
) -> Float[np.ndarray, " people"]:
    """Median distance of the people's keypoints from expected ones; infinite without common keypoints."""
    order: Sequence[int] = FORMATS[people.format].mirror if exchanged else range(len(expected))
    apart = np.linalg.norm(people.xy[:, list(order)] - expected, axis=-1)
    common = people.seen[:, list(order)] & seen
    medians = [np.median(d[c]) if c.any() else np.inf for d, c in zip(apart, common, strict=True)]
    return np.array(medians)


def _median_shift(a: Keypoints, b: Keypoints) -> Float[np.ndarray, "2"]:
    common = (a.seen & b.seen)[0]
    return np.median((b.xy - a.xy)[0, common], axis=0) if common.any() else np.zeros(2)
