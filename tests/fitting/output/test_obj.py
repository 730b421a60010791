import numpy as np
import pytest
import trimesh

from fitting.output.obj import write_obj


def test_the_file_is_the_one_that_trimesh_writes(tmp_path):
    sphere = trimesh.creation.icosphere(subdivisions=2, radius=0.3)
    vertices = (sphere.vertices + np.array([1e3, -1e-9, 0.1])).astype(np.float32)
    write_obj(tmp_path / "ours.obj", vertices, sphere.faces)
    trimesh.Trimesh(vertices, sphere.faces, process=False).export(tmp_path / "theirs.obj", header=None)
    ours, theirs = ((tmp_path / name).read_text() for name in ("ours.obj", "theirs.obj"))
    assert ours.split() == theirs.split()
    assert ours.endswith("\n")


def test_a_failed_write_is_an_os_error(tmp_path):
    with pytest.raises(OSError, match="No such file"):
        write_obj(tmp_path / "none" / "mesh.obj", np.zeros((3, 3)), np.array([[0, 1, 2]]))
