"""Metrics: errors between poses and distances between sets of poses, as pure functions."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from qposer.body_pose.rotations import matrix_to_quaternion, nearest_rotation

CHUNK = 4096
"""Maximum rows of a pairwise distance table in memory."""


def mpjpe(
    joints: Float[Tensor, "*batch joints 3"], truth: Float[Tensor, "*batch joints 3"]
) -> Float[Tensor, " *batch"]:
    """Mean per-joint position error in the unit of the arguments, without root alignment.

    Args:
        joints: estimated positions.
        truth: true positions.

    Returns:
        Mean Euclidean distance over the joints.
    """
    error: Tensor = torch.linalg.vector_norm(joints - truth, dim=-1).mean(-1)
    return error


def pa_mpjpe(
    joints: Float[Tensor, "*batch joints 3"], truth: Float[Tensor, "*batch joints 3"]
) -> Float[Tensor, " *batch"]:
    """Mean per-joint position error after Procrustes alignment (rotation, translation, scale) of each to its truth.

    Args:
        joints: estimated positions.
        truth: true positions.

    Returns:
        Mean Euclidean distance over the joints, in the unit of ``truth`` (Umeyama's alignment, IEEE TPAMI 1991).
    """
    joints, truth = joints - joints.mean(-2, keepdim=True), truth - truth.mean(-2, keepdim=True)
    turned = joints @ nearest_rotation(truth.mT @ joints).mT
    scale = (turned * truth).sum((-2, -1), keepdim=True) / joints.square().sum((-2, -1), keepdim=True)
    return mpjpe(scale * turned, truth)


def frechet_distance(samples: Float[Tensor, "samples dim"], reference: Float[Tensor, "references dim"]) -> float:
    """Frechet distance of the normal distributions with the means and covariances of two sets (Dowson, Landau 1982).

    It is ``|m - m'|^2 + tr(C + C' - 2 (C C')^(1/2))``, as in FID on image features (Heusel et al., NeurIPS 2017), but
    with the rows as features. The unit is that of the rows, squared.

    Args:
        samples: one set.
        reference: the other set.

    Returns:
        The distance, at least zero.

    Raises:
        ValueError: a set has fewer than two rows, the widths differ, or a number is not finite.
    """
    _check_sets(samples, reference, rows=2)
    mean, covariance = _moments(samples.double())
    other_mean, other_covariance = _moments(reference.double())
    root = _symmetric_root(covariance)
    # tr (C C')^(1/2) = tr (C^(1/2) C' C^(1/2))^(1/2), whose matrix is symmetric and positive
    overlap = torch.linalg.eigvalsh(root @ other_covariance @ root).clamp(min=0).sqrt().sum()
    distance = (mean - other_mean).square().sum() + covariance.trace() + other_covariance.trace() - 2 * overlap
    value: float = max(distance.item(), 0.0)
    return value


def average_pairwise_distance(joints: Float[Tensor, "*batch poses joints 3"]) -> Float[Tensor, " *batch"]:
    """Mean over all pairs of different poses of the mean distance of their joints, in the unit of the argument.

    A measure of diversity (APD; Aliakbarian et al., CVPR 2020) with a mean over joints, as common for pose
    priors. Memory is linear in the number of poses.

    Raises:
        ValueError: there are fewer than two poses.
    """
    poses = joints.shape[-3]
    if poses < 2:
        raise ValueError(f"pairs need at least 2 poses, not {poses}")
    flat = joints.transpose(-2, -3)  # one distance table per joint, with zero diagonals
    sums = [torch.cdist(j, j, compute_mode="donot_use_mm_for_euclid_dist").sum((-1, -2)) for j in flat.unbind(-3)]
    return torch.stack(sums).sum(0) / (joints.shape[-2] * poses * (poses - 1))


class PrecisionRecall(NamedTuple):
    """Overlap of two sets."""

    precision: float
    """Share of samples inside the manifold of the reference (realism)."""
    recall: float
    """Share of the reference inside the manifold of the samples (coverage)."""


def precision_recall(
    samples: Float[Tensor, "samples dim"], reference: Float[Tensor, "references dim"], neighbours: int = 3
) -> PrecisionRecall:
    """Improved precision and recall (Kynkaanniemi et al., NeurIPS 2019, eq. 1 and 2).

    The manifold of a set is the union of the balls around its rows that reach to their ``neighbours``-th nearest other
    row. Distances are computed ``CHUNK`` rows at a time.

    Args:
        samples: set to evaluate.
        reference: reference set.
        neighbours: ``k``, the rank of the neighbour that defines a ball's radius.

    Returns:
        Precision and recall, from 0 to 1.

    Raises:
        ValueError: a set has no more rows than ``neighbours``, the widths differ, or a number is not finite.
    """
    _check_sets(samples, reference, rows=neighbours + 1)
    sample_radii, reference_radii = _radii(samples, neighbours), _radii(reference, neighbours)
    real = torch.zeros(len(samples), dtype=torch.bool, device=samples.device)
    covered = torch.zeros(len(reference), dtype=torch.bool, device=samples.device)
    for start in range(0, len(samples), CHUNK):
        rows = slice(start, start + CHUNK)
        distance = torch.cdist(samples[rows], reference)
        real[rows] = (distance <= reference_radii).any(1)
        covered |= (distance <= sample_radii[rows, None]).any(0)
    return PrecisionRecall(real.double().mean().item(), covered.double().mean().item())


def nearest_pose_distance(
    poses: Float[Tensor, "poses joints 3 3"], known: Float[Tensor, "known joints 3 3"]
) -> Float[Tensor, " poses"]:
    """Distance in radians of each pose to the nearest known one (dNN): the joints' angles ``2 acos|<q, q'>|``, summed.

    As in benchmarks of pose priors (NRDF, He et al., CVPR 2024; DPoser-X, 2025): zero for copies of training
    poses, large for poses unlike all training poses. All pairs are compared, ``CHUNK`` known poses at a time.

    Args:
        poses: rotation matrices of the poses to evaluate.
        known: rotation matrices to compare with.

    Returns:
        Radians, summed over the joints.

    Raises:
        ValueError: the shapes do not match, or there is no known pose.
    """
    if poses.ndim != 4 or poses.shape[1:] != known.shape[1:] or not len(known):
        raise ValueError(f"expected equally many joints, found {tuple(poses.shape)} and {tuple(known.shape)}")
    quaternions = matrix_to_quaternion(poses).transpose(0, 1)
    nearest = poses.new_full((len(poses),), math.inf)
    for part in known.split(CHUNK):
        total = poses.new_zeros(len(poses), len(part))
        for own, other in zip(quaternions, matrix_to_quaternion(part).transpose(0, 1), strict=True):
            total += (own @ other.T).abs_().clamp_(max=1.0).acos_()
        nearest = torch.minimum(nearest, 2 * total.amin(1))
    return nearest


def _check_sets(samples: Tensor, reference: Tensor, rows: int) -> None:
    for name, values in (("samples", samples), ("reference", reference)):
        if values.ndim != 2 or len(values) < rows:
            raise ValueError(f"expected at least {rows} {name}, each a row of numbers, found {tuple(values.shape)}")
        if not bool(torch.isfinite(values).all()):
            raise ValueError(f"the {name} contain NaN or infinite numbers")
    if samples.shape[1] != reference.shape[1]:
        raise ValueError(f"samples have {samples.shape[1]} numbers per row, but the reference {reference.shape[1]}")


def _moments(rows: Float[Tensor, "rows dim"]) -> tuple[Float[Tensor, " dim"], Float[Tensor, "dim dim"]]:
    return rows.mean(0), torch.cov(rows.T).reshape(rows.shape[1], rows.shape[1])


def _symmetric_root(matrix: Float[Tensor, "dim dim"]) -> Float[Tensor, "dim dim"]:
    values, vectors = torch.linalg.eigh(matrix)
    root: Tensor = (vectors * values.clamp(min=0).sqrt()) @ vectors.T
    return root


def _radii(rows: Float[Tensor, "rows dim"], neighbours: int) -> Float[Tensor, " rows"]:
    """Distance of each row to its ``neighbours``-th nearest other row."""
    parts = [torch.cdist(part, rows).kthvalue(neighbours + 1, dim=1).values for part in rows.split(CHUNK)]
    return torch.cat(parts)
