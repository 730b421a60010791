import torch

from qposer.body_pose.rotations import axis_angle_to_matrix
from qposer.training.discriminator import Discriminator, adversarial_losses


def poses(number, spread, seed):
    turns = spread * torch.randn(number, 21, 3, generator=torch.Generator().manual_seed(seed))
    return axis_angle_to_matrix(turns)


def test_adversarial_losses_update_separate_networks():
    torch.manual_seed(0)
    discriminator = Discriminator(width=8, body_width=16)
    fake = poses(4, 0.5, 1).requires_grad_()
    decoder, own = adversarial_losses(discriminator, poses(6, 0.1, 0), fake)
    decoder.backward()
    assert fake.grad is not None
    assert all(parameter.grad is None for parameter in discriminator.parameters())
    fake.grad = None
    own.backward()
    assert fake.grad is None
    assert all(parameter.grad is not None for parameter in discriminator.parameters())


def test_it_learns_to_distinguish_small_turns_from_large_ones():
    torch.manual_seed(0)
    discriminator = Discriminator(width=8, body_width=32)
    optimizer = torch.optim.Adam(discriminator.parameters(), lr=3e-3)
    for step in range(200):
        _, own = adversarial_losses(discriminator, poses(32, 0.1, step), poses(32, 0.6, 1000 + step))
        optimizer.zero_grad()
        own.backward()
        optimizer.step()
    with torch.no_grad():
        real, fake = discriminator(poses(64, 0.1, 5000)), discriminator(poses(64, 0.6, 6000))
    assert real[:, -1].mean() > fake[:, -1].mean() + 0.5
    assert real[:, :-1].mean() > fake[:, :-1].mean() + 0.3
