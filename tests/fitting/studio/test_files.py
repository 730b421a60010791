import io

import numpy as np
import pytest
import torch
import trimesh
from PIL import Image
from scipy.spatial.transform import Rotation

from fitting import Fitter
from fitting.output.hand_poses import HandPoses
from fitting.output.render import render
from fitting.studio import files
from fitting.studio.cameras import hand_view
from fitting.studio.files import View, amass_file, glb_file, npz_file, png_file, read_file_poses
from fitting.studio.session import RESTING, Pose, Session, write_session
from qposer.body_pose.posed_skeleton import OrientedPose, neutral_pose
from qposer.body_pose.poses import read_poses
from qposer.body_pose.rotations import axis_angle_to_matrix
from qposer.data.amass import read_amass


@pytest.fixture
def posture():
    turns = 0.3 * torch.randn(22, 3, generator=torch.Generator().manual_seed(3))
    matrices = axis_angle_to_matrix(turns)
    return OrientedPose(matrices[1:], matrices[0])


def npz(**arrays):
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def same(read, posture):
    torch.testing.assert_close(read.posture.body_pose, posture.body_pose[None], atol=1e-5, rtol=0)
    torch.testing.assert_close(read.posture.global_orient, posture.global_orient[None], atol=1e-5, rtol=0)


@pytest.fixture
def hand_pose():
    return axis_angle_to_matrix(0.3 * torch.randn(30, 3, generator=torch.Generator().manual_seed(4)))


def test_npz_survives_a_round_trip(posture, tmp_path):
    content = npz_file(Pose(posture, "", 0.7, (0.5, 0.1)))
    same(read_file_poses("pose.npz", content), posture)
    (tmp_path / "pose.npz").write_bytes(content)
    assert read_poses(tmp_path / "pose.npz").shape == (1, 21, 3)


def test_amass_survives_a_round_trip(posture, mannequin, tmp_path):
    content = amass_file(Pose(posture, "", 0.0), mannequin.stand(posture), mannequin)
    same(read_file_poses("pose_amass.npz", content), posture)
    (tmp_path / "pose.npz").write_bytes(content)
    motion = read_amass(tmp_path / "pose.npz")
    assert motion.fps == 30.0


def test_amass_has_z_up_and_the_body_on_the_ground(mannequin):
    posture = neutral_pose()
    standing = mannequin.stand(posture, (0.3, -0.2))
    with np.load(io.BytesIO(amass_file(Pose(posture, "", 0.0), standing, mannequin))) as arrays:
        root, trans = arrays["poses"][0, :3], arrays["trans"][0]
    up = Rotation.from_rotvec(root).apply([0.0, 1.0, 0.0])
    np.testing.assert_allclose(up, [0.0, 0.0, 1.0], atol=1e-6)
    pelvis = trans + mannequin.rest_pelvis
    np.testing.assert_allclose(pelvis, [0.3, 0.2, standing.pelvis[1]], atol=1e-5)


@pytest.mark.parametrize("width", [63, 66, 69, 72, 156, 165])
def test_layouts_of_the_family_are_read(width):
    flat = 0.1 * np.random.default_rng(0).normal(size=(2, width))
    first = 0 if width in (63, 69) else 3
    read = read_file_poses("a.npz", npz(poses=flat, body=np.array("open")))
    expected = axis_angle_to_matrix(torch.from_numpy(flat[:, first : first + 63].reshape(2, 21, 3)).float())
    torch.testing.assert_close(read.posture.body_pose, expected)
    assert torch.equal(read.posture.global_orient, torch.eye(3).expand(2, 3, 3))
    first = {156: 66, 165: 75}.get(width)
    hands = flat[:, first : first + 90].reshape(2, 30, 3) if first else np.zeros((2, 30, 3))
    torch.testing.assert_close(read.hand_pose, axis_angle_to_matrix(torch.from_numpy(hands).float()))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "expected an npz archive"),
        (b"\x00" * 1000, "expected an npz archive"),
        (npz(poses=np.zeros((4, 51))), "expected axis-angle poses"),
        (npz(poses=np.zeros((0, 72))), "expected axis-angle poses"),
        (npz(vertices=np.zeros((6890, 3))), "contains no poses"),
        (npz(poses=np.full((1, 72), np.nan)), "NaN"),
        (npz(poses=np.array(["a"])), "expected axis-angle poses"),
        (npz(poses=np.array([{}], dtype=object)), "expected an npz archive of plain arrays"),
    ],
)
@pytest.mark.parametrize("name", ["walk.npz", "../../etc/walk.npz", "", "x" * 5000, "a\0b"])
def test_other_files_are_reported_by_their_name(content, sentence, name):
    with pytest.raises(ValueError, match=sentence) as reported:
        read_file_poses(name, content)
    assert "studio-" not in str(reported.value)
    assert "\n" not in str(reported.value)
    assert name != "walk.npz" or str(reported.value).startswith("walk.npz")


def test_wrong_orientations_do_not_spoil_a_pose():
    for root in (np.zeros((5, 3)), np.full((1, 3), np.nan), np.zeros(7), np.array("x")):
        read = read_file_poses("a.npz", npz(body_pose=np.zeros((1, 21, 3)), global_orient=root, place=np.zeros(2)))
        assert torch.equal(read.posture.global_orient, torch.eye(3)[None])


def test_hands_survive_a_round_trip(posture, hand_pose, mannequin):
    pose = Pose(posture, "", 0.0, (0.0, 0.0), hand_pose)
    standing = mannequin.stand(posture, hand_pose=hand_pose)
    for content in (npz_file(pose), amass_file(pose, standing, mannequin)):
        read = read_file_poses("pose.npz", content)
        same(read, posture)
        torch.testing.assert_close(read.hand_pose, hand_pose[None], atol=1e-5, rtol=0)


def test_saved_hands_are_those_of_fits(posture, hand_pose):
    left = torch.where(torch.arange(30)[:, None, None] < 15, hand_pose, RESTING)
    with np.load(io.BytesIO(npz_file(Pose(posture, "", 0.0, (0.0, 0.0), left)))) as arrays:
        hands = HandPoses.read(dict(arrays))
    assert hands.found.tolist() == [[True, False]]
    torch.testing.assert_close(axis_angle_to_matrix(torch.from_numpy(hands.both[0])), left, atol=1e-5, rtol=0)


def test_hands_of_other_bodies_point_the_same_way(mannequin):
    """Hands of SMPL-H are relative to flat ones, those of the studio's body to resting ones."""
    straight = np.zeros((1, 52, 3))
    straight[:, 22::3, 1] = 1e-3  # hands that are all zero count as absent
    read = read_file_poses("a.npz", npz(poses=straight))
    still = torch.zeros(1, 3), torch.zeros(1, 21, 3)
    joints = mannequin.body(*still, hand_pose=read.hand_pose).joints[0, 22:].unflatten(0, (10, 3))
    bones = torch.nn.functional.normalize(joints.diff(dim=1), dim=-1)
    fingers = torch.arange(10) % 5 != 4
    assert (bones[fingers, 0] * bones[fingers, 1]).sum(-1).min() > 0.999, "fingers are straight"


def test_hands_at_rest_are_not_written(posture):
    with np.load(io.BytesIO(npz_file(Pose(posture, "", 0.0)))) as arrays:
        assert sorted(arrays) == ["body_pose", "energy", "global_orient", "place"]


def test_hands_of_a_session_are_read(posture, hand_pose, tmp_path):
    session = Session([Pose(posture, "", 0.0), Pose(posture, "", 0.0, (0.0, 0.0), hand_pose)])
    write_session(tmp_path / "session.npz", session)
    read = read_file_poses("session.npz", (tmp_path / "session.npz").read_bytes())
    torch.testing.assert_close(read.hand_pose, torch.stack([RESTING, hand_pose]), atol=1e-5, rtol=0)


@pytest.mark.parametrize("hand", [np.zeros((2, 15, 3)), np.zeros(12), np.full((15, 3), np.nan), np.array("x")])
def test_wrong_hands_do_not_spoil_a_pose(hand):
    hands = {"left_hand_pose": hand, "right_hand_pose": np.zeros((15, 3)), "hands_found": np.array([True, True])}
    read = read_file_poses("a.npz", npz(body_pose=np.zeros((21, 3)), **hands))
    assert torch.equal(read.hand_pose, RESTING[None])


def test_fits_of_photos_stand_upright(posture):
    """In camera axes, with y down, an upright person is upside down."""
    arrays = {"body_pose": np.zeros((21, 3)), "global_orient": np.array([np.pi, 0.0, 0.0]), "focal": np.array(900.0)}
    read = read_file_poses("fit.npz", npz(**arrays))
    torch.testing.assert_close(read.posture.global_orient, torch.eye(3)[None], atol=1e-6, rtol=0)


def test_glb_is_the_standing_mesh(posture, hand_pose, mannequin):
    standing = mannequin.stand(posture, hand_pose=hand_pose)
    mesh = trimesh.load(io.BytesIO(glb_file(standing, mannequin)), file_type="glb", force="mesh")
    np.testing.assert_allclose(mesh.vertices, standing.vertices, atol=1e-5)
    np.testing.assert_array_equal(mesh.faces, mannequin.faces)


def looking(position, at, width=320, height=240):
    forward = np.array(at, dtype=float) - position
    forward /= np.linalg.norm(forward)
    right = np.cross(forward, [0.0, 1.0, 0.0])
    right /= np.linalg.norm(right)
    rotation = Rotation.from_matrix(np.stack([right, np.cross(forward, right), forward], axis=1))
    return View(rotation.as_quat(scalar_first=True), np.array(position, dtype=float), np.deg2rad(45), width, height)


def test_png_shows_the_body_as_the_view_does(mannequin):
    standing = mannequin.stand(neutral_pose())
    view = looking([0.0, 1.0, 3.5], [0.0, 0.9, 0.0])
    with Image.open(io.BytesIO(png_file(standing, mannequin, view))) as picture:
        assert picture.size == (320, 240)
        assert picture.mode == "RGBA"
        alpha = np.asarray(picture)[..., 3]
    rows, columns = np.nonzero(alpha > 128)
    assert 100 < np.ptp(rows) < 200
    assert abs(columns.mean() - 160) < 5
    raised = neutral_pose()
    raised.body_pose[15] = torch.eye(3)  # the left arm sideways is to the right of who looks at the face
    with Image.open(io.BytesIO(png_file(mannequin.stand(raised), mannequin, view))) as picture:
        moved = np.nonzero(np.asarray(picture)[..., 3] > 128)[1]
    assert moved.max() > columns.max() + 10
    assert abs(moved.min() - columns.min()) < 3


def test_png_from_within_the_body(mannequin):
    with pytest.raises(ValueError, match="move the camera away"):
        png_file(mannequin.stand(neutral_pose()), mannequin, looking([0.0, 0.9, 0.05], [0.0, 0.9, -1.0]))


def test_png_leaves_out_what_is_behind_the_camera(mannequin, monkeypatch):
    drawn = []
    monkeypatch.setattr(files, "render", lambda meshes, *view: drawn.append(meshes) or render(meshes, *view))
    standing = mannequin.stand(neutral_pose())
    head = standing.handles["head"] - [0.0, 0.1, 0.0]
    view = looking(hand_view(mannequin, standing, "left_hand")[0], head)
    assert ((standing.vertices - view.position) @ (head - view.position) < 0).any()
    with Image.open(io.BytesIO(png_file(standing, mannequin, view))) as picture:
        alpha = np.asarray(picture)[..., 3]
    assert 0.02 < (alpha > 128).mean() < 0.5
    assert alpha[120, 160] == 255
    ((mesh,),) = drawn
    assert mesh.vertices[mesh.faces][..., 2].min() > 0


def test_the_photo_is_passed_to_the_fitter(editor, monkeypatch):
    """A photo without people is reported, and nothing is lost."""
    nobody = lambda self, photo, hypotheses: (_ for _ in ()).throw(ValueError("nobody is seen"))  # noqa: E731
    monkeypatch.setattr(Fitter, "fit_photo", nobody)
    file = io.BytesIO()
    Image.new("RGB", (64, 48), "white").save(file, format="PNG")
    with pytest.raises(ValueError, match="nobody is seen"):
        editor.fit("empty.png", file.getvalue())
    assert len(editor.session.poses) == 1
    assert editor.photo is None
