"""Mean depth error of MediaPipe's positions in metres."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from fitting.inputs.keypoints import FORMATS

_METRES = {
    "nose eye_inner eye eye_outer ear mouth": -0.08,
    "shoulder elbow wrist pinky index thumb": -0.02,
    "hip knee": 0.0,
    "ankle heel foot_index": 0.12,
}


def without_depth_bias(world: Float[np.ndarray, "33 3"]) -> Float[np.ndarray, "33 3"]:
    """Positions of MediaPipe's keypoints without their mean error in depth.

    MediaPipe's people lean: compared with four calibrated views of a man, and in photos of standing people, heads are
    too close to the camera and feet too far, whichever way people face (docs/notes/landmarks.md).

    Args:
        world: metres relative to the midpoint of the hips, in camera axes (x right, y down, z forward).
    """
    return world - np.outer(DEPTH_BIAS, (0.0, 0.0, 1.0))


def _by_keypoint() -> Float[np.ndarray, " joints"]:
    metres = {kind: bias for kinds, bias in _METRES.items() for kind in kinds.split()}
    return np.array([metres[name.removeprefix("left_").removeprefix("right_")] for name in FORMATS["mediapipe"].names])


DEPTH_BIAS = _by_keypoint()
"""Excess depth of each MediaPipe keypoint in metres, relative to the hips."""
