"""Pose classifiers: one detects mixtures of several poses' parts, the other detects perturbed joints."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from qposer.body_pose.articulation import BODY, Articulation
from qposer.body_pose.rotations import matrix_to_6d
from qposer.prior.glif import GLIFStack


class _Classifier(nn.Module):
    """Input of the classifiers: standardised rotations and positions of the joints.

    In training, features are masked and perturbed at random, with different strength for each pose, against
    overfitting.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, hidden: float, blur: float, articulation: Articulation) -> None:
        super().__init__()
        self.hidden, self.blur, self.articulation = hidden, blur, articulation
        features = articulation.joints * 6 + len(articulation.parents) * 3
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("scale", torch.ones(features))

    def features(self, rotations: Float[Tensor, "*batch joints 3 3"]) -> Float[Tensor, "*batch features"]:
        """Features of a pose before standardisation."""
        points = self.articulation.points(rotations)
        return torch.cat([matrix_to_6d(rotations).flatten(-2), points.flatten(-2)], dim=-1)

    def seen(self, rotations: Float[Tensor, "*batch joints 3 3"]) -> Float[Tensor, "*batch features"]:
        """Standardised features, in training with noise and masking."""
        features = (self.features(rotations) - self.mean) / self.scale
        if self.training:
            rates = torch.rand(2, *features.shape[:-1], 1, device=features.device)
            features = features + self.blur * rates[0] * torch.randn_like(features)
            features = features * (torch.rand_like(features) > self.hidden * rates[1])
        return features

    @torch.no_grad()
    def fit_features(self, rotations: Float[Tensor, "poses joints 3 3"]) -> None:
        """Set mean and standard deviation of the features from training poses."""
        features = self.features(rotations)
        self.mean.copy_(features.mean(0))
        self.scale.copy_(features.std(0) + 0.01)


class CoherenceClassifier(_Classifier):
    """Log odds that a pose was combined from parts of several poses.

    Trained on poses against mixtures of them, it approaches the log ratio of the product of the parts' densities to
    their joint density (noise-contrastive estimation, Gutmann and Hyvarinen, AISTATS 2010). Unlike a density, it does
    not depend on how common each part is.
    """

    def __init__(
        self, width: int = 512, hidden: float = 0.7, blur: float = 0.3, articulation: Articulation = BODY
    ) -> None:
        super().__init__(hidden, blur, articulation)
        layers: list[nn.Module] = []
        for inputs in (len(self.mean), width, width):
            layers += [nn.Linear(inputs, width), nn.SiLU(), nn.Dropout(0.5)]
        self.layers = nn.Sequential(*layers, nn.Linear(width, 1))

    def forward(self, rotations: Float[Tensor, "*batch joints 3 3"]) -> Float[Tensor, " *batch"]:
        """Classify poses by the rotations and positions of their joints."""
        return self.classify(self.seen(rotations))

    def classify(self, seen: Float[Tensor, "*batch features"]) -> Float[Tensor, " *batch"]:
        """Classify poses by their standardised features."""
        score: Tensor = self.layers(seen).squeeze(-1)
        return score


class PerJointDetector(_Classifier):
    """Log odds for each joint that its rotation was perturbed, given the other joints.

    Trained on poses with a few perturbed joints, similar to replaced-token detection (ELECTRA, Clark et al., ICLR
    2020). Features stay at their joints, with a small global feature; of the networks tried, this one generalised best
    to perturbations of other people's poses.
    """

    def __init__(
        self,
        width: int = 64,
        depth: int = 2,
        hidden: float = 0.3,
        blur: float = 0.1,
        articulation: Articulation = BODY,
    ) -> None:
        super().__init__(hidden, blur, articulation)
        self.stack = GLIFStack(articulation.joints, 12, 1, width, depth, global_tokens=4, attention_heads=4)

    def forward(self, rotations: Float[Tensor, "*batch joints 3 3"]) -> Float[Tensor, "*batch joints"]:
        """Classify joints by their rotations, positions, and parents' positions."""
        return self.classify(self.seen(rotations))

    def classify(self, seen: Float[Tensor, "*batch features"]) -> Float[Tensor, "*batch joints"]:
        """Classify joints by the standardised features of a pose."""
        joints, parents = self.articulation.joints, self.articulation.parents
        turns, places = seen.tensor_split([joints * 6], dim=-1)
        places = places.unflatten(-1, (len(parents), 3))
        own, above = places[..., 1 : joints + 1, :], places[..., parents[1 : joints + 1], :]
        local = torch.cat([turns.unflatten(-1, (-1, 6)), own, above], dim=-1)
        scores: Tensor = self.stack(local.reshape(-1, joints, 12)).reshape((*seen.shape[:-1], joints))
        return scores


def any_of(logits: Float[Tensor, "*batch joints"]) -> Float[Tensor, " *batch"]:
    """One logit of a pose from those of its joints, dominated by the highest."""
    return logits.logsumexp(-1)
