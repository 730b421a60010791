"""Initial hands from positions of landmarks, in closed form."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from qposer.body_pose.rotations import nearest_rotation
from qposer.hands.angles import rotations_of
from qposer.hands.lifting import angles_of_bones
from qposer.hands.skeleton import LANDMARKS

PALM = (0, 1, 4, 7, 10, 13)
"""Points of the skeleton that move with the palm: the wrist, and the first joint of each finger."""


def hand_from_landmarks(
    rest: Float[Tensor, "hands 21 3"], landmarks: Float[Tensor, "hands 21 3"]
) -> tuple[Float[Tensor, "hands 3 3"], Float[Tensor, "hands 15 3 3"]]:
    """Rotations of right hands whose bones point as the landmarks do, within the ranges of the joints.

    The palm is aligned by least squares (Umeyama, IEEE TPAMI 1991).

    Args:
        rest: points of the flat hands, in the skeleton's order, metres.
        landmarks: positions in MediaPipe's order, in any unit.

    Returns:
        Rotations of the wrists, and of the joints relative to their parents.
    """
    points = landmarks[:, torch.tensor(LANDMARKS).argsort()]
    flat, seen = (part[:, PALM] - part[:, PALM].mean(1, keepdim=True) for part in (rest, points))
    orient = nearest_rotation(seen.mT @ flat)
    return orient, rotations_of(angles_of_bones(points, orient))
