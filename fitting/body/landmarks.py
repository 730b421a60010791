"""Positions of detectors' keypoints on a body, as combinations of its vertices and joints."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from jaxtyping import Float

from fitting.inputs.keypoints import FORMATS, FormatName
from qposer.body_pose.skeleton import JOINT_NAMES
from qposer.hands.smplh import FINGERS, HAND_LANDMARKS

Landmark = Mapping[int | str, float]
"""Weights with sum one of vertices (by index), joints and other landmarks (by name)."""

MIDDLES: dict[FormatName, dict[str, Landmark]] = {
    "openpose": {
        "neck": {"left_shoulder": 0.5, "right_shoulder": 0.5},
        "mid_hip": {"left_hip": 0.5, "right_hip": 0.5},
    },
    "h36m": {
        "pelvis": {"left_hip": 0.645, "right_hip": 0.645, "spine1": 0.32, "pelvis": -0.61},
        "spine": {"spine2": 0.87, "spine3": 0.13},
        "thorax": {"neck": 0.34, "left_collar": 0.33, "right_collar": 0.33},
        "nose": {"head": 0.35, "neck": 0.35, "left_mouth": 0.15, "right_mouth": 0.15},
        "head": {
            **{"left_ear": 0.45, "right_ear": 0.45, "left_eye": 0.3, "right_eye": 0.3},
            **{"left_mouth": -0.25, "right_mouth": -0.25},
        },
    },
}
"""Keypoints on the body's median plane between joints and other landmarks, or on a line through them."""

SHIFTS: dict[FormatName, dict[str, Landmark]] = {
    "mediapipe": {
        "nose": {"head": 0.12, "nose": -0.12},
        "eye_inner": {"head": 0.08, "eye_inner": -0.08},
        "eye": {"head": 0.08, "eye": -0.08},
        "eye_outer": {"head": 0.08, "eye_outer": -0.08},
        "mouth": {"head": 0.08, "mouth": -0.08},
        "ear": {"eye": 0.25, "head": 0.15, "ear": -0.4},
        "shoulder": {"neck": 0.12, "spine3": -0.12, "collar": 0.04, "shoulder": -0.04},
        "wrist": {"hand": 0.1, "wrist": -0.1},
        "pinky": {"index": 0.33, "wrist": 0.12, "pinky": -0.45},
        "index": {"pinky": 0.15, "wrist": 0.1, "index": -0.25},
        "thumb": {"index": 0.2, "pinky": 0.15, "thumb": -0.35},
        "hip": {"pelvis": 0.19, "spine1": -0.09, "hip": -0.1},
        "knee": {"ankle": 0.08, "knee": -0.08},
        "ankle": {"knee": 0.075, "ankle": -0.075},
        "heel": {"foot": 0.1, "heel": -0.1},
        "foot_index": {"foot": 0.4, "foot_index": -0.4},
    },
    "h36m": {
        "hip": {"hip": 0.29, "spine1": 0.32, "pelvis": -0.61},
        "shoulder": {"collar": 0.2, "spine3": 0.1, "shoulder": -0.2, "neck": -0.1},
    },
}
"""Shift of a detector's keypoint from the joint or vertex of the same name, as weights with sum zero.

Parts without a side are on the keypoint's own side, or median.

MediaPipe places shoulders 22 and ankles 32 mm above the open body's joints, hips 12 and knees 34 mm below, hips 10 mm
closer to the median plane, ears 20 mm in front of the holes and 20 mm closer to it, heels 20 mm in front of their back,
toes 25 mm behind their tips. Keypoints triangulated from four views of a man, proportions in photos of standing people,
and rendered bodies agree except for hips and knees, for which the photos are used (docs/notes/landmarks.md).

Human3.6M's hips are wider apart and higher than a body's hip joints, and its shoulders closer and lower; its "nose" is
at the jaw, its "head" in the middle of the skull. These weights and those of `MIDDLES` give the open body's bones the
proportions of the dataset's skeleton (`qposer.data.h36m.OFFSETS`).
"""

_HEAVIEST = 10.0
"""Upper bound on the absolute value of a weight."""

KEYPOINT_NAMES = tuple(dict.fromkeys(name for form in FORMATS.values() for name in form.names))
"""Keypoints of all formats, each once."""


SMPL_VERTICES, SMPLX_VERTICES = 6890, 10475
OFFICIAL = (SMPL_VERTICES, SMPLX_VERTICES)
"""Numbers of vertices of the bodies whose vertices other programs know by number."""

SMPL_VERTEX_IDS: dict[str, int] = {
    **{"nose": 332, "reye": 6260, "leye": 2800, "rear": 4071, "lear": 583},
    **{"lthumb": 2746, "lindex": 2319, "lmiddle": 2445, "lring": 2556, "lpinky": 2673},
    **{"rthumb": 6191, "rindex": 5782, "rmiddle": 5905, "rring": 6016, "rpinky": 6133},
    **{"LBigToe": 3216, "LSmallToe": 3226, "LHeel": 3387, "RBigToe": 6617, "RSmallToe": 6624, "RHeel": 6787},
}
"""Vertices of SMPL's mesh by their names in the smplx package; for fingers, the tips."""


def smpl_landmarks(vertex_ids: Mapping[str, int]) -> dict[str, Landmark]:
    """Surface landmarks of SMPL, SMPL-H or SMPL-X, from the smplx package's named vertices.

    The package names eyes, ears, nose, fingertips and toes. Knuckles lie between the tip and the wrist; corners of the
    eyes and the mouth are derived from nose, eyes and ears, with the proportions of the open body.
    """
    landmarks: dict[str, Landmark] = {"nose": {vertex_ids["nose"]: 1.0}}
    for side, other in (("left", "right"), ("right", "left")):
        s, o = side[0], other[0]
        eye, other_eye = vertex_ids[f"{s}eye"], vertex_ids[f"{o}eye"]
        ear, other_ear = vertex_ids[f"{s}ear"], vertex_ids[f"{o}ear"]
        big_toe = vertex_ids[f"{s.upper()}BigToe"]
        landmarks |= {
            f"{side}_eye": {eye: 1.0},
            f"{side}_eye_inner": {eye: 0.85, other_eye: 0.15},
            f"{side}_eye_outer": {eye: 1.03, other_eye: -0.13, ear: 0.1},
            f"{side}_ear": {ear: 1.0},
            f"{side}_mouth": {vertex_ids["nose"]: 1.68, eye: -0.15, other_eye: -0.97, ear: 0.22, other_ear: 0.22},
            f"{side}_thumb": {vertex_ids[f"{s}thumb"]: 0.55, f"{side}_wrist": 0.45},
            f"{side}_index": {vertex_ids[f"{s}index"]: 0.55, f"{side}_wrist": 0.45},
            f"{side}_pinky": {vertex_ids[f"{s}pinky"]: 0.6, f"{side}_wrist": 0.4},
            **{f"{side}_{finger}_tip": {vertex_ids[f"{s}{finger}"]: 1.0} for finger in FINGERS},
            f"{side}_heel": {vertex_ids[f"{s.upper()}Heel"]: 1.0},
            f"{side}_big_toe": {big_toe: 1.0},
            f"{side}_small_toe": {vertex_ids[f"{s.upper()}SmallToe"]: 1.0},
            f"{side}_foot_index": {big_toe: 1.0},
        }
    return landmarks


def smplx_vertex_ids(landmarks: Mapping[str, Landmark]) -> dict[str, int]:
    """The smplx package's 21 named vertices (its ``vertex_ids``), from the open body's landmarks."""

    def vertex(name: str) -> int:
        return next(int(part) for part in landmarks[name])

    ids = {"nose": vertex("nose")}
    for side in ("left", "right"):
        s = side[0]
        ids |= {f"{s}{part}": vertex(f"{side}_{part}") for part in ("eye", "ear")}
        ids |= {f"{s}{f}": vertex(f"{side}_{f}_tip") for f in ("thumb", "index", "middle", "ring", "pinky")}
        toes = {"BigToe": "big_toe", "SmallToe": "small_toe", "Heel": "heel"}
        ids |= {s.upper() + name: vertex(f"{side}_{part}") for name, part in toes.items()}
    return ids


def used_vertices(landmarks: Mapping[str, Landmark], names: Iterable[str] = KEYPOINT_NAMES) -> list[int]:
    """The vertices that keypoints need.

    Args:
        landmarks: landmarks of a body.
        names: names of the keypoints; default: those of all formats.

    Returns:
        Indices in ascending order.
    """
    return sorted({v for name in names for v in landmarks.get(name, {}) if isinstance(v, int)})


def check_landmarks(landmarks: Mapping[str, Landmark], vertices: int, joints: Sequence[str] = JOINT_NAMES) -> None:
    """Reject landmarks from which the keypoints of some format cannot be computed.

    Args:
        landmarks: landmarks of a body.
        vertices: number of vertices of the body.
        joints: names of the body's joints.

    Raises:
        ValueError: a landmark is missing, refers to a missing vertex, or has weights that are huge or do not sum to
            one.
    """
    used = used_vertices(landmarks)
    if used and not 0 <= used[0] <= used[-1] < vertices:
        raise ValueError(f"expected landmarks on vertices from 0 to {vertices - 1}, found {used[0]} to {used[-1]}")
    if not all(abs(weight) < _HEAVIEST for landmark in landmarks.values() for weight in landmark.values()):
        raise ValueError(f"expected landmark weights below {_HEAVIEST:g}, found others")
    for format in FORMATS:
        try:
            sums = mixing_matrix(format, landmarks, used, joints=joints).sum(1)
        except KeyError as error:
            raise ValueError(f"expected landmarks of all keypoints, found no {error.args[0]}") from None
        if not (np.abs(sums - 1.0) < 0.5).all():
            raise ValueError(f"expected landmark weights with sum 1, found sums from {sums.min()} to {sums.max()}")


def mixing_matrix(
    format: FormatName,
    landmarks: Mapping[str, Landmark],
    vertices: list[int],
    shifts: Mapping[FormatName, Mapping[str, Landmark]] = SHIFTS,
    joints: Sequence[str] = JOINT_NAMES,
) -> Float[np.ndarray, "landmarks points"]:
    """Weights of the given vertices, followed by the joints, in a format's keypoints.

    Args:
        format: keypoint format.
        landmarks: landmarks of the body.
        vertices: vertex indices from `used_vertices`.
        shifts: shifts of keypoints relative to the body's landmarks.
        joints: names of the body's joints.

    Returns:
        One row for each keypoint.
    """
    columns = _columns(vertices, joints)
    names = FORMATS[format].names
    matrix = np.zeros((len(names), len(columns)))

    def add(row: np.ndarray, landmark: Landmark, factor: float = 1.0) -> None:
        for part, weight in landmark.items():
            if part in columns:
                row[columns[part]] += factor * weight
            else:
                add(row, landmarks[str(part)], factor * weight)

    for row, name in zip(matrix, names, strict=True):
        add(row, MIDDLES.get(format, {}).get(name) or landmarks.get(name) or {name: 1.0})
        side, _, kind = name.partition("_")
        for part, weight in shifts.get(format, {}).get(kind or name, {}).items():
            sided = f"{side}_{part}"
            add(row, {sided if sided in columns or sided in landmarks else part: weight})
    return matrix


def hand_mixing_matrix(
    landmarks: Mapping[str, Landmark], vertices: list[int], joints: Sequence[str]
) -> Float[np.ndarray, "42 points"]:
    """Weights of the given vertices, followed by the joints, in both hands' landmarks.

    Args:
        landmarks: landmarks of the body.
        vertices: vertex indices, among them those of the fingertips.
        joints: names of the body's joints.

    Returns:
        One row for each of `HAND_LANDMARKS`.
    """
    columns = _columns(vertices, joints)
    matrix = np.zeros((len(HAND_LANDMARKS), len(columns)))
    for row, name in zip(matrix, HAND_LANDMARKS, strict=True):
        for part, weight in ({name: 1.0} if name in columns else landmarks[name]).items():
            row[columns[part]] = weight
    return matrix


def _columns(vertices: list[int], joints: Sequence[str]) -> dict[int | str, int]:
    """Columns of a mixing matrix by vertex and name of joint."""
    parts: list[int | str] = [*vertices, *joints]
    return {part: column for column, part in enumerate(parts)}
