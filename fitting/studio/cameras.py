"""The cameras of browser tabs: closely at a hand, or at the whole body."""

from __future__ import annotations

import numpy as np
import viser

from fitting.studio.files import View
from fitting.studio.parts import FINGERS_OF, HANDS
from fitting.studio.standing import Point, Standing
from qposer.hands.smplh import BODY_END

CAMERA, LOOK_AT, FIELD_OF_VIEW = (0.9, 1.4, 3.5), (0.2, 0.88, 0.0), np.deg2rad(36.0)
"""Initial camera."""

_FROM_HAND = {"left_hand": np.array([0.3, 0.8, 0.6]), "right_hand": np.array([-0.3, 0.8, 0.6])}
"""Direction from a hand to the camera in the axes of the T-pose: from above the back of the hand and the thumb's side,
where neither the fingers nor, usually, the body hide the fingertips."""

_DISTANCE = 0.42
"""Metres from a hand to the camera."""


def look_at(client: viser.ClientHandle, standing: Standing, hand: str) -> None:
    """Move the camera of a tab to a hand, or back to the whole body.

    Args:
        client: the tab.
        standing: the body in the room.
        hand: one of `HANDS`, or nothing for the whole body.
    """
    position, target = hand_view(standing, hand) if hand else body_view(standing)
    with client.atomic():
        client.camera.position = position
        client.camera.look_at = target
        client.camera.up_direction = np.array([0.0, 1.0, 0.0])


def hand_view(standing: Standing, hand: str) -> tuple[Point, Point]:
    """The camera that shows a hand closely.

    Args:
        standing: the body in the room.
        hand: one of `HANDS`.

    Returns:
        Position and target in metres.
    """
    side = HANDS.index(hand)
    tips = np.mean([standing.handles[finger] for finger in FINGERS_OF[hand]], axis=0)
    target = (tips + standing.joints[BODY_END - 2 + side]) / 2
    direction = standing.wrists[side] @ _FROM_HAND[hand]
    return target + _DISTANCE * direction / np.linalg.norm(direction), target


def body_view(standing: Standing) -> tuple[Point, Point]:
    """Position and target of the initial camera, moved along with the body."""
    moved = standing.pelvis * np.array([1.0, 0.0, 1.0])
    return CAMERA + moved, LOOK_AT + moved


def view_of(client: viser.ClientHandle) -> View:
    """The camera of a tab."""
    camera = client.camera
    return View(camera.wxyz, camera.position, camera.fov, camera.image_width, camera.image_height)
