"""Hands of initial bodies."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from fitting.body.body import Body
from fitting.body.files import OPEN_BODY
from fitting.hands.template import TemplateHands
from qposer.hands.pairs import as_right_hands, mirror


@dataclass(frozen=True)
class StartHands:
    """Poses of hands, relative to the resting hands of a body model."""

    pose: Float[Tensor, "people 30 3 3"]
    found: Bool[Tensor, "people 2"]
    """Which hands have a pose."""
    body: str
    """Name of the body model; any other than the open body's stands for one whose template has flat hands."""

    def __getitem__(self, people: Int[Tensor, " chosen"]) -> StartHands:
        """A selection of people; indices may repeat."""
        return replace(self, pose=self.pose[people], found=self.found[people])

    def exchanged(self, people: Bool[Tensor, " people"]) -> StartHands:
        """The hands with left and right exchanged for a part of the people.

        Args:
            people: mask of these people.

        Returns:
            All people.
        """
        pose = torch.where(people[:, None, None, None], mirror(self.pose), self.pose)
        return replace(self, pose=pose, found=torch.where(people[:, None], self.found.flip(1), self.found))

    def on(self, body: Body, betas: Float[Tensor, "people shapes"]) -> StartHands:
        """The hands relative to the rest of another body.

        Args:
            body: a body with fingers.
            betas: shape coefficients.

        Returns:
            Hands whose bones point as these hands' do.
        """
        if self.body == body.name:
            return self
        if OPEN_BODY not in (self.body, body.name):
            return self
        flat = flat_hands(self.pose, self.body)
        return StartHands(TemplateHands.of(body, betas).to_body(flat), self.found, body.name)


def flat_hands(
    pose: Float[Tensor, "poses 30 3 3"], body: str, betas: Float[Tensor, "#poses shapes"] | None = None
) -> Float[Tensor, "poses 2 15 3 3"]:
    """Poses of flat right hands of poses relative to the resting hands of a body model.

    Args:
        pose: both hands, the left one first.
        body: name of the body model; any other than the open body's stands for one whose template has flat hands.
        betas: shape of the open body; default: the mean.

    Returns:
        Rotations relative to the parents; left hands are mirrored.
    """
    if body != OPEN_BODY:
        return as_right_hands(pose)
    source = Body.open(hands=True).to(pose.device, pose.dtype)
    return TemplateHands.of(source, pose.new_zeros(1, source.num_betas) if betas is None else betas).from_body(pose)
