import hashlib
import pickle

import numpy as np
import pytest
import torch

from fitting.body.body import Body
from fitting.body.files import export_smplh_npz, read_body
from fitting.body.hand_space import HandSpace
from fitting.inputs.keypoints import FORMATS
from qposer.body_pose.rotations import axis_angle_to_matrix
from qposer.body_pose.skeleton import JOINT_NAMES, PARENTS
from qposer.hands.smplh import HAND_LANDMARKS, SMPLH_JOINT_NAMES, SMPLH_MIRROR, SMPLH_PARENTS
from qposer.io.assets import asset
from qposer.io.npz import read_npz

FLIP = torch.tensor([-1.0, 1.0, 1.0])

DIGESTS = {
    "v_template": "368eb40323a2fa34",
    "shapedirs": "1c1a75a225df6fba",
    "f": "e28d32bc5a8a20a2",
    "weight_joints": "0f6f7cfef9b5ea08",
    "weights": "a89c15151955e9b2",
    "regressor_vertices": "017871f3c16e6f8d",
    "regressor_weights": "5487b6a13b0ab686",
    "landmark_names": "365fa5b7eee50bab",
    "landmark_vertices": "64964dcab03249f7",
    "landmark_weights": "4d03586fbc0198a7",
}
"""Of the arrays of the body without fingers, to which betas in users' files belong."""


@pytest.fixture(scope="module")
def body() -> Body:
    return Body.open(hands=True)


def pose(batch: int = 2) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    shapes = {"global_orient": (3,), "body_pose": (21, 3), "betas": (10,), "transl": (3,), "hand_pose": (30, 3)}
    return {name: 0.5 * torch.randn(batch, *shape, generator=generator) for name, shape in shapes.items()}


def without_hands(given: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: value for name, value in given.items() if name != "hand_pose"}


def test_the_body_without_fingers_is_what_it_was():
    arrays = read_npz(asset("body.npz"))
    assert {name: hashlib.sha256(arrays[name].tobytes()).hexdigest()[:16] for name in DIGESTS} == DIGESTS


def test_hands_at_rest_are_those_of_the_body_without_fingers(body):
    rigid, given = Body.open(), without_hands(pose())
    rest = given | {"hand_pose": torch.zeros(2, 30, 3)}
    for there in (body(**given), body(**rest)):
        torch.testing.assert_close(there.vertices, rigid(**given).vertices, atol=1e-6, rtol=0)
        torch.testing.assert_close(there.joints[:, :22], rigid(**given).joints[:, :22], atol=0, rtol=0)
    for format in FORMATS:
        here, there = (one.landmarks(**given, format=format) for one in (rigid, body))
        torch.testing.assert_close(there, here, atol=1e-5, rtol=0)


def test_only_the_hands_move_with_the_fingers(body):
    given = pose()
    rest, bent = body(**without_hands(given)).vertices, body(**given).vertices
    moved = (rest - bent).norm(dim=-1).amax(0) > 1e-4
    hands = Body.open().data.weights[:, [20, 21, 22, 23]].sum(1) > 0
    assert moved.sum() > 2000
    assert not moved[~torch.from_numpy(hands)].any()


def test_agrees_with_the_definition(body):
    """Linear blend skinning, one joint after the other, in double precision."""
    given, data = pose(1), body.data
    shaped = data.template.astype(float) + data.shapes.astype(float) @ given["betas"][0].double().numpy()
    rest = data.joint_regressor.astype(float) @ shaped
    parts = [given[name].reshape(-1, 3) for name in ("global_orient", "body_pose", "hand_pose")]
    local = axis_angle_to_matrix(torch.cat(parts).double()).numpy()
    world, joints = np.zeros((52, 3, 3)), np.zeros((52, 3))
    for j, parent in enumerate(SMPLH_PARENTS):
        world[j] = local[j] if j == 0 else world[parent] @ local[j]
        joints[j] = rest[j] if j == 0 else joints[parent] + world[parent] @ (rest[j] - rest[parent])
    expected = np.zeros_like(shaped)
    for j in range(52):
        expected += data.weights[:, j : j + 1].astype(float) * ((shaped - rest[j]) @ world[j].T + joints[j])
    found = body(**given)
    np.testing.assert_allclose(found.vertices[0] - given["transl"], expected, atol=1e-5)
    np.testing.assert_allclose(found.joints[0] - given["transl"], joints, atol=1e-5)


def test_hand_landmarks_are_joints_and_tips(body):
    given = pose()
    output, hands = body(**given), body.hand_landmarks(**given)
    assert hands.shape == (2, 2, 21, 3)
    for name, place in zip(HAND_LANDMARKS, hands.flatten(1, 2).unbind(1), strict=True):
        if name.endswith("_tip"):
            expected = output.vertices[:, next(iter(body.data.landmarks[name]))]
        else:
            expected = output.joints[:, SMPLH_JOINT_NAMES.index(name)]
        torch.testing.assert_close(place, expected, atol=1e-5, rtol=0, msg=name)


def test_matrices_are_the_same_pose(body):
    given = pose()
    torch.testing.assert_close(body(**given | {"hand_pose": axis_angle_to_matrix(given["hand_pose"])}), body(**given))


def test_the_hands_are_symmetric(body):
    given = pose()
    order = [joint - 22 for joint in SMPLH_MIRROR[22:]]
    mirrored = given | {
        "global_orient": given["global_orient"] * -FLIP,
        "body_pose": given["body_pose"][:, [joint - 1 for joint in SMPLH_MIRROR[1:22]]] * -FLIP,
        "transl": given["transl"] * FLIP,
        "hand_pose": given["hand_pose"][:, order] * -FLIP,
    }
    here, there = body.hand_landmarks(**given), body.hand_landmarks(**mirrored)
    torch.testing.assert_close(there, here.flip(1) * FLIP, atol=1e-5, rtol=0)
    torch.testing.assert_close(
        body(**mirrored).joints, body(**given).joints[:, list(SMPLH_MIRROR)] * FLIP, atol=1e-5, rtol=0
    )


def test_skin_has_four_bones_and_every_finger_its_own(body):
    weights = body.data.weights
    assert (weights > 0).sum(1).max() <= 4
    np.testing.assert_allclose(weights.sum(1), 1, atol=1e-6)
    for joint in range(22, 52):
        assert (weights[:, joint] > 0.5).sum() >= 8, SMPLH_JOINT_NAMES[joint]


def test_a_body_without_fingers_takes_no_hand_pose():
    given = pose()
    with pytest.raises(ValueError, match="load it with hands=True"):
        Body.open()(**given)
    with pytest.raises(ValueError, match="load it with hands=True"):
        Body.open().hand_landmarks(**without_hands(given))


def test_a_hand_pose_of_another_shape_is_refused(body):
    given = pose() | {"hand_pose": torch.zeros(2, 15, 3)}
    with pytest.raises(
        ValueError, match=r"hand_pose must be \(batch, 30, 3\) or \(batch, 30, 3, 3\), not \(2, 15, 3\)"
    ):
        body(**given)


def layout(joints: int, vertices: int) -> dict[str, np.ndarray]:
    """Random arrays in the layout of an official SMPL, SMPL-H or SMPL-X file."""
    rng = np.random.default_rng(joints)
    face = joints - 52
    parents = list(PARENTS) if joints == 24 else [*PARENTS[:22], *([15] * face)]
    for hand in (20, 21) if joints > 24 else ():
        for _ in range(5):
            parents += [hand, len(parents), len(parents) + 1]
    weights = np.zeros((vertices, joints), np.float32)
    weights[np.arange(vertices), rng.integers(0, joints, vertices)] = 0.75
    weights[np.arange(vertices), rng.integers(0, joints, vertices)] += 0.25
    regressor = np.zeros((joints, vertices), np.float32)
    regressor[np.arange(joints)[:, None], rng.integers(0, vertices, (joints, 5))] += 0.2
    arrays = {
        "v_template": rng.normal(size=(vertices, 3), scale=0.3).astype(np.float32),
        "shapedirs": rng.normal(size=(vertices, 3, 20), scale=0.02).astype(np.float32),
        "posedirs": rng.random((vertices, 3, 9 * (joints - 1)), np.float32) * 0.02,
        "J_regressor": regressor,
        "weights": weights,
        "f": rng.integers(0, vertices, (50, 3)).astype(np.uint32),
        "kintree_table": np.array([np.array(parents) % 2**32, np.arange(joints)], dtype=np.uint32),
    }
    for side in "lr":
        arrays[f"hands_components{side}"] = np.linalg.qr(rng.normal(size=(45, 45)))[0]
        arrays[f"hands_mean{side}"] = rng.normal(size=45, scale=0.3)
    return arrays | {"lmk_faces_idx": np.zeros(51, np.int64), "lmk_bary_coords": np.ones((51, 3)) / 3}


@pytest.fixture(scope="module", params=[("smplh", 52, 6890), ("smplx", 55, 10475)], ids=["smplh", "smplx"])
def official(request, tmp_path_factory):
    """Kind, file and arrays of an official model with fingers."""
    kind, joints, vertices = request.param
    path = tmp_path_factory.mktemp(kind) / f"{kind.upper()}_NEUTRAL.npz"
    arrays = layout(joints, vertices)
    np.savez(path, **arrays)
    return kind, path, arrays


def smplx_model(official, **settings):
    import smplx

    kind, path, _ = official
    more = {"num_expression_coeffs": 10, "use_face_contour": False} if kind == "smplx" else {}
    return smplx.create(str(path), model_type=kind, ext="npz", batch_size=2, num_betas=10, **more, **settings)


@pytest.mark.parametrize("flat", [True, False])
@pytest.mark.parametrize("components", [6, None])
def test_users_hands_move_as_in_smplx(official, flat, components):
    """Flat and mean hands, coefficients and axis-angle, from the file and from the model."""
    settings = {"use_pca": True, "num_pca_comps": components} if components else {"use_pca": False}
    model = smplx_model(official, flat_hand_mean=flat, **settings)
    given, generator = without_hands(pose()), torch.Generator().manual_seed(2)
    left, right = 0.4 * torch.randn(2, 2, components or 45, generator=generator)
    flattened = given | {"body_pose": given["body_pose"].flatten(1)}
    expected = model(**flattened, left_hand_pose=left, right_hand_pose=right)
    from_file = Body.load(official[1], hands=True)
    space = from_file.data.hand_space
    hand_pose = torch.from_numpy(space.hand_pose(left.numpy(), right.numpy(), flat_hand_mean=flat)).float()
    own = Body.from_smplx(model, hands=True)
    relative = own.data.hand_space.hand_pose(left.numpy(), right.numpy(), flat_hand_mean=False)
    np.testing.assert_allclose(relative, hand_pose, atol=1e-5)
    for body in (from_file, own):
        found = body(**given, hand_pose=hand_pose)
        torch.testing.assert_close(found.vertices, expected.vertices, atol=1e-4, rtol=0)
        fingers = expected.joints[:, 22:52] if official[0] == "smplh" else expected.joints[:, 25:55]
        torch.testing.assert_close(found.joints[:, 22:], fingers, atol=1e-4, rtol=0)
        assert body.hand_landmarks(**given, hand_pose=hand_pose).shape == (2, 2, 21, 3)


def test_users_bodies_have_the_same_landmarks_with_fingers_at_rest(official):
    given = without_hands(pose())
    rigid, body = Body.load(official[1]), Body.load(official[1], hands=True)
    for format in FORMATS:
        torch.testing.assert_close(
            body.landmarks(**given, format=format), rigid.landmarks(**given, format=format), atol=1e-4, rtol=0
        )


def test_a_file_without_fingers_has_none(tmp_path):
    path = tmp_path / "SMPL_NEUTRAL.pkl"
    path.write_bytes(pickle.dumps(layout(24, 6890)))
    assert read_body(path).joint_names == JOINT_NAMES
    with pytest.raises(ValueError, match="expected the 52 or 55 joints of SMPL-H or SMPL-X"):
        read_body(path, hands=True)


def test_fingers_elsewhere_are_refused(tmp_path):
    arrays = layout(52, 6890)
    arrays["kintree_table"][0, 25] = 21
    np.savez(tmp_path / "body.npz", **arrays)
    with pytest.raises(ValueError, match="five fingers of three joints at each wrist"):
        read_body(tmp_path / "body.npz", hands=True)


@pytest.mark.parametrize(
    ("changed", "reported"),
    [
        ({"hands_meanl": None}, "found only hands_meanr"),
        ({"hands_meanl": np.zeros(44)}, "45 numbers in hands_meanl"),
        (
            {"hands_componentsl": np.zeros((45, 44)), "hands_componentsr": np.zeros((45, 44))},
            "components of 45 numbers",
        ),
        ({"hands_componentsl": np.zeros((6, 45))}, "components of the same shape"),
        ({"hands_meanr": np.full(45, np.nan)}, "finite"),
    ],
)
def test_a_broken_hand_space_is_refused(tmp_path, changed, reported):
    arrays = layout(52, 6890) | changed
    np.savez(tmp_path / "body.npz", **{name: array for name, array in arrays.items() if array is not None})
    with pytest.raises(ValueError, match=reported):
        read_body(tmp_path / "body.npz", hands=True)


def test_too_many_coefficients_are_refused():
    space = HandSpace(np.zeros((2, 45)), np.zeros((2, 6, 45)))
    with pytest.raises(ValueError, match="expected 45 numbers or at most 6 coefficients, found 12"):
        space.hand_pose(np.zeros(12), np.zeros(12), flat_hand_mean=True)


def test_the_open_bodys_hands_in_smplx(body, tmp_path):
    import smplx

    path, given = tmp_path / "SMPLH_OPEN.npz", pose()
    export_smplh_npz(body.data, path)
    model = smplx.create(str(path), model_type="smplh", ext="npz", batch_size=2, num_betas=10, use_pca=False)
    left, right = given["hand_pose"].flatten(1).split(45, dim=1)
    flattened = without_hands(given) | {"body_pose": given["body_pose"].flatten(1)}
    there = model(**flattened, left_hand_pose=left, right_hand_pose=right)
    torch.testing.assert_close(there.joints[:, :52], body(**given).joints, atol=1e-4, rtol=0)
    again = Body.load(path, hands=True)
    torch.testing.assert_close(again.hand_landmarks(**given), body.hand_landmarks(**given), atol=1e-4, rtol=0)
    torch.testing.assert_close(again.landmarks(**given), body.landmarks(**given), atol=1e-4, rtol=0)
