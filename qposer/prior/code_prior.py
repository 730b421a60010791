"""The code prior: a learned prior over the codes of a QPoser.

It works on the codes' latents, standardised over the training poses, so that single codes, mixtures of codes (relaxed
ones) and noisy latents are points of one space. A denoiser predicts clean latents from noisy ones. It provides the
gradient for fits (score distillation: the gradient of a squared distance to the denoiser's prediction, taken as a
constant), and it generates samples and completions. Classifiers detect mixtures of several poses' parts and perturbed
joints. All of them contribute to the energy.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from pathlib import Path

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from qposer.body_pose.poses import as_matrices, check_known_joints, in_kind_of
from qposer.io.assets import asset
from qposer.io.weights import load_module, read_note
from qposer.prior.code_prior_network import FORMAT, CodePriorConfig, CodePriorNetwork
from qposer.prior.diffusion import SIGMA_MAX, SIGMA_MIN, dpm_solver, karras_sigmas
from qposer.prior.energy import PoseEnergy
from qposer.prior.medoids import pose_medoids
from qposer.prior.model import QPoser
from qposer.prior.seeding import generator_of, normal_noise

TRAINED_ON = "trained_on"
"""Name of the note in a file with the fingerprint of the QPoser whose latents were learned."""

SAMPLING_STEPS = 32

CANDIDATES = 10
"""Completions sampled for each requested one, if several are requested, to select representative ones."""


class CodePrior:
    """A prior over a QPoser's codes: energy, score distillation, samples and completions.

    Attributes:
        model: the QPoser of these codes.
        network: the learned part, which is saved in files.
        articulation: the joints of the poses.
    """

    def __init__(self, model: QPoser, network: CodePriorNetwork) -> None:
        """Combine a QPoser and the network trained on its latents.

        Raises:
            ValueError: their sizes do not match.
        """
        joints, heads, code_dim = model.config.latent_shape
        known = network.config.joints, network.config.latent_dim
        if known != (joints, heads * code_dim):
            raise ValueError(
                f"the code prior has {known[0]} x {known[1]} latents, but the model has {joints} x "
                f"{heads * code_dim}: use two that were trained together"
            )
        self.model, self.network, self.articulation = model, network, model.articulation
        self._energy = PoseEnergy(model, network)

    @classmethod
    def from_pretrained(
        cls, path: str | Path | None = None, model: QPoser | None = None, device: str | torch.device = "cpu"
    ) -> CodePrior:
        """Load the shipped weights, or those of ``path``, in evaluation mode, for the shipped QPoser or ``model``.

        A given model is moved to ``device``.

        Args:
            path: a file written by `CodePrior.save`; default: the shipped one.
            model: the autoencoder of the prior's latents; default: the shipped one.
            device: device of both.

        Returns:
            The prior with frozen weights.

        Raises:
            FileNotFoundError: the file does not exist.
            ValueError: the file is not a code prior, its weights do not match its configuration, or it belongs to
                another QPoser.
        """
        file = path or asset("codeprior.safetensors")
        prior = cls(model or QPoser.from_pretrained(), load_module(file, CodePriorNetwork, CodePriorConfig, FORMAT))
        if read_note(file, TRAINED_ON) != prior.model.fingerprint():
            raise ValueError(f"{file} is the code prior of another QPoser: use two that were trained together")
        return prior.to(device)

    def save(self, path: str | Path, **notes: str) -> None:
        """Write the network, notes, and the fingerprint of its QPoser.

        Args:
            path: the file to write.
            notes: strings stored in the file with the weights.
        """
        self.network.save(path, **notes, **{TRAINED_ON: self.model.fingerprint()})

    def to(self, device: str | torch.device | torch.dtype) -> CodePrior:
        """Move model and network to a device or precision."""
        self.model.to(device)
        self.network.to(device)
        return self

    def standard_latents(self, rotations: Float[Tensor, "*batch joints 3 3"]) -> Float[Tensor, "*batch joints latent"]:
        """Latents of poses in the denoiser's format: standardised, heads joined."""
        return self.network.standardise(self.model.latents(rotations))

    def energy(self, body_pose: Tensor) -> Float[Tensor, " *batch"]:
        """Implausibility of poses: 0 for the median of recorded poses, 1 for the 95th percentile; differentiable.

        It depends on the latents and on the quantisation error of the pose, so that an impossible pose with plausible
        codes has a high energy.

        Args:
            body_pose: ``(..., 21, 3)`` axis-angle or ``(..., 21, 3, 3)`` rotation matrices.

        Returns:
            One number for each pose.

        Raises:
            ValueError: the input is not a pose, or not finite.
        """
        if isinstance(body_pose, Tensor) and not body_pose.is_floating_point():
            raise ValueError(f"a pose must be floating point, not {body_pose.dtype}: use energy_of_codes for codes")
        return self._energy.of_poses(body_pose)

    def energy_of_codes(self, codes: Int[Tensor, "*batch joints heads"]) -> Float[Tensor, " *batch"]:
        """Energy of codes, on the same scale.

        Args:
            codes: integers.

        Returns:
            One number for each pose.

        Raises:
            ValueError: these are not codes of the model.
        """
        return self._energy.of_latents(self.model.latents_of(codes))

    def energy_of_logits(self, logits: Float[Tensor, "*batch joints heads codes"]) -> Float[Tensor, " *batch"]:
        """Energy of mixtures (softmax) of codes, on the same scale; differentiable.

        Args:
            logits: logits over the codes of each head.

        Returns:
            One number for each pose.

        Raises:
            ValueError: the logits have a wrong shape, or are not finite.
        """
        return self._energy.of_latents(self.model.latents_of_logits(logits))

    def energy_of_latents(self, latents: Float[Tensor, "*batch joints heads dim"]) -> Float[Tensor, " *batch"]:
        """Energy of latents: of codes, mixtures of codes, or the encoder's output."""
        return self._energy.of_latents(latents)

    def calibrate(self, sources: Sequence[Float[Tensor, "_ joints 3"]]) -> None:
        """Set the scales of the energy.

        Args:
            sources: recorded poses, axis-angle in radians; all sources have equal weight. The median of all gets 0 and
                their 95th percentile 1.
        """
        self._energy.calibrate(sources)

    def pull(
        self,
        latents: Float[Tensor, "*batch joints heads dim"],
        noise_level: float | Float[Tensor, "*#batch joints"],
        generator: torch.Generator,
    ) -> Float[Tensor, " *batch"]:
        """Half the mean squared distance to the denoiser's prediction; its gradient is the prior's score.

        Args:
            latents: current latents; of single codes, relaxed ones or any.
            noise_level: standard deviation, in standardised units, of the added noise, for all joints or for each. High
                levels affect the pose as a whole, low ones its details.
            generator: random generator of the noise, which is the same for the whole batch.

        Returns:
            One number for each pose, unitless.

        Raises:
            ValueError: a noise level is not a finite number above 0.
        """
        levels = torch.as_tensor(noise_level)
        if not bool(((levels > 0) & levels.isfinite()).all()):
            raise ValueError(f"noise levels must be finite and above 0: found {levels.min()} to {levels.max()}")
        standard = self.network.standardise(latents)
        noise = normal_noise(self.network.mean.shape, self.network.mean, generator)
        target = self.network.denoised(standard, levels, noise)
        pull: Tensor = 0.5 * (standard - target).square().mean((-1, -2))
        return pull

    def sample(
        self, n: int, temperature: float = 1.0, *, seed: int = 0, generator: torch.Generator | None = None
    ) -> Float[Tensor, "n joints 3 3"]:
        """Sample poses, decoded from codes.

        Args:
            n: number of poses.
            temperature: 1 for the variety of the training poses; lower for more common poses.
            seed: random seed.
            generator: random generator instead of the seed.

        Returns:
            Rotation matrices of the body joints, relative to the parents.

        Raises:
            ValueError: ``n`` is below 1 or the temperature below 0.
        """
        _check_draw(n, temperature)
        spread = temperature * self.network.config.dispersion * SIGMA_MAX
        noise = spread * _noise(n, self.network.mean, seed, generator)
        drawn = dpm_solver(self.network.denoiser, noise, karras_sigmas(SAMPLING_STEPS))
        return self.model.decode(self._codes(drawn))

    def complete(
        self,
        body_pose: Tensor,
        known_joints: Bool[Tensor, " joints"],
        n: int = 1,
        temperature: float = 0.7,
        *,
        seed: int = 1,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Complete poses: predict unknown joints.

        Args:
            body_pose: ``(..., 21, 3)`` or ``(..., 21, 3, 3)``; values at unknown joints are ignored.
            known_joints: true where the pose is known; such joints keep their rotations.
            n: number of completions of each pose. Several are medoids of clusters of many samples, the largest cluster
                first.
            temperature: 1 for the full variety; lower for more common completions. 0.7 was best on validation.
            seed: random seed; must differ from the seed of a sampled pose, which would be reproduced.
            generator: random generator instead of the seed.

        Returns:
            ``(n, ...)`` poses in the given representation.

        Raises:
            ValueError: the pose is invalid, the mask is empty or full, ``n`` is below 1, or the temperature below 0.
        """
        check_known_joints(known_joints, self.articulation.joints)
        _check_draw(n, temperature)
        known = known_joints.to(self.network.mean.device)
        matrices = self._neutral_where_unknown(body_pose, known)
        standard = self.standard_latents(matrices)
        noise = temperature * SIGMA_MAX * _noise(n if n == 1 else CANDIDATES * n, standard, seed, generator)
        drawn = self._denoised_around(body_pose, matrices, standard, noise, karras_sigmas(SAMPLING_STEPS), known)
        return drawn if n == 1 else pose_medoids(drawn, n, self.articulation)

    def resample(
        self,
        body_pose: Tensor,
        joints: list[int],
        amount: float,
        n: int = 1,
        *,
        seed: int = 0,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Resample some joints near their current rotations; the other joints keep their rotations.

        Args:
            body_pose: ``(..., 21, 3)`` or ``(..., 21, 3, 3)``.
            joints: indices among the joints of a pose.
            amount: from 0 (almost only quantisation) to 1 (as if the joints were unknown).
            n: number of variants of each pose.
            seed: random seed.
            generator: random generator instead of the seed.

        Returns:
            ``(n, ...)`` poses in the given representation.

        Raises:
            ValueError: the pose is invalid, the amount is not from 0 to 1, or ``n`` is below 1.
        """
        if n < 1 or not 0 <= amount <= 1:
            raise ValueError(f"n must be at least 1 and the amount from 0 to 1, not {n} and {amount}")
        known = torch.ones(self.articulation.joints, dtype=torch.bool, device=self.network.mean.device)
        known[joints] = False
        matrices = as_matrices(body_pose, self.articulation).to(self.network.mean)
        standard = self.standard_latents(matrices)
        highest = SIGMA_MIN * (SIGMA_MAX / SIGMA_MIN) ** amount
        levels = karras_sigmas(SAMPLING_STEPS)
        levels = torch.cat([levels.new_tensor([highest]), levels[levels < 0.99 * highest]])
        noisy = standard + highest * _noise(n, standard, seed, generator)
        return self._denoised_around(body_pose, matrices, standard, noisy, levels, known)

    def _codes(self, standard: Float[Tensor, "*batch joints latent"]) -> Int[Tensor, "*batch joints heads"]:
        latents = self.network.unstandardise(standard)
        return self.model.encode_latents(latents.unflatten(-1, self.model.config.latent_shape[1:]))

    def _neutral_where_unknown(
        self, body_pose: Tensor, known: Bool[Tensor, " joints"]
    ) -> Float[Tensor, "*batch joints 3 3"]:
        """The poses as matrices, with the mean pose at unknown joints."""
        neutral = in_kind_of(body_pose, self.model.decode(self._codes(torch.zeros_like(self.network.mean))))
        if body_pose.shape[-neutral.dim() :] == neutral.shape and body_pose.is_floating_point():
            shown = known.reshape(-1, *(1,) * (neutral.dim() - 1))
            body_pose = torch.where(shown, body_pose.to(known.device), neutral)
        return as_matrices(body_pose, self.articulation).to(self.network.mean)

    def _denoised_around(
        self,
        body_pose: Tensor,
        matrices: Float[Tensor, "*batch joints 3 3"],
        standard: Float[Tensor, "*batch joints latent"],
        noisy: Float[Tensor, "n *batch joints latent"],
        levels: Float[Tensor, " steps"],
        known: Bool[Tensor, " joints"],
    ) -> Tensor:
        """Denoise and decode the unknown joints, and keep the given known joints."""
        noisy = torch.where(known[:, None], standard, noisy)
        decoded = self.model.decode(self._codes(dpm_solver(self.network.denoiser, noisy, levels, known)))
        return in_kind_of(body_pose, torch.where(known[:, None, None], matrices, decoded))


@functools.cache
def default_prior() -> CodePrior:
    """The shipped prior, loaded once per process; the default of functions that take a prior."""
    return CodePrior.from_pretrained()


def _check_draw(n: int, temperature: float) -> None:
    if n < 1 or not 0 <= temperature < math.inf:
        raise ValueError(f"n must be at least 1 and the temperature finite and not negative, not {n} and {temperature}")


def _noise(n: int, like: Tensor, seed: int, generator: torch.Generator | None) -> Float[Tensor, " n *shape"]:
    return normal_noise((n, *like.shape), like, generator_of(seed, generator))
