import json
import pickle
import struct

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from qposer.hands.godot import read_bone_rotations
from qposer.hands.landmarks import (
    WEBXR,
    as_right_hands,
    read_godot_hands,
    read_handpose,
    read_image_landmarks,
    read_makehuman_hands,
    read_offset_matrices,
    read_pickled_landmarks,
)

RANDOM = np.random.default_rng(0)


def string(text):
    raw = text.encode() + b"\0"
    return struct.pack("<I", len(raw)) + raw


def resource(tracks):
    """An animation resource with one key for each bone."""
    names = [f"tracks/{number}/{key}" for number in range(len(tracks)) for key in ("type", "path", "keys")]
    table = [*names, *tracks]
    body = string("Animation") + struct.pack("<I", len(names))
    for number, rotation in enumerate(tracks.values()):
        body += struct.pack("<II", 3 * number, 5) + string("rotation_3d")
        body += struct.pack("<IIHHI", 3 * number + 1, 22, 0, 1, len(names) + number)
        body += struct.pack("<III6f", 3 * number + 2, 33, 6, 0.0, 1.0, *rotation)
    head = (
        b"RSRC" + struct.pack("<5I", 0, 0, 4, 0, 4) + string("Animation") + struct.pack("<QIQ11I", 0, 0, 0, *[0] * 11)
    )
    head += struct.pack("<I", len(table)) + b"".join(map(string, table)) + struct.pack("<II", 0, 1)
    head += string("local://1")
    return head + struct.pack("<Q", len(head) + 8) + body


def test_rotations_of_bones_are_read_from_a_resource(tmp_path):
    tracks = {"Index_Proximal_R": (0.5, 0.5, 0.5, 0.5), "Thumb_Tip_R": (0.0, 0.0, 0.0, 1.0)}
    (tmp_path / "pose.res").write_bytes(resource(tracks))
    found = read_bone_rotations(tmp_path / "pose.res")
    assert found.keys() == tracks.keys()
    np.testing.assert_allclose(found["Index_Proximal_R"], tracks["Index_Proximal_R"])


@pytest.mark.parametrize("content", [b"", b"RSCC", b"RSRC", resource({"a": (0, 0, 0, 1)})[:-9]])
def test_other_resources_are_one_clear_error(tmp_path, content):
    (tmp_path / "pose.res").write_bytes(content)
    with pytest.raises(ValueError, match=r"pose.res: expected an animation resource of Godot"):
        read_bone_rotations(tmp_path / "pose.res")


def test_godot_hands_are_posed_from_the_wrist(tmp_path):
    nodes, number = [{"name": "Wrist_R", "children": []}], 1
    for finger in ("Thumb", "Index", "Middle", "Ring", "Little"):
        above = 0
        for bone in ("Metacarpal", "Proximal", "Intermediate", "Distal", "Tip"):
            if (finger, bone) == ("Thumb", "Intermediate"):
                continue
            nodes.append({"name": f"{finger}_{bone}_R", "translation": [0, 1, 0], "children": []})
            nodes[above]["children"].append(number)
            above, number = number, number + 1
    (tmp_path / "hand.gltf").write_text(json.dumps({"nodes": nodes}))
    quarter = Rotation.from_euler("x", 90, degrees=True).as_quat()
    (tmp_path / "bent.res").write_bytes(resource({"Index_Intermediate_R": quarter}))
    (hand,) = read_godot_hands([tmp_path / "bent.res"], tmp_path / "hand.gltf")
    np.testing.assert_allclose(hand[:5], [[0, y, 0] for y in range(5)])
    np.testing.assert_allclose(hand[5:9], [[0, 2, 0], [0, 3, 0], [0, 3, 1], [0, 3, 2]], atol=1e-6)


def test_handposes_hold_the_left_hand_and_then_the_right_one(tmp_path):
    matrices = np.tile(np.eye(4, dtype="<f4"), (2, 25, 1, 1))
    matrices[..., 3, :3] = RANDOM.normal(size=(2, 25, 3))
    content = np.concatenate([[25], matrices.ravel(), np.ones(50)]).astype("<f4")
    content.tofile(tmp_path / "a.handpose")
    left, right = read_handpose(tmp_path / "a.handpose")
    np.testing.assert_allclose(right, matrices[1][list(WEBXR), 3, :3])
    np.testing.assert_allclose(left, as_right_hands(matrices[0][list(WEBXR), 3, :3]))
    content[1:].tofile(tmp_path / "b.handpose")
    with pytest.raises(ValueError, match=r"expected matrices of 25 joints"):
        read_handpose(tmp_path / "b.handpose")


def test_offset_matrices_are_of_a_left_hand(tmp_path):
    matrices = np.tile(np.eye(4), (25, 1, 1))
    matrices[:, 3, :3] = RANDOM.normal(size=(25, 3))
    text = "".join(f"offsetMatrix: [\n{', '.join(map(str, each.ravel()))},\n]," for each in matrices)
    (tmp_path / "a.ts").write_text(text)
    (hand,) = read_offset_matrices(tmp_path / "a.ts")
    np.testing.assert_allclose(hand, as_right_hands(matrices[list(WEBXR), 3, :3]))
    (tmp_path / "b.ts").write_text(text[:-40])
    with pytest.raises(ValueError, match=r"offsetMatrix of 25 joints"):
        read_offset_matrices(tmp_path / "b.ts")


def test_pickled_landmarks_are_read_without_unpickling(tmp_path):
    frames = RANDOM.normal(size=(3, 21, 3))
    (tmp_path / "clip.pkl").write_bytes(pickle.dumps(list(frames), protocol=4))
    np.testing.assert_array_equal(read_pickled_landmarks(tmp_path / "clip.pkl"), frames)
    for content in (b"", b"text", pickle.dumps([frames])):
        (tmp_path / "other.pkl").write_bytes(content)
        with pytest.raises(ValueError, match=r"other.pkl: expected a pickled list"):
            read_pickled_landmarks(tmp_path / "other.pkl")


def test_landmarks_of_images_get_y_up(tmp_path):
    landmarks = RANDOM.normal(size=(2, 21, 3)).astype(np.float32)
    np.savez(tmp_path / "a.npz", landmarks=landmarks, letter=np.array(["A", "B"]))
    found, letter = read_image_landmarks(tmp_path / "a.npz")
    np.testing.assert_allclose(found, landmarks * [1, -1, -1])
    assert letter.tolist() == ["A", "B"]
    np.savez(tmp_path / "b.npz", landmarks=landmarks)
    with pytest.raises(ValueError, match="a letter for each"):
        read_image_landmarks(tmp_path / "b.npz")


def test_other_rigs_are_one_clear_error(tmp_path):
    (tmp_path / "a.bvh").write_text(
        "HIERARCHY\nROOT hips\n{\nOFFSET 0 0 0\nCHANNELS 3 Zrotation Xrotation Yrotation\n"
        "End Site\n{\nOFFSET 0 1 0\n}\n}\nMOTION\nFrames: 1\nFrame Time: 0.03\n0 0 0\n"
    )
    with pytest.raises(ValueError, match="MakeHuman's default rig"):
        read_makehuman_hands(tmp_path / "a.bvh")
