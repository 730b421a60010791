"""The code prior: what knows which codes of a QPoser go together.

It works on the latents that codes stand for, standardised over the training poses, so that single codes, mixtures of
codes (relaxed ones) and noisy latents are all points of one space. Its networks share it. A denoiser, shown latents
plus noise, says where human poses near them lie: that is the pull that a fit follows (score distillation: the gradient
of a squared distance to the denoiser's answer, which is taken as a constant), and what samples and completions are
drawn with. Judges tell poses from mixtures of the parts of several, and from poses of which joints were disturbed.
All make up the energy.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from qposer.body_pose.kinematics import body_joints
from qposer.body_pose.poses import as_matrices, check_known_joints, in_kind_of
from qposer.body_pose.skeleton import NUM_BODY_JOINTS, REST_JOINTS
from qposer.evaluation.metrics import mpjpe
from qposer.io.assets import asset
from qposer.io.weights import load_module, read_note, save_module
from qposer.prior.classifiers import CoherenceClassifier, PerJointDetector, any_of
from qposer.prior.denoiser import Denoiser
from qposer.prior.diffusion import SIGMA_MAX, SIGMA_MIN, heun_sampler, karras_sigmas
from qposer.prior.medoids import medoids
from qposer.prior.model import QPoser
from qposer.prior.seeding import generator_of

FORMAT = "qposer-code-prior-3"

TRAINED_ON = "trained_on"
"""Name of the note in a file that holds the fingerprint of the QPoser whose latents were learned."""

ENERGY_LEVELS = (0.3, 0.8)
"""Noise levels of the denoising errors in the energy, chosen on poses of validation subjects and of others."""

ENERGY_PROBES = 4
"""Draws of noise at each of these levels, the same for all poses."""

CLUES = 5
"""Of a pose: denoising errors at two levels, the logits of the judges (of mixtures, and of disturbed joints), and the
gap to what its codes decode to."""

GAP_UNIT = 0.01
"""Metres below which the gap counts little, and above which it counts by its logarithm."""

CALIBRATION_POSES = 4000
"""Of each source of recorded poses, over which the energy is scaled."""

ENERGY_WEIGHTS = (1.0, 1.0, 0.7, 2.0, 0.1)
"""Of the clues, each shifted and scaled to median 0 and 95th percentile 1 over recorded poses of several sources."""

SAMPLING_STEPS = 32

DISPERSION = 1.1
"""How much more noise samples begin with than training saw: what comes of it varies as the training poses do. With as
much as training saw, the axis-angle numbers of samples have 10 % less variance."""

CANDIDATES = 10
"""Completions that are drawn for each that is asked for, where several are, so that those kept stand for all."""


@dataclass(frozen=True)
class CodePriorConfig:
    """Sizes of a code prior."""

    joints: int = NUM_BODY_JOINTS
    latent_dim: int = 4
    """Numbers a joint: heads times the dimension of a code."""
    width: int = 512
    depth: int = 3
    """Residual blocks of the denoiser."""
    judge_width: int = 512
    joint_judge_width: int = 64


class CodePriorNetwork(nn.Module):
    """What is learned: a denoiser of standardised latents ``(..., 21, latent)``, and judges of what they decode to."""

    mean: Tensor
    scale: Tensor
    calibration: Tensor
    probes: Tensor

    def __init__(self, config: CodePriorConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or CodePriorConfig()
        size = config.joints, config.latent_dim
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("scale", torch.ones(size))
        self.register_buffer("calibration", torch.tensor([[0.0, 1.0]]).repeat(CLUES + 2, 1))
        drawn = torch.randn(
            ENERGY_PROBES, *size, generator=torch.Generator().manual_seed(0), dtype=torch.float32, device="cpu"
        )
        self.register_buffer("probes", drawn)
        self.denoiser = Denoiser(*size, config.width, config.depth, dropout=0.1)
        self.judge = CoherenceClassifier(config.judge_width)
        self.joint_judge = PerJointDetector(config.joint_judge_width)

    def standardise(self, latents: Float[Tensor, "*batch 21 heads dim"]) -> Float[Tensor, "*batch 21 latent"]:
        """Latents with zero mean and unit variance over the training poses, heads joined."""
        return (latents.flatten(-2) - self.mean) / self.scale

    def unstandardise(self, standard: Float[Tensor, "*batch 21 latent"]) -> Float[Tensor, "*batch 21 latent"]:
        """What ``standardise`` came from, heads still joined."""
        return standard * self.scale + self.mean

    def denoising_errors(self, standard: Float[Tensor, "*batch 21 latent"]) -> Float[Tensor, "*batch levels"]:
        """Logarithms of the denoising errors at each level, over joints the means of fourth powers: bad ones count."""
        found = []
        for level in ENERGY_LEVELS:
            probed = standard.unsqueeze(-3) + level * self.probes
            denoised = self.denoiser(probed, standard.new_full((1, 1), level))
            by_joint = (denoised - standard.unsqueeze(-3)).square().mean((-1, -3))
            found.append(0.25 * by_joint.pow(4).mean(-1).log())
        return torch.stack(found, dim=-1)

    def save(self, path: str | Path, **notes: str) -> None:
        """Write weights (in half precision), configuration and any notes (strings), at once or not at all.

        Args:
            path: the file to write.
            notes: strings that are written into the file beside the weights.
        """
        save_module(path, self, self.config, FORMAT, notes, torch.float16)


class CodePrior:
    """What a QPoser's codes are likely to be, as an energy, a pull, and draws.

    Attributes:
        model: the QPoser whose codes it knows.
        network: the learned part, which files hold.
    """

    def __init__(self, model: QPoser, network: CodePriorNetwork) -> None:
        """Join a QPoser and the network that was trained on its latents.

        Raises:
            ValueError: their sizes do not fit.
        """
        joints, heads, code_dim = model.config.latent_shape
        known = network.config.joints, network.config.latent_dim
        if known != (joints, heads * code_dim):
            raise ValueError(
                f"the code prior knows {known[0]} x {known[1]} latents, and the model has {joints} x "
                f"{heads * code_dim}: take two that were trained together"
            )
        self.model, self.network = model, network

    @classmethod
    def from_pretrained(
        cls, path: str | Path | None = None, model: QPoser | None = None, device: str | torch.device = "cpu"
    ) -> CodePrior:
        """The shipped weights, or those of ``path``, in evaluation mode, over the shipped QPoser or ``model``.

        A given model is moved to ``device``.

        Args:
            path: a file that `CodePrior.save` wrote; the shipped one if left out.
            model: the autoencoder whose latents the prior knows; the shipped one if left out.
            device: where both work.

        Returns:
            The prior, its weights frozen.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: the file holds something else, weights of other sizes than its configuration says, or the prior
                of another QPoser than the model: one with other weights, of which the latents mean something else.
        """
        file = path or asset("codeprior.safetensors")
        prior = cls(model or QPoser.from_pretrained(), load_module(file, CodePriorNetwork, CodePriorConfig, FORMAT))
        if read_note(file, TRAINED_ON) != prior.model.fingerprint():
            raise ValueError(f"{file} is the code prior of another QPoser: take two that were trained together")
        return prior.to(device)

    def save(self, path: str | Path, **notes: str) -> None:
        """Write the network, any notes (strings), and the fingerprint of the QPoser that it belongs to.

        Args:
            path: the file to write.
            notes: strings that are written into the file beside the weights.
        """
        self.network.save(path, **notes, **{TRAINED_ON: self.model.fingerprint()})

    def to(self, device: str | torch.device) -> CodePrior:
        """Move model and network to a device."""
        self.model.to(device)
        self.network.to(device)
        return self

    def energy(self, codes_logits_or_pose: Tensor) -> Float[Tensor, " *batch"]:
        """How implausible codes or poses are: 0 for the median of recorded poses, 1 for the 95th percentile.

        Differentiable for logits and poses.

        Args:
            codes_logits_or_pose: codes, integers ``(..., 21, heads)``; logits over codes, ``(..., 21, heads, codes)``,
                of which the mixtures (softmax) are judged; or a body pose, ``(..., 21, 3)`` or ``(..., 21, 3, 3)``. A
                pose is judged by its latents and by how far its codes decode from it, so that no impossible pose is
                laundered by an encoder that maps it to plausible codes.

        Raises:
            ValueError: it is none of these, or not finite.
        """
        given, config = codes_logits_or_pose, self.model.config
        if not given.is_floating_point():
            return self.energy_of_latents(self.model.latents_of(given))
        if given.shape[-3:] == (NUM_BODY_JOINTS, config.heads, config.codes):
            return self.energy_of_latents(self.model.latents_of_logits(given))
        return self._calibrated(self._clues_of_poses(given)[0])

    def energy_of_latents(self, latents: Float[Tensor, "*batch 21 heads dim"]) -> Float[Tensor, " *batch"]:
        """`energy` of any latents: those of codes, mixtures of codes, or what the encoder gives."""
        return self._calibrated(self._energy_terms(latents, self.model.decode_latents(latents)))

    def pull(
        self,
        latents: Float[Tensor, "*batch 21 heads dim"],
        noise_level: float | Float[Tensor, "*#batch 21"],
        generator: torch.Generator,
    ) -> Float[Tensor, " *batch"]:
        """Half the mean squared distance to where the denoiser sees human poses; its gradient is the pull of the prior.

        Args:
            latents: where the fit stands; single codes, relaxed ones or any latents.
            noise_level: standard deviation, in standardised units, of the noise that the denoiser is shown, for all
                joints or for each. High ones look at the pose as a whole, low ones at its details.
            generator: draws the noise, the same for the whole batch.

        Returns:
            One number for each pose, without a unit.

        Raises:
            ValueError: a noise level is not a finite number above 0.
        """
        levels = torch.as_tensor(noise_level)
        if not bool(((levels > 0) & levels.isfinite()).all()):
            raise ValueError(f"noise levels are finite and above 0: these run from {levels.min()} to {levels.max()}")
        standard = self.network.standardise(latents)
        with torch.no_grad():
            level = levels.to(standard).expand(standard.shape[:-1])
            noise = _noise(1, standard.new_empty(standard.shape[-2:]), generator)[0]
            target = self.network.denoiser(standard + level.unsqueeze(-1) * noise, level)
        pull: Tensor = 0.5 * (standard - target).square().mean((-1, -2))
        return pull

    def sample(
        self, n: int, temperature: float = 1.0, *, seed: int = 0, generator: torch.Generator | None = None
    ) -> Float[Tensor, "n 21 3 3"]:
        """Draw poses, decoded from codes.

        Args:
            n: how many.
            temperature: 1 for the variety of the training poses; towards 0, poses closer to the most common.
            seed: of the draws; equal seeds give equal poses on one machine.
            generator: in place of the seed.

        Returns:
            Rotation matrices of the body joints, relative to the parents.

        Raises:
            ValueError: ``n`` is below 1 or the temperature below 0.
        """
        _check_draw(n, temperature)
        noise = temperature * DISPERSION * SIGMA_MAX * _noise(n, self.network.mean, generator_of(seed, generator))
        drawn = heun_sampler(self.network.denoiser, noise, karras_sigmas(SAMPLING_STEPS))
        return self.model.decode(self._codes(drawn))

    def complete(
        self,
        body_pose: Tensor,
        known_joints: Bool[Tensor, "21"],
        n: int = 1,
        temperature: float = 0.7,
        *,
        seed: int = 1,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Guess the joints of poses that are not known.

        Args:
            body_pose: ``(..., 21, 3)`` or ``(..., 21, 3, 3)``; what stands at unknown joints is not looked at.
            known_joints: true where the pose is known; such joints keep their rotations.
            n: how many guesses of each pose. Several are few of many, which stand for them all: each is in the middle
                of a cluster, that of the largest cluster first.
            temperature: 1 for all that may be; below, guesses closer to the most common. 0.7 was best on validation.
            seed: of the draws; not the one with which the pose itself was drawn, or the pose comes back.
            generator: in place of the seed.

        Returns:
            ``(n, ...)`` poses of the kind that was given.

        Raises:
            ValueError: the pose is none, the mask is empty or full, ``n`` is below 1, or the temperature below 0.
        """
        check_known_joints(known_joints)
        _check_draw(n, temperature)
        known = known_joints.to(self.network.mean.device)
        matrices = self._neutral_where_unknown(body_pose, known)
        standard = self.network.standardise(self.model.latents(matrices))
        noise = (
            temperature * SIGMA_MAX * _noise(n if n == 1 else CANDIDATES * n, standard, generator_of(seed, generator))
        )
        drawn = self._denoised_around(body_pose, matrices, standard, noise, karras_sigmas(SAMPLING_STEPS), known)
        return drawn if n == 1 else _standing_for_all(drawn, n)

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
        """Draw some joints anew in the neighbourhood of where they are; the other joints keep their rotations.

        Args:
            body_pose: ``(..., 21, 3)`` or ``(..., 21, 3, 3)``.
            joints: indices among the 21 body joints.
            amount: from 0, hardly more than a way through the codes, to 1, as if the joints were not known.
            n: how many variants of each pose.
            seed: of the draws; equal seeds give equal poses on one machine.
            generator: in place of the seed.

        Returns:
            ``(n, ...)`` poses of the kind that was given.

        Raises:
            ValueError: the pose is none, the amount is not from 0 to 1, or ``n`` is below 1.
        """
        if n < 1 or not 0 <= amount <= 1:
            raise ValueError(f"ask for 1 variant at least with an amount from 0 to 1, not {n} with {amount}")
        known = torch.ones(NUM_BODY_JOINTS, dtype=torch.bool, device=self.network.mean.device)
        known[joints] = False
        matrices = as_matrices(body_pose).to(self.network.mean)
        standard = self.network.standardise(self.model.latents(matrices))
        highest = SIGMA_MIN * (SIGMA_MAX / SIGMA_MIN) ** amount
        levels = karras_sigmas(SAMPLING_STEPS)
        levels = torch.cat([torch.tensor([highest]), levels[levels < 0.99 * highest]])
        noisy = standard + highest * _noise(n, standard, generator_of(seed, generator))
        return self._denoised_around(body_pose, matrices, standard, noisy, levels, known)

    @torch.no_grad()
    def calibrate(self, sources: Sequence[Float[Tensor, "_ 21 3"]]) -> None:
        """Set the scales of the energy: of each clue, and of their sum, of poses and of codes.

        Args:
            sources: recorded poses, axis-angle in radians; every source counts the same. The median of all gets 0 and
                their 95th percentile 1.
        """
        chosen = [torch.linspace(0, len(poses) - 1, CALIBRATION_POSES).long() for poses in sources]
        pooled = torch.cat([poses[indices] for poses, indices in zip(sources, chosen, strict=True)])
        calibration = self.network.calibration
        calibration.copy_(torch.tensor([0.0, 1.0]))
        energy_terms, codes = self._clues_of_poses(pooled)
        calibration[:CLUES] = _middle_and_spread(energy_terms)
        calibration[CLUES] = _middle_and_spread(self.energy(codes).unsqueeze(-1))[0]
        calibration[CLUES + 1] = _middle_and_spread(self._calibrated(energy_terms).unsqueeze(-1))[0]

    def _clues_of_poses(
        self, body_pose: Float[Tensor, "*batch 21 3"] | Float[Tensor, "*batch 21 3 3"]
    ) -> tuple[Float[Tensor, "*batch 5"], Int[Tensor, "*batch 21 heads"]]:
        """All clues of poses, and their codes."""
        matrices = as_matrices(body_pose).to(self.network.mean)
        latents = self.model.latents(matrices)
        codes = self.model.encode_latents(latents)
        rest = torch.from_numpy(REST_JOINTS).to(matrices)
        gap = mpjpe(body_joints(self.model.decode(codes), rest), body_joints(matrices, rest))
        return torch.cat([self._energy_terms(latents, matrices), (gap / GAP_UNIT).log1p().unsqueeze(-1)], dim=-1), codes

    def _codes(self, standard: Float[Tensor, "*batch 21 latent"]) -> Int[Tensor, "*batch 21 heads"]:
        latents = self.network.unstandardise(standard)
        return self.model.encode_latents(latents.unflatten(-1, self.model.config.latent_shape[1:]))

    def _neutral_where_unknown(self, body_pose: Tensor, known: Bool[Tensor, "21"]) -> Float[Tensor, "*batch 21 3 3"]:
        """The poses as matrices, with the mean pose in place of whatever stands at unknown joints."""
        neutral = in_kind_of(body_pose, self.model.decode(self._codes(torch.zeros_like(self.network.mean))))
        if body_pose.shape[-neutral.dim() :] == neutral.shape and body_pose.is_floating_point():
            shown = known.reshape(NUM_BODY_JOINTS, *(1,) * (neutral.dim() - 1))
            body_pose = torch.where(shown, body_pose.to(known.device), neutral)
        return as_matrices(body_pose).to(self.network.mean)

    def _denoised_around(
        self,
        body_pose: Tensor,
        matrices: Float[Tensor, "*batch 21 3 3"],
        standard: Float[Tensor, "*batch 21 latent"],
        noisy: Float[Tensor, "n *batch 21 latent"],
        levels: Float[Tensor, " steps"],
        known: Bool[Tensor, "21"],
    ) -> Tensor:
        """Take the noise off the unknown joints and decode them, but leave the known joints as they were given."""
        noisy = torch.where(known[:, None], standard, noisy)
        decoded = self.model.decode(self._codes(heun_sampler(self.network.denoiser, noisy, levels, known)))
        return in_kind_of(body_pose, torch.where(known[:, None, None], matrices, decoded))

    def _energy_terms(
        self, latents: Float[Tensor, "*batch 21 heads dim"], rotations: Float[Tensor, "*batch 21 3 3"]
    ) -> Float[Tensor, "*batch 4"]:
        denoising_errors = self.network.denoising_errors(self.network.standardise(latents))
        judged = self.network.judge(rotations), any_of(self.network.joint_judge(rotations))
        return torch.cat([denoising_errors, torch.stack(judged, dim=-1)], dim=-1)

    def _calibrated(self, energy_terms: Float[Tensor, "*batch clues"]) -> Float[Tensor, " *batch"]:
        """Weigh the clues, shifted and scaled, and shift and scale their sum."""
        count = energy_terms.shape[-1]
        middle, spread = self.network.calibration[:count].unbind(-1)
        total = ((energy_terms - middle) / spread * energy_terms.new_tensor(ENERGY_WEIGHTS[:count])).sum(-1)
        middle, spread = self.network.calibration[CLUES + (count == CLUES)].unbind(-1)
        return (total - middle) / spread


@functools.cache
def default_prior() -> CodePrior:
    """The shipped prior, loaded once a process: what functions use that are given none."""
    return CodePrior.from_pretrained()


def _check_draw(n: int, temperature: float) -> None:
    if n < 1 or not 0 <= temperature < math.inf:
        raise ValueError(f"draw 1 pose at least, at a finite temperature from 0: these are {n} and {temperature}")


def _noise(n: int, like: Tensor, generator: torch.Generator) -> Float[Tensor, " n *shape"]:
    drawn = torch.randn(n, *like.shape, generator=generator, device=generator.device, dtype=torch.float32)
    return drawn.to(like)


def _standing_for_all(drawn: Float[Tensor, " drawn *pose"], n: int) -> Float[Tensor, " n *pose"]:
    """The medoids of draws of each pose, by the distances of their joints."""
    matrices = as_matrices(drawn)
    joints = body_joints(matrices, torch.from_numpy(REST_JOINTS).to(matrices))
    by_joint = joints.movedim(0, -2)  # (*batch, 22, drawn, 3)
    chosen = medoids(torch.cdist(by_joint, by_joint).mean(-3), n).movedim(-1, 0)
    return drawn.take_along_dim(chosen.reshape(*chosen.shape, *(1,) * (drawn.dim() - chosen.dim())), dim=0)


def _middle_and_spread(values: Float[Tensor, "poses numbers"]) -> Float[Tensor, "numbers 2"]:
    """The median, and how far above it the 95th percentile is."""
    middle, high = values.quantile(torch.tensor([0.5, 0.95]).to(values), dim=0)
    return torch.stack([middle, high - middle], dim=-1)
