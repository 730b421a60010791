"""What a pull on a handle asks of the body."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass, field

import numpy as np

from demos.pose_studio.standing import HANDLES, Point, Standing

FARTHEST = 20.0
"""Metres that a handle can be pulled."""


@dataclass
class Drag:
    """Handles that are held, from the first that is taken to the last that is let go."""

    start: Standing
    """The body before."""
    pins: Collection[str]
    """Handles that stay where they are as long as nobody pulls them."""
    held: dict[str, Point] = field(default_factory=dict)
    """How far each is pulled from where it was, those included that were let go since."""
    hands_on: set[str] = field(default_factory=set)
    """Which are held now."""

    def pull(self, handle: str, by: Point) -> None:
        """Pull a handle to a place this far from where it was at the start.

        Args:
            handle: name of the handle.
            by: metres, in the axes of the room.

        Raises:
            ValueError: it is no place.
        """
        if by.shape != (3,) or not np.isfinite(by).all():
            raise ValueError(f"the {spoken(handle)} cannot be pulled to a place that is none")
        distance = math.dist(by, (0, 0, 0))
        self.held[handle] = by * min(1.0, FARTHEST / max(distance, FARTHEST))

    @property
    def pelvis(self) -> Point:
        """Where the pelvis is: it stays, unless it is what is pulled."""
        return self.start.pelvis + self.held.get("pelvis", 0.0)

    def targets(self, share: float = 1.0) -> dict[str, list[float]]:
        """Where points of the body shall be, in metres from the pelvis; after a share of the way."""
        pelvis = self.start.pelvis + share * (self.pelvis - self.start.pelvis)
        pulled = {name: share * by for name, by in self.held.items() if name != "pelvis"}
        if "pelvis" in self.held:
            held_still = set(self.pins)
        else:  # limbs that nothing pulls stay without being told to
            held_still = {name for name in self.pins if any(_limb(name) == _limb(other) for other in pulled)}
        wanted = {HANDLES[name].joint: by for name, by in pulled.items()}
        for name in held_still - pulled.keys():
            wanted |= dict.fromkeys((HANDLES[name].joint, *HANDLES[name].footing), np.zeros(3))
        return {name: (self.start.points[name] + by - pelvis).tolist() for name, by in wanted.items()}


def _limb(handle: str) -> str:
    """What moves a handle: arms and head share the spine."""
    side, _, part = handle.partition("_")
    return f"{side}_leg" if part in ("foot", "knee") else "upper body"


def spoken(handle: str) -> str:
    """A handle's or a part's name as people say it."""
    return handle.replace("_", " ")
