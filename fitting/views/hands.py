"""Keypoints of hands of matched people."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from fitting.hands.fit import HandsInView
from fitting.inputs.camera import Camera
from fitting.inputs.keypoints import Keypoints
from fitting.terms.view_reprojection import ViewKeypoints
from fitting.views.matching import MatchedPerson


def hands_in_views(
    views: Sequence[Keypoints | None], matched: Sequence[MatchedPerson], cameras: ViewKeypoints
) -> list[HandsInView]:
    """Keypoints of the hands of matched people, with left and right as in the bodies.

    Args:
        views: undistorted keypoints.
        matched: people matched across views.
        cameras: the cameras, in the axes of the fit.

    Returns:
        One entry for each view with hands.
    """
    found = []
    for view, seen in enumerate(views):
        if seen is None or seen.hands is None:
            continue
        person = np.array([one.person[view] for one in matched])
        hands = seen.hands[np.maximum(person, 0).tolist()].exchanged(np.array([one.exchanged[view] for one in matched]))
        shown = dataclasses.replace(hands, confidence=hands.confidence * (person >= 0)[:, None, None])
        camera = Camera(cameras.focal[view].expand(len(person)), cameras.centre[view].expand(len(person), 2))
        found.append(HandsInView(shown, camera, cameras.rotation[view], cameras.translation[view]))
    return found
