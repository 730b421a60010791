"""The energy of the code prior: implausibility of poses, from several features."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from qposer.body_pose.poses import as_matrices
from qposer.evaluation.metrics import mpjpe
from qposer.prior.classifiers import any_of
from qposer.prior.code_prior_network import CLUES, CodePriorNetwork
from qposer.prior.model import QPoser

CALIBRATION_POSES = 4000
"""Number of poses of each source used to scale the energy."""

ENERGY_WEIGHTS = (1.0, 1.0, 0.7, 2.0, 0.1)
"""Weights of the features, each shifted and scaled to median 0 and 95th percentile 1 over recorded poses of several
sources."""


class PoseEnergy:
    """0 for the median of recorded poses, 1 for their 95th percentile."""

    def __init__(self, model: QPoser, network: CodePriorNetwork) -> None:
        self.model, self.network = model, network

    def of_poses(self, body_pose: Tensor) -> Float[Tensor, " *batch"]:
        """Energy of poses, from all features."""
        return self._calibrated(self._features_of_poses(body_pose)[0])

    def of_latents(self, latents: Float[Tensor, "*batch joints heads dim"]) -> Float[Tensor, " *batch"]:
        """Energy of latents, from all features except the quantisation error."""
        return self._calibrated(self._energy_terms(latents, self.model.decode_latents(latents)))

    @torch.no_grad()
    def calibrate(self, sources: Sequence[Float[Tensor, "_ joints 3"]]) -> None:
        """Set the scales of each feature and of their sum, for poses and for codes.

        Args:
            sources: recorded poses, axis-angle in radians; all sources have equal weight. The median of all gets 0 and
                their 95th percentile 1.
        """
        chosen = [torch.linspace(0, len(poses) - 1, CALIBRATION_POSES).long() for poses in sources]
        pooled = torch.cat([poses[indices] for poses, indices in zip(sources, chosen, strict=True)])
        calibration = self.network.calibration
        calibration.copy_(torch.tensor([0.0, 1.0]))
        energy_terms, codes = self._features_of_poses(pooled)
        calibration[:CLUES] = _middle_and_spread(energy_terms)
        calibration[CLUES] = _middle_and_spread(self.of_latents(self.model.latents_of(codes)).unsqueeze(-1))[0]
        calibration[CLUES + 1] = _middle_and_spread(self._calibrated(energy_terms).unsqueeze(-1))[0]

    def _features_of_poses(
        self, body_pose: Tensor
    ) -> tuple[Float[Tensor, "*batch 5"], Int[Tensor, "*batch joints heads"]]:
        """All features of poses, and their codes."""
        articulation = self.model.articulation
        matrices = as_matrices(body_pose, articulation).to(self.network.mean)
        latents = self.model.latents(matrices)
        codes = self.model.encode_latents(latents)
        gap = mpjpe(articulation.points(self.model.decode(codes)), articulation.points(matrices))
        missed = (gap / self.network.config.gap_unit).log1p().unsqueeze(-1)
        return torch.cat([self._energy_terms(latents, matrices), missed], dim=-1), codes

    def _energy_terms(
        self, latents: Float[Tensor, "*batch joints heads dim"], rotations: Float[Tensor, "*batch joints 3 3"]
    ) -> Float[Tensor, "*batch 4"]:
        denoising_errors = self.network.denoising_errors(self.network.standardise(latents))
        judged = self.network.judge(rotations), any_of(self.network.joint_judge(rotations))
        return torch.cat([denoising_errors, torch.stack(judged, dim=-1)], dim=-1)

    def _calibrated(self, energy_terms: Float[Tensor, "*batch features"]) -> Float[Tensor, " *batch"]:
        """Weighted sum of the scaled features, shifted and scaled."""
        count = energy_terms.shape[-1]
        middle, spread = self.network.calibration[:count].unbind(-1)
        total = ((energy_terms - middle) / spread * energy_terms.new_tensor(ENERGY_WEIGHTS[:count])).sum(-1)
        middle, spread = self.network.calibration[CLUES + (count == CLUES)].unbind(-1)
        return (total - middle) / spread


def _middle_and_spread(values: Float[Tensor, "poses numbers"]) -> Float[Tensor, "numbers 2"]:
    """The median, and the distance from it to the 95th percentile."""
    middle, high = values.quantile(torch.tensor([0.5, 0.95]).to(values), dim=0)
    return torch.stack([middle, high - middle], dim=-1)
