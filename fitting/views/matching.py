"""Match people across views and triangulate their keypoints robustly.

A detection in a view is used as it is, or with left and right swapped. Each pair of detections of two views determines
points; keypoints of other views near these points support them, and the pair with the most support defines a person.
For every keypoint the consistent views are kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from jaxtyping import Bool, Float, Int

from fitting.inputs.keypoints import FORMATS, MIN_SEEN, FormatName, Keypoints
from fitting.views.rig import Rig

NEAR = 0.1
"""Maximum distance in metres of a supporting keypoint from a point."""

AGREEMENT = 0.5
"""Minimum share of the common keypoints that must support a detection."""

TYPICAL = 0.05
"""Scale of the robust weights in triangulation, metres."""

REFINEMENTS = 5
"""Iterations of reweighting in a triangulation."""

ROUNDS = 3
"""Iterations in which a person's detections are reassigned by the points of all of them."""

_EXCHANGED = 0.02
"""Minimum sum of facing cues, in metres, that decides between two labellings of left and right."""


@dataclass(frozen=True)
class MatchedPerson:
    """Keypoints of one person in all views, with left and right by majority."""

    xy: Float[np.ndarray, "views joints 2"]
    """Undistorted pixels."""
    confidence: Float[np.ndarray, "views joints"]
    """Zero in views that do not show the person or were rejected."""
    agrees: Bool[np.ndarray, "views joints"]
    """Keypoints near the triangulated ones."""
    points: Float[np.ndarray, "joints 3"]
    """Triangulated keypoints, metres in world axes."""
    point_confidence: Float[np.ndarray, " joints"]
    """Zero where fewer than two views agree."""
    person: Int[np.ndarray, " views"]
    """Index of the person in each view; -1 for none."""
    exchanged: Bool[np.ndarray, " views"]
    """Views with swapped left and right."""


@dataclass(frozen=True)
class _Detections:
    """All detections of all views, and in the second half the same with left and right swapped."""

    view: Int[np.ndarray, " detections"]
    person: Int[np.ndarray, " detections"]
    xy: Float[np.ndarray, "detections joints 2"]
    confidence: Float[np.ndarray, "detections joints"]

    @classmethod
    def of(cls, views: Sequence[Keypoints | None], mirror: Sequence[int]) -> _Detections:
        shown = [(view, person) for view, seen in enumerate(views) if seen is not None for person in range(len(seen))]
        xy = np.stack([views[view].xy[person] for view, person in shown]).astype(np.float64)  # type: ignore[union-attr]
        confidence = np.stack([(seen.confidence * seen.seen)[person] for seen, person in _each(views)])
        view, person = np.array(shown).T
        return cls(
            np.tile(view, 2),
            np.tile(person, 2),
            np.concatenate([xy, xy[:, mirror]]),
            np.concatenate([confidence, confidence[:, mirror]]),
        )

    @property
    def half(self) -> int:
        """Number of unswapped detections."""
        return len(self.view) // 2

    def spread(self, chosen: Int[np.ndarray, "sets views"], views: int) -> tuple[np.ndarray, np.ndarray]:
        """Pixels and confidences (sets, joints, views) of sets with at most one detection per view; -1 for none."""
        there = chosen >= 0
        xy = self.xy[np.maximum(chosen, 0)].swapaxes(1, 2)
        return xy, (self.confidence[np.maximum(chosen, 0)] * there[..., None]).swapaxes(1, 2)


def _each(views: Sequence[Keypoints | None]) -> list[tuple[Keypoints, int]]:
    return [(seen, person) for seen in views if seen is not None for person in range(len(seen))]


def match_people(rig: Rig, views: Sequence[Keypoints | None], people: int) -> list[MatchedPerson]:
    """Match people seen in at least two views.

    Args:
        rig: the cameras.
        views: all people in each view, in undistorted pixels, all of one format; None if nobody is found.
        people: maximum number of people.

    Returns:
        The people, the best agreement of views first.
    """
    format = next(seen.format for seen in views if seen is not None)
    detections = _Detections.of(views, FORMATS[format].mirror)
    free = np.ones(len(detections.view), dtype=bool)
    found: list[MatchedPerson] = []
    while len(found) < people:
        chosen = _best_set(rig, detections, free)
        if chosen is None:
            break
        person = _person(rig, detections, _right_way_round(rig, detections, chosen, format))
        used = chosen[chosen >= 0] % detections.half
        free[np.concatenate([used, used + detections.half])] = False
        if person is not None:
            found.append(person)
    return found


def _best_set(rig: Rig, detections: _Detections, free: Bool[np.ndarray, " detections"]) -> np.ndarray | None:
    """One detection per view of the person with the most support; None if no two views agree."""
    seeds = _seeds(rig, detections, free)
    if not len(seeds):
        return None
    chosen, support = _supporters(rig, detections, seeds, free)
    best = chosen[[int(support.argmax())]]
    for _ in range(ROUNDS):
        best, support = _supporters(rig, detections, best, free)
    return best[0] if support[0] > 0 and (best[0] >= 0).sum() >= 2 else None


def _seeds(rig: Rig, detections: _Detections, free: Bool[np.ndarray, " detections"]) -> Int[np.ndarray, "seeds views"]:
    """Every pair of detections of two views, the first one unswapped."""
    views, half = len(rig.focal), detections.half
    seeds = []
    for a, b in combinations(np.flatnonzero(free[:half]).tolist(), 2):
        if detections.view[a] != detections.view[b]:
            for other in (b, b + half):
                seed = np.full(views, -1)
                seed[[detections.view[a], detections.view[b]]] = a, other
                seeds.append(seed)
    return np.array(seeds, dtype=np.int64).reshape(-1, views)


def _supporters(
    rig: Rig, detections: _Detections, sets: Int[np.ndarray, "sets views"], free: Bool[np.ndarray, " detections"]
) -> tuple[Int[np.ndarray, "sets views"], Float[np.ndarray, " sets"]]:
    """For the points of each set, the best supporting detection of each view, and the support of all views."""
    points, known = _triangulated(rig, *detections.spread(sets, len(rig.focal)))
    seen = rig.in_views(points)[:, :, detections.view]  # sets joints detections 3
    rays = (detections.xy - rig.centre[detections.view][:, None]) / rig.focal[detections.view][:, None, None]
    distance = np.linalg.norm(seen[..., :2] - rays.swapaxes(0, 1) * seen[..., 2:], axis=-1)
    distance = np.where(seen[..., 2] > 0, distance, np.inf)
    common = known[..., None] & (detections.confidence.T > 0)
    near = common & (distance < NEAR)
    worth = detections.confidence.T * np.where(near, 1.0 - np.square(np.minimum(distance, NEAR) / NEAR), 0.0)
    support = worth.sum(1)
    agreed = near.sum(1) >= np.maximum(AGREEMENT * common.sum(1), MIN_SEEN)
    support = np.where(agreed & free, support, 0.0)
    chosen = np.full(sets.shape, -1)
    total = np.zeros(len(sets))
    for view in range(sets.shape[1]):
        here = np.flatnonzero(detections.view == view)
        if len(here):
            best = support[:, here].argmax(1)
            most = support[np.arange(len(sets)), here[best]]
            chosen[:, view] = np.where(most > 0, here[best], -1)
            total += most
    return chosen, total


def _triangulated(
    rig: Rig, xy: Float[np.ndarray, "*shape views 2"], weight: Float[np.ndarray, "*shape views"]
) -> tuple[Float[np.ndarray, "*shape 3"], Bool[np.ndarray, " *shape"]]:
    """Points triangulated from the largest consistent set of views, and a mask of points with at least two."""
    points, best, known = np.zeros((*xy.shape[:-2], 3)), np.zeros(xy.shape[:-2]), np.zeros(xy.shape[:-2], dtype=bool)
    for pair in combinations(range(xy.shape[-2]), 2):
        both = np.zeros(weight.shape)
        both[..., pair] = weight[..., pair] * (weight[..., pair] > 0).all(-1, keepdims=True)
        if not both.any():
            continue
        found = rig.triangulate(xy, both)
        distance = rig.ray_distance(found, xy)
        support = (weight * np.clip(1.0 - np.square(np.minimum(distance, NEAR) / NEAR), 0.0, None)).sum(-1)
        support = np.where(both.any(-1), support, 0.0)
        points = np.where((support > best)[..., None], found, points)
        best = np.maximum(best, support)
    known = best > 0
    for _ in range(REFINEMENTS):
        distance = rig.ray_distance(points, xy)
        near = (distance < NEAR) & (weight > 0)
        enough = near.sum(-1) >= 2
        again = rig.triangulate(xy, weight * near / (1.0 + np.square(np.where(near, distance, 0.0) / TYPICAL)))
        points = np.where((known & enough)[..., None], again, points)
        known = known & enough
    return points, known


def _person(rig: Rig, detections: _Detections, chosen: Int[np.ndarray, " views"]) -> MatchedPerson | None:
    """A person from one detection per view; None if too few keypoints are triangulated."""
    xy, confidence = (array[0] for array in detections.spread(chosen[None], len(rig.focal)))
    points, known = _triangulated(rig, xy, confidence)
    if known.sum() < MIN_SEEN:
        return None
    agrees = (rig.ray_distance(points, xy) < NEAR) & (confidence > 0) & known[:, None]
    there = chosen >= 0
    return MatchedPerson(
        xy.swapaxes(0, 1),
        confidence.T,
        agrees.T,
        points,
        np.minimum((confidence * agrees).sum(-1) / 2, 1.0) * known,
        np.where(there, detections.person[np.maximum(chosen, 0)], -1),
        there & (chosen >= detections.half),
    )


def _right_way_round(
    rig: Rig, detections: _Detections, chosen: Int[np.ndarray, " views"], format: FormatName
) -> Int[np.ndarray, " views"]:
    """The detections with left and right chosen so that the body faces where its face and feet point.

    Views only determine left and right relative to each other. If nothing was swapped, or face and feet are not
    conclusive, the majority of views decides.
    """
    half = detections.half
    exchanged = (chosen >= half)[chosen >= 0]
    if not exchanged.any():
        return chosen
    other = np.where(chosen < 0, -1, (chosen + half) % (2 * half))
    points, known = _triangulated(rig, *detections.spread(chosen[None], len(rig.focal)))
    facing = facing_forward(points[0], known[0], format)
    if abs(facing) > _EXCHANGED:
        return chosen if facing > 0 else other
    return chosen if exchanged.mean() <= 0.5 else other


def facing_forward(
    points: Float[np.ndarray, "joints 3"], known: Bool[np.ndarray, " joints"], format: FormatName
) -> float:
    """Distance of the nose in front of the ears, or of the toes in front of the heels, for the given left and right.

    Args:
        points: metres.
        known: mask of valid points.
        format: format of the keypoints.

    Returns:
        Metres: negative if left and right are swapped; zero if unknown.
    """
    index = {name: joint for joint, name in enumerate(FORMATS[format].names) if known[joint]}

    def middle(*names: str) -> np.ndarray | None:
        there = [points[index[name]] for name in names if name in index]
        return np.mean(there, axis=0) if len(there) == len(names) else None

    nose, eyes = middle("nose"), middle("left_eye", "right_eye")
    head = _ahead(middle("left_ear"), middle("right_ear"), nose, eyes, (middle("left_ear", "right_ear"), nose))
    if head is not None:
        return head
    cues = []
    for side in ("left", "right"):
        toes = middle(f"{side}_foot_index") if f"{side}_foot_index" in index else middle(f"{side}_big_toe")
        cues.append(
            _ahead(
                middle("left_shoulder", "left_hip"),
                middle("right_shoulder", "right_hip"),
                middle("left_hip", "right_hip"),
                middle("left_shoulder", "right_shoulder"),
                (middle(f"{side}_heel"), toes),
            )
        )
    clear = [cue for cue in cues if cue is not None]
    return float(np.mean(clear)) if clear else 0.0


def _ahead(
    left: np.ndarray | None,
    right: np.ndarray | None,
    below: np.ndarray | None,
    above: np.ndarray | None,
    way: tuple[np.ndarray | None, np.ndarray | None],
) -> float | None:
    """Forward component, in metres, of a displacement, relative to the given left, right, bottom and top."""
    start, end = way
    if left is None or right is None or below is None or above is None or start is None or end is None:
        return None
    front = np.cross(left - right, above - below)
    return float((end - start) @ front / max(float(np.linalg.norm(front)), 1e-9))
