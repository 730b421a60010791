import dataclasses
import json

import numpy as np
import pytest
import torch

from fitting.body.body import Body
from fitting.output.amass import write_amass
from fitting.output.gltf import glb
from fitting.output.hand_poses import HandPoses
from fitting.output.results import read_result, write_results
from fitting.output.skinning import skeleton_motion, skinned_body, skinning_error_mm
from fitting.output.smplifyx import smplifyx_arrays
from fitting.video.clip_exports import write_clip_exports
from fitting.video.clip_result import read_clip
from qposer.data.bvh import read_bvh
from qposer.hands.smplh import SMPLH_JOINT_NAMES, SMPLH_PARENTS
from qposer.io.npz import read_npz

NAMES = ("left_hand_pose", "right_hand_pose", "hands_found")


def hands(*frames: int) -> HandPoses:
    rng = np.random.default_rng(3)
    left, right = rng.normal(0, 0.4, (2, *frames, 15, 3)).astype(np.float32)
    return HandPoses(left, right, rng.random((*frames, 2)) < 0.5)


def equal(one: HandPoses, other: HandPoses) -> bool:
    return all(np.array_equal(array, other.arrays[name]) for name, array in one.arrays.items())


@pytest.fixture(scope="module")
def body() -> Body:
    return Body.open(hands=True)


@pytest.fixture(scope="module")
def person(make_person):
    """A person with poses of the fingers."""
    return dataclasses.replace(make_person(), hands=hands())


@pytest.fixture(scope="module")
def clip(make_clip):
    clip = make_clip(frames=5)
    return dataclasses.replace(clip, hands=hands(len(clip)))


@pytest.fixture(scope="module")
def expected(body, clip):
    """Vertices and joints of the clip, y up."""
    names = ("global_orient", "body_pose", "transl")
    orient, pose, transl = (torch.from_numpy(getattr(clip, name)) for name in names)
    fingers = torch.from_numpy(clip.hands.both)
    output = body(orient, pose, torch.from_numpy(clip.betas)[None], transl, hand_pose=fingers)
    return [points.double().numpy() * [1, -1, -1] for points in output]


def test_a_fit_with_hands_comes_back(tmp_path, person):
    (folder,) = write_results(tmp_path, [person], [{}])
    assert equal(read_result(folder).hands, person.hands)
    content = json.loads((folder / "fit.json").read_text())
    assert np.allclose(content["left_hand_pose"], person.hands.left)
    assert content["hands_found"] == person.hands.found.tolist()


def test_a_fit_without_hands_has_none_of_them(tmp_path, make_person, make_clip):
    (folder,) = write_results(tmp_path, [make_person()], [{}])
    assert not set(NAMES) & {*read_npz(folder / "fit.npz"), *json.loads((folder / "fit.json").read_text())}
    assert read_result(folder).hands is None
    make_clip(frames=2).write(tmp_path / "clip.npz")
    assert not {*NAMES, "hands"} & set(read_npz(tmp_path / "clip.npz"))
    assert read_clip(tmp_path / "clip.npz").hands is None


def test_a_clip_with_hands_comes_back(tmp_path, clip):
    clip.write(tmp_path / "clip.npz")
    assert equal(read_clip(tmp_path / "clip.npz").hands, clip.hands)


@pytest.mark.parametrize("name", NAMES[:2])
def test_half_of_the_hands_is_refused(tmp_path, person, clip, name):
    (folder,) = write_results(tmp_path, [person], [{}])
    clip.write(tmp_path / "clip.npz")
    for path, read in ((folder / "fit.npz", read_result), (tmp_path / "clip.npz", read_clip)):
        np.savez(path, **{key: array for key, array in read_npz(path).items() if key != name})
        with pytest.raises(ValueError, match=name):
            read(path)


@pytest.mark.parametrize(
    ("changed", "reported"),
    [
        ({"left": np.zeros((15, 4))}, r"left of the shape \(15, 3\)"),
        ({"right": np.zeros((3, 15, 3))}, r"right of the shape \(15, 3\)"),
        ({"found": np.ones(3, bool)}, r"found of the shape \(2,\)"),
        ({"right": np.full((15, 3), np.nan)}, "NaN or infinite"),
    ],
)
def test_wrong_poses_are_refused(changed, reported):
    with pytest.raises(ValueError, match=reported):
        dataclasses.replace(hands(), **changed)


def test_arguments_of_smplx_have_the_hands(person, make_person):
    arguments = person.smplx_arguments(21)
    np.testing.assert_array_equal(arguments["left_hand_pose"], person.hands.left.reshape(1, 45))
    np.testing.assert_array_equal(arguments["right_hand_pose"], person.hands.right.reshape(1, 45))
    for without in (person.smplx_arguments(), make_person().smplx_arguments(21)):
        assert not set(NAMES) & set(without)


def test_amass_has_156_numbers(tmp_path, person, make_person, clip):
    write_amass(tmp_path / "photos.npz", [person, dataclasses.replace(make_person(), hands=None)], fps=1)
    poses = read_npz(tmp_path / "photos.npz")["poses"]
    np.testing.assert_array_equal(poses[0, 66:], person.hands.both.ravel())
    assert not poses[1, 66:].any()
    clip.write_amass(tmp_path / "clip.npz")
    poses = read_npz(tmp_path / "clip.npz")["poses"]
    np.testing.assert_array_equal(poses[:, 66:111], clip.hands.left.reshape(-1, 45))
    np.testing.assert_array_equal(poses[:, 111:], clip.hands.right.reshape(-1, 45))


def test_smplifyx_has_the_hands(person, make_person):
    arrays, without = smplifyx_arrays(person), smplifyx_arrays(make_person())
    assert list(arrays) == list(without)
    np.testing.assert_array_equal(arrays["left_hand_pose"], person.hands.left.reshape(1, 45))
    np.testing.assert_array_equal(arrays["right_hand_pose"], person.hands.right.reshape(1, 45))
    assert not without["left_hand_pose"].any()


def test_the_bvh_has_the_fingers(tmp_path, body, clip, expected):
    write_clip_exports(tmp_path, clip, body, ("bvh", "trc"), "clip")
    motion = read_bvh(tmp_path / "motion.bvh")
    order = [motion.names.index(name) for name in SMPLH_JOINT_NAMES]
    assert [motion.parents[index] for index in order[1:]] == [order[parent] for parent in SMPLH_PARENTS[1:]]
    found = motion.positions()[:, order] / 100
    relative = expected[1] - expected[1][:, :1]
    np.testing.assert_allclose(found - found[:, :1], relative, atol=2e-5)
    assert "right_thumb3" in (tmp_path / "markers.trc").read_text().splitlines()[3]


def test_the_glb_has_the_fingers(read_glb, body, clip, expected):
    skinned = skinned_body(body, clip.betas)
    motion = skeleton_motion(clip, skinned.joints[0], clip.fps, 5, joints=52)
    assert skinning_error_mm(body, clip.betas, skinned, motion) < 0.02
    file = read_glb(glb(skinned, motion, animated=True))
    for frame in range(len(clip)):
        assert 1000 * np.abs(file.vertices(frame) - expected[0][frame]).max() < 0.02
        assert 1000 * np.abs(file.joints(frame)[:, :3, 3] - expected[1][frame]).max() < 0.02
    nodes = file.json["nodes"][:52]
    assert [node["name"] for node in nodes] == list(SMPLH_JOINT_NAMES)
    humanoid = {node["name"]: node["extras"]["humanoid"] for node in nodes}
    assert humanoid["left_thumb1"] == "leftThumbMetacarpal"
    assert humanoid["right_pinky2"] == "rightLittleIntermediate"
    assert len(set(humanoid.values())) == 52


def test_a_page_shows_the_fingers(tmp_path, body, clip):
    write_clip_exports(tmp_path, clip, body, ("html",), "clip")
    assert f'"parents": {json.dumps(SMPLH_PARENTS)}' in (tmp_path / "view.html").read_text()


def test_fingers_need_the_body_with_fingers(open_body, body, clip, make_clip, tmp_path):
    with pytest.raises(ValueError, match="give its body model with hands=True"):
        write_clip_exports(tmp_path, clip, open_body, ("bvh",), "clip")
    rigid = make_clip(frames=2)
    write_clip_exports(tmp_path, rigid, body, ("bvh",), "clip")
    assert len(read_bvh(tmp_path / "motion.bvh").names) >= 52


def test_a_rigged_photo_has_the_fingers(tmp_path, read_glb, body, person):
    from fitting.output.exports import _rigged

    output = body(
        *(torch.from_numpy(getattr(person, name))[None] for name in ("global_orient", "body_pose", "betas", "transl")),
        hand_pose=torch.from_numpy(person.hands.both)[None],
    )
    file = read_glb(_rigged(person, body))
    assert 1000 * np.abs(file.vertices() - output.vertices[0].numpy() * [1, -1, -1]).max() < 0.02
