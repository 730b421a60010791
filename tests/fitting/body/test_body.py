import numpy as np
import pytest
import torch
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from fitting.body.body import Body
from fitting.body.landmarks import mixing_matrix, used_vertices
from fitting.inputs.keypoints import FORMATS
from qposer.body_pose.rotations import axis_angle_to_matrix
from qposer.body_pose.skeleton import JOINT_NAMES, MIRROR, NUM_JOINTS, PARENTS

FLIP = torch.tensor([-1.0, 1.0, 1.0])


@pytest.fixture(scope="module")
def body() -> Body:
    return Body.open()


def parameters(batch: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    scales = {"global_orient": ((3,), 1.0), "body_pose": ((21, 3), 0.5), "betas": ((10,), 1.0), "transl": ((3,), 2.0)}
    return {
        name: scale * torch.randn(batch, *shape, generator=generator, dtype=dtype)
        for name, (shape, scale) in scales.items()
    }


def naive(data, global_orient, body_pose, betas, transl):
    """SMPL by its definition, one joint and one body at a time, in float64."""
    template, shapes = data.template.astype(float), data.shapes.astype(float)
    shaped = template + shapes @ betas
    rest = data.joint_regressor.astype(float) @ shaped
    local = Rotation.from_rotvec([global_orient, *body_pose, np.zeros(3), np.zeros(3)]).as_matrix()
    if data.pose_shapes is not None:
        shaped = shaped + np.tensordot((local[1:22] - np.eye(3)).ravel(), data.pose_shapes, axes=1)
    world = np.zeros((NUM_JOINTS, 4, 4))
    for j, parent in enumerate(PARENTS):
        step = np.eye(4)
        step[:3, :3], step[:3, 3] = local[j], rest[j] - (rest[parent] if j else 0)
        world[j] = world[parent] @ step if j else step
    joints = world[:, :3, 3] + transl
    vertices = np.zeros_like(shaped)
    for j in range(NUM_JOINTS):
        moved = (shaped - rest[j]) @ world[j, :3, :3].T + joints[j]
        vertices += data.weights[:, j : j + 1].astype(float) * moved
    return vertices, joints


def test_agrees_with_the_definition(body):
    given = parameters(3)
    vertices, joints = body(**given)
    for i in range(3):
        expected = naive(body.data, *(given[key][i].double().numpy() for key in given))
        np.testing.assert_allclose(vertices[i], expected[0], atol=1e-5)
        np.testing.assert_allclose(joints[i], expected[1], atol=1e-5)


def test_pose_zero_is_the_template(body):
    vertices, joints = body(torch.zeros(1, 3), torch.zeros(1, 21, 3))
    np.testing.assert_allclose(vertices[0], body.data.template, atol=1e-6)
    np.testing.assert_allclose(joints[0, 0], 0, atol=1e-4)


def test_a_large_batch_has_the_meshes_of_its_people_alone(body):
    given = parameters(24)  # more points than are skinned at once
    vertices = body(**given).vertices
    for person in range(0, 24, 5):
        alone = body(**{name: value[[person]] for name, value in given.items()}).vertices[0]
        torch.testing.assert_close(vertices[person], alone, atol=1e-5, rtol=0)


def test_global_orient_turns_about_the_pelvis(body):
    given = parameters(2) | {"global_orient": torch.zeros(2, 3)}
    still = body(**given)
    turn = torch.tensor([[0.3, -2.0, 0.5], [1.0, 0.2, 0.0]])
    turned = body(**(given | {"global_orient": turn}))
    pelvis = still.joints[:, :1]
    expected = (still.vertices - pelvis) @ axis_angle_to_matrix(turn).transpose(1, 2) + pelvis
    torch.testing.assert_close(turned.vertices, expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("format", ["openpose", "coco"])
def test_landmarks_are_those_of_the_mesh(body, format):
    given = parameters(4)
    vertices, joints = body(**given)
    landmarks, same_joints, _ = body.posed_landmarks(**given, format=format)
    torch.testing.assert_close(same_joints, joints, atol=1e-6, rtol=0)
    torch.testing.assert_close(body.landmarks(**given, format=format), landmarks, atol=0, rtol=0)
    checked = 0
    for name, landmark in zip(FORMATS[format].names, landmarks.unbind(1), strict=True):
        parts = body.data.landmarks.get(name) or {
            "neck": {"left_shoulder": 0.5, "right_shoulder": 0.5},
            "mid_hip": {"left_hip": 0.5, "right_hip": 0.5},
        }.get(name, {name: 1.0})
        expected = sum(
            w * (joints[:, JOINT_NAMES.index(p)] if isinstance(p, str) else vertices[:, p]) for p, w in parts.items()
        )
        torch.testing.assert_close(landmark, expected, atol=1e-5, rtol=0, msg=name)
        checked += 1
    assert checked >= 17


def test_mediapipe_landmarks_move_with_the_mesh(body):
    """Landmarks of bent bodies are the same mixture of vertices and joints as those of the T-pose."""
    given = parameters(4)
    vertices, joints = body(**given)
    used = used_vertices(body.data.landmarks)
    mix = torch.from_numpy(mixing_matrix("mediapipe", body.data.landmarks, used)).float()
    expected = mix @ torch.cat([vertices[:, used], joints], dim=1)
    torch.testing.assert_close(body.landmarks(**given), expected, atol=1e-5, rtol=0)


def test_landmarks_stand_where_anatomy_has_them(body):
    landmarks = body.landmarks(torch.zeros(1, 3), torch.zeros(1, 21, 3))[0].numpy()
    at = dict(zip(FORMATS["mediapipe"].names, landmarks, strict=True))
    assert at["nose"][2] > at["left_eye"][2] > at["left_ear"][2]
    assert at["left_ear"][0] > at["left_eye_outer"][0] > at["left_eye"][0] > at["left_eye_inner"][0] > 0
    assert at["left_eye"][1] > at["nose"][1] > at["left_mouth"][1] > at["left_shoulder"][1]
    assert at["left_index"][0] > at["left_wrist"][0] > at["left_elbow"][0] > at["left_shoulder"][0] > 0
    assert at["left_thumb"][2] > at["left_index"][2] > at["left_pinky"][2], "the palms look down"
    assert at["left_foot_index"][2] > 0.1 > 0 > at["left_heel"][2]
    feet = dict(
        zip(
            FORMATS["openpose"].names,
            body.landmarks(torch.zeros(1, 3), torch.zeros(1, 21, 3), format="openpose")[0].numpy(),
            strict=True,
        )
    )
    assert feet["left_small_toe"][0] > feet["left_big_toe"][0] > 0


def test_axis_angle_and_matrices_are_the_same_pose(body):
    given = parameters(2)
    as_matrices = given | {key: axis_angle_to_matrix(given[key]) for key in ("global_orient", "body_pose")}
    mixed = given | {"body_pose": as_matrices["body_pose"]}
    for other in (as_matrices, mixed):
        torch.testing.assert_close(body(**other), body(**given))
        torch.testing.assert_close(body.landmarks(**other), body.landmarks(**given))


def test_the_body_is_symmetric_in_every_shape(body):
    given = parameters(2)
    mirrored = given | {
        "global_orient": given["global_orient"] * -FLIP,
        "body_pose": given["body_pose"][:, [j - 1 for j in MIRROR[1:22]]] * -FLIP,
        "transl": given["transl"] * FLIP,
    }
    here, there = body.posed_landmarks(**given), body.posed_landmarks(**mirrored)
    swap = list(FORMATS["mediapipe"].mirror)
    torch.testing.assert_close(there[0], here[0][:, swap] * FLIP, atol=1e-5, rtol=0)
    torch.testing.assert_close(there[1], here[1][:, list(MIRROR)] * FLIP, atol=1e-5, rtol=0)
    for mesh, other in zip(body(**given).vertices, body(**mirrored).vertices * FLIP, strict=True):
        assert cKDTree(mesh).query(other)[0].max() < 1e-5


def test_open_body_is_a_sane_adult(body):
    template, weights = body.data.template, body.data.weights
    assert 1.6 < np.ptp(template[:, 1]) < 1.75
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-6)
    assert (weights >= 0).all()
    assert ((weights > 0).sum(axis=1) <= 4).all()
    np.testing.assert_allclose(body.data.joint_regressor.sum(axis=1), 1, atol=1e-4)
    edges = np.sort(np.concatenate([body.data.faces[:, [a, b]] for a, b in ((0, 1), (1, 2), (2, 0))]), axis=1)
    assert (np.unique(edges, axis=0, return_counts=True)[1] == 2).all(), "the surface is closed"
    corners = template[body.data.faces]
    volume = np.linalg.det(corners.astype(float)).sum() / 6
    assert 0.05 < volume < 0.1, "cubic metres, faces outward"


def test_shapes_have_unit_variance_and_keep_the_joints_inside(body):
    generator = torch.Generator().manual_seed(0)
    betas = torch.randn(200, 10, generator=generator)
    joints = body.posed_landmarks(torch.zeros(200, 3), torch.zeros(200, 21, 3), betas).joints
    head = joints[:, JOINT_NAMES.index("head"), 1] - joints[:, JOINT_NAMES.index("left_ankle"), 1]
    assert 0.05 < head.std() < 0.15, "metres of height"
    assert joints[:, 0].norm(dim=-1).max() < 2e-3, "the pelvis stays at the origin"
    for wrist, elbow, shoulder in ((20, 18, 16), (21, 19, 17)):
        arm = joints[:, [elbow, wrist]] - joints[:, [shoulder]]
        assert (arm[..., 1:].norm(dim=-1) / arm.norm(dim=-1)).max() < 0.02, "arms stay straight and level"


def test_gradients(body):
    exact = Body(body.data).double()
    given = {key: value.requires_grad_() for key, value in parameters(1, dtype=torch.float64).items()}

    def few_landmarks(*args: torch.Tensor) -> torch.Tensor:
        landmarks, joints, _ = exact.posed_landmarks(*args, format="coco")
        return torch.cat([landmarks[:, ::4], joints[:, ::6]], dim=1)

    assert torch.autograd.gradcheck(few_landmarks, tuple(given.values()), fast_mode=True)
    assert torch.autograd.gradcheck(
        lambda *args: exact(*args).vertices[:, ::999], tuple(given.values()), fast_mode=True
    )


def test_gradients_are_finite_at_the_t_pose(body):
    pose = torch.zeros(1, 21, 3, requires_grad=True)
    body.landmarks(torch.zeros(1, 3), pose).square().sum().backward()
    assert pose.grad.isfinite().all()
    assert pose.grad.abs().max() > 0


def test_betas_and_translation_may_be_left_out(body):
    given = parameters(2)
    bare = body.landmarks(given["global_orient"], given["body_pose"])
    zeros = body.landmarks(given["global_orient"], given["body_pose"], torch.zeros(2, 10), torch.zeros(2, 3))
    torch.testing.assert_close(bare, zeros)


@pytest.mark.parametrize(
    ("name", "shape"),
    [("body_pose", (2, 63)), ("body_pose", (2, 23, 3)), ("global_orient", (3,)), ("betas", (2, 7))],
)
def test_wrong_shapes_are_named(body, name, shape):
    with pytest.raises(ValueError, match=name):
        body.landmarks(**(parameters(2) | {name: torch.zeros(shape)}))


def test_nothing_is_bound_to_a_device_or_a_precision(body):
    elsewhere = Body(body.data).to("meta", torch.float64)
    given = {key: value.to("meta") for key, value in parameters(2, dtype=torch.float64).items()}
    assert elsewhere(**given).vertices.shape == (2, 13492, 3)
    landmarks = elsewhere.landmarks(**given)
    assert (landmarks.device.type, landmarks.dtype, landmarks.shape) == ("meta", torch.float64, (2, 33, 3))


@pytest.mark.parametrize("default", [torch.float32, torch.float64])
def test_bodies_work_in_their_precision_whatever_the_default(default):
    torch.set_default_dtype(default)
    try:
        body, pose = Body.open(), torch.full((2, 21, 3), 0.1, dtype=torch.float64)
        single = body(pose[:, 0], pose, torch.ones(2, 10, dtype=torch.float64), pose[:, 0])
        double = body.double()(pose[:, 0], pose, torch.ones(2, 10, dtype=torch.float64), pose[:, 0])
    finally:
        torch.set_default_dtype(torch.float32)
    assert (single.vertices.dtype, double.vertices.dtype) == (torch.float32, torch.float64)
    torch.testing.assert_close(single.vertices.double(), double.vertices, atol=1e-5, rtol=0)
