"""Protocol 3: comparison of samples with poses of unseen people."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from benchmarks.cache import Result
from benchmarks.prior.poses import Poses, drawn
from benchmarks.prior.protocol import joints_mm
from qposer.baselines.interface import PosePrior
from qposer.body_pose.rotations import axis_angle_to_matrix, matrix_to_axis_angle
from qposer.evaluation.metrics import (
    average_pairwise_distance,
    frechet_distance,
    nearest_pose_distance,
    precision_recall,
)

REAL = ("training poses", "validation poses")
"""What tables call real poses in place of samples."""


@dataclass(frozen=True)
class GenerationSettings:
    """Of protocol 3."""

    samples: int = 10_000
    """And as many test poses for reference, at most."""
    pairs_of: int = 500
    """Samples whose average pairwise distance is taken."""
    nearest_of: int = 500
    """Samples whose nearest training pose is looked for."""
    seed: int = 0


@torch.no_grad()
def measure(prior: PosePrior, poses: Poses, settings: GenerationSettings) -> Result:
    """Figures of samples of a prior.

    Args:
        prior: prior to sample from.
        poses: body poses by split.
        settings: settings of the protocol.

    Returns:
        Figures by name.
    """
    samples = prior.sample(settings.samples, torch.Generator().manual_seed(settings.seed + 1))
    return compare(samples, poses, settings)


@torch.no_grad()
def measure_real(poses: Poses, settings: GenerationSettings) -> dict[str, Result]:
    """The same figures of real poses of other people, as if they were samples: what a perfect prior would reach.

    Args:
        poses: body poses by split.
        settings: settings of the protocol.

    Returns:
        Figures by name, for each set of real poses.
    """
    generator = torch.Generator().manual_seed(settings.seed + 1)
    sides = zip(REAL, (poses.train, poses.validation), strict=True)
    return {name: compare(drawn(side, settings.samples, generator), poses, settings) for name, side in sides}


def compare(samples: Float[Tensor, "samples 21 3"], poses: Poses, settings: GenerationSettings) -> Result:
    """Figures of samples against test poses, and of their distance to the training poses.

    Args:
        samples: axis-angle in radians.
        poses: body poses by split.
        settings: settings of the protocol.

    Returns:
        Figures by name.
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
    """The same rotations by angles of pi at most, so that numbers can be compared."""
    return matrix_to_axis_angle(axis_angle_to_matrix(body_pose))
