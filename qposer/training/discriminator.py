"""Discriminator between real poses and decoded random combinations of codes."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.func import functional_call

from qposer.body_pose.articulation import BODY, Articulation
from qposer.body_pose.rotations import matrix_to_6d
from qposer.prior.glif import JointLinear


class Discriminator(nn.Module):
    """One score for each joint's rotation, and one for the whole body (HMR, Kanazawa et al., CVPR 2018, section 3.2).

    Joint scores depend on the joint's rotation, the body's score on all rotations and joint positions.
    """

    def __init__(self, width: int = 32, body_width: int = 256, articulation: Articulation = BODY) -> None:
        super().__init__()
        self.articulation = articulation
        joints = articulation.joints
        self.joint = nn.Sequential(
            JointLinear(joints, 6, width),
            nn.LeakyReLU(0.2),
            JointLinear(joints, width, width),
            nn.LeakyReLU(0.2),
            JointLinear(joints, width, 1),
        )
        self.body = nn.Sequential(
            nn.Linear(joints * 6 + len(articulation.parents) * 3, body_width),
            nn.LeakyReLU(0.2),
            nn.Linear(body_width, body_width),
            nn.LeakyReLU(0.2),
            nn.Linear(body_width, 1),
        )

    def forward(self, rotations: Float[Tensor, "batch joints 3 3"]) -> Float[Tensor, "batch scores"]:
        """Scores of the joints and then of the body: near 1 for real poses, near 0 for fake ones."""
        sixd = matrix_to_6d(rotations)
        points = self.articulation.points(rotations)
        whole = torch.cat([sixd.flatten(1), points.flatten(1)], dim=-1)
        return torch.cat([self.joint(sixd).squeeze(-1), self.body(whole)], dim=-1)


def adversarial_losses(
    discriminator: Discriminator, real: Float[Tensor, "batch joints 3 3"], fake: Float[Tensor, "fakes joints 3 3"]
) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
    """Adversarial losses of decoder and discriminator (least squares, Mao et al., ICCV 2017, eq. 9).

    Neither loss has a gradient for the other network, so one backward pass of their sum updates both.

    Args:
        discriminator: the discriminator.
        real: recorded poses.
        fake: decoded poses.

    Returns:
        The decoder's loss and the discriminator's.
    """
    frozen = {name: value.detach() for name, value in discriminator.named_parameters()}
    decoder = _joints_and_body((functional_call(discriminator, frozen, (fake,)) - 1).square())
    seen_real, seen_fake = discriminator(torch.cat([real, fake.detach()])).split([len(real), len(fake)])
    return decoder, _joints_and_body((seen_real - 1).square()) + _joints_and_body(seen_fake.square())


def _joints_and_body(scores: Float[Tensor, "batch scores"]) -> Float[Tensor, ""]:
    """Mean over the joints plus the body's value: all joints together have the same weight as the body."""
    return scores[:, :-1].mean() + scores[:, -1].mean()
