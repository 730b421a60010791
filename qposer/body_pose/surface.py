"""A few skin points instead of the whole mesh, cheap enough for a loss."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from qposer.body_pose.kinematics import forward_kinematics
from qposer.body_pose.skeleton import NUM_BODY_JOINTS, NUM_JOINTS, PARENTS, REST_JOINTS
from qposer.io.assets import asset
from qposer.io.npz import read_npz

MOVING_JOINTS = NUM_BODY_JOINTS + 1  # the two hand joints come last and never rotate


class Surface(nn.Module):
    """Points on the skin of a mean body under linear blend skinning; the root upright at the origin, hands at rest.

    Skinning is one product: a point is the weighted sum, over joints, of ``R_j (rest point - rest joint) + p_j``, which
    is linear in the rotations and positions of the joints.

    Attributes:
        vertices: indices of the points among the body's vertices.
    """

    vertices: Int[Tensor, " points"]
    rest_joints: Float[Tensor, "22 3"]
    skin: Float[Tensor, "88 points"]

    def __init__(
        self, vertices: Int[np.ndarray, " points"], template: Float[np.ndarray, "points 3"], weights: np.ndarray
    ) -> None:
        super().__init__()
        moving = weights[:, :MOVING_JOINTS].astype(np.float32)
        for hand in range(MOVING_JOINTS, NUM_JOINTS):
            moving[:, PARENTS[hand]] += weights[:, hand]
        rest = REST_JOINTS[:MOVING_JOINTS] - REST_JOINTS[0]
        offsets = (template - REST_JOINTS[0])[:, None] - rest
        lever = np.concatenate([offsets, np.ones_like(offsets[..., :1])], axis=-1) * moving[..., None]
        self.register_buffer("vertices", torch.from_numpy(vertices), persistent=False)
        self.register_buffer("rest_joints", torch.from_numpy(rest), persistent=False)
        self.register_buffer("skin", torch.from_numpy(lever.reshape(len(vertices), -1).T.copy()), persistent=False)

    @classmethod
    def open(cls, points: int = 256) -> Surface:
        """Evenly spread vertices of the open body, the same at every call.

        Raises:
            ValueError: the body has fewer vertices.
        """
        body = read_npz(asset("body.npz"), ("v_template", "weight_joints", "weights"))
        template = body["v_template"]
        if not 0 < points <= len(template):
            raise ValueError(f"points must be from 1 to the body's {len(template)} vertices, not {points}")
        chosen = farthest_points(template, points)
        weights = np.zeros((points, NUM_JOINTS), np.float32)
        np.put_along_axis(weights, body["weight_joints"][chosen].astype(np.int64), body["weights"][chosen], axis=1)
        return cls(chosen, template[chosen], weights)

    def forward(self, body_pose: Float[Tensor, "*batch 21 3 3"]) -> Float[Tensor, "*batch points 3"]:
        """Positions of the points in metres."""
        return self.points_and_joints(body_pose)[0]

    def points_and_joints(
        self, body_pose: Float[Tensor, "*batch 21 3 3"]
    ) -> tuple[Float[Tensor, "*batch points 3"], Float[Tensor, "*batch 22 3"]]:
        """The points, and the result of ``qposer.body_pose.kinematics.body_joints``, at no extra cost."""
        root = torch.eye(3, dtype=body_pose.dtype, device=body_pose.device).expand(*body_pose.shape[:-3], 1, 3, 3)
        world, joints = forward_kinematics(torch.cat([root, body_pose], dim=-3), self.rest_joints)
        motion = torch.cat([world, joints.unsqueeze(-1)], dim=-1)
        return (motion.transpose(-2, -3).flatten(-2) @ self.skin).transpose(-1, -2), joints


def farthest_points(points: Float[np.ndarray, "all axes"], number: int) -> Int[np.ndarray, " number"]:
    """Indices of points, each the farthest from those before it; the first is the farthest from the centre.

    Farthest-point sampling (Eldar et al., IEEE TIP 1997): it covers a surface evenly without random numbers.

    Args:
        points: points in any number of dimensions.
        number: number of points to select.

    Returns:
        Indices, in the order of selection.
    """
    chosen = [int(np.linalg.norm(points - points.mean(0), axis=1).argmax())]
    distance = np.full(len(points), np.inf)
    while len(chosen) < number:
        distance = np.minimum(distance, np.square(points - points[chosen[-1]]).sum(1))
        chosen.append(int(distance.argmax()))
    return np.array(chosen)
