"""The unknowns of a pose: QPoser's codes, relaxed."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from fitting.body.body import Body
from fitting.optimise.problem import Estimate, Problem
from qposer.body_pose.rotations import axis_angle_to_matrix
from qposer.prior.code_prior import CodePrior

FD_STEP = 0.02
"""Step of the finite differences for the decoder's derivatives."""


@runtime_checkable
class Decoder(Protocol):
    """Maps parameters to rotations."""

    def decode(self, numbers: Float[Tensor, "people joints latent"]) -> Float[Tensor, "people joints 3 3"]:
        """The rotations of parameters."""
        ...


@runtime_checkable
class PoseSpace(Protocol):
    """A parameterisation of body poses, independent for each person."""

    def encode(self, body_pose: Float[Tensor, "people 21 3 3"]) -> Float[Tensor, " people *numbers"]:
        """Parameters of given poses."""
        ...

    def decode(self, numbers: Float[Tensor, " people *numbers"]) -> Float[Tensor, "people 21 3 3"]:
        """The body pose."""
        ...

    def commit(self, numbers: Float[Tensor, " people *numbers"]) -> Float[Tensor, " people *numbers"]:
        """The nearest parameters that are valid as a result."""
        ...


class RelaxedCodes:
    """Standardised continuous latents, quantised to the nearest codes at the end of the fit.

    With one-dimensional codes, a latent between two neighbouring codes is a mixture of these two: a point on the
    simplex over the codebook, like a softmax over distances to all codes, but without its folds (see
    docs/benchmarks/relaxation.md).
    """

    def __init__(self, prior: CodePrior) -> None:
        self.prior, self.model, self.network = prior, prior.model, prior.network
        codebooks = self.model.quantizer.codebooks.detach()
        self._outermost = codebooks.amin(1), codebooks.amax(1)

    def encode(self, body_pose: Float[Tensor, "people joints 3 3"]) -> Float[Tensor, "people joints latent"]:
        """The encoder's latents, standardised."""
        return self.prior.standard_latents(body_pose)

    def latents(self, numbers: Float[Tensor, "people joints latent"]) -> Float[Tensor, "people joints heads dim"]:
        """Latents in the model's units, clamped to the outermost codes."""
        latents = self.network.unstandardise(numbers).unflatten(-1, self.model.config.latent_shape[1:])
        least, most = self._outermost
        return torch.minimum(torch.maximum(latents, least), most)

    def bounded(self, numbers: Float[Tensor, "people joints latent"]) -> Float[Tensor, "people joints latent"]:
        """The parameters, clamped to the outermost codes."""
        return self.network.standardise(self.latents(numbers))

    def denoised(
        self, numbers: Float[Tensor, "*draws people joints latent"], level: Float[Tensor, "*#draws #people #joints"]
    ) -> Float[Tensor, "*draws people joints latent"]:
        """The prior's prediction of noisy parameters.

        Args:
            numbers: parameters with noise.
            level: standard deviation of the noise.

        Returns:
            The expected parameters without noise.
        """
        target: Tensor = self.network.denoiser(numbers, level)
        return target

    def decode(self, numbers: Float[Tensor, "people joints latent"]) -> Float[Tensor, "people joints 3 3"]:
        """The pose that the latents decode to."""
        return self.model.decode_latents(self.latents(numbers))

    def commit(self, numbers: Float[Tensor, "people joints latent"]) -> Float[Tensor, "people joints latent"]:
        """The nearest codes."""
        codes = self.model.encode_latents(self.latents(numbers))
        return self.network.standardise(self.model.quantizer.lookup(codes))


def decoder_jacobian(
    space: Decoder, numbers: Float[Tensor, "people joints latent"], rotations: Float[Tensor, "people joints 3 3"]
) -> Float[Tensor, "people joints latent 3 3"]:
    """Derivatives of each joint's rotation by its own parameters, by finite differences for all joints at once.

    Args:
        space: pose space.
        numbers: parameters.
        rotations: the pose that they decode to.

    Returns:
        Derivatives of the matrices.
    """
    people, _, latent = numbers.shape
    eye = torch.eye(latent, dtype=numbers.dtype, device=numbers.device)
    turned = space.decode((numbers + FD_STEP * eye[:, None, None]).flatten(0, 1))
    jacobian: Tensor = ((turned.unflatten(0, (latent, people)) - rotations) / FD_STEP).permute(1, 2, 0, 3, 4)
    return jacobian


def body_pose_of(space: PoseSpace, estimate: Estimate) -> Float[Tensor, "people 21 3 3"]:
    """Rotation matrices of an estimate, residual rotations included.

    Args:
        space: pose space.
        estimate: fitted parameters.

    Returns:
        Rotations relative to the parents.
    """
    return space.decode(estimate.pose) @ axis_angle_to_matrix(estimate.residual)


@torch.no_grad()
def landmarks_of(
    body: Body, space: PoseSpace, problem: Problem, estimate: Estimate
) -> Float[Tensor, "people joints 3"]:
    """Keypoint positions of an estimate, in camera axes.

    Args:
        body: body model.
        space: pose space.
        problem: keypoints and camera.
        estimate: fitted parameters.

    Returns:
        Metres.
    """
    pose = body_pose_of(space, estimate)
    return body.landmarks(estimate.orient, pose, estimate.betas, estimate.transl, format=problem.format)
