"""Protocol 3: comparison of samples with poses of unseen people."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from benchmarks.baselines.interface import PosePrior
from benchmarks.cache import Result
from benchmarks.prior.poses import Poses, drawn
from benchmarks.prior.protocol import joints_mm
from qposer.body_pose.rotations import axis_angle_to_matrix, matrix_to_axis_angle
from qposer.evaluation.metrics import (
    average_pairwise_distance,
    frechet_distance,
    nearest_pose_distance,
    precision_recall,
)

REAL = ("training poses", "validation poses")
"""Row names of real poses that take the place of samples."""


@dataclass(frozen=True)
class GenerationSettings:
    """Settings of protocol 3."""

    samples: int = 10_000
    """Number of samples, and maximum number of test poses to compare with."""
    pairs_of: int = 500
    """Number of samples for the average pairwise distance."""
    nearest_of: int = 500
    """Number of samples for the distance to the nearest training pose."""
    seed: int = 0


@torch.no_grad()
def measure(prior: PosePrior, poses: Poses, settings: GenerationSettings) -> Result:
    """Compare samples of a prior with test poses.

    Args:
        prior: prior to sample from.
        poses: body poses by split.
        settings: settings of the protocol.

    Returns:
        Figures by name, as `compare` returns them.
    """
    samples = prior.sample(settings.samples, torch.Generator().manual_seed(settings.seed + 1))
    return compare(samples, poses, settings)


@torch.no_grad()
def measure_real(poses: Poses, settings: GenerationSettings) -> dict[str, Result]:
    """Compare real poses of other people with test poses, as a reference for the samples.

    Args:
        poses: body poses by split.
        settings: settings of the protocol.

    Returns:
        Figures by name, as `compare` returns them, for each set of real poses.
    """
    generator = torch.Generator().manual_seed(settings.seed + 1)
    sides = zip(REAL, (poses.train, poses.validation), strict=True)
    return {name: compare(drawn(side, settings.samples, generator), poses, settings) for name, side in sides}


def compare(samples: Float[Tensor, "samples 21 3"], poses: Poses, settings: GenerationSettings) -> Result:
    """Compare samples with test poses and with the training poses.

    Args:
        samples: body poses, axis-angle in radians.
        poses: body poses by split.
        settings: settings of the protocol.

    Returns:
        ``fid_pose`` (square radians), ``fid_joints_cm`` (square centimetres), ``apd_cm`` (centimetres), ``precision``
        and ``recall`` (0 to 1), and ``nearest_rad`` (radians, one for each sample).
    """
    samples = principal(samples)
    reference = principal(drawn(poses.test, settings.samples, torch.Generator().manual_seed(settings.seed)))
    joints, reference_joints = joints_mm(samples), joints_mm(reference)
    overlap = precision_recall(samples.flatten(1), reference.flatten(1))
    nearest = nearest_pose_distance(
        axis_angle_to_matrix(samples[: settings.nearest_of]), axis_angle_to_matrix(poses.train)
    )
    return {
        "fid_pose": frechet_distance(samples.flatten(1), reference.flatten(1)),
        "fid_joints_cm": frechet_distance(joints.flatten(1) / 10, reference_joints.flatten(1) / 10),
        "apd_cm": average_pairwise_distance(joints[: settings.pairs_of]).item() / 10,
        "precision": overlap.precision,
        "recall": overlap.recall,
        "nearest_rad": nearest.tolist(),
    }


def principal(body_pose: Float[Tensor, "poses 21 3"]) -> Float[Tensor, "poses 21 3"]:
    """The same rotations with angles of at most pi, so that their axis-angle numbers are comparable."""
    return matrix_to_axis_angle(axis_angle_to_matrix(body_pose))
