import dataclasses

import numpy as np
import pytest

from fitting.output.bvh import write_bvh
from fitting.output.skinning import skeleton_motion, skinned_body
from qposer.body_pose.skeleton import JOINT_NAMES, PARENTS
from qposer.data.bvh import read_bvh
from qposer.data.retarget import retarget


@pytest.fixture(scope="module")
def clip(make_clip):
    return make_clip()


@pytest.fixture(scope="module")
def rig(open_body, clip):
    skinned = skinned_body(open_body, clip.betas)
    return skinned.joints, skeleton_motion(clip, skinned.joints[0], clip.fps, int(clip.frames[0]))


@pytest.fixture(scope="module")
def path(rig, tmp_path_factory):
    path = tmp_path_factory.mktemp("bvh") / "made" / "motion.bvh"
    write_bvh(path, *rig)
    return path


def frames_of(path):
    """The numbers of the frames, one row for each."""
    lines = path.read_text().partition("MOTION\n")[2].splitlines()
    return np.array([line.split() for line in lines[2:]], dtype=float)


def test_joints_are_where_the_clip_has_them(path, clip):
    motion = read_bvh(path)
    assert motion.fps == pytest.approx(12.5)
    order = [motion.names.index(name) for name in JOINT_NAMES]
    parents = [motion.names[motion.parents[index]] if motion.parents[index] >= 0 else None for index in order]
    assert parents == [JOINT_NAMES[parent] if parent >= 0 else None for parent in PARENTS]
    read = (motion.positions()[:, order] + frames_of(path)[:, None, :3]) / 100
    assert 1000 * np.abs(read - clip.joints * [1, -1, -1]).max() < 0.01


def test_the_pose_comes_back_by_retargeting(path, clip):
    np.testing.assert_allclose(retarget(read_bvh(path))[:, 1:22], clip.body_pose, atol=0.01)


def test_angles_do_not_jump_where_a_person_turns_round(path):
    heading = frames_of(path)[:, 5]
    assert np.ptp(heading) > 350
    assert np.abs(np.diff(heading)).max() < 120


def test_every_chain_ends(path):
    text = path.read_text()
    assert text.count("End Site") == 5
    assert text.count("{") == text.count("}") == 24 + 5
    assert "CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation" in text


@pytest.mark.parametrize(
    ("change", "message"), [({"fps": 0.0}, "must be a positive number"), ({"root": np.full((9, 3), np.nan)}, "finite")]
)
def test_invalid_motions_are_rejected(rig, tmp_path, change, message):
    with pytest.raises(ValueError, match=message):
        write_bvh(tmp_path / "a.bvh", rig[0], dataclasses.replace(rig[1], **change))
    assert not list(tmp_path.iterdir())
