import sys

import numpy as np
import pytest
import torch
import tyro
from PIL import Image
from scipy.spatial.transform import Rotation

from benchmarks import stance
from benchmarks.stance import Subject, drawn_frames, stance_angles, stance_table, subjects_of
from fitting.output.sheets import THREE_QUARTER
from qposer.body_pose.skeleton import JOINT_NAMES
from qposer.data.dataset import PoseDataset


def poses(frames=1, **degrees):
    """Poses with the given rotations about x, one number or one for each frame."""
    pose = np.zeros((frames, 24, 3))
    for name, angle in degrees.items():
        pose[:, JOINT_NAMES.index(name), 0] = np.radians(angle)
    return pose


def test_facing_does_not_matter():
    pose = poses(2, pelvis=10)
    turned = pose.copy()
    turned[:, 0] = (Rotation.from_euler("y", 130, degrees=True) * Rotation.from_rotvec(pose[:, 0])).as_rotvec()
    np.testing.assert_allclose(stance_angles(turned)["pelvis"], 10, atol=1e-6)


def test_angles_are_those_of_the_joints():
    pose = poses(
        2, pelvis=[-3, 8], spine1=2, spine3=3, left_hip=-10, right_hip=-20, right_knee=30, left_ankle=-8, head=5
    )
    expected = {"pelvis": [-3, 8], "spine": 5, "hip": -15, "knee": 15, "ankle": -4, "neck": 0, "head": 5}
    found = stance_angles(pose)
    assert list(found) == list(expected)
    for name, angle in expected.items():
        np.testing.assert_allclose(found[name], angle, atol=1e-6, err_msg=name)


def dataset(*clips):
    """Poses of (subject, source, poses), a sequence each."""
    return PoseDataset(
        pose=torch.from_numpy(np.concatenate([pose for _, _, pose in clips])).float(),
        subject=np.repeat([subject for subject, _, _ in clips], [len(pose) for _, _, pose in clips]),
        sequence=np.repeat([f"{number:02}" for number in range(len(clips))], [len(pose) for _, _, pose in clips]),
        frame=np.concatenate([np.arange(len(pose), dtype=np.int32) for _, _, pose in clips]),
        source=np.repeat([source for _, source, _ in clips], [len(pose) for _, _, pose in clips]),
    )


BUILD = dataset(
    ("02", "asf", poses(10, left_knee=np.arange(10) * 4, right_knee=np.arange(10) * 4)),
    ("01", "asf", poses(4, left_knee=[50, 40, 30, 20], head=-10)),
    ("07", "asf", poses(4, left_knee=30, right_knee=30)),
    ("02", "bvh", poses(4, pelvis=5)),
)


def test_subjects_are_grouped_by_rig_and_side():
    found = subjects_of(BUILD, 0.25)
    groups = [(subject.group, subject.name) for subject in found]
    assert groups == [("asf, train", "02"), ("asf, train", "07"), ("asf, test", "01"), ("bvh, train", "02")]
    assert found[0].keys == [("00", 0), ("00", 1)]
    assert found[2].keys == [("01", 3)]


def test_figures_are_medians_over_subjects_of_medians():
    theirs = Subject("theirs", "", poses(3, head=[4, 5, 9]), [])
    rows = {row[0]: row[1:] for row in stance_table({"": subjects_of(BUILD, 0.3)}, theirs).rows}
    assert rows["asf, train"][:1] + rows["asf, train"][4:5] == ["2", "17 [4, 30]"]
    assert rows["asf, test"][-1] == "-10"
    assert rows["bvh, train"][1] == "5"
    assert rows["theirs"] == ["", "0", "0", "0", "0", "0", "0", "5"]


def test_versions_stand_one_below_the_other():
    table = stance_table({"before": subjects_of(BUILD, 0.3), "after": subjects_of(BUILD, 0.3)[:1]}, None)
    expected = ["asf, train, before", "asf, train, after", "asf, test, before", "bvh, train, before"]
    assert [row[0] for row in table.rows] == expected


class Knees:
    """Its energy is the left knee's angle."""

    def energy(self, body_pose):
        return body_pose[JOINT_NAMES.index("left_knee") - 1, 0].rad2deg()


def test_the_straightest_frame_of_the_straightest_subject_is_drawn_in_two_views():
    figures = drawn_frames(subjects_of(BUILD, 0.3), None, Knees())
    names = [figure.name for figure in figures[:3]]
    assert names == ["asf, train 02 front", "asf, train 02 side", "asf, test 01 front"]
    assert [figure.energy for figure in figures[:3]] == pytest.approx([0, 0, 20], abs=1e-4)


def test_the_same_frame_is_drawn_before_and_after():
    earlier = dataset(("02", "asf", poses(3, left_knee=[60, 70, 80])))
    later = subjects_of(BUILD, 0.3)[:1]
    later[0].keys[0] = ("00", 99)  # the earlier build lacks the straightest frame
    figures = drawn_frames(later, earlier, Knees())
    assert [figure.name for figure in figures[::2]] == ["asf, train 02 before front", "asf, train 02 after front"]
    assert [figure.energy for figure in figures] == pytest.approx([70, 70, 4, 4], abs=1e-4)
    with pytest.raises(ValueError, match="no upright frame of asf, train, 02"):
        drawn_frames(later, dataset(("02", "bvh", poses(3))), Knees())


@pytest.mark.parametrize("yaw", [0, 100])
def test_bodies_are_seen_from_the_front_and_from_the_side(yaw):
    pose = poses(1, pelvis=10)
    pose[:, 0] = (Rotation.from_euler("y", yaw, degrees=True) * Rotation.from_rotvec(pose[:, 0])).as_rotvec()
    front, side = drawn_frames([Subject("asf, train", "02", pose, [("00", 0)])], None, Knees())
    forward, to_the_side = (
        THREE_QUARTER.apply(Rotation.from_rotvec(figure.orient.numpy()).apply([0.0, 0.0, 1.0]))
        for figure in (front, side)
    )
    assert abs(forward[0]) < 1e-5
    assert forward[2] < -0.9, "to the camera"
    assert abs(to_the_side[0]) > 0.95
    assert abs(to_the_side[2]) < 0.2


def write(path, data):
    arrays = {name: value for name, value in vars(data).items() if name != "pose"}
    np.savez(path, pose=data.pose.numpy(), **arrays)
    return str(path)


def test_table_and_picture_are_written(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(stance, "CodePrior", type("Shipped", (), {"from_pretrained": staticmethod(Knees)}))
    monkeypatch.setattr(stance, "draw_sheet", lambda figures, title: np.full((2, len(figures), 3), 9, np.uint8))
    np.savez(tmp_path / "theirs.npz", pose=poses(4, head=5), sequence=np.array(["a", "a", "b", "b"]))
    data = write(tmp_path / "poses.npz", BUILD)
    given = ["--data", data, "--before", data, "--foreign", str(tmp_path / "theirs.npz"), "--out", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", ["stance", *given])
    tyro.cli(stance.main)
    text = (tmp_path / "stance.md").read_text()
    assert "| asf, train, before | 2 |" in text
    assert f"| {tmp_path.name} |  | 0 |" in text
    assert np.asarray(Image.open(tmp_path / "images" / "stance.png")).shape == (2, 12, 3)
    monkeypatch.setattr(sys, "argv", ["stance", "--data", data, "--foreign", str(tmp_path / "none.npz")])
    tyro.cli(stance.main)
    assert "skipped" in capsys.readouterr().out
