"""Detect the hands of people whose bodies are known, with MediaPipe's HandLandmarker in crops around the wrists."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from jaxtyping import Float

from fitting.inputs.detections import Picture, cut_square
from fitting.inputs.hand_keypoints import HandKeypoints
from fitting.inputs.keypoints import SEEN_CONFIDENCE, Keypoints
from fitting.inputs.quiet import native_stderr_silenced
from qposer.hands.smplh import SIDES
from qposer.io.assets import asset

MODEL = "hand_landmarker.task"

CROPS = (0.4, 0.3, 0.55)
"""Sides of the crops in metres, in order; the first one with a hand of this arm decides."""

SMALLEST = 32
"""Minimum side of a crop in pixels; the hands of people who are smaller are not searched."""

REACH = 0.1
"""Maximum distance between the wrists of the arm and of the hand, in metres."""

WRONG_SIDE = 0.05
"""Metres that a hand counts as farther away if it is detected as one of the other side."""

SAME_HAND = 0.03
"""Detections whose keypoints are closer on average, in metres, are one hand."""


@dataclass(frozen=True)
class _Hand:
    xy: Float[np.ndarray, "21 2"]
    world: Float[np.ndarray, "21 3"]
    score: float
    side: int
    """As detected: 0 is left."""

    def cost(self, wrist: Float[np.ndarray, " 2"], side: int, scale: float) -> float:
        """Distance to an arm's wrist in metres, larger for the wrong side."""
        return float(np.linalg.norm(self.xy[0] - wrist)) / scale + WRONG_SIDE * self.score * (self.side != side)


class HandDetector:
    """MediaPipe, loaded once for many pictures: ``with HandDetector() as detector: ...``."""

    def __enter__(self) -> HandDetector:
        """Load the model."""
        from mediapipe.tasks.python import BaseOptions, vision

        model = BaseOptions(model_asset_path=str(asset(MODEL)))
        options = vision.HandLandmarkerOptions(base_options=model, num_hands=2)
        with native_stderr_silenced():
            self._landmarker = vision.HandLandmarker.create_from_options(options)
        return self

    def __exit__(self, *exception: object) -> None:
        """Release the model."""
        with native_stderr_silenced():
            self._landmarker.close()

    def detect(self, rgb: Picture, people: Keypoints) -> HandKeypoints:
        """Hands of detected people. Each hand belongs to the arm whose wrist is nearest.

        A hand that is detected as one of the other side keeps its pixels, but not its positions in metres, which are
        those of a mirrored hand; all hands' positions are then omitted for this person.

        Args:
            rgb: the picture.
            people: their bodies: MediaPipe's keypoints with positions in metres.

        Returns:
            Both hands of each person; those that are not found, hidden or tiny have confidences of zero.
        """
        wrists = [[people.names.index(f"{side}_wrist") for side in SIDES]]
        scales = pixels_per_metre(people)
        seen = people.confidence[:, wrists[0]] > SEEN_CONFIDENCE
        at = people.xy[:, wrists[0]]
        hands: list[_Hand] = []
        for person, side in product(range(len(people)), range(2)):
            if seen[person, side]:
                for hand in self._near(rgb, people, person, side, scales[person]):
                    if not any(_distance(hand, other) < SAME_HAND * scales[person] for other in hands):
                        hands.append(hand)
        arms = [arm for arm in product(range(len(people)), range(2)) if seen[arm]]
        return _assigned(hands, arms, at, scales, len(people), rgb)

    def _near(self, rgb: Picture, people: Keypoints, person: int, side: int, scale: float) -> list[_Hand]:
        """Hands in the first crop around an arm's end that contains one at this wrist."""
        names = [f"{SIDES[side]}_{point}" for point in ("wrist", "index", "pinky")]
        wrist, index, pinky = people.xy[person, [people.names.index(name) for name in names]]
        hands: list[_Hand] = []
        for metres in CROPS:
            length = round(metres * scale)
            if length < SMALLEST:
                continue
            left, top = np.round((index + pinky) / 2 - length / 2).astype(int).tolist()
            hands = self._in_crop(rgb, left, top, length)
            if any(hand.cost(wrist, side, scale) < REACH for hand in hands):
                break
        return hands

    def _in_crop(self, rgb: Picture, left: int, top: int, side: int) -> list[_Hand]:
        import mediapipe as mp

        height, width = rgb.shape[:2]
        crop = cut_square(rgb, left, top, side)
        with native_stderr_silenced():
            found = self._landmarker.detect(mp.Image(image_format=mp.ImageFormat.SRGB, data=crop))
        return [
            _Hand(
                np.array([(left + mark.x * side, top + mark.y * side) for mark in marks]),
                np.array([(mark.x, mark.y, mark.z) for mark in world]),
                kinds[0].score,
                SIDES.index(kinds[0].category_name.lower()),
            )
            for marks, world, kinds in zip(
                found.hand_landmarks, found.hand_world_landmarks, found.handedness, strict=True
            )
            if marks and 0 <= left + marks[0].x * side < width and 0 <= top + marks[0].y * side < height
        ]


def pixels_per_metre(people: Keypoints) -> Float[np.ndarray, " people"]:
    """Scale of people in the picture, from the spread of their keypoints in pixels and in metres.

    Args:
        people: MediaPipe's keypoints with positions in metres.

    Returns:
        Pixels for a metre at each person's distance.

    Raises:
        ValueError: there are no positions in metres.
    """
    if people.world is None:
        raise ValueError("the search for hands needs MediaPipe's positions of the body in metres")
    weight = people.seen[..., None] / people.seen.sum(-1)[:, None, None]

    def spread(points: Float[np.ndarray, "people joints 2"]) -> Float[np.ndarray, " people"]:
        off = points - (weight * points).sum(1, keepdims=True)
        squared: np.ndarray = (weight * np.square(off)).sum((1, 2))
        return squared

    scale: np.ndarray = np.sqrt(spread(people.xy) / np.maximum(spread(people.world[..., :2]), 1e-6))
    return scale


def _distance(a: _Hand, b: _Hand) -> float:
    return float(np.linalg.norm(a.xy - b.xy, axis=-1).mean())


def _assigned(
    hands: list[_Hand],
    arms: list[tuple[int, int]],
    wrists: Float[np.ndarray, "people 2 2"],
    scales: Float[np.ndarray, " people"],
    people: int,
    rgb: Picture,
) -> HandKeypoints:
    """Give each hand to at most one arm, and each arm at most one hand, with the least sum of distances."""
    from scipy.optimize import linear_sum_assignment

    result = HandKeypoints.unseen(people)
    if not hands:
        return result
    costs = np.array([[hand.cost(wrists[arm], arm[1], scales[arm[0]]) for arm in arms] for hand in hands])
    xy, confidence, world = result.xy, result.confidence, np.zeros((people, 2, 21, 3))
    for row, column in zip(*linear_sum_assignment(np.minimum(costs, REACH)), strict=True):
        if costs[row, column] < REACH:
            arm, hand = arms[column], hands[row]
            inside = ((hand.xy >= 0) & (hand.xy < rgb.shape[1::-1])).all(-1)
            xy[arm], confidence[arm] = hand.xy, hand.score * inside
            world[arm] = hand.world * (hand.side == arm[1])
    return HandKeypoints(xy, confidence, world)
