"""The body in the scene: standing on the ground of a room, with handles."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from fitting.body.body import Body
from fitting.studio.parts import FINGERTIPS, side_of
from qposer.body_pose.posed_skeleton import OrientedPose, PosedSkeleton
from qposer.body_pose.skeleton import JOINT_NAMES, NUM_BODY_JOINTS, NUM_JOINTS
from qposer.hands.smplh import BODY_END, SIDES

Point = Float[np.ndarray, "3"]
"""Metres in the room: x to the body's left, y up from the ground, z to the front."""


class Handle(NamedTuple):
    """A point of the body that can be dragged."""

    joint: str
    radius: float
    """Radius of the ball that shows it, in metres."""
    lift: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Offset from the unrotated joint to the ball's centre in metres, because joints lie inside the body."""
    footing: tuple[str, ...] = ()
    """Other points of the body that stay in place while the handle is pinned."""


HANDLES: dict[str, Handle] = {
    "left_hand": Handle("left_hand", 0.045),
    "right_hand": Handle("right_hand", 0.045),
    "left_foot": Handle("left_foot", 0.05, footing=("left_heel",)),
    "right_foot": Handle("right_foot", 0.05, footing=("right_heel",)),
    "head": Handle("head", 0.05, (0.0, 0.2, 0.0)),
    "left_elbow": Handle("left_elbow", 0.05),
    "right_elbow": Handle("right_elbow", 0.05),
    "left_knee": Handle("left_knee", 0.055, (0.0, 0.0, 0.035)),
    "right_knee": Handle("right_knee", 0.055, (0.0, 0.0, 0.035)),
    "pelvis": Handle("pelvis", 0.055, (0.0, 0.04, 0.12)),
}
"""Handles by the names of the targets that they move."""

FINGERTIP_RADIUS = 0.007
"""Radius of the balls at fingertips, in metres."""


class Standing(NamedTuple):
    """A body in the room, in metres."""

    vertices: Float[np.ndarray, "vertices 3"]
    joints: Float[np.ndarray, "24 3"]
    handles: dict[str, Point]
    """Positions of the balls, including those of the fingertips."""
    points: dict[str, Point]
    """Positions of the points that the handles move or pin."""
    wrists: Float[np.ndarray, "2 3 3"]
    """Rotations of the left and the right wrist relative to the T-pose."""

    def in_wrist(self, finger: str, place: Point) -> Point:
        """A point of the room in the frame of a finger's wrist, which has the axes of the T-pose.

        Args:
            finger: name of the finger.
            place: the point.

        Returns:
            Metres from the wrist.
        """
        side = side_of(finger)
        local: np.ndarray = self.wrists[side].T @ (place - self.joints[BODY_END - 2 + side])
        return local

    @property
    def pelvis(self) -> Point:
        """Position of the pelvis."""
        pelvis: np.ndarray = self.joints[0]
        return pelvis


class Mannequin:
    """A body of mean shape, with fingers, that can be posed."""

    def __init__(self, body: Body) -> None:
        self.body = body
        self.faces: Int[np.ndarray, "faces 3"] = body.faces.numpy()
        self._owner = body.data.weights.argmax(axis=1)
        rest = body(torch.zeros(1, 3), torch.zeros(1, NUM_BODY_JOINTS, 3)).joints[0]
        self.rest_pelvis: Point = rest[0].numpy()

    @torch.no_grad()
    def stand(
        self,
        posture: OrientedPose,
        place: tuple[float, float] = (0.0, 0.0),
        pelvis: Point | None = None,
        hand_pose: Float[Tensor, "30 3 3"] | None = None,
    ) -> Standing:
        """The posed body, with its lowest point on the ground or its pelvis at a given position.

        Args:
            posture: oriented pose of one body.
            place: x and z of the pelvis; ignored if ``pelvis`` is given.
            pelvis: position of the pelvis, not necessarily on the ground.
            hand_pose: rotations of the fingers; default: at rest.

        Returns:
            Vertices and joints in the room.
        """
        root, body_pose = posture.global_orient[None], posture.body_pose[None]
        fingers = None if hand_pose is None else hand_pose[None]
        output = self.body(root, body_pose, hand_pose=fingers)
        landmarks = self.body.hand_landmarks(root, body_pose, hand_pose=fingers)[0].flatten(0, 1).numpy()
        vertices, joints = output.vertices[0].numpy(), output.joints[0, :BODY_END].numpy()
        if pelvis is None:
            pelvis = np.array([place[0], joints[0, 1] - vertices[:, 1].min(), place[1]])
        moved = (pelvis - joints[0]).astype(np.float32)
        figure = PosedSkeleton.of(posture)
        joints = np.concatenate([joints + moved, figure.points[BODY_END:NUM_JOINTS].numpy() + pelvis])
        names = {name for handle in HANDLES.values() for name in (handle.joint, *handle.footing)}
        points = {name: figure.point(name).numpy() + pelvis for name in names}
        balls = _balls(figure, joints) | {name: landmarks[number] + moved for name, number in FINGERTIPS.items()}
        wrists = np.stack([figure.world_rotation(f"{side}_wrist").numpy() for side in SIDES])
        return Standing(vertices + moved, joints, balls, points, wrists)

    def faces_of(self, joints: list[int]) -> Bool[np.ndarray, " faces"]:
        """Faces that belong to the given joints, of the 51 without the pelvis."""
        found: np.ndarray = np.isin(self._owner, [1 + joint for joint in joints])[self.faces].sum(axis=1) >= 2
        return found


def _balls(figure: PosedSkeleton, joints: Float[np.ndarray, "24 3"]) -> dict[str, Point]:
    balls = {}
    for name, handle in HANDLES.items():
        lift = figure.world_rotation(handle.joint).numpy() @ np.array(handle.lift, dtype=np.float32)
        balls[name] = joints[JOINT_NAMES.index(handle.joint)] + lift
    return balls
