"""Joints and axes of both body sides, symmetric about the median plane."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from qposer.body_pose.skeleton import JOINT_NAMES

REFLECTION = torch.tensor([1.0, -1.0, -1.0])
"""Signs of axis-angle components under reflection."""


def sided_joints(*kinds: str) -> Int[Tensor, "kinds 2"]:
    """Indices of the left and right joint of each kind (``knee``), the pelvis being 0."""
    return torch.tensor([[JOINT_NAMES.index(f"{side}_{kind}") for side in ("left", "right")] for kind in kinds])


def sided_axes(*left: Sequence[float]) -> Float[Tensor, "kinds 2 3"]:
    """Unit axes on the left and their mirror images on the right, so that equal angles about both are symmetric."""
    axis = torch.nn.functional.normalize(torch.tensor(left), dim=-1)
    return torch.stack([axis, axis * REFLECTION], dim=1)


HINGES = sided_joints("knee", "elbow")
FLEXION_AXES = sided_axes((1.0, 0.0, 0.0), (0.0, -1.0, 0.0))
"""Flexion axes of the hinges: positive angles flex, forearms of the T-pose move forward."""
SIDEWAYS_AXES = sided_axes((0.0, 0.0, 1.0), (0.0, 0.0, 1.0))
"""Axes perpendicular to the bones and the flexion axes of the hinges."""
