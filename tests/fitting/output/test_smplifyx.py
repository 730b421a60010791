import dataclasses
import errno
import pickle
import pickletools

import numpy as np
import pytest
import torch
import trimesh

from fitting.body.smpl_pickle import read_arrays
from fitting.inputs.camera import Camera
from fitting.inputs.starts import read_start
from fitting.output.smplifyx import KEYS, smplifyx_arrays, write_smplifyx

SHAPES = {
    "camera_rotation": (1, 3, 3),
    "camera_translation": (1, 3),
    "betas": (1, 10),
    "global_orient": (1, 3),
    "body_pose": (1, 63),
    "focal_length": (1,),
    "camera_center": (1, 2),
}

AT_REST = {
    "left_hand_pose": (1, 45),
    "right_hand_pose": (1, 45),
    "jaw_pose": (1, 3),
    "leye_pose": (1, 3),
    "reye_pose": (1, 3),
    "expression": (1, 10),
}
"""Further keys of SMPLify-X's own pickles, which readers such as the Blender add-on require."""


def files_in(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_the_pickle_comes_back_plainly_and_by_a_reader_of_arrays_only(tmp_path, make_person):
    result = make_person()
    (path,) = write_smplifyx(tmp_path, "photo", [result])
    assert path == tmp_path / "results" / "photo" / "000.pkl"
    plain, restricted = pickle.loads(path.read_bytes()), read_arrays(path, KEYS)
    assert tuple(plain) == KEYS
    for name, shape in SHAPES.items():
        assert type(plain[name]) is np.ndarray
        assert plain[name].shape == shape
        assert plain[name].dtype == np.float32
        assert np.array_equal(plain[name], restricted[name])
    assert np.array_equal(plain["body_pose"][0], result.body_pose.ravel())
    assert set(plain) == {*SHAPES, *AT_REST, "body"}
    for name, shape in AT_REST.items():
        np.testing.assert_array_equal(plain[name], np.zeros(shape, np.float32), strict=True)


def test_the_body_is_named_in_numbers(tmp_path, make_person):
    """Readers make tensors of all values; a start has the shape and the hands of the body that is named."""
    result = make_person()
    (path,) = write_smplifyx(tmp_path, "photo", [result])
    for value in pickle.loads(path.read_bytes()).values():
        torch.tensor(value, dtype=torch.float32)
    start = read_start(path)
    assert start.body == result.body == "open"
    np.testing.assert_allclose(start.betas[0], result.betas, atol=1e-6)


def test_old_pythons_and_old_numpys_know_all_that_it_names(tmp_path, make_person):
    (path,) = write_smplifyx(tmp_path, "photo", [make_person()])
    opcodes = list(pickletools.genops(path.read_bytes()))
    assert max(opcode.proto for opcode, _, _ in opcodes) == 2
    named = {argument for opcode, argument, _ in opcodes if opcode.name == "GLOBAL"}
    assert named == {"numpy.core.multiarray _reconstruct", "numpy ndarray", "numpy dtype", "_codecs encode"}


def test_the_camera_sees_the_body_where_the_photo_shows_it(make_person, open_body):
    """Projection like SMPLify-X: the body without translation, transformed by the camera."""
    result = make_person(seed=3)
    values = {name: torch.from_numpy(value) for name, value in smplifyx_arrays(result).items()}
    pose = values["body_pose"].reshape(1, 21, 3)
    points = open_body.landmarks(values["global_orient"], pose, values["betas"], format="openpose")
    points = points @ values["camera_rotation"].mT + values["camera_translation"]
    seen = Camera(values["focal_length"], values["camera_center"]).project(points)
    assert np.allclose(seen.numpy(), result.keypoints.xy, atol=0.01)


def test_the_mesh_is_upright_at_the_position_of_the_body(tmp_path, make_person):
    result = make_person()
    write_smplifyx(tmp_path, "photo", [result])
    mesh = trimesh.load(tmp_path / "meshes" / "photo" / "000.obj", process=False)
    in_camera = np.asarray(mesh.vertices) * [1, -1, -1] + result.transl
    assert np.allclose(in_camera, result.vertices, atol=1e-5)
    assert np.array_equal(mesh.faces, result.faces)
    assert mesh.volume > 0


def test_people_of_an_earlier_run_are_removed_and_nothing_else(tmp_path, make_person):
    write_smplifyx(tmp_path, "photo", [make_person(0), make_person(1)])
    (tmp_path / "results" / "photo" / "notes.txt").write_text("mine")
    write_smplifyx(tmp_path, "other", [make_person(1)])
    write_smplifyx(tmp_path, "photo", [make_person(2)])
    assert files_in(tmp_path) == [
        "meshes/other/000.obj", "meshes/photo/000.obj", "results/other/000.pkl", "results/photo/000.pkl",
        "results/photo/notes.txt",
    ]  # fmt: skip


def test_a_result_without_a_mesh_has_a_pickle(tmp_path, make_person):
    write_smplifyx(tmp_path, "photo", [dataclasses.replace(make_person(), vertices=None)])
    assert files_in(tmp_path) == ["results/photo/000.pkl"]


def test_a_full_disk_leaves_the_old_file(tmp_path, make_person, monkeypatch):
    (path,) = write_smplifyx(tmp_path, "photo", [make_person(0)])
    before, names = path.read_bytes(), files_in(tmp_path)

    def full(self, data):
        self.open("wb").write(data[:10])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_bytes", full)
    with pytest.raises(OSError, match="No space left"):
        write_smplifyx(tmp_path, "photo", [make_person(1)])
    assert path.read_bytes() == before
    assert files_in(tmp_path) == names


def test_readers_find_the_keys_of_hands_face_and_expression(make_person):
    arrays = smplifyx_arrays(make_person(0))
    assert tuple(arrays) == KEYS
    sizes = {
        "left_hand_pose": 45,
        "right_hand_pose": 45,
        "jaw_pose": 3,
        "leye_pose": 3,
        "reye_pose": 3,
        "expression": 10,
    }
    for name, size in sizes.items():
        assert arrays[name].shape == (1, size)
        assert not arrays[name].any()
