import os
import pickle
import subprocess
import sys
from collections import OrderedDict
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy import sparse

from fitting.body.body import Body
from fitting.body.files import export_smpl_pickle, export_smplh_npz, read_body
from fitting.body.landmarks import SMPL_VERTEX_IDS
from fitting.body.smpl_pickle import read_arrays
from fitting.inputs.keypoints import FORMATS
from qposer.body_pose.skeleton import PARENTS
from qposer.io.assets import asset
from qposer.io.npz import read_npz

BODY_PARENTS = PARENTS[:22]
FINGERS = [parent for hand in (20, 21) for finger in range(5) for parent in (hand, -1, -2)]


def tree(joints: int) -> list[int]:
    """Parents of SMPL's 24, SMPL-H's 52 or SMPL-X's 55 joints."""
    if joints == 24:
        return list(PARENTS)
    parents = [*BODY_PARENTS, *([15] * (joints - 52))]
    for parent in FINGERS:
        parents.append(parent if parent >= 0 else len(parents) - 1)
    return parents


def layout(joints: int, vertices: int, betas: int = 10) -> dict[str, np.ndarray]:
    """Random arrays in an official file's layout."""
    rng = np.random.default_rng(joints)
    weights = np.zeros((vertices, joints), np.float32)
    weights[np.arange(vertices), rng.integers(0, joints, vertices)] = 0.75
    weights[np.arange(vertices), rng.integers(0, joints, vertices)] += 0.25
    regressor = np.zeros((joints, vertices), np.float32)
    regressor[np.arange(joints)[:, None], rng.integers(0, vertices, (joints, 5))] += 0.2
    parents = np.array(tree(joints), dtype=np.int64)
    return {
        "v_template": rng.normal(size=(vertices, 3), scale=0.3).astype(np.float32),
        "shapedirs": rng.normal(size=(vertices, 3, betas), scale=0.02).astype(np.float32),
        "posedirs": rng.random((vertices, 3, 9 * (joints - 1)), np.float32) * 0.02,
        "J_regressor": regressor,
        "weights": weights,
        "f": rng.integers(0, vertices, (50, 3)).astype(np.uint32),
        "kintree_table": np.array([parents % 2**32, np.arange(joints)], dtype=np.uint32),
    }


@pytest.fixture(scope="module")
def smpl() -> dict[str, np.ndarray]:
    return layout(24, 6890)


def pose(batch: int = 2) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    shapes = (batch, 3), (batch, 21, 3), (batch, 10), (batch, 3)
    return tuple(0.5 * torch.randn(shape, generator=generator) for shape in shapes)  # type: ignore[return-value]


def smplx_output(model, hands: int) -> torch.Tensor:
    global_orient, body_pose, betas, transl = pose()
    flat = torch.cat([body_pose.flatten(1), torch.zeros(2, 3 * hands)], dim=1)
    return model(global_orient=global_orient, body_pose=flat, betas=betas, transl=transl)


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """The open body, the smplx package's model of its export, and the file."""
    import smplx

    folder = tmp_path_factory.mktemp("exported")
    path = folder / "SMPL_OPEN.pkl"
    export_smpl_pickle(Body.open().data, path)
    assert [file.name for file in folder.iterdir()] == ["SMPL_OPEN.pkl"]
    return Body.open(), smplx.create(str(path), model_type="smpl", batch_size=2), path


def test_exported_open_body_is_the_same_in_smplx(exported):
    body, model, path = exported
    there, here = smplx_output(model, hands=2), body(*pose())
    numbers = [SMPL_VERTEX_IDS[name] for name in ("nose", "reye", "leye", "rear", "lear")]
    torch.testing.assert_close(
        there.vertices[:, numbers], named_points(body, here.vertices, SMPLX_EXTRAS[:5]), atol=1e-4, rtol=0
    )
    torch.testing.assert_close(there.joints[:, :24], here.joints, atol=1e-4, rtol=0)
    for again in (Body.load(path), Body.from_smplx(model)):
        torch.testing.assert_close(again(*pose()).vertices, there.vertices, atol=1e-5, rtol=0)
        torch.testing.assert_close(again(*pose()).joints, here.joints, atol=1e-5, rtol=0)
        torch.testing.assert_close(again.landmarks(*pose()), body.landmarks(*pose()), atol=1e-5, rtol=0)


SMPLX_EXTRAS = (
    *("nose", "right_eye", "left_eye", "right_ear", "left_ear"),
    *("left_big_toe", "left_small_toe", "left_heel", "right_big_toe", "right_small_toe", "right_heel"),
    *(f"{side}_{finger}_tip" for side in ("left", "right") for finger in ("thumb", "index", "middle", "ring", "pinky")),
)
"""Names in the open body of the smplx package's joints after the 24th, or after the 52nd of SMPL-H."""


def named_points(body: Body, vertices: torch.Tensor, names: tuple[str, ...]) -> torch.Tensor:
    numbers = [next(iter(body.data.landmarks[name])) for name in names]
    return vertices[:, numbers]


def test_unmodified_smplx_code_finds_the_open_bodys_named_points(exported):
    body, model, _ = exported
    there = smplx_output(model, hands=2)
    expected = named_points(body, body(*pose()).vertices, SMPLX_EXTRAS)
    torch.testing.assert_close(there.joints[:, 24:], expected, atol=1e-4, rtol=0)
    nose = body.landmarks(*pose(), format="openpose")[:, FORMATS["openpose"].names.index("nose")]
    torch.testing.assert_close(there.joints[:, 24], nose, atol=1e-4, rtol=0)


def test_an_exported_body_has_the_same_surface_in_another_order(exported):
    """Triangles have the same corners, and each vertex the same weights and shapes."""
    body, model, _ = exported
    data = body.data
    corners = model.v_template[model.faces_tensor]
    torch.testing.assert_close(corners, torch.from_numpy(data.template[data.faces]))
    torch.testing.assert_close(
        model.lbs_weights[model.faces_tensor], torch.from_numpy(data.weights[data.faces]), atol=1e-6, rtol=0
    )


@pytest.mark.parametrize("betas", [1, 10, 16, 300])
def test_smplx_takes_any_number_of_betas(exported, betas):
    import smplx

    body, _, path = exported
    model = smplx.create(str(path), model_type="smpl", num_betas=betas)
    given = torch.ones(1, betas)
    own = torch.zeros(1, 10)
    own[:, :betas] = 1
    found = model(betas=given).vertices
    expected = body(torch.zeros(1, 3), torch.zeros(1, 21, 3), own).vertices
    torch.testing.assert_close(found.mean(1), expected.mean(1), atol=1e-4, rtol=0)
    torch.testing.assert_close(found[:, 332], named_points(body, expected, ("nose",))[:, 0], atol=1e-4, rtol=0)


def test_a_second_export_is_the_same(exported, tmp_path):
    """An exported body is already in the right order when read back."""
    _, model, path = exported
    for again in (Body.load(path), Body.from_smplx(model)):
        export_smpl_pickle(again.data, tmp_path / "SMPL_AGAIN.pkl")
        first, second = (read_arrays(file, ("v_template", "f")) for file in (path, tmp_path / "SMPL_AGAIN.pkl"))
        for name, array in first.items():
            np.testing.assert_array_equal(array, second[name])


def test_smplh_export_is_read_as_bodymodel_does(exported, tmp_path):
    """human_body_prior's `BodyModel` reads these arrays, detects SMPL-H by the pose corrections, and calls `lbs`."""
    from smplx.lbs import lbs

    body = exported[0]
    export_smplh_npz(body.data, tmp_path / "model.npz")
    with np.load(tmp_path / "model.npz", encoding="latin1") as file:
        arrays = {name: torch.tensor(file[name].astype(np.float32)) for name in file.files if name != "kintree_table"}
        parents = torch.tensor(file["kintree_table"].astype(np.int32)[0]).long()
    assert arrays["posedirs"].shape[2] // 3 == 153
    assert parents.tolist() == tree(52)
    global_orient, body_pose, betas, _ = pose()
    full = torch.cat([global_orient, body_pose.flatten(1), torch.zeros(2, 90)], dim=1)
    vertices, joints = lbs(
        torch.nn.functional.pad(betas, (0, 6)),
        full,
        arrays["v_template"][None],
        arrays["shapedirs"][:, :, :16],
        arrays["posedirs"].flatten(0, 1).T,
        arrays["J_regressor"],
        parents,
        arrays["weights"],
    )
    expected = body(global_orient, body_pose, betas)
    torch.testing.assert_close(joints[:, :22], expected.joints[:, :22], atol=1e-4, rtol=0)
    named = [SMPL_VERTEX_IDS[name] for name in ("nose", "lindex", "RHeel")]
    points = named_points(body, expected.vertices, ("nose", "left_index_tip", "right_heel"))
    torch.testing.assert_close(vertices[:, named], points, atol=1e-4, rtol=0)
    for first, tips in ((22, SMPLX_EXTRAS[11:16]), (37, SMPLX_EXTRAS[16:])):
        thumb, index, middle, ring, pinky = named_points(body, expected.vertices, tips).unbind(1)
        wrist = joints[:, 20 if first == 22 else 21]
        for chain, tip in zip(
            joints[:, first : first + 15].split(3, dim=1), (index, middle, pinky, ring, thumb), strict=True
        ):
            to_tip = (torch.cat([wrist[:, None], chain], dim=1) - tip[:, None]).norm(dim=-1)
            assert (to_tip.diff(dim=1) < -0.005).all()
            assert (to_tip[:, -1] < 0.04).all()


def test_smplh_export_in_smplx(exported, tmp_path):
    import smplx

    body, path = exported[0], tmp_path / "SMPLH_OPEN.npz"
    export_smplh_npz(body.data, path)
    model = smplx.create(str(path), model_type="smplh", ext="npz", batch_size=2, num_betas=16)
    global_orient, body_pose, betas, transl = pose()
    there = model(
        global_orient=global_orient,
        body_pose=body_pose.flatten(1),
        betas=torch.nn.functional.pad(betas, (0, 6)),
        transl=transl,
    )
    here = body(*pose())
    torch.testing.assert_close(there.joints[:, :22], here.joints[:, :22], atol=1e-4, rtol=0)
    torch.testing.assert_close(there.joints[:, 52:], named_points(body, here.vertices, SMPLX_EXTRAS), atol=1e-4, rtol=0)
    again = Body.load(path)
    torch.testing.assert_close(again(*pose()).joints, here.joints, atol=1e-4, rtol=0)
    torch.testing.assert_close(again.landmarks(*pose()), body.landmarks(*pose()), atol=1e-4, rtol=0)


def test_only_the_open_body_becomes_smplh(tmp_path, smpl):
    np.savez(tmp_path / "body.npz", **smpl)
    with pytest.raises(ValueError, match="expected the open body, found body"):
        export_smplh_npz(read_body(tmp_path / "body.npz"), tmp_path / "SMPLH_BODY.npz")
    assert [file.name for file in tmp_path.iterdir()] == ["body.npz"]


def test_bodies_with_smpls_mesh_keep_their_order(tmp_path, smpl):
    np.savez(tmp_path / "body.npz", **smpl)
    export_smpl_pickle(read_body(tmp_path / "body.npz"), tmp_path / "SMPL_BODY.pkl")
    found = read_arrays(tmp_path / "SMPL_BODY.pkl", smpl)
    assert found.pop("shapedirs").shape == (6890, 3, 300)
    for name in ("v_template", "f", "J_regressor", "weights", "kintree_table"):
        np.testing.assert_array_equal(found[name], smpl[name])


@pytest.mark.parametrize(
    ("joints", "vertices", "kind"), [(24, 6890, "smpl"), (52, 6890, "smplh"), (55, 10475, "smplx")]
)
def test_official_files_agree_with_smplx(tmp_path, joints, vertices, kind):
    import smplx

    arrays = layout(joints, vertices, betas=20)
    arrays |= {
        f"hands_{what}{side}": np.zeros(size)
        for what, size in (("components", (45, 45)), ("mean", 45))
        for side in "lr"
    }
    arrays |= {"lmk_faces_idx": np.zeros(51, np.int64), "lmk_bary_coords": np.ones((51, 3)) / 3}
    path = tmp_path / ("SMPL_NEUTRAL.pkl" if kind == "smpl" else f"{kind.upper()}_NEUTRAL.npz")
    if kind == "smpl":
        path.write_bytes(pickle.dumps(arrays))
    else:
        np.savez(path, **arrays)
    settings = {} if kind == "smpl" else {"ext": "npz", "use_pca": False, "flat_hand_mean": True}
    if kind == "smplx":
        settings |= {"num_expression_coeffs": 10, "use_face_contour": False}
    model = smplx.create(str(path), model_type=kind, batch_size=2, num_betas=10, **settings)
    expected = smplx_output(model, hands=2 if kind == "smpl" else 0)
    for body in (Body.load(path), Body.from_smplx(model)):
        assert body.num_betas == 10
        vertices_here, joints_here = body(*pose())
        torch.testing.assert_close(vertices_here, expected.vertices, atol=1e-4, rtol=0)
        torch.testing.assert_close(joints_here[:, :22], expected.joints[:, :22], atol=1e-4, rtol=0)
        for name, form in FORMATS.items():
            assert body.landmarks(*pose(), format=name).shape == (2, len(form.names), 3)
        nose, named = body.landmarks(*pose(), format="coco")[:, 0], model.vertex_joint_selector.extra_joints_idxs
        torch.testing.assert_close(nose, expected.vertices[:, named[0]], atol=1e-4, rtol=0)


class _Chumpy:
    """Pickles as an object of a chumpy class would."""

    def __init__(self, module: str, kind: str, **state: object) -> None:
        self.reference, self.state = f"{module}\n{kind}", state


class _Writer(pickle._Pickler):  # type: ignore[name-defined]
    """Writes stand-ins of chumpy objects under chumpy's names, which need not be installed."""

    def save(self, obj, save_persistent_id=True):
        if not isinstance(obj, _Chumpy):
            return super().save(obj, save_persistent_id)
        self.write(b"ccopy_reg\n_reconstructor\n(c" + obj.reference.encode() + b"\nc__builtin__\nobject\nNtR")
        super().save(obj.state)
        self.write(b"b")
        return None


def test_chumpy_pickles_are_read_without_chumpy(tmp_path, smpl):
    def ch(array: np.ndarray) -> _Chumpy:
        return _Chumpy("chumpy.ch", "Ch", x=array, _dirty_vars=set(), _status="new")

    wide = np.concatenate([smpl["shapedirs"], np.zeros((6890, 3, 2), np.float32)], axis=2)
    picked = np.arange(wide.size).reshape(wide.shape)[..., :10].ravel()
    content = smpl | {
        "v_template": ch(smpl["v_template"]),
        "weights": _Chumpy("chumpy.reordering", "Transpose", a=ch(smpl["weights"].T), axes=None),
        "posedirs": _Chumpy("chumpy.reordering", "Reshape", a=ch(smpl["posedirs"].ravel()), newshape=(6890, 3, 207)),
        "shapedirs": _Chumpy("chumpy.reordering", "Select", a=ch(wide), idxs=picked, preferred_shape=(6890, 3, 10)),
        "J_regressor": sparse.csc_matrix(smpl["J_regressor"]),
        "bs_type": "lrotmin",
        "pose_training_info": {"gender": "neutral"},
    }
    path, plain = tmp_path / "basicModel.pkl", tmp_path / "plain.npz"
    with path.open("wb") as file:
        _Writer(file, protocol=2).dump(content)
    np.savez(plain, **smpl)
    torch.testing.assert_close(Body.load(path)(*pose()), Body.load(plain)(*pose()))


@pytest.mark.parametrize("protocol", range(6))
def test_every_pickle_protocol_is_read(tmp_path, smpl, protocol):
    path = tmp_path / "model.pkl"
    transposed = {"weights": np.asfortranarray(smpl["weights"]), "f": smpl["f"].astype(">i4")}
    small = {key: value for key, value in smpl.items() if key != "posedirs"}
    path.write_bytes(pickle.dumps(small | transposed, protocol=protocol))
    with pytest.raises(ValueError, match="no posedirs"):
        read_body(path)
    for key, array in read_arrays(path, small).items():
        np.testing.assert_array_equal(array, smpl[key])


class _Evil:
    def __init__(self, function: object, *args: object) -> None:
        self.call = function, args

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize(
    ("function", "where"), [(os.system, "key"), (eval, "value"), (exec, "array"), (subprocess.check_call, "value")]
)
def test_code_in_a_pickle_is_not_run(tmp_path, smpl, function, where):
    trace = tmp_path / "trace"
    argument = f"touch {trace}" if function is os.system else f"open({str(trace)!r}, 'w')"
    evil = _Evil(function, [sys.executable, "-c", argument] if function is subprocess.check_call else argument)
    content = {"key": smpl | {"x": [evil]}, "value": evil, "array": smpl | {"v_template": np.array([evil])}}[where]
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps(content))
    with pytest.raises(ValueError, match="could run code") as caught:
        Body.load(path)
    assert not trace.exists()
    assert str(path) in str(caught.value)
    pickle.loads(path.read_bytes())  # the attack itself is real
    assert trace.exists()


def test_sparse_indices_outside_the_matrix_are_refused(tmp_path, smpl):
    matrix = sparse.csc_matrix(smpl["J_regressor"])
    matrix.indices[0] = 10**8
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps(smpl | {"J_regressor": matrix}))
    with pytest.raises(ValueError, match="not an SMPL pickle"):
        Body.load(path)


def test_wrong_files_are_reported_in_one_sentence(tmp_path, smpl):
    cases = {
        "missing.npz": (smpl | {"weights": None}, "found no weights"),
        "object.npz": (smpl | {"J_regressor": np.array([{}], dtype=object)}, "Python objects"),
        "text.npz": (smpl | {"v_template": np.array(["a"])}, "plain numbers in v_template"),
        "vertices.npz": (layout(24, 100), "found 100"),
        "tree.npz": (smpl | {"kintree_table": np.zeros((2, 24), int)}, "joints"),
        "weights.npz": (smpl | {"weights": smpl["weights"][:, :20]}, r"found \(6890, 20\)"),
        "hand.npz": (layout(24, 778) | {"kintree_table": np.zeros((2, 16), int)}, "found 16"),
    }
    for name, (arrays, message) in cases.items():
        path = tmp_path / name
        np.savez(path, **{key: value for key, value in arrays.items() if value is not None})
        with pytest.raises(ValueError, match=message) as caught:
            Body.load(path)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["body.npz", "body.pkl", "body.obj", "body"])
@pytest.mark.parametrize("content", [b"", b"no body at all", b"PK\x03\x04broken", b"\x80\x04."])
def test_other_files_are_rejected_as_bodies(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"body file .* is not"):
        Body.load(path)


def test_no_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no body file .*SMPL\.pkl"):
        Body.load(tmp_path / "SMPL.pkl")


def test_a_hand_model_is_not_a_body():
    hand = SimpleNamespace(
        v_template=torch.zeros(778, 3),
        shapedirs=torch.zeros(778, 3, 10),
        posedirs=torch.zeros(135, 778 * 3),
        J_regressor=torch.zeros(16, 778),
        lbs_weights=torch.zeros(778, 16),
        faces=np.zeros((5, 3), int),
        parents=torch.zeros(16, dtype=torch.long),
    )
    with pytest.raises(ValueError, match="found 16"):
        Body.from_smplx(hand)


def test_the_open_body_needs_no_smplx(monkeypatch):
    for module in ("smplx", "smplx.vertex_ids"):
        monkeypatch.setitem(sys.modules, module, None)  # importing it fails now
    assert Body.open().landmarks(*pose()).shape == (2, 33, 3)


@pytest.mark.parametrize(
    "arrays",
    [
        {"weight_joints": np.zeros((3, 4)), "v_template": np.zeros((3, 3))},
        dict.fromkeys(
            ("v_template", "shapedirs", "posedirs", "J_regressor", "weights", "f", "kintree_table"), np.array(1.0)
        ),
    ],
)
def test_archives_with_half_a_body_are_refused(tmp_path, arrays):
    np.savez(tmp_path / "body.npz", **arrays)
    with pytest.raises(ValueError, match=r"body\.npz is not of the SMPL family"):
        read_body(tmp_path / "body.npz")


@pytest.mark.parametrize(
    ("key", "value", "reported"),
    [
        ("v_template", np.nan, "finite numbers"),
        ("v_template", np.inf, "finite numbers"),
        ("v_template", 1e30, "finite numbers"),
        ("shapedirs", np.nan, "finite numbers"),
        ("posedirs", 3e38, "finite numbers"),
        ("weights", np.nan, "finite numbers"),
        ("J_regressor", -np.inf, "finite numbers"),
    ],
)
def test_impossible_numbers_in_body_files_are_rejected(tmp_path, smpl, key, value, reported):
    changed = smpl[key].astype(np.float64)
    changed.reshape(-1)[17] = value
    np.savez(tmp_path / "body.npz", **smpl | {key: changed})
    with pytest.raises(ValueError, match=f"{reported}.* in {key}"):
        read_body(tmp_path / "body.npz")


@pytest.mark.parametrize(
    ("key", "reported"),
    [("v_template", "a body in metres"), ("weights", "rows with sum 1"), ("J_regressor", "rows with sum 1")],
)
def test_arrays_of_zeros_are_rejected_as_bodies(tmp_path, smpl, key, reported):
    np.savez(tmp_path / "body.npz", **smpl | {key: np.zeros_like(smpl[key])})
    with pytest.raises(ValueError, match=reported):
        read_body(tmp_path / "body.npz")


@pytest.mark.parametrize("faces", [np.zeros((0, 3), int), np.full((4, 3), 6890), np.full((4, 3), -1)])
def test_faces_are_of_the_bodys_vertices(tmp_path, smpl, faces):
    np.savez(tmp_path / "body.npz", **smpl | {"f": faces})
    with pytest.raises(ValueError, match="faces with vertices 0 to 6889"):
        read_body(tmp_path / "body.npz")


@pytest.mark.parametrize("cycle", [{30: 31, 31: 30}, {25: 25}, {40: 99}, {40: -1}])
def test_a_cycle_among_the_fingers_is_refused(tmp_path, cycle):
    arrays = layout(52, 6890)
    for joint, parent in cycle.items():
        arrays["kintree_table"][0, joint] = parent % 2**32
    np.savez(tmp_path / "body.npz", **arrays)
    with pytest.raises(ValueError, match="every joint after its parent"):
        read_body(tmp_path / "body.npz")


@pytest.mark.parametrize("kind", ["coo_matrix", "coo_array", "csc_array", "csr_matrix"])
def test_sparse_regressors_of_every_kind_are_read(tmp_path, smpl, kind):
    path = tmp_path / "model.PKL"
    content = OrderedDict(smpl | {"J_regressor": getattr(sparse, kind)(smpl["J_regressor"])})
    for protocol in (2, 4):
        path.write_bytes(pickle.dumps(content, protocol=protocol))
        np.testing.assert_array_equal(read_body(path).joint_regressor, smpl["J_regressor"])


def test_a_folder_with_one_body_is_that_body(tmp_path, smpl):
    below = tmp_path / "models" / "smpl"
    below.mkdir(parents=True)
    with pytest.raises(ValueError, match="contains no body"):
        read_body(tmp_path / "models")
    np.savez(below / "SMPL_NEUTRAL.npz", **smpl)
    (below / "readme.txt").touch()
    for folder in (below, tmp_path / "models"):
        assert read_body(folder).name == "SMPL_NEUTRAL"
    np.savez(below / "SMPL_MALE.npz", **smpl)
    with pytest.raises(ValueError, match=r"2 possible body files: give one of SMPL_MALE.npz, SMPL_NEUTRAL.npz"):
        read_body(below)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("key", "change", "reported"),
    [
        ("landmark_names", lambda names: np.array([*names[:-1], "other"]), "landmarks of all keypoints, found no"),
        ("landmark_vertices", lambda numbers: numbers + 20_000, "landmarks on vertices from 0 to 13491"),
        ("landmark_vertices", lambda numbers: -1 - numbers, "landmarks on vertices from 0 to 13491"),
        ("landmark_weights", lambda weights: 3.0 * weights, "landmark weights with sum 1"),
        ("landmark_weights", lambda weights: np.full_like(weights, np.nan), "landmark weights below 10"),
        ("landmark_weights", lambda weights: np.full_like(weights, np.inf), "landmark weights below 10"),
        ("shapedirs", lambda shapes: shapes.astype(float) + 1e308, "finite numbers of at most 100 in shapedirs"),
        ("f", lambda faces: np.where(faces > 9, faces, np.nan), "indices of vertices or joints in f, found NaN"),
        ("weight_joints", lambda joints: joints + 1e30, "indices of vertices or joints in weight_joints"),
        ("regressor_vertices", lambda numbers: numbers + 20_000, "out of bounds"),
        ("weights", lambda weights: weights.astype(complex), "plain numbers in weights"),
        ("v_template", lambda template: template[:, 0], "two or more dimensions in v_template"),
    ],
)
def test_a_changed_open_body_is_refused(tmp_path, key, change, reported):
    arrays = read_npz(asset("body.npz"))
    np.savez(tmp_path / "body.npz", **arrays | {key: change(arrays[key])})
    with pytest.raises(ValueError, match=reported) as error:
        Body.load(tmp_path / "body.npz")
    assert "\n" not in str(error.value)
