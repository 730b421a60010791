"""Poses from text: the code prior's denoiser, conditioned on a text.

Parts that the text does not mention are sampled from the prior, and samples differ where the text leaves room. Unknown
words are represented by letter triples that they share with known ones. For exact instructions use
`qposer.control.instructions`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn

from qposer.body_pose.skeleton import NUM_BODY_JOINTS
from qposer.control.sentence_encoder import SentenceEncoder
from qposer.io.assets import asset
from qposer.io.weights import load_module, save_module
from qposer.prior.code_prior import SAMPLING_STEPS, CodePrior, default_prior
from qposer.prior.denoiser import Denoiser
from qposer.prior.diffusion import SIGMA_MAX, dpm_solver, karras_sigmas
from qposer.prior.seeding import generator_of, normal_noise

FORMAT = "qposer-text-1"
TEXT_FILE = "text.safetensors"
GUIDANCE = 2.0
"""Strength of classifier-free guidance (Ho and Salimans, 2022)."""


@dataclass(frozen=True)
class TextPriorConfig:
    """Sizes of a prior of poses given texts."""

    joints: int = NUM_BODY_JOINTS
    latent_dim: int = 4
    width: int = 512
    depth: int = 3
    buckets: int = 4096
    """Number of hashed features."""
    embedding: int = 96
    sentence_width: int = 384
    context: int = 128
    """Size of the text vector."""


class TextPriorNetwork(nn.Module):
    """The learned part: a text encoder, and a denoiser of the code prior's standardised latents.

    ``mean`` and ``scale`` standardised the training latents.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, config: TextPriorConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or TextPriorConfig()
        self.register_buffer("mean", torch.zeros(config.joints, config.latent_dim))
        self.register_buffer("scale", torch.ones(config.joints, config.latent_dim))
        self.encoder = SentenceEncoder(config.buckets, config.embedding, config.sentence_width, config.context)
        self.no_text = nn.Parameter(torch.zeros(config.context))
        self.denoiser = Denoiser(
            config.joints, config.latent_dim, config.width, config.depth, dropout=0.1, context=config.context
        )

    def save(self, path: str | Path, **notes: str) -> None:
        """Write weights (in half precision), configuration and notes atomically.

        Args:
            path: the file to write.
            notes: strings stored in the file with the weights.
        """
        save_module(path, self, self.config, FORMAT, notes, torch.float16)


def generate(
    text: str,
    n: int = 1,
    guidance: float = GUIDANCE,
    *,
    seed: int = 0,
    generator: torch.Generator | None = None,
    prior: CodePrior | None = None,
) -> Float[Tensor, "n 21 3 3"]:
    """Sample poses that match a text, with the shipped weights.

    Args:
        text: descriptions of a pose, or instructions.
        n: number of poses.
        guidance: see `TextPrior.generate`.
        seed: random seed.
        generator: random generator instead of the seed.
        prior: default: the shipped code prior.

    Returns:
        Rotation matrices of the body joints, relative to the parents.

    Raises:
        ValueError: the text is empty or too long, or ``n`` or the guidance is out of range.
    """
    prior = prior or default_prior()
    loaded = _loaded(prior, prior.network.mean.device)
    return loaded.generate(text, n, guidance, generator=generator_of(seed, generator))


@lru_cache(maxsize=1)
def _loaded(prior: CodePrior, device: torch.device) -> TextPrior:
    """The shipped prior of poses given texts, loaded once for a code prior on a device."""
    return TextPrior.from_pretrained(prior=prior)


class TextPrior:
    """Samples poses from texts.

    Attributes:
        prior: the code prior of the latents.
        network: the learned part, which is saved in files.
    """

    def __init__(self, prior: CodePrior, network: TextPriorNetwork) -> None:
        """Combine a code prior and the network trained on its latents.

        Raises:
            ValueError: their sizes do not match, or the network was trained on other latents.
        """
        sizes = [(part.config.joints, part.config.latent_dim) for part in (prior.network, network)]
        if sizes[0] != sizes[1]:
            raise ValueError(f"the text prior has latents of size {sizes[1]}, but the code prior {sizes[0]}")
        known, own = prior.network, network
        if (
            max(
                ((one - other) / known.scale).abs().max()
                for one, other in ((known.mean, own.mean), (known.scale, own.scale))
            )
            > 0.05
        ):
            raise ValueError("the text prior was trained on latents of other weights: train it on those of this model")
        self.prior, self.network = prior, network

    @classmethod
    def from_pretrained(cls, path: str | Path | None = None, prior: CodePrior | None = None) -> TextPrior:
        """Load the shipped weights, or those of ``path``, for the shipped code prior or ``prior``, on its device.

        Args:
            path: a file written by `TextPriorNetwork.save`; default: the shipped one.
            prior: its code prior; default: the shipped one.

        Returns:
            The prior of poses given texts.

        Raises:
            FileNotFoundError: the file does not exist.
            ValueError: the file is not a text prior.
        """
        network = load_module(path or asset(TEXT_FILE), TextPriorNetwork, TextPriorConfig, FORMAT)
        prior = prior or CodePrior.from_pretrained()
        return cls(prior, network.to(prior.network.mean.device))

    def generate(
        self, text: str, n: int = 1, guidance: float = GUIDANCE, *, generator: torch.Generator
    ) -> Float[Tensor, "n 21 3 3"]:
        """Sample poses that match a text.

        Args:
            text: descriptions of a pose, or instructions.
            n: number of poses.
            guidance: 0 ignores the text, 1 samples poses that match it, more exaggerates.
            generator: random generator.

        Returns:
            Rotation matrices of the body joints, relative to the parents.

        Raises:
            ValueError: the text is empty or too long, ``n`` is below 1, or the guidance is negative or not finite.
        """
        if n < 1 or not 0 <= guidance < math.inf:
            raise ValueError(f"n must be at least 1 and the guidance finite and not negative, not {n} and {guidance}")
        return self.generate_each([text] * n, guidance, generator=generator)

    @torch.no_grad()
    def generate_each(
        self, texts: Sequence[str], guidance: float = GUIDANCE, *, generator: torch.Generator
    ) -> Float[Tensor, "texts 21 3 3"]:
        """Sample one pose for each text; see `generate`.

        Args:
            texts: one text for each pose.
            guidance: see `generate`.
            generator: random generator.

        Returns:
            Rotation matrices of the body joints, relative to the parents.

        Raises:
            ValueError: there are no texts, or one of them is empty or too long.
        """
        known = self.network.encoder.encode(texts)
        unknown = self.network.no_text.expand(known.shape)

        def denoise(noisy: Tensor, level: Tensor) -> Tensor:
            both = self.network.denoiser(
                torch.cat([noisy, noisy]), torch.cat([level, level]), torch.cat([known, unknown])
            )
            conditional, unconditional = both.chunk(2)
            denoised: Tensor = unconditional + guidance * (conditional - unconditional)
            return denoised

        like = self.prior.network.mean
        noise = SIGMA_MAX * normal_noise((len(texts), *like.shape), like, generator)
        drawn = self.prior.network.unstandardise(dpm_solver(denoise, noise, karras_sigmas(SAMPLING_STEPS)))
        model = self.prior.model
        return model.decode(model.encode_latents(drawn.unflatten(-1, model.config.latent_shape[1:])))
