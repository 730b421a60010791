"""JSON of mmpose's inferencer and demos: keypoints in rows of x, y with separate scores, for one image or by frames."""

from __future__ import annotations

from typing import Any

from fitting.inputs.keypoint_files.content import Content, Entry, ImageId, entry_of, is_list_of_objects

_WRAPPERS = ("instance_info", "predictions")


def read(content: Any) -> Content | None:
    """The people of instances, of frames with ``instances``, or of lists of instances (one for each image).

    Raises:
        ValueError: an instance is not an object.
    """
    if isinstance(content, dict):
        content = next((content[key] for key in _WRAPPERS if isinstance(content.get(key), list)), content)
    if is_list_of_objects(content):
        if all("instances" in frame for frame in content):
            return _frames([(frame.get("frame_id", i), frame["instances"]) for i, frame in enumerate(content)])
        if any("keypoint_scores" in person for person in content):
            return Content([entry_of(person) for person in content])
    if isinstance(content, list) and content and all(is_list_of_objects(frame) or frame == [] for frame in content):
        return _frames(list(enumerate(content)))
    return None


def _frames(frames: list[tuple[Any, Any]]) -> Content:
    entries: list[Entry] = []
    for number, instances in frames:
        if not isinstance(instances, list) or not all(isinstance(person, dict) for person in instances):
            raise ValueError("instances must be a list of objects with keypoints, as written by mmpose")
        image: tuple[ImageId, ...] = (number,) if len(frames) > 1 and isinstance(number, str | int) else ()
        entries += [entry_of(person, image) for person in instances]
    return Content(entries)
