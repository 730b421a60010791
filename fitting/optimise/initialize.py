"""Initialisation: the regressor's bodies, aligned with the keypoints."""

from __future__ import annotations

from functools import lru_cache

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from fitting.body.body import Body
from fitting.inputs.camera import Camera
from fitting.inputs.keypoints import FORMATS, FormatName, Keypoints
from fitting.optimise.placement import place
from fitting.optimise.pose_space import PoseSpace
from fitting.optimise.problem import Estimate, Problem
from fitting.optimise.regressor import Regressor, line_of_sight
from fitting.optimise.shape_prior import ShapePrior
from fitting.optimise.start import Start, given_start
from qposer.body_pose.skeleton import JOINT_NAMES, NUM_BODY_JOINTS, PARENTS

TORSO_WEIGHT = 10.0
"""Factor on the torso's weights in the initial alignment, because limbs and face move more."""

UNSEEN_INIT_WEIGHT = 10.0
"""Factor on the weight of the predicted pose for joints that move no visible keypoint."""


@torch.no_grad()
def initialize(
    body: Body,
    space: PoseSpace,
    regressor: Regressor,
    keypoints: Keypoints,
    camera: Camera,
    start: Start | None = None,
    known_height: float | None = None,
    shape: ShapePrior | None = None,
) -> tuple[Problem, Estimate]:
    """The problem, and the regressor's bodies, aligned with the keypoints in closed form.

    Args:
        body: body model to fit.
        space: pose space.
        regressor: predicts orientation and pose.
        keypoints: keypoints of at least one person.
        camera: one for each person.
        start: initial bodies instead of the regressor's.
        known_height: height of all people in metres; default: that of the mean shape.
        shape: what is known of the shape of all people.

    Returns:
        The problem and the initial estimate.
    """
    confidence = torch.from_numpy(keypoints.confidence * keypoints.seen).to(camera.focal)
    xy = torch.from_numpy(keypoints.xy).to(camera.focal)
    xy = torch.where(confidence[..., None] > 0, xy, 0.0)  # unseen keypoints may be far enough away to overflow
    weight = confidence.square()
    weight[:, list(FORMATS[keypoints.format].torso)] *= TORSO_WEIGHT

    orient, guess = regressor.predict_with_flip(xy, confidence, keypoints.format, camera)
    betas = xy.new_zeros(len(xy), body.num_betas)
    if known_height is not None:
        mean, gradient = height_of_shape(body)
        betas = betas + gradient * (known_height - mean) / gradient.square().sum()
        shape = shape and shape.at_height(known_height, mean.item(), gradient.cpu().double().numpy())
    if shape is not None:
        betas = betas.new_tensor(shape.mean).expand_as(betas)
    if start is not None:
        start = given_start(body, start, orient, xy, weight, keypoints.format, camera)
        guess = start.body_pose
        orient = orient if start.orient is None else start.orient
        betas = betas if start.betas is None else start.betas
    numbers = space.encode(guess)
    landmarks, joints, _ = body.posed_landmarks(orient, space.decode(numbers), betas, format=keypoints.format)
    root = joints[:, 0]
    roll, transl, _ = place(landmarks - root[:, None], xy, weight, camera)
    estimate = Estimate(roll @ orient, transl - root, betas, numbers, xy.new_zeros(len(xy), NUM_BODY_JOINTS, 3))
    sizes = stature(body, betas[:1] if start is None or start.betas is None else betas)
    problem = Problem(
        xy,
        confidence,
        keypoints.format,
        camera,
        height=camera.focal * sizes / transl[:, 2],
        guess=guess,
        init_weight=joint_weights(body, confidence, keypoints.format),
        prior_scale=torch.ones_like(transl[:, 2]),
        noise_floor=keypoints.noise_floor,
        depths=None if keypoints.world is None else _depths(keypoints, xy, confidence, camera) * _size(body, betas),
        start=start,
        shape=shape,
        groups=body.data.groups,
    )
    return problem, estimate


def _depths(
    keypoints: Keypoints,
    xy: Float[Tensor, "people joints 2"],
    confidence: Float[Tensor, "people joints"],
    camera: Camera,
) -> Float[Tensor, "people joints"]:
    """Depths of a detector's positions in metres, which it estimates as if the person stood at the image centre."""
    world = torch.from_numpy(keypoints.world).to(xy)
    seen = (confidence > 0).to(xy)[..., None]
    centre = (seen * xy).sum(1) / seen.sum(1)
    return (world @ line_of_sight(centre, camera).mT)[..., 2]


def _size(body: Body, betas: Float[Tensor, "people shapes"]) -> Float[Tensor, "#people 1"]:
    """Height of people relative to adults; in a detector's metres everybody is an adult."""
    if body.data.groups is None:
        return betas.new_ones(1, 1)
    adult = torch.from_numpy(body.data.groups.means[-1:]).to(betas)
    return (stature(body, betas) / stature(body, adult))[:, None]


def joint_weights(
    body: Body, confidence: Float[Tensor, "people joints"], format: FormatName
) -> Float[Tensor, "people 21"]:
    """Weights of the predicted pose: higher at joints that move no visible keypoint.

    Args:
        body: body model with the landmarks.
        confidence: zero where a keypoint is unseen.
        format: keypoint format.

    Returns:
        One weight for each joint.
    """
    observed = confidence.square() @ moved_by_joints(body, format).to(confidence)
    return torch.where(observed < 0.5, UNSEEN_INIT_WEIGHT, 1.0)


def guessed_joints(weights: Float[Tensor, "21"]) -> tuple[str, ...]:
    """Joints whose position no visible keypoint determines: their parents have the `joint_weights` of unseen
    rotations."""
    unseen = [False, *(weight > 1 for weight in weights.tolist())]
    return tuple(JOINT_NAMES[joint] for joint in range(1, len(unseen)) if unseen[PARENTS[joint]])


@lru_cache(maxsize=4)
def moved_by_joints(body: Body, format: FormatName) -> Bool[Tensor, "landmarks 21"]:
    """Landmarks that move by more than 5 cm per radian when a joint of the T-pose rotates about any axis.

    Args:
        body: body model with the landmarks.
        format: keypoint format.

    Returns:
        True where a joint moves a landmark.
    """
    turns = 0.1 * torch.eye(3 * NUM_BODY_JOINTS).unflatten(1, (NUM_BODY_JOINTS, 3)).to(body.identity)
    turned = body.landmarks(turns.new_zeros(len(turns), 3), turns, format=format)
    rest = body.landmarks(turns.new_zeros(1, 3), torch.zeros_like(turns[:1]), format=format)
    moved = torch.linalg.vector_norm(turned - rest, dim=-1).unflatten(0, (NUM_BODY_JOINTS, 3)).amax(1)
    free: Tensor = moved.T > 0.005
    return free


def stature(body: Body, betas: Float[Tensor, "people shapes"]) -> Float[Tensor, " people"]:
    """Standing height in metres.

    Args:
        body: body model of these shapes.
        betas: shape coefficients.

    Returns:
        Metres, in the T-pose.
    """
    up = body.rest_vertices(betas)[..., 1]
    stature: Tensor = up.amax(-1) - up.amin(-1)
    return stature


def height_of_shape(body: Body) -> tuple[Float[Tensor, ""], Float[Tensor, " shapes"]]:
    """Standing height as a linear function of the shape: height of the mean shape, and metres per component.

    Args:
        body: body model of these shapes.

    Returns:
        The mean shape's height and the gradient.
    """
    shapes = torch.eye(body.num_betas, dtype=body.identity.dtype, device=body.identity.device)
    heights = stature(body, torch.cat([torch.zeros_like(shapes[:1]), shapes, -shapes]))
    up, down = heights[1:].split(body.num_betas)
    return heights[0], (up - down) / 2
