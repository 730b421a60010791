from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from qposer.data.amass import read_amass
from qposer.data.asf_amc import read_amc
from qposer.data.bvh import read_bvh

BVH = """HIERARCHY
ROOT base
{
  OFFSET 0 0 0
  CHANNELS 6 Xposition Yposition Zposition Zrotation Yrotation Xrotation
  JOINT arm
  {
    OFFSET 0 1 0
    CHANNELS 3 Zrotation Xrotation Yrotation
    End Site
    {
      OFFSET 2 0 0
    }
  }
}
MOTION
Frames: 2
Frame Time: 0.025
5 6 7 0 0 0 0 0 0
5 6 7 90 0 90 0 0 90
"""

ASF = """# a leg of two bones, the second turning in a tilted frame
:version 1.10
:units
  mass 1.0
  length 0.45
  angle deg
:root
  order TX TY TZ RX RY RZ
  axis XYZ
  position 0 0 0
  orientation 0 0 0
:bonedata
  begin
    id 1
    name thigh
    direction 0 -1 0
    length 2
    axis 0 0 0 XYZ
    dof rx ry rz
    limits (-160.0 20.0)
           (-70.0 70.0)
           (-60.0 70.0)
  end
  begin
    id 2
    name shin
    direction 0 -1 0
    length 3
    axis 0 0 90 XYZ
    dof rx
    limits (-10.0 170.0)
  end
:hierarchy
  begin
    root thigh
    thigh shin
  end
"""

AMC = """#!OML:ASF
:FULLY-SPECIFIED
:DEGREES
1
root 1 2 3 0 0 0
thigh 0 0 0
shin 0
5
root 1 2 3 0 90 0
thigh 90 0 90
shin 90
"""


@pytest.fixture
def amc(tmp_path: Path) -> Path:
    (tmp_path / "leg.asf").write_text(ASF)
    (tmp_path / "leg_01.amc").write_text(AMC)
    return tmp_path / "leg_01.amc"


def test_bvh_turns_by_its_channels_in_their_order(tmp_path: Path) -> None:
    path = tmp_path / "a.bvh"
    path.write_text(BVH)
    motion = read_bvh(path)
    assert motion.names == ("base", "arm", "arm end")
    assert motion.fps == pytest.approx(40)
    assert motion.frames.tolist() == [1, 2]
    assert motion.subject == tmp_path.name
    assert motion.sequence == "a"
    np.testing.assert_allclose(motion.positions()[0], [[0, 0, 0], [0, 1, 0], [2, 1, 0]], atol=1e-12)
    # Root Rz(90) Rx(90): y -> z -> z. Arm Ry(90): x -> -z; the root then takes -z -> y -> -x.
    np.testing.assert_allclose(motion.positions()[1], [[0, 0, 0], [0, 0, 1], [-2, 0, 1]], atol=1e-12)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("HIERARCHY", "HIERARCHIE", "expected a BVH file"),
        ("MOTION", "", "expected a BVH file"),
        ("Frames: 2", "Frames: 3", "3 frames of 0.025 s are announced, 2 are there"),
        ("0 0 0 0 0 0\n", "0 0 0 0 0\n", "frame 1 has 8 numbers, expected 9"),
        ("90 0 90 0", "90 x 90 0", "damaged"),
        ("90 0 90 0", "90 nan 90 0", "frame 2: the rotation of base is not finite"),
        ("Frame Time: 0.025", "Frame Time: 0", "announced"),
        ("End Site", "Junk", "unexpected word 'Junk'"),
        ("  }\n}\nMOTION", "MOTION", "not closed"),
    ],
)
def test_damaged_bvh(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = tmp_path / "a.bvh"
    path.write_text(BVH.replace(old, new))
    with pytest.raises(ValueError, match=message):
        read_bvh(path)


def test_t_pose_frame_becomes_the_rest_pose(clips: Path) -> None:
    for path in (clips / "07" / "07_01.bvh", clips / "indian" / "07.bvh"):
        motion = read_bvh(path)
        assert motion.t_pose
        assert motion.frames.tolist() == [2, 3, 4, 5, 6, 7]


def test_motion_without_a_t_pose_frame_is_kept_whole(clips: Path, tmp_path: Path) -> None:
    head, motion = (clips / "07" / "07_01.bvh").read_text().split("MOTION\n")
    _, time, _, *frames = motion.splitlines()
    path = tmp_path / "crop.bvh"
    path.write_text("\n".join([head + "MOTION", f"Frames: {len(frames)}", time, *frames]))
    crop, whole = read_bvh(path), read_bvh(clips / "07" / "07_01.bvh")
    assert not crop.t_pose
    assert len(crop.frames) == len(whole.frames) == len(frames)
    np.testing.assert_allclose(crop.positions(), whole.positions(), atol=1e-9)


def test_amc_turns_bones_in_the_frame_of_their_axis(amc: Path) -> None:
    motion = read_amc(amc)
    assert motion.names == ("root", "thigh", "shin", "shin end")
    assert motion.fps == 30, "every fourth of 120 frames per second"
    assert motion.frames.tolist() == [1, 5]
    np.testing.assert_allclose(motion.positions()[0], [[0, 0, 0], [0, 0, 0], [0, -2, 0], [0, -5, 0]], atol=1e-12)
    # The thigh's Rz(90) Rx(90) takes -y -> -z -> -z, the root's Ry(90) then to -x. The shin turns about x of its
    # frame, which is y: its bone, along y, stays.
    np.testing.assert_allclose(motion.positions()[1], [[0, 0, 0], [0, 0, 0], [-2, 0, 0], [-5, 0, 0]], atol=1e-12)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("shin 90\n", "", "shin is in 1 of 2 frames; the file is cut or damaged"),
        ("shin 90", "tail 90", "line 11: bone 'tail' is not in the skeleton"),
        ("shin 90", "shin 90 1", "line 11: shin has 1 values, found 2"),
        ("shin 90", "shin 9O", "line 11: could not convert"),
        ("shin 90", "shin nan", "frame 5: the rotation of shin is not finite"),
        (AMC, "", "expected frames of motion"),
    ],
)
def test_damaged_amc(amc: Path, old: str, new: str, message: str) -> None:
    amc.write_text(AMC.replace(old, new))
    with pytest.raises(ValueError, match=message):
        read_amc(amc)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (":hierarchy", ":tree", "has no :hierarchy"),
        ("angle deg", "angle rad", "expected angles in degrees"),
        ("name shin", "name calf", "the skeleton is damaged"),
        ("direction 0 -1 0\n    length 3", "direction 0 -1\n    length 3", "the skeleton is damaged"),
    ],
)
def test_damaged_asf(amc: Path, old: str, new: str, message: str) -> None:
    amc.with_name("leg.asf").write_text(ASF.replace(old, new))
    with pytest.raises(ValueError, match=message):
        read_amc(amc)


def test_amc_without_its_skeleton(amc: Path) -> None:
    amc.with_name("leg.asf").unlink()
    with pytest.raises(FileNotFoundError, match=r"expected one \.asf file in its folder.*found none"):
        read_amc(amc)


def test_a_single_skeleton_with_another_name_is_used(amc: Path, tmp_path: Path) -> None:
    assert read_amc(amc).subject == "leg"
    assert read_amc(amc.rename(amc.with_name("walk.amc"))).subject == tmp_path.name


def test_a_folder_with_the_skeletons_of_several_people(amc: Path) -> None:
    """HDM05's layout."""
    folder = amc.parent
    (folder / "leg.asf").unlink()
    for name, length in (("HDM_b", 7), ("HDM_bd", 3), ("HDM_bk", 4)):
        (folder / f"{name}.asf").write_text(ASF.replace("length 3", f"length {length}"))
    for name, length in (("HDM_bd", 3), ("HDM_bk", 4)):
        motion = read_amc(amc.rename(folder / f"{name}_01-01_01_120.amc"))
        assert motion.subject == name
        assert motion.offsets[-1].tolist() == pytest.approx([0, -length, 0])
        amc = folder / f"{name}_01-01_01_120.amc"
    with pytest.raises(FileNotFoundError, match=r"found HDM_b\.asf, HDM_bd\.asf, HDM_bk\.asf"):
        read_amc(amc.rename(folder / "HDM_bdx_01.amc"))


def test_bvh_with_z_up_is_turned_upright(tmp_path: Path) -> None:
    """A body that is 6 high along z; the arm, 2 to the left, is raised forward, to -y, about z."""
    path = tmp_path / "a.bvh"
    text = BVH.replace("OFFSET 0 1 0", "OFFSET 0 0.2 6").replace("5 6 7 90 0 90 0 0 90", "5 6 7 0 0 0 -90 0 0")
    path.write_text(text)
    still, raised = read_bvh(path).positions()
    np.testing.assert_allclose(still, [[0, 0, 0], [0, 6, -0.2], [2, 6, -0.2]], atol=1e-12)
    np.testing.assert_allclose(raised, [[0, 0, 0], [0, 6, -0.2], [0, 6, 1.8]], atol=1e-12)


@pytest.mark.parametrize("width", [66, 72, 147, 156, 165])
def test_amass_is_turned_upright(write_amass: Callable[..., Path], width: int) -> None:
    poses = np.random.default_rng(0).normal(scale=0.3, size=(5, width))
    motion = read_amass(write_amass(poses, rate=60.0))
    assert motion.fps == 60
    assert motion.subject == "s1"
    up = motion.rotations[:, 0] @ Rotation.from_rotvec(poses[:, :3]).inv().as_matrix()
    np.testing.assert_allclose(up @ [0, 0, 1], np.tile([0, 1, 0], (5, 1)), atol=1e-12)


@pytest.mark.parametrize("name", ["mocap_framerate", "mocap_frame_rate", "fps"])
def test_amass_rate_under_all_its_names(tmp_path: Path, name: str) -> None:
    np.savez(tmp_path / "a_stageii.npz", poses=np.zeros((2, 165)), **{name: 120})
    assert read_amass(tmp_path / "a_stageii.npz").fps == 120


def test_amass_poses_by_joint_and_by_part_are_the_same(tmp_path: Path) -> None:
    poses = np.random.default_rng(0).normal(scale=0.3, size=(5, 156))
    forms = {
        "flat": {"poses": poses},
        "joints": {"poses": poses.reshape(5, 52, 3)},
        "parts": {"root_orient": poses[:, :3], "pose_body": poses[:, 3:66], "trans": np.zeros((5, 3))},
    }
    motions = {}
    for name, arrays in forms.items():
        np.savez(tmp_path / f"{name}.npz", fps=30, **arrays)
        motions[name] = read_amass(tmp_path / f"{name}.npz")
    for name in ("joints", "parts"):
        np.testing.assert_array_equal(motions[name].rotations, motions["flat"].rotations)


@pytest.mark.parametrize("gender", [b"female", np.array("male", dtype=object)])
def test_amass_gender_is_never_unpickled(tmp_path: Path, gender: object) -> None:
    np.savez(tmp_path / "a.npz", poses=np.zeros((2, 156)), mocap_framerate=60, gender=gender)
    assert len(read_amass(tmp_path / "a.npz").frames) == 2


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"poses": np.zeros((2, 156))}, "expected a frame rate .* found none"),
        ({"mocap_framerate": 60}, "with poses, or root_orient and pose_body"),
        ({"pose_body": np.zeros((2, 63)), "mocap_framerate": 60}, "with poses, or root_orient and pose_body"),
        ({"poses": np.zeros((2, 156)), "mocap_framerate": 0}, "frame rate above 0 .* found 0"),
        ({"poses": np.zeros((2, 156)), "mocap_framerate": "60"}, "frame rate above 0"),
        ({"poses": np.zeros((2, 63)), "mocap_framerate": 60}, r"66 to 165 numbers, .* found poses \(2, 63\)"),
        ({"poses": np.zeros((2, 100)), "mocap_framerate": 60}, r"three per joint, found poses \(2, 100\)"),
        ({"poses": np.zeros((2, 168)), "mocap_framerate": 60}, r"found poses \(2, 168\)"),
        ({"poses": np.zeros((2, 3, 52)), "mocap_framerate": 60}, r"found poses \(2, 3, 52\)"),
        ({"poses": np.zeros((0, 156)), "mocap_framerate": 60}, r"at least one frame .* found poses \(0, 156\)"),
        ({"poses": np.full((2, 156), "a"), "mocap_framerate": 60}, "found poses .* of <U1"),
        (
            {"root_orient": np.zeros((3, 3)), "pose_body": np.zeros((2, 63)), "fps": 60},
            r"found root_orient \(3, 3\) of float64, pose_body \(2, 63\)",
        ),
        ({"poses": np.full((2, 156), np.nan), "mocap_framerate": 60}, "frame 1: the rotation of pelvis is not finite"),
        ({"poses": np.array([None]), "mocap_framerate": 60}, "plain arrays"),
    ],
)
def test_not_amass(tmp_path: Path, arrays: dict, message: str) -> None:
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(ValueError, match=message):
        read_amass(tmp_path / "a.npz")


def test_cut_amass(write_amass: Callable[..., Path]) -> None:
    path = write_amass(np.zeros((20, 156)))
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ValueError, match="expected an npz archive"):
        read_amass(path)
