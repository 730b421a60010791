"""A stand-in for VPoser: its two call shapes, over a continuous latent space of QPoser.

VPoser (Pavlakos et al., CVPR 2019) keeps a pose in 32 numbers whose squared length is the prior. Here these numbers are
coordinates in the latents of a QPoser, which are nearly linear in the rotations of the joints: whitened principal
components of the latents of the training poses, where the length of a difference is how far the skin moves. QPoser's
decoder makes the pose. Nothing is snapped to codes, so everything has gradients.

``load_vposer`` gives what the first version of VPoser's package gives (SMPLify-X calls it), ``load_model`` what
human_body_prior 2 does. ``docs/migrating-from-vposer.md`` tells what is the same and what differs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import Normal

from qposer.assets import asset
from qposer.model import QPoser
from qposer.rotations import axis_angle_to_matrix, matrix_to_axis_angle
from qposer.skeleton import NUM_BODY_JOINTS
from qposer.weights import load_module, save_module

FORMAT = "qposer-vposer-latent-1"
SPACE_FILE = "vposer_latent.safetensors"
QPOSER_FILE = "qposer.safetensors"

Rotations = Literal["matrot", "aa"]


@dataclass(frozen=True)
class LatentSpaceConfig:
    """Sizes of a latent space."""

    components: int = 3 * NUM_BODY_JOINTS
    """As many as a pose has degrees of freedom; any number of them, the first ones, make a space."""
    latents: int = 4 * NUM_BODY_JOINTS
    """Numbers in the latents of a pose: joints times heads times numbers in a code."""


class LatentSpace(nn.Module):
    """Whitened principal components of a QPoser's latents, those that move the skin most first.

    Attributes:
        centre: the mean latents of the training poses.
        basis: what one standard deviation along each component adds to the latents.
        projection: takes latents, less the centre, to their coordinates.
        variance: of the training poses along all components, kept or not; mean squared distances of the skin.
        t_pose: the latents of the T-pose, by which a QPoser is known to be the one that the space was fitted to.
    """

    centre: Float[Tensor, " latents"]
    basis: Float[Tensor, "components latents"]
    projection: Float[Tensor, "latents components"]
    variance: Float[Tensor, " latents"]
    t_pose: Float[Tensor, " latents"]

    def __init__(self, config: LatentSpaceConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or LatentSpaceConfig()
        self.register_buffer("centre", torch.zeros(config.latents))
        self.register_buffer("basis", torch.eye(config.components, config.latents))
        self.register_buffer("projection", torch.eye(config.latents, config.components))
        self.register_buffer("variance", torch.ones(config.latents))
        self.register_buffer("t_pose", torch.zeros(config.latents))

    def latents(self, coordinates: Float[Tensor, "*batch dims"]) -> Float[Tensor, "*batch latents"]:
        """Latents of coordinates along the first components."""
        return self.centre + coordinates @ self.basis[: coordinates.shape[-1]]

    def coordinates(self, latents: Float[Tensor, "*batch latents"], dims: int) -> Float[Tensor, "*batch dims"]:
        """Coordinates along the first ``dims`` components."""
        return (latents - self.centre) @ self.projection[:, :dims]

    def spread(self, dims: int) -> Float[Tensor, " dims"]:
        """Standard deviation of each coordinate, given a pose: what the left out components leave open.

        That of the posterior of probabilistic principal components (Tipping, Bishop, 1999, section 3.3): the mean
        variance of the components that are left out, over the variance along the coordinate.
        """
        left_out = self.variance[dims:].mean() if dims < len(self.variance) else self.variance[-1]
        return (left_out / self.variance[:dims]).sqrt()

    def save(self, path: str | Path, **notes: str) -> None:
        """Write the space, its sizes and any notes (strings), at once or not at all."""
        save_module(path, self, self.config, FORMAT, notes, torch.float32)

    @classmethod
    def from_pretrained(cls, path: str | Path | None = None) -> LatentSpace:
        """The shipped space, or that of ``path``.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: the file holds something else, or numbers of other sizes than its configuration says.
        """
        return load_module(path or asset(SPACE_FILE), cls, LatentSpaceConfig, FORMAT)


class VPoser(nn.Module):
    """What both call shapes share: a latent space in which zeros are a neutral pose, and QPoser's way to poses.

    Attributes:
        num_joints: 21, SMPL's joints 1..21.
        latentD: numbers in a latent.
        qposer: the model that decodes.
    """

    num_joints = NUM_BODY_JOINTS

    def __init__(self, qposer: QPoser, space: LatentSpace, latentD: int = 32) -> None:
        """Join a QPoser and the space that was fitted to its latents.

        Raises:
            ValueError: the space is another QPoser's, or has no ``latentD`` components.
        """
        super().__init__()
        if not 1 <= latentD <= space.config.components:
            raise ValueError(f"latentD is from 1 to the {space.config.components} components there are, not {latentD}")
        t_pose = qposer.latents(torch.zeros(NUM_BODY_JOINTS, 3).to(qposer.quantizer.codebooks.device)).flatten()
        if t_pose.shape != space.t_pose.shape or not torch.allclose(t_pose, space.t_pose.to(t_pose), atol=1e-2):
            raise ValueError(
                "the latent space was fitted to another QPoser than this one: "
                "python -m qposer.training.train_vposer_latent fits one to it"
            )
        self.latentD = latentD
        self.qposer, self.space = qposer, space

    @classmethod
    def from_pretrained(cls, folder: str | Path | None = None, latentD: int = 32) -> Self:
        """The shipped weights, or those of a folder, in evaluation mode and frozen.

        Args:
            folder: holds ``qposer.safetensors`` and ``vposer_latent.safetensors``.
            latentD: numbers in a latent; with 32 it fits what was written for VPoser, and 63 keep every detail.

        Raises:
            FileNotFoundError: a file is missing.
            ValueError: a file holds something else, the two do not fit, or there are no ``latentD`` components.
        """
        qposer, space = (None, None) if folder is None else (Path(folder) / QPOSER_FILE, Path(folder) / SPACE_FILE)
        return cls(QPoser.from_pretrained(qposer), LatentSpace.from_pretrained(space), latentD).eval()

    def encode(self, pose_body: Tensor) -> Normal:
        """The latents of poses, as a normal distribution of ``(N, latentD)``.

        The mean decodes to the pose but for what ``latentD`` numbers do not hold; the spread tells how much that is.

        Args:
            pose_body: axis-angle in radians, 63 numbers a pose, or rotation matrices, 189, flat or not: ``(N, 63)``,
                ``(N, 21, 3)``, ``(N, 1, 21, 3)``, ``(N, 189)``, ``(N, 21, 9)``, ``(N, 1, 21, 9)``.

        Raises:
            ValueError: it is none of these, not finite, or its matrices are no rotations.
        """
        latents = self.qposer.latents(_unflattened(pose_body)).flatten(-3).to(self.space.centre)
        mean = self.space.coordinates(latents, self.latentD).to(pose_body.dtype)
        return Normal(mean, self.space.spread(self.latentD).to(mean).expand_as(mean))

    def rotations(self, Zin: Float[Tensor, "N latentD"]) -> Float[Tensor, "N 21 3 3"]:
        """Rotation matrices of latents, in their precision; zeros give a neutral pose.

        Raises:
            ValueError: the latents are of another width or not of floating point.
        """
        if Zin.ndim != 2 or Zin.shape[1] != self.latentD or not Zin.is_floating_point():
            raise ValueError(
                f"latents are (N, {self.latentD}) of floating point, not {tuple(Zin.shape)} of {Zin.dtype}"
            )
        latents = self.space.latents(Zin.to(self.space.centre))
        return self.qposer.decode_latents(latents.unflatten(-1, self.qposer.config.latent_shape)).to(Zin.dtype)

    def draw(self, num_poses: int, seed: int | None = None) -> Float[Tensor, "num_poses latentD"]:
        """Unit normal latents, on the model's device; without a seed, from torch's global generator."""
        generator = None if seed is None else torch.Generator().manual_seed(seed)
        return torch.randn(num_poses, self.latentD, generator=generator).to(self.space.centre)

    @staticmethod
    def matrot2aa(pose_matrot: Float[Tensor, "N 1 joints 9"]) -> Float[Tensor, "N 1 joints 3"]:
        """Axis-angle of flat rotation matrices."""
        return matrix_to_axis_angle(pose_matrot.unflatten(-1, (3, 3)))

    @staticmethod
    def aa2matrot(pose: Float[Tensor, "N 1 joints 3"]) -> Float[Tensor, "N 1 joints 9"]:
        """Flat rotation matrices of axis-angle."""
        return axis_angle_to_matrix(pose).flatten(-2)


class VPoserV1(VPoser):
    """The call shape of VPoser's first version, which SMPLify-X uses."""

    def decode(self, Zin: Float[Tensor, "N latentD"], output_type: Rotations = "matrot") -> Tensor:
        """Poses of latents: ``(N, 1, 21, 9)`` rotation matrices, or ``(N, 1, 21, 3)`` axis-angle for ``"aa"``.

        Raises:
            ValueError: the latents are of another width, or there is no such output type.
        """
        _check_type("output_type", output_type)
        matrices = self.rotations(Zin).unsqueeze(1)
        return matrices.flatten(-2) if output_type == "matrot" else matrix_to_axis_angle(matrices)

    def forward(
        self, Pin: Tensor, input_type: Rotations = "matrot", output_type: Rotations = "matrot"
    ) -> dict[str, Tensor]:
        """Encode poses, draw latents, decode: ``mean`` and ``std`` of the latents, and ``pose_matrot`` or ``pose_aa``.

        Args:
            Pin: ``(N, 1, 21, 9)`` or, for the input type ``"aa"``, ``(N, 1, 21, 3)``, flat or not.
            input_type: what the poses are.
            output_type: what comes back, in the shapes of ``decode``.

        Raises:
            ValueError: the poses are not of the input type, or there is no such type.
        """
        _check_type("input_type", input_type)
        numbers = NUM_BODY_JOINTS * (9 if input_type == "matrot" else 3)
        if Pin[:1].numel() not in (0, numbers):
            raise ValueError(f"poses of type {input_type!r} have {numbers} numbers each, not {Pin[:1].numel()}")
        posterior = self.encode(Pin)
        decoded = self.decode(posterior.rsample(), output_type)
        return {"mean": posterior.mean, "std": posterior.stddev, f"pose_{output_type}": decoded}

    @torch.no_grad()
    def sample_poses(self, num_poses: int, output_type: Rotations = "aa", seed: int | None = None) -> Tensor:
        """Decode unit normal latents, in the shapes of ``decode``; equal seeds give equal poses."""
        return self.decode(self.draw(num_poses, seed), output_type)


class VPoserV2(VPoser):
    """The call shape of human_body_prior 2."""

    def decode(self, Zin: Float[Tensor, "N latentD"]) -> dict[str, Tensor]:
        """Poses of latents: ``pose_body`` ``(N, 21, 3)`` axis-angle and ``pose_body_matrot`` ``(N, 21, 9)``.

        Raises:
            ValueError: the latents are of another width.
        """
        matrices = self.rotations(Zin)
        return {"pose_body": matrix_to_axis_angle(matrices), "pose_body_matrot": matrices.flatten(-2)}

    def forward(self, pose_body: Float[Tensor, "N 63"]) -> dict[str, Any]:
        """Encode poses, draw latents, decode.

        Returns:
            What ``decode`` does, ``poZ_body_mean`` and ``poZ_body_std``, ``(N, latentD)`` each, and their distribution,
            ``q_z``.

        Raises:
            ValueError: as ``encode``.
        """
        q_z = self.encode(pose_body)
        return {**self.decode(q_z.rsample()), "poZ_body_mean": q_z.mean, "poZ_body_std": q_z.stddev, "q_z": q_z}

    @torch.no_grad()
    def sample_poses(self, num_poses: int, seed: int | None = None) -> dict[str, Tensor]:
        """Decode unit normal latents, as ``decode``; equal seeds give equal poses."""
        return self.decode(self.draw(num_poses, seed))


@dataclass(frozen=True)
class ModelParams:
    """Sizes of a model, by the names of VPoser's settings."""

    latentD: int = 32  # noqa: N815
    num_joints: int = NUM_BODY_JOINTS


@dataclass(frozen=True)
class ModelSettings:
    """What human_body_prior 2 calls the configuration of a model."""

    model_params: ModelParams = field(default_factory=ModelParams)


def load_vposer(expr_dir: str | Path | None = None, vp_model: str = "snapshot") -> tuple[VPoserV1, ModelParams]:
    """In place of ``human_body_prior.tools.model_loader.load_vposer``, version 1.

    Args:
        expr_dir: a folder with ``qposer.safetensors`` and ``vposer_latent.safetensors``; any other, such as that of
            VPoser's weights, is not looked at, and the shipped weights are taken.
        vp_model: not looked at.

    Returns:
        The model, in evaluation mode and frozen, and its sizes.
    """
    params = ModelParams()
    return VPoserV1.from_pretrained(_own_folder(expr_dir), params.latentD), params


def load_model(
    expr_dir: str | Path | None = None,
    model_code: object = None,
    remove_words_in_model_weights: str | None = None,
    load_only_cfg: bool = False,
    disable_grad: bool = True,
    model_cfg_override: Mapping[str, Mapping[str, int]] | None = None,
    comp_device: str | torch.device = "cpu",
) -> tuple[VPoserV2, ModelSettings] | ModelSettings:
    """In place of ``human_body_prior.tools.model_loader.load_model``, version 2.

    Args:
        expr_dir: as that of ``load_vposer``.
        model_code: not looked at.
        remove_words_in_model_weights: not looked at.
        load_only_cfg: return the settings alone.
        disable_grad: freeze the weights.
        model_cfg_override: ``{"model_params": {"latentD": 48}}`` makes latents of 48 numbers.
        comp_device: where to put the model; ``"gpu"`` is ``"cuda"``.

    Returns:
        The model, in evaluation mode, and its settings.

    Raises:
        ValueError: the override names other settings, or more components than there are.
    """
    settings = ModelSettings(ModelParams(_latent_width(model_cfg_override)))
    if load_only_cfg:
        return settings
    model = VPoserV2.from_pretrained(_own_folder(expr_dir), settings.model_params.latentD)
    model.requires_grad_(not disable_grad)
    return model.to("cuda" if comp_device == "gpu" else comp_device), settings


def _own_folder(expr_dir: str | Path | None) -> Path | None:
    """The folder, if it is one of ours."""
    return Path(expr_dir) if expr_dir is not None and (Path(expr_dir) / QPOSER_FILE).is_file() else None


def _latent_width(override: Mapping[str, Mapping[str, int]] | None) -> int:
    params = (override or {}).get("model_params", {})
    unknown = [*set(override or {}) - {"model_params"}, *set(params) - {"latentD"}]
    if unknown:
        raise ValueError(f"only model_params.latentD can be overridden, not {', '.join(sorted(unknown))}")
    return params.get("latentD", ModelParams.latentD)


def _unflattened(pose_body: Tensor) -> Float[Tensor, "N 21 3"] | Float[Tensor, "N 21 3 3"]:
    """Poses as the model wants them, from whatever shape VPoser's users have them in."""
    numbers = pose_body.shape[1:].numel()
    if pose_body.ndim < 2 or numbers not in (3 * NUM_BODY_JOINTS, 9 * NUM_BODY_JOINTS):
        raise ValueError(
            "poses are (N, 63) axis-angle or (N, 189) rotation matrices, flat or by joint, "
            f"not {tuple(pose_body.shape)}"
        )
    joint = (3,) if numbers == 3 * NUM_BODY_JOINTS else (3, 3)
    return pose_body.reshape(-1, NUM_BODY_JOINTS, *joint)


def _check_type(name: str, given: str) -> None:
    if given not in ("matrot", "aa"):
        raise ValueError(f"{name} is 'matrot' or 'aa', not {given!r}")
