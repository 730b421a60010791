"""A drop-in replacement for VPoser: its two interfaces, on QPoser's own latent space.

VPoser (Pavlakos et al., CVPR 2019) represents a pose by 32 numbers whose squared norm is the prior. So does
``qposer.prior.latent_space``, which decodes these.

``load_vposer`` has the interface of the first version of VPoser's package (used by SMPLify-X), ``load_model`` that of
human_body_prior 2. ``docs/migrating-from-vposer.md`` lists the differences.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import Normal

from qposer.body_pose.poses import as_matrices
from qposer.body_pose.rotations import axis_angle_to_matrix, matrix_to_axis_angle
from qposer.body_pose.skeleton import NUM_BODY_JOINTS
from qposer.prior.latent_space import SPACE_FILE, LatentSpace

Rotations = Literal["matrot", "aa"]


V = TypeVar("V", bound="VPoser")


class VPoser(nn.Module):
    """Base of both interfaces: a latent space in which zeros are a neutral pose.

    Attributes:
        num_joints: 21, SMPL's joints 1..21.
        latentD: dimension of a latent.
        space: encoder and decoder.
    """

    num_joints = NUM_BODY_JOINTS

    def __init__(self, space: LatentSpace) -> None:
        super().__init__()
        self.latentD = space.config.latent_dim
        self.space = space

    @classmethod
    def from_pretrained(cls: type[V], folder: str | Path | None = None) -> V:
        """Load the shipped weights, or those of a folder, in evaluation mode and frozen.

        Args:
            folder: folder with ``vposer_latent.safetensors``.

        Raises:
            FileNotFoundError: the file does not exist.
            ValueError: the file contains something else.
        """
        return cls(LatentSpace.from_pretrained(None if folder is None else Path(folder) / SPACE_FILE)).eval()

    def encode(self, pose_body: Tensor) -> Normal:
        """The latents of poses, as a normal distribution of ``(N, latentD)``.

        The mean decodes to the pose up to the reconstruction error; the standard deviation is the latents' uncertainty.

        Args:
            pose_body: axis-angle in radians, 63 numbers per pose, or rotation matrices, 189, flat or not: ``(N, 63)``,
                ``(N, 21, 3)``, ``(N, 1, 21, 3)``, ``(N, 189)``, ``(N, 21, 9)``, ``(N, 1, 21, 9)``.

        Raises:
            ValueError: the shape differs, or values are not finite or not rotations.
        """
        found = self.space.encode(as_matrices(_unflattened(pose_body)).to(self.space.neutral))
        return Normal(found.mean.to(pose_body.dtype), found.stddev.to(pose_body.dtype))

    def rotations(self, Zin: Float[Tensor, "N latentD"]) -> Float[Tensor, "N 21 3 3"]:
        """Rotation matrices of latents, in their precision; zeros give a neutral pose.

        Raises:
            ValueError: the latents have another width or are not floating point.
        """
        if Zin.ndim != 2 or Zin.shape[1] != self.latentD or not Zin.is_floating_point():
            raise ValueError(
                f"latents must be (N, {self.latentD}) floating point, not {tuple(Zin.shape)} of {Zin.dtype}"
            )
        return self.space.decode(Zin.to(self.space.neutral)).to(Zin.dtype)

    def draw(self, num_poses: int, seed: int | None = None) -> Float[Tensor, "num_poses latentD"]:
        """Sample unit normal latents, on the model's device; without a seed, from torch's global generator.

        Args:
            num_poses: number of poses.
            seed: random seed.

        Returns:
            The latents.
        """
        generator = None if seed is None else torch.Generator().manual_seed(seed)
        return torch.randn(num_poses, self.latentD, generator=generator).to(self.space.neutral)

    @staticmethod
    def matrot2aa(pose_matrot: Float[Tensor, "N 1 joints 9"]) -> Float[Tensor, "N 1 joints 3"]:
        """Axis-angle of flat rotation matrices."""
        return matrix_to_axis_angle(pose_matrot.unflatten(-1, (3, 3)))

    @staticmethod
    def aa2matrot(pose: Float[Tensor, "N 1 joints 3"]) -> Float[Tensor, "N 1 joints 9"]:
        """Flat rotation matrices of axis-angle."""
        return axis_angle_to_matrix(pose).flatten(-2)


class VPoserV1(VPoser):
    """The interface of VPoser's first version, used by SMPLify-X."""

    def decode(self, Zin: Float[Tensor, "N latentD"], output_type: Rotations = "matrot") -> Tensor:
        """Poses of latents: ``(N, 1, 21, 9)`` rotation matrices, or ``(N, 1, 21, 3)`` axis-angle for ``"aa"``.

        Args:
            Zin: latents.
            output_type: ``matrot`` or ``aa``.

        Returns:
            Rotations relative to the parents, radians for ``aa``.

        Raises:
            ValueError: the latents have another width, or the output type is unknown.
        """
        _check_type("output_type", output_type)
        matrices = self.rotations(Zin).unsqueeze(1)
        return matrices.flatten(-2) if output_type == "matrot" else matrix_to_axis_angle(matrices)

    def forward(
        self, Pin: Tensor, input_type: Rotations = "matrot", output_type: Rotations = "matrot"
    ) -> dict[str, Tensor]:
        """Encode poses, sample latents, decode: ``mean`` and ``std`` of the latents, and ``pose_matrot`` or
        ``pose_aa``.

        Args:
            Pin: ``(N, 1, 21, 9)`` or, for the input type ``"aa"``, ``(N, 1, 21, 3)``, flat or not.
            input_type: representation of the poses.
            output_type: representation of the result, in the shapes of ``decode``.

        Returns:
            Tensors by their names.

        Raises:
            ValueError: the poses do not have the input type, or a type is unknown.
        """
        _check_type("input_type", input_type)
        numbers = NUM_BODY_JOINTS * (9 if input_type == "matrot" else 3)
        if Pin[:1].numel() not in (0, numbers):
            raise ValueError(f"poses of type {input_type!r} must have {numbers} numbers each, not {Pin[:1].numel()}")
        posterior = self.encode(Pin)
        decoded = self.decode(posterior.rsample(), output_type)
        return {"mean": posterior.mean, "std": posterior.stddev, f"pose_{output_type}": decoded}

    @torch.no_grad()
    def sample_poses(self, num_poses: int, output_type: Rotations = "aa", seed: int | None = None) -> Tensor:
        """Decode unit normal latents, in the shapes of ``decode``; equal seeds give equal poses.

        Args:
            num_poses: number of poses.
            output_type: ``matrot`` or ``aa``.
            seed: random seed; default: torch's global generator.

        Returns:
            The poses.
        """
        return self.decode(self.draw(num_poses, seed), output_type)


class VPoserV2(VPoser):
    """The interface of human_body_prior 2."""

    def decode(self, Zin: Float[Tensor, "N latentD"]) -> dict[str, Tensor]:
        """Poses of latents: ``pose_body`` ``(N, 21, 3)`` axis-angle and ``pose_body_matrot`` ``(N, 21, 9)``.

        Raises:
            ValueError: the latents have another width.
        """
        matrices = self.rotations(Zin)
        return {"pose_body": matrix_to_axis_angle(matrices), "pose_body_matrot": matrices.flatten(-2)}

    def forward(self, pose_body: Float[Tensor, "N 63"]) -> dict[str, Any]:
        """Encode poses, sample latents, decode.

        Returns:
            The result of ``decode``, ``poZ_body_mean`` and ``poZ_body_std``, ``(N, latentD)`` each, and their
            distribution, ``q_z``.

        Raises:
            ValueError: as ``encode``.
        """
        q_z = self.encode(pose_body)
        return {**self.decode(q_z.rsample()), "poZ_body_mean": q_z.mean, "poZ_body_std": q_z.stddev, "q_z": q_z}

    @torch.no_grad()
    def sample_poses(self, num_poses: int, seed: int | None = None) -> dict[str, Tensor]:
        """Decode unit normal latents, as ``decode``; equal seeds give equal poses.

        Args:
            num_poses: number of poses.
            seed: random seed; default: torch's global generator.

        Returns:
            The poses by representation.
        """
        return self.decode(self.draw(num_poses, seed))


@dataclass(frozen=True)
class ModelParams:
    """Sizes of a model, named as in VPoser's settings."""

    latentD: int = 32  # noqa: N815
    num_joints: int = NUM_BODY_JOINTS


@dataclass(frozen=True)
class ModelSettings:
    """The configuration of a model, as in human_body_prior 2."""

    model_params: ModelParams = field(default_factory=ModelParams)


def load_vposer(expr_dir: str | Path | None = None, vp_model: str = "snapshot") -> tuple[VPoserV1, ModelParams]:
    """Replacement for ``human_body_prior.tools.model_loader.load_vposer``, version 1.

    Args:
        expr_dir: a folder with ``vposer_latent.safetensors``; for any other folder, such as that of VPoser's weights,
            the shipped weights are used.
        vp_model: ignored.

    Returns:
        The model, in evaluation mode and frozen, and its sizes.
    """
    model = VPoserV1.from_pretrained(_own_folder(expr_dir))
    return model, ModelParams(model.latentD)


def load_model(
    expr_dir: str | Path | None = None,
    model_code: object = None,
    remove_words_in_model_weights: str | None = None,
    load_only_cfg: bool = False,
    disable_grad: bool = True,
    model_cfg_override: Mapping[str, Mapping[str, int]] | None = None,
    comp_device: str | torch.device = "cpu",
) -> tuple[VPoserV2, ModelSettings] | ModelSettings:
    """Replacement for ``human_body_prior.tools.model_loader.load_model``, version 2.

    Args:
        expr_dir: as in ``load_vposer``.
        model_code: ignored.
        remove_words_in_model_weights: ignored.
        load_only_cfg: return only the settings.
        disable_grad: freeze the weights.
        model_cfg_override: settings that the weights must have; ``{"model_params": {"latentD": 32}}``.
        comp_device: device of the model; ``"gpu"`` is ``"cuda"``.

    Returns:
        The model, in evaluation mode, and its settings.

    Raises:
        ValueError: the weights have other settings.
    """
    model = VPoserV2.from_pretrained(_own_folder(expr_dir))
    settings = ModelSettings(ModelParams(model.latentD))
    _check_override(model_cfg_override or {}, settings.model_params)
    if load_only_cfg:
        return settings
    model.requires_grad_(not disable_grad)
    return model.to("cuda" if comp_device == "gpu" else comp_device), settings


def _own_folder(expr_dir: str | Path | None) -> Path | None:
    """The folder, if it contains weights for this module."""
    if expr_dir is not None and not Path(expr_dir).exists():
        warnings.warn(f"{expr_dir} does not exist: the shipped weights are loaded", stacklevel=3)
    return Path(expr_dir) if expr_dir is not None and (Path(expr_dir) / SPACE_FILE).is_file() else None


def _check_override(override: Mapping[str, Mapping[str, int]], params: ModelParams) -> None:
    for section, settings in override.items():
        for name, value in settings.items():
            there = getattr(params, name, None) if section == "model_params" else None
            if value != there:
                raise ValueError(
                    f"these weights have latents of {params.latentD} numbers for {params.num_joints} joints, and "
                    f"{section}.{name} cannot be {value}: python -m qposer.training.train_vposer_latent trains others"
                )


def _unflattened(pose_body: Tensor) -> Float[Tensor, "N 21 3"] | Float[Tensor, "N 21 3 3"]:
    """Reshape poses from any of VPoser's input shapes."""
    numbers = pose_body.shape[1:].numel()
    if pose_body.ndim < 2 or numbers not in (3 * NUM_BODY_JOINTS, 9 * NUM_BODY_JOINTS):
        raise ValueError(
            "poses must be (N, 63) axis-angle or (N, 189) rotation matrices, flat or by joint, "
            f"not {tuple(pose_body.shape)}"
        )
    joint = (3,) if numbers == 3 * NUM_BODY_JOINTS else (3, 3)
    return pose_body.reshape(-1, NUM_BODY_JOINTS, *joint)


def _check_type(name: str, given: str) -> None:
    if given not in ("matrot", "aa"):
        raise ValueError(f"{name} must be 'matrot' or 'aa', not {given!r}")
