"""Joint regressor: joints as weighted sums of vertices."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from tools.build_body.people import Array, People
from tools.build_body.shapes import fit_betas
from tools.build_body.skin import padded

REGRESSOR_REACH, REGRESSOR_STEP = 600, 6  # every sixth of the vertices nearest to a joint

RIDGE = 1e-4  # metres: keeps a regressor's weights small at the cost of 0.2 mm


def joint_regressor(
    people: People,
    joints: Float[Array, "people joints 3"],
    mirror: tuple[int, ...],
    template: Array,
    shapes: Array,
    mirrored: Array,
) -> tuple[Array, Array]:
    """Vertices and weights (joints x k) whose sum is the joint in the mean body and along every shape component.

    The weights are small, sum to one, and may be negative: convex combinations cannot follow a bone when fat increases.

    Args:
        people: people in the T-pose.
        joints: their joints, the left ones before the right.
        mirror: the mirror joint of each joint.
        template: the mean body.
        shapes: the shape components.
        mirrored: mirror vertex of each vertex.

    Returns:
        Vertices and weights.
    """
    scores = fit_betas(people.vertices, template, shapes)
    design = np.hstack([np.ones((len(scores), 1)), scores])
    fitted, *_ = np.linalg.lstsq(design, joints.reshape(len(scores), -1), rcond=None)
    fitted = fitted.reshape(-1, len(mirror), 3)
    basis = np.concatenate([template[None], shapes])
    rows = np.zeros((len(mirror), len(template)))
    for j, opposite in enumerate(mirror):
        if opposite < j:
            continue
        nearest = np.linalg.norm(template - fitted[0, j], axis=1).argsort()[:REGRESSOR_REACH:REGRESSOR_STEP]
        equations = np.moveaxis(basis[:, nearest], 1, -1).reshape(-1, len(nearest))
        matrix = np.vstack([equations, np.full(len(nearest), 10.0), RIDGE * np.eye(len(nearest))])
        wanted = np.concatenate([fitted[:, j].ravel(), [10.0], np.zeros(len(nearest))])
        rows[j, nearest] = np.linalg.lstsq(matrix, wanted, rcond=None)[0]
        if opposite == j:
            rows[j] = (rows[j] + rows[j][mirrored]) / 2
        else:
            rows[opposite] = rows[j][mirrored]
    return padded(rows, int((rows != 0).sum(axis=1).max()))
