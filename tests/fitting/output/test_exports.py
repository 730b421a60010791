import numpy as np
import pytest
import trimesh

from fitting.inputs.images import Photo
from fitting.output.exports import write_fit

ALWAYS = ["fit.json", "fit.npz", "keypoints.png", "overlay.png", "side.png"]


@pytest.fixture
def photo():
    return Photo(np.full((300, 400, 3), 128, np.uint8))


def files_in(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_all_formats(tmp_path, photo, make_person):
    people = [make_person(0), make_person(1)]
    folders = write_fit(tmp_path, "photo", photo, people, ("obj", "glb", "ply", "html", "smplx-pkl"))
    assert folders == [tmp_path / "photo" / "person0", tmp_path / "photo" / "person1"]
    each = sorted([*ALWAYS, "mesh.glb", "mesh.obj", "mesh.ply"])
    assert files_in(tmp_path) == [
        *(f"meshes/photo/00{i}.obj" for i in range(2)),
        *(f"photo/person{i}/{name}" for i in range(2) for name in each),
        "photo/view.html",
        *(f"results/photo/00{i}.pkl" for i in range(2)),
    ]
    for suffix in ("obj", "glb", "ply"):
        mesh = trimesh.load(folders[1] / f"mesh.{suffix}", force="mesh", process=False)
        assert np.allclose(mesh.vertices, people[1].vertices * [1, -1, -1], atol=1e-5)
        assert np.array_equal(mesh.faces, people[1].faces)


def test_a_rigged_body_is_in_the_fitted_pose(tmp_path, photo, make_person, open_body, smpl_like, read_glb):
    fits = [make_person(0), make_person(1)]
    folders = write_fit(tmp_path, "photo", photo, fits, ("glb-rigged",), open_body)
    assert files_in(folders[0]) == sorted([*ALWAYS, "rigged.glb"])
    for folder, fit in zip(folders, fits, strict=True):
        file = read_glb((folder / "rigged.glb").read_bytes())
        assert "animations" not in file.json
        assert 1000 * np.abs(file.vertices() - fit.vertices * [1, -1, -1]).max() < 0.02
    for body in (None, smpl_like):
        with pytest.raises(ValueError, match="a rigged body needs the body model that was fitted, open"):
            write_fit(tmp_path, "other", photo, fits, ("glb-rigged",), body)
    assert not (tmp_path / "other").exists()


def test_nothing_else_is_written(tmp_path, photo, make_person):
    write_fit(tmp_path, "photo", photo, [make_person()])
    assert files_in(tmp_path / "photo" / "person0") == sorted([*ALWAYS, "mesh.obj"])
    write_fit(tmp_path, "photo", photo, [make_person()], ())
    assert files_in(tmp_path / "photo" / "person0") == ALWAYS


def test_a_page_of_an_earlier_run_does_not_outlive_its_bodies(tmp_path, photo, make_person):
    write_fit(tmp_path, "photo", photo, [make_person()], ("html",))
    write_fit(tmp_path, "photo", photo, [make_person()], ("obj",))
    assert not (tmp_path / "photo" / "view.html").exists()
