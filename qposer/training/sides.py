"""Joints and axes of both sides of the body, symmetric about its median plane."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from qposer.body_pose.skeleton import JOINT_NAMES

REFLECTION = torch.tensor([1.0, -1.0, -1.0])
"""What a mirror does to axis-angle vectors."""


def sided_joints(*kinds: str) -> Int[Tensor, "kinds 2"]:
    """Numbers of the left and the right joint of each kind (``knee``); the pelvis counts."""
    return torch.tensor([[JOINT_NAMES.index(f"{side}_{kind}") for side in ("left", "right")] for kind in kinds])


def sided_axes(*left: Sequence[float]) -> Float[Tensor, "kinds 2 3"]:
    """Unit axes on the left and their mirror images on the right: equal turns about both are symmetric."""
    axis = torch.nn.functional.normalize(torch.tensor(left), dim=-1)
    return torch.stack([axis, axis * REFLECTION], dim=1)


HINGES = sided_joints("knee", "elbow")
FLEXION_AXES = sided_axes((1.0, 0.0, 0.0), (0.0, -1.0, 0.0))
"""Positive turns of the hinges about these flex them: forearms of the T-pose go forward."""
SIDEWAYS_AXES = sided_axes((0.0, 0.0, 1.0), (0.0, 0.0, 1.0))
"""Across bone and flexion axis of the hinges."""
