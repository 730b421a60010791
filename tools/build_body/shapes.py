"""The shape space: the mean of people in the T-pose, its principal components, and the coefficients of people in it."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from tools.build_body.people import Array

NUM_BETAS = 10


def vertex_areas(vertices: Float[Array, "vertices 3"], faces: Int[Array, "faces 3"]) -> Float[Array, " vertices"]:
    """Share of the surface that belongs to each vertex, with mean 1.

    Args:
        vertices: vertices of one body.
        faces: triangles.

    Returns:
        Unitless shares.
    """
    a, b, c = vertices[faces].swapaxes(0, 1)
    areas = np.zeros(len(vertices))
    np.add.at(areas, faces.ravel(), np.repeat(np.linalg.norm(np.cross(b - a, c - a), axis=-1), 3))
    shares: Array = areas / areas.mean()
    return shares


def principal_shapes(vertices: Array, areas: Array) -> tuple[Array, Array, float]:
    """Mean, components of unit variance (``betas`` x vertices x 3, tallest first) and the share they explain.

    Args:
        vertices: vertices of people in the T-pose.
        areas: weights of the vertices.

    Returns:
        Mean, components and share, by principal component analysis.
    """
    mean = vertices.mean(axis=0)
    spread = (vertices - mean) * np.sqrt(areas)[:, None]
    flat = spread.reshape(len(spread), -1)
    values, vectors = np.linalg.eigh(flat @ flat.T / (len(flat) - 1))
    values, vectors = values[::-1][:NUM_BETAS], vectors[:, ::-1][:, :NUM_BETAS]
    scores = vectors * np.sqrt(len(flat) - 1)
    components = np.einsum("nb,nvc->bvc", scores, vertices - mean) / (len(flat) - 1)
    top = mean[:, 1].argmax()
    components *= np.where(components[:, top, 1] < 0, -1.0, 1.0)[:, None, None]
    return mean, components, float(values.sum() / (flat**2).sum() * (len(flat) - 1))


def fit_betas(vertices: Array, template: Array, shapes: Array) -> Float[Array, "people betas"]:
    """Shape coefficients of T-posed people, by least squares over the vertices.

    Args:
        vertices: vertices of people in the T-pose.
        template: the mean body.
        shapes: the shape components.

    Returns:
        The coefficients.
    """
    basis = shapes.reshape(len(shapes), -1)
    return np.linalg.solve(basis @ basis.T, basis @ (vertices - template).reshape(len(vertices), -1).T).T
