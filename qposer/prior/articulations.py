"""The articulations that priors exist for."""

from __future__ import annotations

from qposer.body_pose.articulation import BODY, Articulation
from qposer.hands.skeleton import HAND

ARTICULATIONS = {articulation.joints: articulation for articulation in (BODY, HAND)}


def articulation_of(joints: int) -> Articulation:
    """The articulation with a number of joints, which names it in files of weights.

    Raises:
        ValueError: there is none.
    """
    if joints not in ARTICULATIONS:
        known = ", ".join(f"{number} (a {each.name})" for number, each in ARTICULATIONS.items())
        raise ValueError(f"there is no pose of {joints} joints: the numbers are {known}")
    return ARTICULATIONS[joints]
