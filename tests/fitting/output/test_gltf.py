import dataclasses
import json
import shutil
import subprocess

import numpy as np
import pytest

from fitting.output.gltf import glb, write_glb
from fitting.output.skinning import skeleton_motion, skinned_body
from qposer.body_pose.skeleton import JOINT_NAMES, PARENTS

NODE = shutil.which("node")

VALIDATE = """
const path = require("path"), { execSync } = require("child_process"), { readFileSync } = require("fs");
let validator;
try { validator = require("gltf-validator"); } catch {
  try { validator = require(path.join(execSync("npm root --global").toString().trim(), "gltf-validator")); } catch {}
}
if (!validator) console.log("null");
else Promise.all(process.argv.slice(1).map(file => validator.validateBytes(new Uint8Array(readFileSync(file)))))
  .then(reports => console.log(JSON.stringify(reports.map(report => report.issues))));
"""


@pytest.fixture(scope="module")
def clip(make_clip):
    return make_clip()


@pytest.fixture(scope="module")
def rig(open_body, clip):
    skinned = skinned_body(open_body, clip.betas)
    return skinned, skeleton_motion(clip, skinned.joints[0], clip.fps, int(clip.frames[0]))


@pytest.fixture(scope="module")
def moving(rig):
    return glb(*rig, animated=True, error_mm=1.25)


def test_the_skin_is_where_the_body_is(moving, read_glb, open_body, clip, vertices_of):
    file, expected = read_glb(moving), vertices_of(open_body, clip)
    np.testing.assert_allclose(file.times, clip.frames / clip.fps)
    for frame in range(len(clip)):
        assert 1000 * np.abs(file.vertices(frame) - expected[frame]).max() < 0.02
        assert 1000 * np.abs(file.joints(frame)[:, :3, 3] - clip.joints[frame] * [1, -1, -1]).max() < 0.02


def test_nodes_are_in_the_first_pose_and_nothing_moves_unasked(rig, read_glb, open_body, clip, vertices_of):
    file = read_glb(glb(*rig))
    assert "animations" not in file.json
    assert 1000 * np.abs(file.vertices() - vertices_of(open_body, clip)[0]).max() < 0.02


def test_the_bind_pose_is_the_t_pose(moving, read_glb, rig):
    file = read_glb(moving)
    inverse = file.array(file.json["skins"][0]["inverseBindMatrices"]).transpose(0, 2, 1)
    assert np.allclose(np.linalg.inv(inverse)[:, :3, 3], rig[0].joints, atol=1e-6)
    assert np.allclose(inverse[:, :3, :3], np.eye(3))
    assert np.allclose(file.attribute("POSITION"), rig[0].vertices, atol=1e-6)
    assert np.array_equal(file.array(file.primitive["indices"]).reshape(-1, 3), rig[0].faces)


def test_joints_have_names_of_smpl_and_of_a_humanoid(moving, read_glb):
    nodes = read_glb(moving).json["nodes"]
    assert [node["name"] for node in nodes[:24]] == list(JOINT_NAMES)
    for joint, parent in enumerate(PARENTS[1:], start=1):
        assert joint in nodes[parent]["children"]
    humanoid = {node["name"]: node["extras"]["humanoid"] for node in nodes if "extras" in node}
    assert set(JOINT_NAMES) - set(humanoid) == {"left_hand", "right_hand"}
    assert len(set(humanoid.values())) == 22
    assert all(
        name.startswith(("left", "right")) == human.startswith(("left", "right")) for name, human in humanoid.items()
    )
    names = ("pelvis", "left_hip", "spine3", "right_collar", "right_shoulder", "right_wrist", "left_foot")
    assert [humanoid[name] for name in names] == [
        *("hips", "leftUpperLeg", "upperChest", "rightShoulder", "rightUpperArm", "rightHand", "leftToes"),
    ]


def test_normals_are_of_unit_length_and_point_outwards(moving, read_glb):
    file = read_glb(moving)
    normals, positions = file.attribute("NORMAL"), file.attribute("POSITION")
    assert np.linalg.norm(normals, axis=1) == pytest.approx(1.0, abs=1e-5)
    torso = np.abs(positions - positions.mean(0)).max(1) < 0.25
    outwards = (normals * (positions - positions[torso].mean(0)))[torso].sum(1)
    assert (outwards > 0).mean() > 0.9


def test_quaternions_do_not_change_their_sign(moving, read_glb):
    file = read_glb(moving)
    animation = file.json["animations"][0]
    turns = [file.array(s["output"]) for s, c in zip(animation["samplers"], animation["channels"], strict=True)]
    turns = np.stack([array for array in turns if array.shape[1] == 4])
    assert turns.shape == (22, 9, 4)
    assert ((turns[:, 1:] * turns[:, :-1]).sum(-1) > 0).all()


def test_the_file_states_the_skinning_error(moving, read_glb):
    assert read_glb(moving).json["meshes"][0]["extras"] == {"skinning_error_mm": 1.25}


@pytest.mark.skipif(NODE is None, reason="there is no node to run Khronos' validator with")
def test_the_khronos_validator_finds_no_errors(moving, rig, tmp_path):
    (tmp_path / "moving.glb").write_bytes(moving)
    (tmp_path / "still.glb").write_bytes(glb(*rig))
    (tmp_path / "one.glb").write_bytes(glb(rig[0], dataclasses.replace(rig[1], fps=1e-3), animated=True))
    files = [tmp_path / f"{name}.glb" for name in ("moving", "still", "one")]
    command = [NODE, "-e", VALIDATE, *files]
    message = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout
    reports = json.loads(message)
    if reports is None:
        pytest.skip("there is no validator: npm install --global gltf-validator")
    assert [report["messages"] for report in reports] == [[], [], []]


@pytest.mark.parametrize(
    ("change", "message"),
    [({"fps": np.nan}, "must be a positive number"), ({"root": np.full((9, 3), np.inf)}, "finite")],
)
def test_invalid_motions_are_rejected(rig, tmp_path, change, message):
    with pytest.raises(ValueError, match=message):
        write_glb(tmp_path / "a.glb", rig[0], dataclasses.replace(rig[1], **change))
    assert not list(tmp_path.iterdir())
