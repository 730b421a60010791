"""A judge of coherence: it tells poses from mixtures of the parts of several poses."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from qposer.kinematics import body_joints
from qposer.rotations import matrix_to_6d
from qposer.skeleton import NUM_BODY_JOINTS, REST_JOINTS

FEATURES = NUM_BODY_JOINTS * 9 + 3


class Judge(nn.Module):
    """The logarithm of the odds that a pose was put together from parts of several.

    Trained on poses against mixtures of them, it tends to the logarithm of how much rarer the parts are together than
    by chance (noise-contrastive estimation, Gutmann and Hyvarinen, AISTATS 2010): what a pose's parts are by themselves
    does not count, which a density cannot leave out. In training, features are hidden and blurred at random, or it
    would learn the poses on record by heart.
    """

    rest_joints: Tensor
    mean: Tensor
    scale: Tensor

    def __init__(self, width: int = 512, hidden: float = 0.7, blur: float = 0.3) -> None:
        super().__init__()
        self.hidden, self.blur = hidden, blur
        self.register_buffer("rest_joints", torch.from_numpy(REST_JOINTS), persistent=False)
        self.register_buffer("mean", torch.zeros(FEATURES))
        self.register_buffer("scale", torch.ones(FEATURES))
        layers: list[nn.Module] = []
        for inputs in (FEATURES, width, width):
            layers += [nn.Linear(inputs, width), nn.SiLU(), nn.Dropout(0.5)]
        self.layers = nn.Sequential(*layers, nn.Linear(width, 1))

    def forward(self, rotations: Float[Tensor, "*batch 21 3 3"]) -> Float[Tensor, "*batch"]:
        """Judge poses by the rotations and the positions of their joints."""
        features = (self.features(rotations) - self.mean) / self.scale
        if self.training:
            rates = torch.rand(2, *features.shape[:-1], 1, device=features.device)
            features = features + self.blur * rates[0] * torch.randn_like(features)
            features = features * (torch.rand_like(features) > self.hidden * rates[1])
        return self.layers(features).squeeze(-1)

    def features(self, rotations: Float[Tensor, "*batch 21 3 3"]) -> Float[Tensor, "*batch features"]:
        """What is seen of a pose, before it is standardised."""
        joints = body_joints(rotations, self.rest_joints)
        return torch.cat([matrix_to_6d(rotations).flatten(-2), joints.flatten(-2)], dim=-1)

    @torch.no_grad()
    def fit_features(self, rotations: Float[Tensor, "poses 21 3 3"]) -> None:
        """Take mean and spread of the features from training poses."""
        features = self.features(rotations)
        self.mean.copy_(features.mean(0))
        self.scale.copy_(features.std(0) + 0.01)
