"""People on a photo and their 33 keypoints, by MediaPipe's PoseLandmarker (BlazePose).

The photo stays on this machine; the mediapipe package, however, reports metrics of its use to Google when it is online.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8

from fitting.inputs.depth_bias import without_depth_bias
from fitting.inputs.keypoints import FORMATS, MIN_SEEN, SEEN_CONFIDENCE, Keypoints
from fitting.inputs.quiet import native_stderr_silenced
from qposer.io.assets import asset

if TYPE_CHECKING:
    from mediapipe.tasks.python.vision import PoseLandmarker

Picture = UInt8[np.ndarray, "_height _width 3"]

MODEL = "pose_landmarker_heavy.task"
LONG_SIDE = 1920
"""Larger photos are shrunk to this many pixels for detection; keypoints are in the photo's own pixels all the same."""

_TILE, _TILE_OF_LONG = 0.6, 0.25
"""Side of the tiles in which small people are searched: parts of the photo's short side, and at least of its long."""

_TILE_CONFIDENCE = 0.5
"""Mean confidence below which a person found in a tile, which often cuts people, is not believed."""

_AGAIN = 2
"""In so many of the squares of `_CLOSE` a person who was found in a part of the photo must be seen again. On 8 photos
of several people or of hands and 40 of one person each, real people were in 3 or 4, and 14 lamps and hands in none."""

_FINE_SIDE, _FINE_TILE = 4000, 640
"""Where nobody is found, larger photos are searched again at up to so many pixels, in tiles of this side."""

_GIRTH = 0.09
"""How thick limbs are painted over, as a part of the person's size, when others are looked for."""

_GHOST = 0.7
"""A person of whom more than this part of the keypoints is on people already found is nobody: people beside others, arm
in arm with them, or half behind them have 0 to 0.12 there, and mixtures and parts of people 0.87 and more."""

_CLOSE = (1.5, 1.75, 2.0, 2.5)
"""Sides of the squares in which a person is looked at again, as multiples of the longer side of the person's box."""

_NEAR = (1.6, 2.1)
"""The same, where a person of known whereabouts is looked for again."""

_SAME_PERSON = 0.1
"""Two detections show one person if their keypoints' median distance is below this part of the person's size."""

_PART = 0.6
"""A detection in a tile is dropped if more than this part of its box is inside that of a person already found."""


def detect(rgb: Picture, max_people: int = 1) -> Keypoints:
    """MediaPipe keypoints of up to ``max_people`` people, largest first, with their ``world`` positions in metres.

    The whole photo is searched first, and then, if fewer people were found than asked for, overlapping tiles of it, for
    people who are too small on the whole, and what is left of it when those who were found are painted over. If nobody
    is found, large photos are searched once more in fine tiles. Everybody found is then looked at again from close by.
    Who stands on others' keypoints is dropped. The confidence of
    a keypoint is the product of MediaPipe's visibility (not hidden) and presence (on the picture); outside of the photo
    it is zero.

    Args:
        rgb: the photo.
        max_people: how many to look for.

    Returns:
        Keypoints in pixels of the photo.

    Raises:
        ValueError: no person is found, or the photo is not (height, width, 3) of type uint8.
    """
    with Detector() as detector:
        people = detector.search(rgb, max_people)
    if people is None:
        raise ValueError(
            f"no person was found on the photo of {rgb.shape[1]} x {rgb.shape[0]} pixels: "
            "take one on which a person is larger and clearer, or give keypoints"
        )
    return people


class Detector:
    """MediaPipe, opened once for many pictures: ``with Detector() as detector: ...``.

    Pictures are (height, width, 3) of type uint8; anything else raises a ValueError.
    """

    def __enter__(self) -> Detector:
        """Load the model."""
        with native_stderr_silenced():
            self._landmarker = _open_landmarker()
        return self

    def __exit__(self, *exception: object) -> None:
        """Let go of the model."""
        with native_stderr_silenced():
            self._landmarker.close()

    def search(self, rgb: Picture, max_people: int = 1) -> Keypoints | None:
        """Up to ``max_people`` people, wherever they are, the largest first, as `detect`; None if there is nobody.

        Args:
            rgb: the photo.
            max_people: how many to look for.

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

    def near(self, rgb: Picture, box: Float[np.ndarray, "4"]) -> Keypoints | None:
        """People in and around a box (left, top, right, bottom in pixels), in no order; None if there is nobody.

        Two squares around it are searched; of people that both show, the mean is taken.

        Args:
            rgb: the photo.
            box: where to look.

        Returns:
            Keypoints in pixels of the photo.
        """
        picture, scale = _shrunk(rgb)
        middle, longer = (box[:2] + box[2:]) * scale / 2, (box[2:] - box[:2]).max() * scale
        people: list[Float[np.ndarray, "33 6"]] = []
        with native_stderr_silenced():
            for side in np.round(np.array(_NEAR) * longer).astype(int).tolist():
                left, top = np.round(middle - side / 2).astype(int).tolist()
                for person in _landmarks(self._landmarker, picture, left, top, side):
                    twin = next((i for i, other in enumerate(people) if _same(person, other)), None)
                    if twin is None:
                        people.append(person)
                    else:
                        people[twin] = (people[twin] + person) / 2
        return _keypoints(people, scale)


def _shrunk(rgb: Picture, longest: int = LONG_SIDE) -> tuple[Picture, float]:
    """The picture at most so many pixels long, and its scale."""
    if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8:
        raise ValueError(f"a photo must be (height, width, 3) of type uint8, not {rgb.shape} of type {rgb.dtype}")
    scale = min(1.0, longest / max(rgb.shape))
    if scale == 1.0:
        return rgb, scale
    size = [max(1, round(side * scale)) for side in rgb.shape[1::-1]]
    return cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), scale


def _keypoints(people: list[Float[np.ndarray, "33 6"]], scale: float) -> Keypoints | None:
    whole = [person for person in people if (person[:, 2] > SEEN_CONFIDENCE).sum() >= MIN_SEEN]
    if not whole:
        return None
    found = np.stack(whole)
    return Keypoints(found[..., :2] / scale, found[..., 2], "mediapipe", found[..., 3:])


def _search(landmarker: PoseLandmarker, picture: Picture, max_people: int) -> list[Float[np.ndarray, "33 6"]]:
    people: list[Float[np.ndarray, "33 6"]] = []
    for person in sorted(_landmarks(landmarker, picture, *_whole(picture)), key=_sureness, reverse=True):
        if not any(_same(person, other) for other in people) and not _ghost(person, people, picture):
            people.append(person)
    if len(people) < max_people:
        height, width = picture.shape[:2]
        side = round(max(_TILE * min(height, width), _TILE_OF_LONG * max(height, width)))
        _add(people, _in_tiles(landmarker, picture, side), landmarker, picture)
    known = 0
    while known < len(people) < max_people:
        known = len(people)
        rest = _without(picture, people)
        squares = [_whole(picture), *(_square(person, _CLOSE[1]) for person in people)]
        found = [person for square in squares for person in _landmarks(landmarker, rest, *square)]
        _add(people, found, landmarker, picture)
    return [_refined(landmarker, picture, person) for person in people]


def _search_finely(landmarker: PoseLandmarker, picture: Picture) -> list[Float[np.ndarray, "33 6"]]:
    """People who are too small for the tiles of a search."""
    people: list[Float[np.ndarray, "33 6"]] = []
    _add(people, _in_tiles(landmarker, picture, _FINE_TILE), landmarker, picture)
    return [_refined(landmarker, picture, person) for person in people]


def _add(
    people: list[Float[np.ndarray, "33 6"]],
    found: list[Float[np.ndarray, "33 6"]],
    landmarker: PoseLandmarker,
    picture: Picture,
) -> None:
    """Add those found in a part of the picture who are sure enough, neither there yet nor a part, and seen again."""
    reject_outliers = [person for person in found if _sureness(person) > _TILE_CONFIDENCE]
    for person in sorted(reject_outliers, key=_sureness, reverse=True):
        if any(_same(person, other) or _part(person, other) for other in people):
            continue
        if not _ghost(person, people, picture) and len(_close_views(landmarker, picture, person)) >= _AGAIN:
            people.append(person)


def _without(picture: Picture, people: list[Float[np.ndarray, "33 6"]]) -> Picture:
    """The picture with people painted over in its mean colour."""
    rest = picture.copy()
    rest[_covered(people, picture)] = picture.mean(axis=(0, 1))
    return rest


def _ghost(person: Float[np.ndarray, "33 6"], people: list[Float[np.ndarray, "33 6"]], picture: Picture) -> bool:
    """Whether most of a person's keypoints are on others, as those of one made up from two are."""
    if not people:
        return False
    height, width = picture.shape[:2]
    x, y = person[person[:, 2] > SEEN_CONFIDENCE, :2].astype(int).T
    return bool(_covered(people, picture)[y.clip(0, height - 1), x.clip(0, width - 1)].mean() > _GHOST)


def _covered(people: list[Float[np.ndarray, "33 6"]], picture: Picture) -> Bool[np.ndarray, "height width"]:
    """Where people are, by thick limbs, a trunk and a head."""
    mask = np.zeros(picture.shape[:2], np.uint8)
    form = FORMATS["mediapipe"]
    for person in people:
        thick = max(1, round(_GIRTH * np.ptp(_box(person), axis=0).max()))
        xy = person[:, :2].round().astype(int)
        seen = person[:, 2] > SEEN_CONFIDENCE
        for a, b in form.limbs:
            if seen[a] and seen[b]:
                cv2.line(mask, xy[a].tolist(), xy[b].tolist(), 1, thick)
        left, right, left_hip, right_hip = form.torso
        cv2.fillConvexPoly(mask, xy[[left, right, right_hip, left_hip]].astype(np.int32), 1)
        cv2.circle(mask, xy[0].tolist(), thick, 1, -1)
    return mask.astype(bool)


def _whole(picture: Picture) -> tuple[int, int, int]:
    return 0, 0, max(picture.shape)


def _square(person: Float[np.ndarray, "33 6"], size: float) -> tuple[int, int, int]:
    """Left, top and side of a square around a person, so many times the person's longer side."""
    box = _box(person)
    side = round(size * np.ptp(box, axis=0).max())
    left, top = np.round(box.mean(axis=0) - side / 2).astype(int).tolist()
    return left, top, side


def _in_tiles(landmarker: PoseLandmarker, picture: Picture, side: int) -> list[Float[np.ndarray, "33 6"]]:
    return [person for tile in _tiles(picture, side) for person in _landmarks(landmarker, picture, *tile)]


def _tiles(picture: Picture, side: int) -> Iterator[tuple[int, int, int]]:
    """Left, top and side of squares that cover the picture and overlap by half."""
    height, width = picture.shape[:2]
    for top in _starts(height, side):
        for left in _starts(width, side):
            yield left, top, side


def _starts(length: int, side: int) -> list[int]:
    steps = max(0, int(np.ceil((length - side) / (side / 2))))
    starts: list[int] = np.linspace(0, max(0, length - side), steps + 1).astype(int).tolist()
    return starts


def _landmarks(
    landmarker: PoseLandmarker, picture: Picture, left: int, top: int, side: int
) -> list[Float[np.ndarray, "33 6"]]:
    """People in a square of the picture: x and y in the picture's pixels, confidence, and corrected x, y, z in metres.

    What of the square is outside of the picture is black. It has to be a square: on other pictures MediaPipe turns the
    positions in metres by a wrong angle.
    """
    import mediapipe as mp

    height, width = picture.shape[:2]
    square = np.zeros((side, side, 3), np.uint8)
    x, y = max(left, 0), max(top, 0)
    part = picture[y : top + side, x : left + side]
    square[y - top :, x - left :][: part.shape[0], : part.shape[1]] = part
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


def _refined(
    landmarker: PoseLandmarker, picture: Picture, person: Float[np.ndarray, "33 6"]
) -> Float[np.ndarray, "33 6"]:
    """The median of the person as given and as seen in squares around them, which steadies hands and feet."""
    median: np.ndarray = np.median([person, *_close_views(landmarker, picture, person)], axis=0)
    return median


def _close_views(
    landmarker: PoseLandmarker, picture: Picture, person: Float[np.ndarray, "33 6"]
) -> list[Float[np.ndarray, "33 6"]]:
    """The person as seen in squares around them, where they are."""
    squares = (_square(person, size) for size in _CLOSE)
    return [other for square in squares for other in _landmarks(landmarker, picture, *square) if _same(person, other)]


def _sureness(person: Float[np.ndarray, "33 6"]) -> float:
    return float(person[:, 2].mean())


def _same(a: Float[np.ndarray, "33 6"], b: Float[np.ndarray, "33 6"]) -> bool:
    """Whether two detections have their keypoints at the same places."""
    size = max(np.ptp(_box(a), axis=0).max(), np.ptp(_box(b), axis=0).max())
    return bool(np.median(np.linalg.norm(a[:, :2] - b[:, :2], axis=1)) < _SAME_PERSON * size)


def _part(a: Float[np.ndarray, "33 6"], b: Float[np.ndarray, "33 6"]) -> bool:
    """Whether most of the box of ``a`` is inside that of ``b``: in a tile, a part of a person passes for one."""
    box = _box(a)
    common = np.clip(box, *_box(b))
    return bool(np.prod(common[1] - common[0]) > _PART * np.prod(box[1] - box[0]))


def _box(person: Float[np.ndarray, "33 6"]) -> Float[np.ndarray, "2 2"]:
    seen = person[person[:, 2] > SEEN_CONFIDENCE, :2]
    return np.stack([seen.min(axis=0), seen.max(axis=0)])


def _open_landmarker() -> PoseLandmarker:
    from mediapipe.tasks.python import BaseOptions, vision

    model = BaseOptions(model_asset_path=str(asset(MODEL)))
    options = vision.PoseLandmarkerOptions(base_options=model, num_poses=10)
    return vision.PoseLandmarker.create_from_options(options)
