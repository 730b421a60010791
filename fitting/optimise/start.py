"""Initial bodies from another method."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from fitting.body.body import Body
from fitting.body.files import AGES_BODY, OPEN_BODY
from fitting.hands.start import StartHands
from fitting.inputs.camera import Camera
from fitting.inputs.keypoints import FormatName, Keypoints
from fitting.inputs.starts import ANY_BODY, StartBodies
from fitting.optimise.placement import place
from qposer.body_pose.kinematics import mirror_body_pose
from qposer.body_pose.rotations import axis_angle_to_matrix, geodesic_angle
from qposer.body_pose.skeleton import BODY_JOINT_NAMES, JOINT_NAMES

EXCHANGED = 0.7
"""Left and right of a start are swapped if that reduces the distance to the keypoints below this fraction."""

UPRIGHT, UPSIDE_DOWN = 0.5, -0.5
"""Cosines of the roll in the image plane that aligns a start with the keypoints."""

FAR = 0.25
"""Maximum mean distance of a person's body from the keypoints, as a fraction of their extent."""

LEAST_MOVED = 3.0
"""Degrees."""


@dataclass(frozen=True)
class Start:
    """Bodies in camera axes (x right, y down, z forward)."""

    body_pose: Float[Tensor, "people 21 3 3"]
    orient: Float[Tensor, "people 3 3"] | None = None
    betas: Float[Tensor, "people shapes"] | None = None
    """None if unknown or of another body model."""
    hands: StartHands | None = None

    def __getitem__(self, people: Int[Tensor, " chosen"]) -> Start:
        """A selection of people; indices may repeat."""
        known = {name: value[people] for name, value in vars(self).items() if value is not None}
        return replace(self, **known)


def given_start(
    body: Body,
    start: Start,
    predicted: Float[Tensor, "people 3 3"],
    xy: Float[Tensor, "people joints 2"],
    weight: Float[Tensor, "people joints"],
    format: FormatName,
    camera: Camera,
) -> Start:
    """The start in camera axes, with left and right consistent with the keypoints.

    Axes with y up are detected: the body is upside down unless y and z are negated.

    Args:
        body: body model to fit.
        start: the given bodies.
        predicted: orientations to use if the start has none.
        xy: keypoints in pixels.
        weight: weights of the keypoints.
        format: keypoint format.
        camera: one for each person.

    Returns:
        The start, corrected.
    """
    betas = xy.new_zeros(len(xy), body.num_betas) if start.betas is None else start.betas

    def placed(orient: Tensor, pose: Tensor) -> tuple[Tensor, Tensor]:
        landmarks, joints, _ = body.posed_landmarks(orient, pose, betas, format=format)
        roll, _, off = place(landmarks - joints[:, :1], xy, weight, camera)
        return roll[:, 0, 0], off

    orient = start.orient
    if orient is not None:
        turned = orient.new_tensor([1.0, -1.0, -1.0])[:, None] * orient
        y_up = (placed(orient, start.body_pose)[0] < UPSIDE_DOWN) & (placed(turned, start.body_pose)[0] > UPRIGHT)
        orient = torch.where(y_up[:, None, None], turned, orient)
    seen_as = predicted if orient is None else orient
    mirrored = mirror_body_pose(start.body_pose)
    exchanged = placed(seen_as, mirrored)[1] < EXCHANGED * placed(seen_as, start.body_pose)[1]
    body_pose = torch.where(exchanged[:, None, None, None], mirrored, start.body_pose)
    hands = None if start.hands is None else start.hands.exchanged(exchanged)
    return replace(start, orient=orient, body_pose=body_pose, hands=hands)


def as_start(given: StartBodies, body: Body) -> Start:
    """The start as tensors, without shapes of another body model.

    Args:
        given: the given bodies.
        body: body model to fit.

    Returns:
        The start, on the body's device.
    """
    like = body.identity

    def matrices(values: np.ndarray) -> Tensor:
        return axis_angle_to_matrix(torch.from_numpy(np.asarray(values)).to(like))

    betas = None
    if given.betas is not None and (
        given.body == body.name or (given.body == ANY_BODY and body.name not in (OPEN_BODY, AGES_BODY))
    ):
        count = min(body.num_betas, given.betas.shape[1])
        betas = like.new_zeros(len(given), body.num_betas)
        betas[:, :count] = torch.from_numpy(np.asarray(given.betas[:, :count])).to(like)
    orient = None if given.global_orient is None else matrices(given.global_orient)
    hands = None
    if given.hand_pose is not None and given.hands_found is not None:
        hands = StartHands(matrices(given.hand_pose), torch.from_numpy(given.hands_found).to(like.device), given.body)
    return Start(matrices(given.body_pose), orient, betas, hands)


@torch.no_grad()
def assigned(body: Body, start: Start, keypoints: Keypoints, camera: Camera) -> list[int]:
    """Assign the start's bodies to people by the distance of their projections (Hungarian method).

    Args:
        body: body model to fit.
        start: initial bodies.
        keypoints: keypoints of people.
        camera: one for each person.

    Returns:
        Index of a body for each person; -1 if no close one is available.
    """
    if len(keypoints) == 1 and len(start.body_pose) == 1:
        return [0]
    if start.orient is None:
        return [person if person < len(start.body_pose) else -1 for person in range(len(keypoints))]
    from scipy.optimize import linear_sum_assignment  # slow to load, and few fits need it

    people, bodies = len(keypoints), len(start.body_pose)
    every = torch.arange(people).repeat_interleave(bodies)
    pairs = torch.arange(bodies).repeat(people)
    orient, betas = start.orient[pairs], None if start.betas is None else start.betas[pairs]
    xy = torch.from_numpy(keypoints.xy).to(camera.focal)[every]
    weight = torch.from_numpy(keypoints.confidence * keypoints.seen).to(xy)[every].square()
    landmarks, joints, _ = body.posed_landmarks(orient, start.body_pose[pairs], betas, format=keypoints.format)
    off = place(landmarks - joints[:, :1], xy, weight, camera[every])[2]
    boxes = torch.from_numpy(keypoints.boxes).to(xy).unflatten(-1, (2, 2))
    size = torch.linalg.vector_norm(boxes[:, 1] - boxes[:, 0], dim=-1)
    cost = (off.unflatten(0, (people, bodies)) / size[:, None]).cpu().numpy()
    rows = [-1] * people
    for person, row in zip(*linear_sum_assignment(cost), strict=True):
        rows[int(person)] = int(row) if cost[person, row] < FAR else -1
    return rows


def moved_degrees(
    start: Start | None, orient: Float[Tensor, "people 3 3"], body_pose: Float[Tensor, "people 21 3 3"]
) -> list[dict[str, float]]:
    """Rotation of joints relative to the start.

    Args:
        start: initial bodies.
        orient: final orientations.
        body_pose: final poses.

    Returns:
        For each person, degrees by joint, largest first, without those below `LEAST_MOVED`; empty without a start.
    """
    if start is None:
        return []
    angles = geodesic_angle(start.body_pose, body_pose).rad2deg()
    names = BODY_JOINT_NAMES
    if start.orient is not None:
        angles = torch.cat([geodesic_angle(start.orient, orient).rad2deg()[:, None], angles], dim=1)
        names = (JOINT_NAMES[0], *names)
    moved = []
    for row in angles.tolist():
        found = {name: round(angle, 1) for name, angle in zip(names, row, strict=True) if angle >= LEAST_MOVED}
        moved.append(dict(sorted(found.items(), key=lambda item: -item[1])))
    return moved
