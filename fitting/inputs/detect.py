"""Detect people in a photo and their 33 keypoints with MediaPipe's PoseLandmarker (BlazePose).

The photo stays on this machine, but the mediapipe package reports usage metrics to Google when it is online.
"""

from __future__ import annotations

from contextlib import ExitStack, nullcontext
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

import cv2
import numpy as np
from jaxtyping import Bool, Float

from fitting.inputs.depth_bias import without_depth_bias
from fitting.inputs.detections import (
    Detection,
    Picture,
    cut_square,
    is_ambiguous,
    is_ghost,
    is_part,
    paint_over,
    same_person,
    shifted_squares,
    square_around,
    sureness,
    tiles,
    turned_back,
)
from fitting.inputs.hand_detector import HandDetector
from fitting.inputs.keypoints import MIN_SEEN, SEEN_CONFIDENCE, Keypoints
from fitting.inputs.quiet import native_stderr_silenced
from qposer.io.assets import asset

if TYPE_CHECKING:
    from mediapipe.tasks.python.vision import PoseLandmarker

MODEL = "pose_landmarker_heavy.task"
LONG_SIDE = 1920
"""Larger photos are shrunk to this many pixels for detection; keypoints are in pixels of the original photo."""

_TILE, _TILE_OF_LONG = 0.6, 0.25
"""Side of the tiles in the search for small people, as a fraction of the photo's short side; minimum, of the long."""

_TILE_CONFIDENCE = 0.5
"""Detections in a tile, which often cuts people, are rejected below this mean confidence."""

_AGAIN = 2
"""A person detected in a part of the photo must be detected again in at least this many of the squares of `_CLOSE`. In
8 photos of several people or hands and 40 of one person, real people were in 3 or 4, 14 lamps and hands in none."""

_FINE_SIDE, _FINE_TILE = 4000, 640
"""If no person is found, large photos are searched again at up to this many pixels, in tiles of this side."""

_OF_TILE = 0.25
"""People smaller than about this fraction of the finest tiles are not found (0.2 to 0.25 on three sizes of photos
with the shipped photo's woman on a smooth background)."""

_CLOSE = (1.5, 1.75, 2.0, 2.5)
"""Sides of the squares in which a person is detected again, as multiples of the longer side of the person's box."""

_CLEAR = 0.9
"""People with a higher mean confidence are not ambiguous: all their keypoints are clearly visible."""

_NEAR = (1.6, 2.1)
"""Sides of the squares around a person whose position is known, as in `_CLOSE`."""


def detect(rgb: Picture, max_people: int = 1, hands: bool = False, detector: Detector | None = None) -> Keypoints:
    """MediaPipe keypoints of up to ``max_people`` people, largest first, with their ``world`` positions in metres.

    The whole photo is searched first. If fewer people than requested are found, overlapping tiles are searched for
    smaller people, and then the photo with the found people covered. If nobody is found, large photos are searched
    again in fine tiles, and then all photos turned by 180 and 90 degrees, for people who are upside down or lie. All
    found people are then detected again in close crops. Detections on others' keypoints are dropped. People who are
    detected differently in other crops of the photo are marked as ambiguous. The confidence of a keypoint is the
    product of MediaPipe's visibility (not hidden) and presence (inside the picture); outside the photo it is zero.

    Args:
        rgb: the photo.
        max_people: maximum number of people.
        hands: also detect the keypoints of their hands.
        detector: an open detector; default: one is opened for this photo, which takes longer.

    Returns:
        Keypoints in pixels of the photo.

    Raises:
        ValueError: ``max_people`` is below 1, no person is found, or the photo is not (height, width, 3) of type uint8.
    """
    if max_people < 1:
        raise ValueError(f"the number of people must be at least 1, not {max_people}")
    with Detector() if detector is None else nullcontext(detector) as opened:
        people = opened.search(rgb, max_people) or opened.search_turned(rgb, max_people)
        if people is not None:
            people = replace(people, ambiguous=opened.ambiguous(rgb, people))
            people = people.with_hands(opened.hands.detect(rgb, people)) if hands else people
    if people is None:
        height, width, _ = rgb.shape
        raise ValueError(
            f"no person was found in the photo of {width} x {height} pixels, in which people below about "
            f"{smallest_found(width, height)} pixels are too small: crop it to a person, use one in which a person is "
            "larger and clearer, or give keypoints"
        )
    return people


def smallest_found(width: int, height: int) -> int:
    """Approximate minimum height of a detectable person in pixels.

    Args:
        width: width of the photo, pixels.
        height: height of the photo, pixels.

    Returns:
        Pixels.
    """
    longest = max(width, height)
    tile = _tile_side(width, height)
    if longest > LONG_SIDE:
        tile = min(tile, _FINE_TILE * max(1.0, longest / _FINE_SIDE))
    return max(1, round(_OF_TILE * tile))


class Detector:
    """MediaPipe, loaded once for many pictures: ``with Detector() as detector: ...``.

    Pictures are (height, width, 3) of type uint8; anything else raises a ValueError.
    """

    def __enter__(self) -> Detector:
        """Load the model."""
        self._opened = ExitStack()
        with native_stderr_silenced():
            self._landmarker = _open_landmarker()
        return self

    @cached_property
    def hands(self) -> HandDetector:
        """The detector of hands, loaded at first use."""
        return self._opened.enter_context(HandDetector())

    def __exit__(self, *exception: object) -> None:
        """Release the models."""
        self._opened.close()
        with native_stderr_silenced():
            self._landmarker.close()

    def search(self, rgb: Picture, max_people: int = 1) -> Keypoints | None:
        """Up to ``max_people`` people anywhere in the photo, the largest first, as `detect`; None if there are none.

        Args:
            rgb: the photo.
            max_people: maximum number of people.

        Returns:
            Keypoints in pixels of the photo.
        """
        picture, scale = _shrunk(rgb)
        with native_stderr_silenced():
            people = _search(self._landmarker, picture, max_people)
            if not people and scale < 1.0:
                picture, scale = _shrunk(rgb, _FINE_SIDE)
                people = _search_finely(self._landmarker, picture)
        found = _keypoints(people, scale)
        return None if found is None else found.largest_first()[:max_people]

    def search_turned(self, rgb: Picture, max_people: int = 1) -> Keypoints | None:
        """As `search`, in the photo turned by 180 and by 90 degrees, until somebody is found who is seen again nearby.

        Args:
            rgb: the photo.
            max_people: maximum number of people.

        Returns:
            Keypoints in pixels of the photo as it is.
        """
        picture, scale = _shrunk(rgb)
        for quarters in (2, 1, 3):
            turned = np.ascontiguousarray(np.rot90(picture, quarters))
            with native_stderr_silenced():
                sure: list[Detection] = []
                _add(sure, _search(self._landmarker, turned, max_people), self._landmarker, turned)
            found = _keypoints([turned_back(person, quarters, picture) for person in sure], scale)
            if found is not None:
                return found.largest_first()[:max_people]
        return None

    def near(self, rgb: Picture, box: Float[np.ndarray, "4"]) -> Keypoints | None:
        """People in and around a box (left, top, right, bottom in pixels), in any order; None if there are none.

        Two squares around it are searched; detections of the same person are averaged.

        Args:
            rgb: the photo.
            box: the box to search.

        Returns:
            Keypoints in pixels of the photo.
        """
        picture, scale = _shrunk(rgb)
        middle, longer = (box[:2] + box[2:]) * scale / 2, (box[2:] - box[:2]).max() * scale
        people: list[Detection] = []
        with native_stderr_silenced():
            for side in np.round(np.array(_NEAR) * longer).astype(int).tolist():
                left, top = np.round(middle - side / 2).astype(int).tolist()
                for person in _landmarks(self._landmarker, picture, left, top, side):
                    twin = next((i for i, other in enumerate(people) if same_person(person, other)), None)
                    if twin is None:
                        people.append(person)
                    else:
                        people[twin] = (people[twin] + person) / 2
        return _keypoints(people, scale)

    def ambiguous(self, rgb: Picture, people: Keypoints) -> Bool[np.ndarray, " people"]:
        """People who are detected differently, or not at all, in slightly different crops.

        Args:
            rgb: the photo.
            people: the detected people.

        Returns:
            A mask of the people.
        """
        picture, scale = _shrunk(rgb, _FINE_SIDE)
        found = []
        for xy, confidence in zip(people.xy * scale, people.confidence, strict=True):
            person = np.column_stack([xy, confidence, np.zeros((len(xy), 3))])
            if sureness(person) > _CLEAR:
                found.append(False)
                continue
            with native_stderr_silenced():
                views = [_landmarks(self._landmarker, picture, *square) for square in shifted_squares(person)]
            found.append(is_ambiguous(person, views))
        return np.array(found)


def _shrunk(rgb: Picture, longest: int = LONG_SIDE) -> tuple[Picture, float]:
    """The picture, shrunk to at most this many pixels on its long side, and its scale."""
    if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8:
        raise ValueError(f"a photo must be (height, width, 3) of type uint8, not {rgb.shape} of type {rgb.dtype}")
    scale = min(1.0, longest / max(rgb.shape))
    if scale == 1.0:
        return rgb, scale
    size = [max(1, round(side * scale)) for side in rgb.shape[1::-1]]
    return cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), scale


def _keypoints(people: list[Detection], scale: float) -> Keypoints | None:
    whole = [person for person in people if (person[:, 2] > SEEN_CONFIDENCE).sum() >= MIN_SEEN]
    if not whole:
        return None
    found = np.stack(whole)
    return Keypoints(found[..., :2] / scale, found[..., 2], "mediapipe", found[..., 3:])


def _search(landmarker: PoseLandmarker, picture: Picture, max_people: int) -> list[Detection]:
    people: list[Detection] = []
    for person in sorted(_landmarks(landmarker, picture, *_whole(picture)), key=sureness, reverse=True):
        if not any(same_person(person, other) for other in people) and not is_ghost(person, people, picture):
            people.append(person)
    if len(people) < max_people:
        side = round(_tile_side(*picture.shape[:2]))
        _add(people, _in_tiles(landmarker, picture, side), landmarker, picture)
    known = 0
    while known < len(people) < max_people:
        known = len(people)
        rest = paint_over(picture, people)
        squares = [_whole(picture), *(square_around(person, _CLOSE[1]) for person in people)]
        found = [person for square in squares for person in _landmarks(landmarker, rest, *square)]
        _add(people, found, landmarker, picture)
    return [_refined(landmarker, picture, person) for person in people]


def _search_finely(landmarker: PoseLandmarker, picture: Picture) -> list[Detection]:
    """Detect people too small for the tiles of a normal search."""
    people: list[Detection] = []
    _add(people, _in_tiles(landmarker, picture, _FINE_TILE), landmarker, picture)
    return [_refined(landmarker, picture, person) for person in people]


def _add(people: list[Detection], found: list[Detection], landmarker: PoseLandmarker, picture: Picture) -> None:
    """Add confident new detections of a picture region that are no duplicates or parts, confirmed by close crops."""
    sure = [person for person in found if sureness(person) > _TILE_CONFIDENCE]
    for person in sorted(sure, key=sureness, reverse=True):
        if any(same_person(person, other) or is_part(person, other) for other in people):
            continue
        if not is_ghost(person, people, picture) and len(_close_views(landmarker, picture, person)) >= _AGAIN:
            people.append(person)


def _whole(picture: Picture) -> tuple[int, int, int]:
    return 0, 0, max(picture.shape)


def _in_tiles(landmarker: PoseLandmarker, picture: Picture, side: int) -> list[Detection]:
    return [person for tile in tiles(picture, side) for person in _landmarks(landmarker, picture, *tile)]


def _tile_side(width: int, height: int) -> float:
    """Side of the tiles in the search for small people, in pixels."""
    return max(_TILE * min(width, height), _TILE_OF_LONG * max(width, height))


def _landmarks(landmarker: PoseLandmarker, picture: Picture, left: int, top: int, side: int) -> list[Detection]:
    """People in a square of the picture: x and y in the picture's pixels, confidence, and corrected x, y, z in metres.

    The square is black outside the picture. It must be a square: MediaPipe rotates the positions in metres by a wrong
    angle otherwise.
    """
    import mediapipe as mp

    height, width = picture.shape[:2]
    square = cut_square(picture, left, top, side)
    result = landmarker.detect(mp.Image(image_format=mp.ImageFormat.SRGB, data=square))
    people = []
    for landmarks, world in zip(result.pose_landmarks, result.pose_world_landmarks, strict=True):
        xy = np.array([(left + mark.x * side, top + mark.y * side) for mark in landmarks])
        confidence = np.array([mark.visibility * mark.presence for mark in landmarks])
        confidence *= ((xy >= 0) & (xy < (width, height))).all(axis=1)
        if (confidence > SEEN_CONFIDENCE).sum() >= MIN_SEEN:
            metres = without_depth_bias(np.array([(mark.x, mark.y, mark.z) for mark in world]))
            people.append(np.column_stack([xy, confidence, metres]))
    return people


def _refined(landmarker: PoseLandmarker, picture: Picture, person: Detection) -> Detection:
    """Median of the given detection and those in squares around it, which stabilises hands and feet."""
    median: np.ndarray = np.median([person, *_close_views(landmarker, picture, person)], axis=0)
    return median


def _close_views(landmarker: PoseLandmarker, picture: Picture, person: Detection) -> list[Detection]:
    """Detections of the person in squares around the given detection."""
    squares = (square_around(person, size) for size in _CLOSE)
    return [
        other for square in squares for other in _landmarks(landmarker, picture, *square) if same_person(person, other)
    ]


def _open_landmarker() -> PoseLandmarker:
    from mediapipe.tasks.python import BaseOptions, vision

    model = BaseOptions(model_asset_path=str(asset(MODEL)))
    options = vision.PoseLandmarkerOptions(base_options=model, num_poses=10)
    return vision.PoseLandmarker.create_from_options(options)
