"""QPoser: a multi-head vector-quantised autoencoder of SMPL body poses (MS-VQVAE with GLIF-AE, arXiv 2312.01104)."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import torch
from jaxtyping import Float, Int, Integer
from torch import Tensor, nn

from qposer.body_pose.poses import as_matrices
from qposer.body_pose.rotations import matrix_from_6d, matrix_to_6d, matrix_to_axis_angle
from qposer.body_pose.skeleton import NUM_BODY_JOINTS
from qposer.io.assets import asset
from qposer.io.weights import load_module, save_module
from qposer.prior.articulations import articulation_of
from qposer.prior.glif import GLIFStack
from qposer.prior.quantizer import MultiHeadQuantizer

FORMAT = "qposer-1"


@dataclass(frozen=True)
class QPoserConfig:
    """Sizes of a QPoser."""

    heads: int = 4
    """Codes per joint."""
    codes: int = 256
    """Entries of each head's codebook."""
    code_dim: int = 1
    """Numbers in a codebook entry."""
    shared_codebook: bool = False
    """One codebook for all heads instead of one for each."""
    width: int = 64
    """Numbers in a local feature."""
    depth: int = 2
    """Number of GLIF blocks in the encoder and in the decoder."""
    global_tokens: int = 4
    """Number of queries for the global feature; with 0, joints are independent."""
    attention_heads: int = 4
    """Heads of that attention."""
    joints: int = field(default=NUM_BODY_JOINTS, repr=False)
    """Joints of a pose: 21 of the body or 15 of a hand. Not in ``repr``, from which fingerprints of bodies are made."""

    @property
    def latent_shape(self) -> tuple[int, int, int]:
        """Joints, heads, and numbers in a code."""
        return self.joints, self.heads, self.code_dim


class QuantizedPose(NamedTuple):
    """Outputs for a training batch."""

    rotations: Float[Tensor, "batch joints 3 3"]
    latents: Float[Tensor, "batch joints heads dim"]
    codes: Int[Tensor, "batch joints heads"]
    commitment: Float[Tensor, ""]


class QPoser(nn.Module):
    """The pose prior's autoencoder: joint rotations to ``joints`` x ``heads`` codes and back.

    Poses are SMPL body poses, joints 1..21, relative to the parent: axis-angle ``(..., 21, 3)`` in radians or rotation
    matrices ``(..., 21, 3, 3)``. Codes are integers ``(..., 21, heads)``. With ``config.joints`` 15, they are poses of
    a right hand (`qposer.hands.skeleton`).
    """

    def __init__(self, config: QPoserConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or QPoserConfig()
        self.articulation = articulation_of(config.joints)
        latent = config.heads * config.code_dim
        stack = (config.width, config.depth, config.global_tokens, config.attention_heads)
        self.encoder = GLIFStack(config.joints, 6, latent, *stack)
        self.quantizer = MultiHeadQuantizer(config.heads, config.codes, config.code_dim, config.shared_codebook)
        self.decoder = GLIFStack(config.joints, latent, 6, *stack)

    def encode(self, body_pose: Tensor) -> Int[Tensor, "*batch joints heads"]:
        """Codes of poses, ``(..., joints, 3)`` axis-angle or ``(..., joints, 3, 3)`` matrices.

        Raises:
            ValueError: the pose has a wrong shape or is not finite.
        """
        return self.encode_latents(self.latents(body_pose))

    def latents(self, body_pose: Tensor) -> Float[Tensor, "*batch joints heads dim"]:
        """Continuous latents of poses (as for `encode`), before quantisation, on the model's device.

        Raises:
            ValueError: the pose has a wrong shape or is not finite.
        """
        return self._encode(as_matrices(body_pose, self.articulation).to(self.quantizer.codebooks))

    def encode_latents(self, latents: Float[Tensor, "*batch joints heads dim"]) -> Int[Tensor, "*batch joints heads"]:
        """The nearest codes of latents."""
        return self.quantizer.nearest(latents)

    def decode(self, codes: Integer[Tensor, "*batch joints heads"]) -> Float[Tensor, "*batch joints 3 3"]:
        """Decode codes to rotation matrices.

        Raises:
            ValueError: the codes are invalid.
        """
        return self.decode_latents(self.latents_of(codes))

    def latents_of(self, codes: Integer[Tensor, "*batch joints heads"]) -> Float[Tensor, "*batch joints heads dim"]:
        """Latents of codes. Values are not checked while ``torch.compile`` or ``torch.export`` traces.

        Raises:
            ValueError: the codes are not integers, not ``(..., 21, heads)``, or out of range.
        """
        config = self.config
        if codes.is_floating_point() or codes.is_complex() or codes.dtype == torch.bool:
            raise ValueError(f"codes must be integers, not {codes.dtype}")
        if codes.shape[-2:] != (config.joints, config.heads):
            raise ValueError(f"codes must be (..., {config.joints}, {config.heads}) integers, not {tuple(codes.shape)}")
        codes = codes.to(self.quantizer.codebooks.device, torch.long)
        if not torch.compiler.is_compiling() and bool(((codes < 0) | (codes >= config.codes)).any()):
            raise ValueError(f"codes must be from 0 to {config.codes - 1}: found {codes.min()} to {codes.max()}")
        return self.quantizer.lookup(codes)

    def decode_relaxed(
        self, logits: Float[Tensor, "*batch joints heads codes"], temperature: float = 1.0
    ) -> Float[Tensor, "*batch joints 3 3"]:
        """Decode points in the simplices over the codebooks, softmax of ``logits / temperature``.

        As the temperature approaches zero, this approaches ``decode(logits.argmax(-1))``.

        Args:
            logits: logits over the codes of each head.
            temperature: temperature of the softmax.

        Returns:
            Rotations of the body joints, relative to the parents.

        Raises:
            ValueError: the logits have a wrong shape or are not finite, or the temperature is not positive.
        """
        return self.decode_latents(self.latents_of_logits(logits, temperature))

    def latents_of_logits(
        self, logits: Float[Tensor, "*batch joints heads codes"], temperature: float = 1.0
    ) -> Float[Tensor, "*batch joints heads dim"]:
        """Latents of mixtures of codes.

        Args:
            logits: logits over the codes of each head.
            temperature: temperature of the softmax.

        Returns:
            Means of the codebooks' rows, weighted by the softmax.

        Raises:
            ValueError: as `decode_relaxed`.
        """
        expected = (self.config.joints, self.config.heads, self.config.codes)
        if logits.shape[-3:] != expected or not logits.is_floating_point():
            raise ValueError(
                f"logits must be (..., {', '.join(map(str, expected))}) floating point, "
                f"not {tuple(logits.shape)} of {logits.dtype}"
            )
        if not 0 < temperature < math.inf:
            raise ValueError(f"the temperature must be above 0, not {temperature}")
        if not torch.compiler.is_compiling() and not bool(torch.isfinite(logits).all()):
            raise ValueError("the logits contain NaN or infinite numbers")
        return self.quantizer.relaxed(logits.to(self.quantizer.codebooks), temperature)

    def decode_latents(self, latents: Float[Tensor, "*batch joints heads dim"]) -> Float[Tensor, "*batch joints 3 3"]:
        """Rotation matrices of latents, quantised or not."""
        sixd = self.decoder(latents.reshape(-1, self.config.joints, self.config.heads * self.config.code_dim))
        return matrix_from_6d(sixd + _identity_6d(sixd)).reshape(*latents.shape[:-2], 3, 3)

    def reconstruct(self, body_pose: Tensor) -> Tensor:
        """The pose after quantisation, in the given representation.

        Raises:
            ValueError: the pose has a wrong shape or is not finite.
        """
        matrices = self.decode(self.encode(body_pose)).to(body_pose.dtype)
        return matrices if body_pose.shape[-2:] == (3, 3) else matrix_to_axis_angle(matrices)

    def forward(self, rotations: Float[Tensor, "batch joints 3 3"], unquantised: int = 0) -> QuantizedPose:
        """Encode, quantise and decode with gradients, for training; the first ``unquantised`` poses bypass the codes.

        Args:
            rotations: rotations of the body joints relative to the parents.
            unquantised: number of poses that bypass the codes.

        Returns:
            Decoded rotations, latents, codes, and the commitment loss (van den Oord et al., NeurIPS 2017).
        """
        latents = self._encode(rotations)
        quantised, codes, commitment = self.quantizer(latents)
        quantised = torch.cat([latents[:unquantised], quantised[unquantised:]])
        return QuantizedPose(self.decode_latents(quantised), latents, codes, commitment)

    def _encode(self, rotations: Float[Tensor, "*batch joints 3 3"]) -> Float[Tensor, "*batch joints heads dim"]:
        sixd = matrix_to_6d(rotations)
        latents: Tensor = self.encoder((sixd - _identity_6d(sixd)).reshape(-1, self.config.joints, 6))
        return latents.reshape(*rotations.shape[:-2], self.config.heads, self.config.code_dim)

    def fingerprint(self) -> str:
        """SHA-256 of the configuration and the weights in single precision: equal for models with equal latents."""
        digest = hashlib.sha256(repr(self.config).encode())
        for name, tensor in sorted(self.state_dict().items()):
            digest.update(name.encode() + tensor.detach().float().cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()

    def save(self, path: str | Path, **notes: str) -> None:
        """Write weights, configuration and notes into one safetensors file atomically.

        Args:
            path: the file to write.
            notes: strings stored in the file with the weights.
        """
        save_module(path, self, self.config, FORMAT, notes, torch.float32)

    @classmethod
    def from_pretrained(cls, path: str | Path | None = None, device: str | torch.device = "cpu") -> QPoser:
        """Load the shipped weights, or those of ``path``, in evaluation mode.

        Args:
            path: a file written by `save`; default: the shipped one.
            device: device of the model.

        Returns:
            The model with frozen weights.

        Raises:
            FileNotFoundError: the file does not exist.
            ValueError: the file is invalid, or its weights do not match its configuration.
        """
        return load_module(path or asset("qposer.safetensors"), cls, QPoserConfig, FORMAT).to(device)


def _identity_6d(like: Tensor) -> Float[Tensor, 6]:
    return like.new_tensor([1.0, 0.0, 0.0, 0.0, 1.0, 0.0])
