"""Dragging: the targets that pulled handles set, and the body that follows them."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from fitting.studio.fingers import Fingers
from fitting.studio.parts import FINGERTIPS, HANDS, of_body, side_of, spoken
from fitting.studio.session import Pose, Session
from fitting.studio.standing import HANDLES, Mannequin, Point, Standing
from qposer import CodePrior
from qposer.control.inverse_kinematics import solve_ik

FARTHEST = 20.0
"""Longest distance, in metres, that a handle can be pulled."""

SHORT, FINGER_SHORT = 0.02, 0.005
"""Distance of a handle, and of a fingertip, from the target in metres, above which a shortfall is reported."""

SETTLING, SETTLED, SMALLER_STEPS = 3, 0.005, 6
"""Maximum number of extra solves when a drag ends; improvement, in metres, that justifies one; steps of a second
try."""


@dataclass
class Drag:
    """A drag, from the first grabbed handle to the last released one."""

    start: Standing
    """The body before."""
    pins: Collection[str]
    """Handles that stay in place unless they are pulled."""
    held: dict[str, Point] = field(default_factory=dict)
    """Displacement of each pulled handle, including released ones."""
    hands_on: set[str] = field(default_factory=set)
    """Handles that are held now."""

    def pull(self, handle: str, by: Point) -> None:
        """Pull a handle by a displacement from its start position.

        Args:
            handle: name of the handle.
            by: displacement in metres, in room axes.

        Raises:
            ValueError: the displacement is not finite or has the wrong shape.
        """
        if by.shape != (3,) or not np.isfinite(by).all():
            raise ValueError(f"the {spoken(handle)} cannot be pulled to an invalid position")
        distance = math.dist(by, (0, 0, 0))
        self.held[handle] = by * min(1.0, FARTHEST / max(distance, FARTHEST))

    @property
    def pelvis(self) -> Point:
        """Position of the pelvis; it moves only if it is pulled."""
        return self.start.pelvis + self.held.get("pelvis", 0.0)

    @property
    def pulled(self) -> dict[str, Point]:
        """Positions to which handles are pulled that are held now."""
        return {name: self.start.handles[name] + self.held.get(name, 0.0) for name in self.hands_on}

    def finger_targets(self, share: float = 1.0) -> dict[str, Float[Tensor, "3"]]:
        """Targets of fingertips after a fraction ``share`` of the displacement, metres from the wrist in its frame."""
        return {
            name: torch.from_numpy(self.start.in_wrist(name, self.start.handles[name] + share * by)).float()
            for name, by in self.held.items()
            if name in FINGERTIPS
        }

    def targets(self, share: float = 1.0) -> dict[str, list[float]]:
        """Targets of points of the body, in metres from the pelvis, after a fraction ``share`` of the displacement."""
        pelvis = self.start.pelvis + share * (self.pelvis - self.start.pelvis)
        pulled = {name: share * by for name, by in self.held.items() if name in HANDLES and name != "pelvis"}
        if "pelvis" in self.held:
            held_still = set(self.pins)
        else:  # limbs that are not pulled stay without a target
            held_still = {name for name in self.pins if any(_limb(name) == _limb(other) for other in pulled)}
        wanted = {HANDLES[name].joint: by for name, by in pulled.items()}
        for name in held_still - pulled.keys():
            wanted |= dict.fromkeys((HANDLES[name].joint, *HANDLES[name].footing), np.zeros(3))
        return {name: (self.start.points[name] + by - pelvis).tolist() for name, by in wanted.items()}


class Drags:
    """Drags of a session's current pose: the body follows the handles; releasing the last one creates a new pose."""

    def __init__(self, prior: CodePrior, mannequin: Mannequin, session: Session, fingers: Fingers) -> None:
        self.pins: set[str] = {"left_foot", "right_foot"}
        self.locks: set[str] = set()
        """Parts that a drag leaves unchanged."""
        self.drag: Drag | None = None
        self._prior = prior
        self._mannequin = mannequin
        self._session = session
        self._fingers = fingers
        self._so_far: Pose | None = None
        self._short: dict[str, float] = {}

    @property
    def shown(self) -> Pose:
        """The session's current pose, or its state during a drag."""
        return self._so_far or self._session.current

    def standing(self) -> Standing:
        """The shown body, in the room."""
        pelvis = self.drag.pelvis if self.drag else None
        return self._mannequin.stand(self.shown.posture, self.shown.place, pelvis, self.shown.hand_pose)

    def grab(self, handle: str) -> str:
        """Grab a handle."""
        if self.drag is None:
            self.drag = Drag(self.standing(), frozenset(self.pins))
        self.drag.hands_on.add(handle)
        return f"Dragging the {spoken(handle)}."

    def pull(self, handle: str, by: Point) -> str:
        """Pull a held handle, and report targets that are not reached.

        Args:
            handle: name of the handle.
            by: displacement from its start position in metres, in room axes.

        Returns:
            The message for the panel.

        Raises:
            ValueError: the displacement is invalid, or everything that could follow is locked.
        """
        if self.drag is None or handle not in self.drag.hands_on:
            return ""
        before = dict(self.drag.held)
        self.drag.pull(handle, by)
        try:
            self._follow()
        except BaseException:
            self.drag.held = before
            raise
        return self._shortfall() or f"Dragging the {spoken(handle)}."

    def release(self, handle: str) -> str:
        """Release a handle; after the last one the pose becomes current, with its lowest point on the ground."""
        if self.drag is None or handle not in self.drag.hands_on:
            return ""
        self.drag.hands_on.remove(handle)
        if self.drag.hands_on:
            return ""
        try:
            self._settle()
        finally:
            message = self.finish()
        return message

    def finish(self) -> str:
        """End a running drag: its pose becomes the current one."""
        if self.drag is None:
            return ""
        moved, short, dragged = sorted(self.drag.held), self._shortfall(), self.shown
        self.drag, self._so_far, self._short = None, None, {}
        if not moved:
            return ""
        names = " and ".join(spoken(name) for name in moved)
        self._session.put(dragged._replace(origin=f"{names} dragged"))
        return short or f"{names[0].upper()}{names[1:]} moved."

    def toggle_pin(self, handle: str) -> str:
        """Pin a handle in place, or unpin it."""
        if handle == "pelvis":
            return "The pelvis needs no pin: it only moves when you drag it."
        if handle in FINGERTIPS:
            return f"The {spoken(handle)} needs no pin: fingers only move when you drag them."
        self.pins ^= {handle}
        stays = handle in self.pins
        return f"The {spoken(handle)} {'stays where it is' if stays else 'follows'} while you drag others."

    def _follow(self, share: float = 1.0) -> None:
        """Solve for a body that follows the handles, or a fraction of their displacement."""
        assert self.drag is not None
        pose, short = self.shown, dict[str, float]()
        posture, energy, hand_pose = pose.posture, pose.energy, pose.hand_pose
        if targets := self.drag.targets(share):
            solution = solve_ik(posture, targets, sorted(of_body([*self.locks])), prior=self._prior)
            posture, energy, short = solution.posture, solution.energy, dict(solution.distance)
        if fingers := self.drag.finger_targets(share):
            for name in fingers:
                if (hand := HANDS[side_of(name)]) in self.locks:
                    raise ValueError(f"the {spoken(hand)} is held: release it under Hold to drag its fingers")
            hand_pose, distances = self._fingers.reach(hand_pose, fingers)
            short |= distances
        self._short, place = short, (float(self.drag.pelvis[0]), float(self.drag.pelvis[2]))
        self._so_far = Pose(posture, "", energy, place, hand_pose)

    def _settle(self) -> None:
        """Refine after the pointer stops: solve further, or again in smaller steps."""
        for _ in range(SETTLING):
            before = self._worst
            if before > SETTLED:
                self._follow()
            if self._worst > before - SETTLED:
                break
        if self._worst <= SHORT:
            return
        ended, worst, closer = (self._so_far, self._short), self._worst, False
        self._so_far = None
        try:
            for step in range(SMALLER_STEPS):
                self._follow((step + 1) / SMALLER_STEPS)
            closer = self._worst < worst - SETTLED
        finally:
            if not closer:
                self._so_far, self._short = ended

    @property
    def _worst(self) -> float:
        return max(self._short.values(), default=0.0)

    def _shortfall(self) -> str:
        if self.drag is None:
            return ""
        points = {h: HANDLES[h].joint if h in HANDLES else h for h in self.drag.held if h != "pelvis"}
        far = {handle: self._short.get(point, 0.0) for handle, point in points.items()}
        worst = max(far, key=far.__getitem__, default="")
        if not worst or far[worst] <= (FINGER_SHORT if worst in FINGERTIPS else SHORT):
            return ""
        missing = f"{100 * far[worst]:.1f} cm" if worst in FINGERTIPS else f"{far[worst]:.2f} m"
        return f"The {spoken(worst)} reaches as far as it can: it is {missing} short."


def _limb(handle: str) -> str:
    """The limb that moves a handle; arms and head share the spine."""
    side, _, part = handle.partition("_")
    return f"{side}_leg" if part in ("foot", "knee") else "upper body"
