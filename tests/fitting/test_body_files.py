import os
import pickle
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy import sparse

from fitting.body import Body
from fitting.body_files import export_smpl_pickle, read_body
from fitting.keypoints import FORMATS
from fitting.smpl_pickle import read_arrays
from qposer.skeleton import PARENTS

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


def test_exported_open_body_is_the_same_in_smplx(tmp_path):
    import smplx

    body = Body.open()
    path = tmp_path / "SMPL_OPEN.pkl"
    export_smpl_pickle(body.data, path)
    model = smplx.create(str(path), model_type="smpl", batch_size=2)
    there, here = smplx_output(model, hands=2), body(*pose())
    torch.testing.assert_close(there.vertices, here.vertices, atol=1e-4, rtol=0)
    torch.testing.assert_close(there.joints[:, :24], here.joints, atol=1e-4, rtol=0)
    for again in (Body.load(path), Body.from_smplx(model)):
        torch.testing.assert_close(again(*pose()), here, atol=1e-5, rtol=0)
        torch.testing.assert_close(again.landmarks(*pose()), body.landmarks(*pose()), atol=1e-5, rtol=0)
    assert [file.name for file in tmp_path.iterdir()] == ["SMPL_OPEN.pkl"]


def test_smplx_finds_the_open_bodys_named_vertices(tmp_path):
    import smplx

    body, path = Body.open(), tmp_path / "SMPL_OPEN.pkl"
    export_smpl_pickle(body.data, path)
    vertex_ids = pickle.loads(path.read_bytes())["vertex_ids"]
    model = smplx.create(str(path), model_type="smpl", batch_size=2, vertex_ids=vertex_ids)
    named = smplx_output(model, hands=2).joints[:, 24:]
    expected = body.landmarks(*pose(), format="openpose")
    openpose = FORMATS["openpose"].names
    for i, name in enumerate(("nose", "right_eye", "left_eye", "right_ear", "left_ear")):
        torch.testing.assert_close(named[:, i], expected[:, openpose.index(name)], atol=1e-4, rtol=0)
    assert len(vertex_ids) == named.shape[1] == 21


@pytest.mark.parametrize(
    ("joints", "vertices", "kind"), [(24, 6890, "smpl"), (52, 6890, "smplh"), (55, 10475, "smplx")]
)
def test_official_files_give_what_smplx_gives(tmp_path, joints, vertices, kind):
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


def test_wrong_files_are_told_in_one_sentence(tmp_path, smpl):
    cases = {
        "missing.npz": (smpl | {"weights": None}, "found no weights"),
        "object.npz": (smpl | {"J_regressor": np.array([{}], dtype=object)}, "Python objects"),
        "text.npz": (smpl | {"v_template": np.array(["a"])}, "plain numbers as v_template"),
        "vertices.npz": (layout(24, 100), "found 100"),
        "tree.npz": (smpl | {"kintree_table": np.zeros((2, 24), int)}, "joints"),
        "weights.npz": (smpl | {"weights": smpl["weights"][:, :20]}, r"found \(6890, 20\)"),
        "hand.npz": (layout(24, 778) | {"kintree_table": np.zeros((2, 16), int)}, "found a tree of 16"),
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
def test_files_that_are_no_body(tmp_path, name, content):
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
    with pytest.raises(ValueError, match="tree of 16"):
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
