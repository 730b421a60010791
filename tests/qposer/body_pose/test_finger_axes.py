import numpy as np
import pytest
import torch
import trimesh
from scipy.spatial import cKDTree

from fitting.body.body import Body
from qposer.body_pose.finger_axes import finger_angles, finger_axes, finger_rotations, rest_flexion
from qposer.body_pose.hands import (
    FINGER_JOINT_NAMES,
    HAND_JOINTS,
    HAND_LANDMARKS,
    HAND_MIRROR,
    REST_HANDS,
    SMPLH_JOINT_NAMES,
    SMPLH_MIRROR,
    SMPLH_PARENTS,
)

AT = {name: place for place, name in enumerate(HAND_LANDMARKS)}
LONG = ("index", "middle", "ring", "pinky")
FLIP = torch.tensor([-1.0, 1.0, 1.0])


@pytest.fixture(scope="module")
def body() -> Body:
    return Body.open(hands=True)


@pytest.fixture(scope="module")
def axes():
    return finger_axes(torch.from_numpy(REST_HANDS))


def bent(**degrees: float) -> torch.Tensor:
    """Angles of both hands from a dictionary of joints, with flexions in degrees."""
    angles = torch.zeros(2, 15, 3)
    for joint, value in degrees.items():
        angles[:, FINGER_JOINT_NAMES.index(joint), 0] = np.radians(value)
    return angles.flatten(0, 1)


def posed(body: Body, angles: torch.Tensor) -> torch.Tensor:
    axes = finger_axes(torch.from_numpy(REST_HANDS))
    return body.hand_landmarks(
        torch.zeros(1, 3), torch.zeros(1, 21, 3), hand_pose=finger_rotations(angles, axes)[None]
    )[0]


def test_joints_are_smplhs():
    assert len(SMPLH_JOINT_NAMES) == len(SMPLH_PARENTS) == 52
    named = {22: "left_index1", 25: "left_middle1", 28: "left_pinky1", 31: "left_ring1", 34: "left_thumb1"}
    named |= {36: "left_thumb3", 37: "right_index1", 51: "right_thumb3"}
    assert {joint: SMPLH_JOINT_NAMES[joint] for joint in named} == named
    assert [SMPLH_PARENTS[joint] for joint in (22, 23, 24, 34, 37, 38, 49, 51)] == [20, 22, 23, 20, 21, 37, 21, 50]
    for joint, mirror in enumerate(SMPLH_MIRROR):
        name = SMPLH_JOINT_NAMES[joint]
        other = name.replace("left", "right") if "left" in name else name.replace("right", "left")
        assert SMPLH_JOINT_NAMES[mirror] == other
    assert [hand.start for hand in HAND_JOINTS] == [22, 37]
    assert HAND_MIRROR[:2] == (15, 16)


def test_rest_hands_are_the_open_bodys(body):
    rest = body.hand_landmarks(torch.zeros(1, 3), torch.zeros(1, 21, 3))[0]
    relative = (rest - rest[:, :1]).numpy()
    np.testing.assert_allclose(relative, REST_HANDS, atol=6e-5)


def test_axes_are_orthogonal_and_where_anatomy_has_them(axes):
    frames = axes.frames
    torch.testing.assert_close(frames.mT @ frames, torch.eye(3).expand(30, 3, 3), atol=1e-6, rtol=0)
    torch.testing.assert_close(torch.linalg.det(frames), torch.ones(30))
    for name in LONG:
        joint = FINGER_JOINT_NAMES.index(f"{name}1")
        assert axes.twist[joint, 0] > 0.8, "fingers of the left hand point along x"
        assert axes.spread[joint, 1] < -0.9, "the palm looks down"
        assert axes.flexion[joint, 2] < -0.85, "towards the little finger"
    thumb = FINGER_JOINT_NAMES.index("thumb3")
    assert axes.spread[thumb, 2] < -0.85, "the thumb's pad looks towards the fingers"


def test_axes_do_not_depend_on_scale_or_place(axes):
    moved = finger_axes(1000 * torch.from_numpy(REST_HANDS) + torch.tensor([0.0, 50.0, -20.0]))
    torch.testing.assert_close(moved.frames, axes.frames, atol=1e-5, rtol=0)


def test_equal_angles_mirror_the_hands(body):
    generator = torch.Generator().manual_seed(0)
    one = 0.4 * torch.randn(15, 3, generator=generator)
    left, right = posed(body, torch.cat([one, one]))
    torch.testing.assert_close(right, left * FLIP, atol=1e-6, rtol=0)


def test_angles_are_those_of_the_rotations(axes):
    generator = torch.Generator().manual_seed(1)
    angles = (torch.rand(5, 30, 3, generator=generator) - 0.5) * torch.tensor([6.0, 3.0, 6.0])
    rotations = finger_rotations(angles, axes)
    torch.testing.assert_close(rotations @ rotations.mT, torch.eye(3).expand(5, 30, 3, 3), atol=1e-5, rtol=0)
    torch.testing.assert_close(finger_angles(rotations, axes), angles, atol=1e-4, rtol=0)


def test_flexion_bends_towards_the_palm_and_spread_towards_the_thumb(body):
    rest = posed(body, torch.zeros(30, 3))
    for finger in LONG:
        tip = AT[f"left_{finger}_tip"]
        flexed = posed(body, bent(**{f"{finger}1": 30.0}))
        assert (flexed[:, tip, 1] < rest[:, tip, 1] - 0.02).all()
        spread = torch.zeros(2, 15, 3)
        spread[:, FINGER_JOINT_NAMES.index(f"{finger}1"), 1] = 0.3
        assert (posed(body, spread.flatten(0, 1))[:, tip, 2] > rest[:, tip, 2] + 0.01).all()
    thumb = AT["left_thumb_tip"]
    abducted = torch.zeros(2, 15, 3)
    abducted[:, FINGER_JOINT_NAMES.index("thumb1"), 1] = 0.5
    assert (posed(body, abducted.flatten(0, 1))[:, thumb, 1] < rest[:, thumb, 1] - 0.01).all(), "away from the palm"
    across = posed(body, bent(thumb1=30.0, thumb2=40.0, thumb3=60.0))
    assert (across[:, thumb, 2] < rest[:, thumb, 2] - 0.03).all(), "across the palm"


def test_rest_flexion_undone_is_a_straight_finger(body):
    rest = rest_flexion(torch.from_numpy(REST_HANDS))
    torch.testing.assert_close(rest[:15], rest[15:])
    assert (rest[[FINGER_JOINT_NAMES.index(f"{finger}1") for finger in LONG]].rad2deg() - 16).abs().max() < 4
    angles = torch.zeros(30, 3)
    angles[:, 0] = -rest
    flat = posed(body, angles)[0]
    for finger in LONG:
        places = flat[[AT[f"left_{finger}{part}"] for part in ("1", "2", "3", "_tip")]]
        bones = torch.nn.functional.normalize(places.diff(dim=0), dim=-1)
        assert ((bones[1:] * bones[:-1]).sum(-1) > np.cos(np.radians(9))).all()
        assert bones[:, 1].abs().max() < 0.12, "the finger lies in the plane of the palm"


def test_a_fist_brings_the_tips_to_the_palm(body):
    rest = rest_flexion(torch.from_numpy(REST_HANDS)).view(2, 15)[0].rad2deg().tolist()
    wanted = {f"{finger}{part}": angle for finger in LONG for part, angle in (("1", 90), ("2", 90), ("3", 60))}
    fist = {joint: angle - rest[FINGER_JOINT_NAMES.index(joint)] for joint, angle in wanted.items()}
    pose = finger_rotations(bent(**fist), finger_axes(torch.from_numpy(REST_HANDS)))[None]
    still = torch.zeros(1, 3), torch.zeros(1, 21, 3)
    landmarks = body.hand_landmarks(*still, hand_pose=pose)[0, 0]
    mesh = trimesh.Trimesh(body(*still, hand_pose=pose).vertices[0], body.data.faces, process=False)
    palm = np.flatnonzero(body.data.weights[:, 20] > 0.9)
    for finger in LONG:
        tip = landmarks[AT[f"left_{finger}_tip"]].numpy()
        off = np.linalg.norm(mesh.vertices[palm] - tip, axis=-1).min()
        assert off < 0.02, f"the {finger} finger's tip is {1000 * off:.0f} mm from the palm"
        last = mesh.vertices[body.data.weights[:, SMPLH_JOINT_NAMES.index(f"left_{finger}3")] > 0.9]
        nearest = palm[cKDTree(mesh.vertices[palm]).query(last)[1]]
        height = ((last - mesh.vertices[nearest]) * mesh.vertex_normals[nearest]).sum(-1)
        depth = -np.median(height)
        assert depth < 0.009, f"half of the {finger} finger's tip is {1000 * depth:.0f} mm deep in the palm"
