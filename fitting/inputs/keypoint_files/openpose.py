"""OpenPose's JSON and similar layouts: Pose2Sim, ControlNet (with a canvas), AlphaPose (by image)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fitting.inputs.keypoint_files.content import Content, Entry, ImageId, is_list_of_objects

_PEOPLE = ("people", "bodies")
_POINTS = ("pose_keypoints_2d", "pose_keypoints", "joints")  # "pose_keypoints" before OpenPose 1.3, "joints": AlphaPose


def read(content: Any) -> Content | None:
    """The people of ``people[].pose_keypoints_2d``, in one object, a list of frames, or objects by image name.

    Raises:
        ValueError: ``people`` is not a list of objects.
    """
    if isinstance(content, dict):
        if any(key in content for key in _PEOPLE):
            return Content(_people(content, ()))
        if content and all(isinstance(value, dict) and _has_people(value) for value in content.values()):
            return Content([entry for name, value in content.items() for entry in _people(value, (name,))])
    if is_list_of_objects(content) and all(_has_people(frame) for frame in content):
        numbered = len(content) > 1
        return Content([e for i, frame in enumerate(content) for e in _people(frame, (i,) if numbered else ())])
    return None


def _has_people(frame: Mapping[str, Any]) -> bool:
    return any(isinstance(frame.get(key), list) for key in _PEOPLE)


def _people(frame: Mapping[str, Any], image: tuple[ImageId, ...]) -> list[Entry]:
    people = next((frame[key] for key in _PEOPLE if key in frame), None)
    if not isinstance(people, list) or not all(person is None or isinstance(person, dict) for person in people):
        raise ValueError("people must be a list of objects with pose_keypoints_2d, as written by OpenPose")
    canvas = _canvas(frame)
    return [
        Entry(
            next((person[key] for key in _POINTS if person.get(key)), None),
            image=image,
            size=canvas,
            hands=(person.get("hand_left_keypoints_2d"), person.get("hand_right_keypoints_2d")),
        )
        for person in people
        if person is not None
    ]


def _canvas(frame: Mapping[str, Any]) -> tuple[float, float] | None:
    """The size of ControlNet's picture, which may be smaller than the image."""
    size = frame.get("canvas_width"), frame.get("canvas_height")
    if size == (None, None):
        return None
    for side in size:
        if not isinstance(side, int | float) or not 0 < side < 1e6:
            raise ValueError(f"canvas_width and canvas_height must be pixels, not {size[0]} and {size[1]}")
    return float(size[0]), float(size[1])  # type: ignore[arg-type]  # checked
