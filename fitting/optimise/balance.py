"""How far a body is out of balance: people who do not move keep their centre of mass above their feet."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from qposer.body_pose.skeleton import JOINT_NAMES

_SIDES = ("left", "right")
_LIMBS = (
    ("hip", "knee", 0.142, 0.41),
    ("knee", "ankle", 0.043, 0.44),
    ("ankle", "foot", 0.014, 0.5),
    ("shoulder", "elbow", 0.027, 0.58),
    ("elbow", "wrist", 0.022, 0.6),
)
_SEGMENTS: tuple[tuple[str, str, float, float], ...] = (
    ("pelvis", "neck", 0.435, 0.55),
    ("neck", "head", 0.069, 1.0),
    *((f"{side}_{a}", f"{side}_{b}", mass, centre) for side in _SIDES for a, b, mass, centre in _LIMBS),
)
"""Segments between two joints: the share in the body's mass, and the centre, from the first joint (0) to the second
(1). De Leva, Journal of Biomechanics 29, 1996, means of women and men, rounded; hands belong to the forearms."""


def _shares() -> Float[Tensor, " joints"]:
    shares = torch.zeros(22)
    for first, second, mass, centre in _SEGMENTS:
        shares[JOINT_NAMES.index(first)] += mass * (1 - centre)
        shares[JOINT_NAMES.index(second)] += mass * centre
    return shares / shares.sum()


_SHARES = _shares()


def off_balance(joints: Float[Tensor, "bodies 22 3"], up: Float[Tensor, "bodies 3"]) -> Float[Tensor, " bodies"]:
    """Horizontal distance of the centre of mass from the line between the feet.

    Args:
        joints: in camera axes, metres.
        up: upwards, unit vectors in the same axes.

    Returns:
        Metres.
    """
    centre = torch.einsum("j,bjc->bc", _SHARES.to(joints), joints)
    left, right = (
        joints[:, [JOINT_NAMES.index(f"{side}_ankle"), JOINT_NAMES.index(f"{side}_foot")]].mean(1) for side in _SIDES
    )
    centre, left, right = (point - (point * up).sum(-1, keepdim=True) * up for point in (centre, left, right))
    across = right - left
    part = ((centre - left) * across).sum(-1) / across.square().sum(-1).clamp(min=1e-6)
    nearest = left + part.clamp(0, 1)[:, None] * across
    distance: Tensor = torch.linalg.vector_norm(centre - nearest, dim=-1)
    return distance
