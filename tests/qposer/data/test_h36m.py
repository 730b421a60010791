from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from qposer.data import h36m
from qposer.data.h36m import (
    ACTIONS,
    JOINTS_14,
    JOINTS_17,
    OFFSETS,
    PARENTS,
    find_recordings,
    positions_of_angles,
    read_positions,
)

RIGHT_KNEE, RIGHT_ANKLE, RIGHT_TOE = 2, 3, 5


def standing(frames=3):
    """Positions in millimetres, each frame a little further on."""
    still = 1000 * positions_of_angles(np.zeros((frames, 32, 3)), np.zeros((frames, 3)))
    return still + 10 * np.arange(frames)[:, None, None]


def text_of(frames=2, root=(0, 0, 0)):
    numbers = np.zeros((frames, 99))
    numbers[:, :3] = root
    return "\n".join(",".join(f"{number:.7f}" for number in row) for row in numbers)


def touch(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


# Kinematics


def test_the_skeleton_at_rest():
    positions = positions_of_angles(np.zeros((1, 32, 3)), np.array([[1.0, 2.0, 3.0]]))[0] - [1.0, 2.0, 3.0]
    leg = 0.44289 + 0.45421
    np.testing.assert_allclose(positions[RIGHT_ANKLE], [-0.13295, -leg, 0], atol=1e-9)
    np.testing.assert_allclose(positions[8], [0.13295, -leg, 0], atol=1e-9)
    np.testing.assert_allclose(positions[10], [0.13295, -leg, 0.16277 + 0.075], atol=1e-9)
    np.testing.assert_allclose(positions[15], [0, 0.0001 + 0.23338 + 0.25708 + 0.12113 + 0.115, 0], atol=1e-9)
    assert (positions[[12, 16, 24]] == positions[12]).sum() >= 3
    np.testing.assert_allclose(positions[19] - positions[17], [0, 0.27888 + 0.25173, 0], atol=1e-9)


def test_a_bent_knee_turns_by_the_inverse_of_its_exponential():
    angles = np.zeros((1, 32, 3))
    angles[0, RIGHT_KNEE] = [np.pi / 2, 0, 0]
    knee, ankle, toe = positions_of_angles(angles, np.zeros((1, 3)))[0, [RIGHT_KNEE, RIGHT_ANKLE, RIGHT_TOE]]
    np.testing.assert_allclose(knee, [-0.13295, -0.44289, 0], atol=1e-9)
    np.testing.assert_allclose(
        ankle - knee, [0, 0, 0.45421], atol=1e-9
    )  # down (0, -1, 0), turned by -90 degrees about x
    np.testing.assert_allclose(toe - ankle, [0, 0.16277 + 0.075, 0], atol=1e-9)


def rodrigues(r):
    angle = np.linalg.norm(r)
    if angle < 1e-12:
        return np.eye(3)
    x, y, z = r / angle
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def by_row_vectors(angles, root):
    """One frame by the dataset's published kinematics: row vectors, each times exp(r) and its parent's matrix."""
    turned, places = [], []
    for joint, parent in enumerate(PARENTS):
        own = rodrigues(angles[joint])
        if parent < 0:
            turned.append(own)
            places.append(root)
        else:
            turned.append(own @ turned[parent])
            places.append(places[parent] + OFFSETS[joint] @ turned[parent])
    return np.array(places)


@settings(max_examples=20)
@given(arrays(np.float64, (2, 33, 3), elements=st.floats(-3, 3)))
def test_kinematics_by_row_vectors(numbers):
    found = positions_of_angles(numbers[:, 1:], numbers[:, 0])
    expected = [by_row_vectors(frame[1:], frame[0]) for frame in numbers]
    np.testing.assert_allclose(found, expected, atol=1e-9)


def test_evaluated_joints_match_the_dataset():
    rest = positions_of_angles(np.zeros((1, 32, 3)), np.zeros((1, 3)))[0]
    assert len(JOINTS_17) == 17
    assert [JOINTS_17[index] for index in JOINTS_14] == [1, 2, 3, 6, 7, 8, 13, 15, 17, 18, 19, 25, 26, 27]
    assert (rest[list(JOINTS_17)][:4, 0] <= 0).all(), "the right leg comes first, to the left of a viewer"


# Files


def test_text(tmp_path):
    path = tmp_path / "S9" / "walking_1.txt"
    path.parent.mkdir()
    path.write_text(text_of(frames=2, root=(100, 200, 300)) + "\n")
    positions = read_positions(path)
    assert positions.shape == (2, 32, 3)
    np.testing.assert_allclose(positions[1], standing(1)[0] / 1000 + [0.1, 0.2, 0.3], atol=1e-6)


@pytest.mark.parametrize("name", ["positions", "3D_positions", "anything"])
@pytest.mark.parametrize("shape", [(3, 32, 3), (3, 96), (1, 3, 96)])
@pytest.mark.parametrize("unit", [1.0, 1000.0])
def test_npz(tmp_path, name, shape, unit):
    path = tmp_path / "a.npz"
    np.savez(path, **{name: (standing(3) / unit).reshape(shape).astype(np.float32)})
    np.testing.assert_allclose(read_positions(path), standing(3) / 1000, atol=1e-6)


@pytest.mark.parametrize("shape", [(3, 32, 3), (3, 96), (96, 3)])
def test_h5(tmp_path, shape):
    h5py = pytest.importorskip("h5py")
    path = tmp_path / "Walking 1.h5"
    rows = standing(3).reshape(3, 96)
    with h5py.File(path, "w") as file:
        file["3D_positions"] = rows.T if shape == (96, 3) else rows.reshape(shape)
    np.testing.assert_allclose(read_positions(path), standing(3) / 1000, atol=1e-9)


def test_cdf(tmp_path):
    cdfwrite = pytest.importorskip("cdflib.cdfwrite")
    path = tmp_path / "Walking 1.cdf"
    variable = {"Variable": "Pose", "Data_Type": 44, "Num_Elements": 1, "Rec_Vary": True, "Dim_Sizes": [3, 96]}
    file = cdfwrite.CDF(path, cdf_spec={"Majority": "row_major"})
    file.write_var(variable, var_data=standing(3).reshape(1, 3, 96).astype(np.float32))
    file.close()
    np.testing.assert_allclose(read_positions(path), standing(3) / 1000, atol=1e-6)


@pytest.mark.parametrize(("package", "suffix"), [("cdflib", ".cdf"), ("h5py", ".h5")])
def test_damaged_files_of_other_libraries(tmp_path, package, suffix):
    pytest.importorskip(package)
    path = tmp_path / f"Walking{suffix}"
    path.write_bytes(b"nothing of the kind" * 100)
    with pytest.raises(ValueError, match=rf"Walking{suffix}: expected .* file"):
        read_positions(path)


@pytest.mark.parametrize(("package", "suffix"), [("cdflib", ".cdf"), ("h5py", ".h5")])
def test_a_missing_package_is_reported(tmp_path, monkeypatch, package, suffix):
    monkeypatch.setitem(h36m.importlib.sys.modules, package, None)
    path = tmp_path / f"Walking{suffix}"
    path.touch()
    with pytest.raises(ValueError, match=rf"Walking{suffix}: .* not installed: pip install {package}"):
        read_positions(path)


class Touch:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_pickled_archives_are_refused_and_not_opened(tmp_path):
    path, touched = tmp_path / "data_3d_h36m.npz", tmp_path / "touched"
    np.savez(path, positions_3d=np.array({"S9": Touch(touched)}, dtype=object))
    with pytest.raises(ValueError, match=r"VideoPose3D.* save each recording by itself: np\.savez"):
        read_positions(path)
    assert not touched.exists()


def with_nan(positions):
    positions[1, 4] = np.nan
    return positions


BAD_ARRAYS = {
    "NaN": (with_nan(standing()), "NaN or infinite numbers"),
    "no frame": (standing()[:0], "no frame"),
    "17 joints": (standing()[:, :17], "expected positions .* found float64"),
    "one frame": (standing()[0], "expected positions"),
    "words": (np.full((2, 96), "x"), "expected positions"),
    "centimetres": (standing() / 10, "a thigh is 44.289 long"),
    "other joints": (standing()[:, ::-1], "expected positions of the dataset's 32 joints, in their order"),
}


@pytest.mark.parametrize("array", BAD_ARRAYS)
def test_invalid_position_arrays_are_rejected(tmp_path, array):
    values, message = BAD_ARRAYS[array]
    np.savez(tmp_path / "a.npz", positions=values)
    with pytest.raises(ValueError, match=rf"a\.npz: .*{message}"):
        read_positions(tmp_path / "a.npz")


def test_an_archive_of_several_arrays(tmp_path):
    np.savez(tmp_path / "a.npz", one=standing(), two=standing())
    with pytest.raises(ValueError, match=r"expected one array called positions, found one, two$"):
        read_positions(tmp_path / "a.npz")


BAD_TEXTS = {
    "": "no frame",
    "1,2,3": "expected 99 numbers per line, found 3",
    text_of() + ",1": "expected lines of 99 numbers",
    text_of().replace("0.0", "x", 1): "expected lines of 99 numbers",
    text_of().replace("0.0000000", "nan", 1): "NaN",
}


@pytest.mark.parametrize("text", BAD_TEXTS)
def test_invalid_texts_are_rejected(tmp_path, text):
    path = tmp_path / "walking_1.txt"
    path.write_text(text)
    with pytest.raises(ValueError, match=BAD_TEXTS[text]) as reported:
        read_positions(path)
    assert str(path) in str(reported.value)


def test_missing_and_other_files_are_rejected(tmp_path):
    with pytest.raises(FileNotFoundError, match="check the path"):
        read_positions(tmp_path / "absent.txt")
    touch(tmp_path, "a.mat")
    with pytest.raises(ValueError, match=r"files of \.txt, \.cdf, \.h5, \.npz"):
        read_positions(tmp_path / "a.mat")


# Folders


def test_recordings_of_a_folder(tmp_path):
    touch(
        tmp_path,
        "S9/MyPoseFeatures/D3_Positions/Walking 1.cdf",
        "S9/MyPoseFeatures/D3_Positions/WalkDog.cdf",
        "S9/MyPoseFeatures/D3_Positions/_ALL 1.cdf",
        "S9/MyPoseFeatures/D3_Positions_mono/Walking 1.54138969.cdf",
        "S9/MyPoseFeatures/D3_Angles/Walking 1.cdf",
        "S9/Videos/Walking 1.54138969.mp4",
        "S11/takingphoto_2.txt",
        "S11/juggling.txt",
        "S1/walking_1.txt",
        "notes.txt",
    )
    found = find_recordings(tmp_path)
    assert [(r.subject, r.action, r.camera, r.name) for r in found] == [
        ("S11", "juggling", None, "juggling"),
        ("S11", "TakingPhoto", None, "takingphoto_2"),
        ("S9", "WalkingDog", None, "WalkDog"),
        ("S9", "Walking", None, "Walking 1"),
    ]
    assert [r.subject for r in find_recordings(tmp_path, ("S1",))] == ["S1"]
    assert {r.action for r in found} - {"juggling"} <= set(ACTIONS)


def test_folders_of_camera_space_are_read_where_they_are_named(tmp_path):
    touch(tmp_path, "S9/MyPoseFeatures/D3_Positions_mono/Walking 1.54138969.cdf")
    with pytest.raises(ValueError, match="no recording of S9"):
        find_recordings(tmp_path, ("S9",))
    (found,) = find_recordings(tmp_path / "S9" / "MyPoseFeatures" / "D3_Positions_mono")
    assert (found.action, found.camera) == ("Walking", "54138969")


def test_one_file(tmp_path):
    touch(tmp_path, "S11/sittingdown_1.txt")
    (found,) = find_recordings(tmp_path / "S11" / "sittingdown_1.txt")
    assert (found.subject, found.action) == ("S11", "SittingDown")


def test_folders_without_the_requested_recordings(tmp_path):
    touch(tmp_path, "S1/walking_1.txt", "walking_1.txt")
    with pytest.raises(ValueError, match=r"no recording of S9, S11: expected files like .* found those of S1"):
        find_recordings(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"the folder of your Human3\.6M recordings"):
        find_recordings(tmp_path / "absent")


def test_one_recording_in_two_files(tmp_path):
    touch(tmp_path, "S9/a/Walking 1.cdf", "S9/b/Walking 1.h5")
    with pytest.raises(ValueError, match="are the same recording"):
        find_recordings(tmp_path)
