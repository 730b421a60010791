"""Meshes as Wavefront OBJ files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from jaxtyping import Float, Int


def write_obj(path: Path, vertices: Float[np.ndarray, "vertices 3"], faces: Int[np.ndarray, "faces 3"]) -> None:
    """Write a triangle mesh: one line per vertex, with 8 decimals, then one per face, counted from 1.

    Args:
        path: the file; an existing one is replaced.
        vertices: vertices in the units and axes of the file.
        faces: indices of vertices, counted from 0.

    Raises:
        OSError: the file cannot be written.
    """
    points = "v %.8f %.8f %.8f\n" * len(vertices) % tuple(np.asarray(vertices, dtype=np.float64).ravel().tolist())
    triangles = "f %d %d %d\n" * len(faces) % tuple((np.asarray(faces) + 1).ravel().tolist())
    path.write_text(points + triangles, encoding="ascii")
