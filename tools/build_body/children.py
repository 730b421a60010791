"""Sample children for tests and benchmarks.

    python -m tools.build_body.children --out benchmarks/children/children.npz

They are people of anny's calibrated distribution, in the T-pose: only the vertices of landmarks, and the joints.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from fitting.body.body import Body
from tools.build_body.landmarks import segment
from tools.build_body.people import FLIP, People, sample_people
from tools.build_body.skin import merged_weights, mirror_map
from tools.build_body.tpose import to_tpose

AGES, CHILDREN, FIRST_SEED = (3.0, 6.0, 10.0), 20, 100
WITHIN = 0.02
"""Years."""


def main() -> None:
    """Command line."""
    import anny

    parser = argparse.ArgumentParser("python -m tools.build_body.children", description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    out: Path = parser.parse_args().out
    model, landmarks = anny.Anny(), Body.ages().data.landmarks
    skin = np.setdiff1d(np.arange(len(model.template_vertices)), segment(model, "tongue")[1])
    vertices = np.array(sorted({part for landmark in landmarks.values() for part in landmark if isinstance(part, int)}))
    points, heights, years = [], [], []
    for seed, age in enumerate(AGES, start=FIRST_SEED):
        people = sample_people(model, CHILDREN, seed, (age - WITHIN, age + WITHIN))
        own = people.vertices[:, skin]
        mirrored = mirror_map(own.mean(axis=0))
        symmetric = People((own + own[:, mirrored] * FLIP) / 2, people.joints, people.fingers)
        posed = to_tpose(symmetric, merged_weights(model, skin, mirrored))
        points.append(np.concatenate([posed.vertices[:, vertices], posed.joints], axis=1))
        heights.append(np.ptp(posed.vertices[..., 1], axis=1))
        years.append(np.full(CHILDREN, age))
    np.savez_compressed(
        out,
        allow_pickle=False,
        vertices=vertices,
        points=np.concatenate(points).astype(np.float16),
        height=np.concatenate(heights).astype(np.float32),
        age=np.concatenate(years),
    )


if __name__ == "__main__":
    main()
