import dataclasses

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from fitting.video.clip_exports import FILES, write_clip_exports
from fitting.video.ground import Ground
from qposer.body_pose.skeleton import JOINT_NAMES
from qposer.data.bvh import read_bvh


def test_every_file_holds_the_clip(tmp_path, make_clip, open_body, read_glb, vertices_of):
    clip = make_clip()
    assert write_clip_exports(tmp_path, clip, open_body, tuple(FILES), "a clip") == ()
    assert {path.name for path in tmp_path.iterdir()} == {"motion.bvh", "motion.glb", "markers.trc", "view.html"}
    upright = clip.joints * [1, -1, -1]
    glb = read_glb((tmp_path / "motion.glb").read_bytes())
    np.testing.assert_allclose(glb.times, clip.frames / clip.fps)
    assert 1000 * np.abs(glb.vertices(4) - vertices_of(open_body, clip)[4]).max() < 0.02
    bvh = read_bvh(tmp_path / "motion.bvh")
    order = [bvh.names.index(name) for name in JOINT_NAMES]
    assert 10 * np.abs(bvh.positions()[:, order] - 100 * (upright - upright[:, :1])).max() < 0.01
    rows = [line.split("\t") for line in (tmp_path / "markers.trc").read_text().splitlines()]
    assert (rows[2][0], rows[3][2::3]) == ("12.5", list(JOINT_NAMES))
    markers = np.array([row[2:] for row in rows[5:]], dtype=float).reshape(-1, 24, 3)
    assert 1000 * np.abs(markers - upright).max() < 0.01
    page = (tmp_path / "view.html").read_text()
    assert "<title>a clip</title>" in page
    assert "2D error 1.0 % of the height" in page
    assert "--ratio: 1.3333" in page


def test_a_clip_with_known_ground_stands_on_it(tmp_path, make_clip, open_body, read_glb):
    clip, ground = make_clip(), Ground((0.1, -0.9, 0.3), 1.4)
    world = ground.to_world(clip.joints)
    turned = Rotation.from_matrix(ground.rotation) * Rotation.from_rotvec(clip.global_orient)
    known = {"world_orient": turned.as_rotvec(), "world_transl": world[:, 0] - clip.pelvis, "world_joints": world}
    write_clip_exports(tmp_path, dataclasses.replace(clip, **known), open_body, ("bvh", "glb", "trc"), "a clip")
    glb = read_glb((tmp_path / "motion.glb").read_bytes())
    assert 1000 * np.abs(glb.joints(3)[:, :3, 3] - world[3]).max() < 0.02
    rows = [line.split("\t") for line in (tmp_path / "markers.trc").read_text().splitlines()[5:]]
    markers = np.array([row[2:] for row in rows], dtype=float).reshape(-1, 24, 3)
    assert 1000 * np.abs(markers - world).max() < 0.01
    bvh = read_bvh(tmp_path / "motion.bvh")
    order = [bvh.names.index(name) for name in JOINT_NAMES]
    assert 10 * np.abs(bvh.positions()[:, order] - 100 * (world - world[:, :1])).max() < 0.01


def test_unrequested_files_are_deleted(tmp_path, make_clip, open_body):
    write_clip_exports(tmp_path, make_clip(), open_body, ("bvh", "trc"), "a clip")
    write_clip_exports(tmp_path, make_clip(), open_body, ("trc",), "a clip")
    assert [path.name for path in tmp_path.iterdir()] == ["markers.trc"]


def test_losses_of_the_skin_are_noted(tmp_path, make_clip, smpl_like, read_glb):
    (note,) = write_clip_exports(tmp_path, make_clip(smpl_like), smpl_like, ("glb",), "a clip")
    error = read_glb((tmp_path / "motion.glb").read_bytes()).json["meshes"][0]["extras"]["skinning_error_mm"]
    assert error > 5
    assert note.startswith(f"the skin in motion.glb is off by up to {error:.0f} mm: ")
    assert write_clip_exports(tmp_path, make_clip(smpl_like), smpl_like, ("bvh",), "a clip") == ()


def test_another_body_is_refused(tmp_path, make_clip, smpl_like):
    with pytest.raises(ValueError, match="was fitted with the body open, not smpl-like: give that body"):
        write_clip_exports(tmp_path, make_clip(), smpl_like, ("bvh",), "a clip")
