"""What MediaPipe's positions in metres are off by in depth, on average."""

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

    MediaPipe's people lean: against four calibrated views of a man, and on photos of people who stand, heads are too
    near and feet too far from the camera, whichever way people face (docs/notes/landmarks.md).

    Args:
        world: metres relative to the middle of the hips, with the camera's axes (x right, y down, z away).
    """
    return world - np.outer(DEPTH_BIAS, (0.0, 0.0, 1.0))


def _by_keypoint() -> Float[np.ndarray, " joints"]:
    metres = {kind: bias for kinds, bias in _METRES.items() for kind in kinds.split()}
    return np.array([metres[name.removeprefix("left_").removeprefix("right_")] for name in FORMATS["mediapipe"].names])


DEPTH_BIAS = _by_keypoint()
"""Metres that MediaPipe puts each keypoint too far from the camera, relative to the hips."""
