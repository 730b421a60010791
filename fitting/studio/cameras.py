"""The cameras of browser tabs: closely at a hand, or at the whole body."""

from __future__ import annotations

import numpy as np
import viser
from jaxtyping import Float

from fitting.studio.files import View
from fitting.studio.parts import FINGERS_OF, HANDS
from fitting.studio.standing import FINGERTIP_RADIUS, Mannequin, Point, Standing
from qposer.hands.smplh import BODY_END

CAMERA, LOOK_AT, FIELD_OF_VIEW = (0.9, 1.4, 3.5), (0.2, 0.88, 0.0), np.deg2rad(36.0)
"""Initial camera."""

_FROM_HAND = np.array(
    [
        [0.3, 0.8, 0.6],  # the back of the hand and the thumb's side
        [0.3, -0.8, 0.6],  # the palm and the thumb's side
        [0.5, 0.0, 0.9],
        [0.9, 0.4, 0.3],  # the fingers' ends
        [0.9, -0.5, 0.2],
        [0.3, -0.8, -0.4],  # the palm and the little finger's side
        [0.3, 0.8, -0.4],
    ]
)
"""Directions from a left hand to the camera in the axes of the T-pose, the first of those with most fingertips in sight
is used."""

_DISTANCE = 0.55
"""Metres from a hand to the camera."""

_CLEARANCE = 0.15
"""Least distance of the camera from the body and from the ground, metres."""


def look_at(client: viser.ClientHandle, mannequin: Mannequin, standing: Standing, hand: str) -> None:
    """Move the camera of a tab to a hand, or back to the whole body.

    Args:
        client: the tab.
        mannequin: provides the faces.
        standing: the body in the room.
        hand: one of `HANDS`, or nothing for the whole body.
    """
    position, target = hand_view(mannequin, standing, hand) if hand else body_view(standing)
    with client.atomic():
        client.camera.position = position
        client.camera.look_at = target
        client.camera.up_direction = np.array([0.0, 1.0, 0.0])


def hand_view(mannequin: Mannequin, standing: Standing, hand: str) -> tuple[Point, Point]:
    """The camera that shows a hand closely.

    Args:
        mannequin: provides the faces.
        standing: the body in the room.
        hand: one of `HANDS`.

    Returns:
        Position and target in metres.
    """
    side = HANDS.index(hand)
    tips = np.array([standing.handles[finger] for finger in FINGERS_OF[hand]])
    target = (tips.mean(axis=0) + standing.joints[BODY_END - 2 + side]) / 2
    directions = _FROM_HAND * [-1.0 if side else 1.0, 1.0, 1.0] @ standing.wrists[side].T
    positions = target + _DISTANCE * directions / np.linalg.norm(directions, axis=1, keepdims=True)
    triangles = standing.vertices[mannequin.faces]
    seen = []
    for position in positions:
        room = min(position[1], np.linalg.norm(standing.vertices - position, axis=1).min())
        seen.append(sum(_in_sight(position, tip, triangles) for tip in tips) if room > _CLEARANCE else -1)
    return positions[int(np.argmax(seen))], target


def _in_sight(position: Point, tip: Point, triangles: Float[np.ndarray, "faces 3 3"]) -> bool:
    """Whether no triangle is between a position and the ball at a fingertip (Moller and Trumbore, JGT 1997)."""
    ray, (corner, second, third) = tip - position, np.moveaxis(triangles, 1, 0)
    edge, other, away = second - corner, third - corner, position - corner
    normal = np.cross(ray, other)
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = 1 / (edge * normal).sum(-1)
        across = np.cross(away, edge)
        u, v, along = ((a * b).sum(-1) * scale for a, b in ((away, normal), (across, ray), (other, across)))
    before = 1 - FINGERTIP_RADIUS / np.linalg.norm(ray)
    return not ((u >= 0) & (v >= 0) & (u + v <= 1) & (along > 0) & (along < before)).any()


def body_view(standing: Standing) -> tuple[Point, Point]:
    """Position and target of the initial camera, moved along with the body."""
    moved = standing.pelvis * np.array([1.0, 0.0, 1.0])
    return CAMERA + moved, LOOK_AT + moved


def view_of(client: viser.ClientHandle) -> View:
    """The camera of a tab."""
    camera = client.camera
    return View(camera.wxyz, camera.position, camera.fov, camera.image_width, camera.image_height)
