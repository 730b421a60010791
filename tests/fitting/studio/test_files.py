import io

import numpy as np
import pytest
import torch
import trimesh
from PIL import Image
from scipy.spatial.transform import Rotation

from fitting import Fitter
from fitting.studio.files import View, amass_file, glb_file, npz_file, png_file, read_oriented_poses
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
    torch.testing.assert_close(read.body_pose, posture.body_pose[None], atol=1e-5, rtol=0)
    torch.testing.assert_close(read.global_orient, posture.global_orient[None], atol=1e-5, rtol=0)


def test_npz_survives_a_round_trip(posture, tmp_path):
    content = npz_file(posture, (0.5, 0.1), 0.7)
    same(read_oriented_poses("pose.npz", content), posture)
    (tmp_path / "pose.npz").write_bytes(content)
    assert read_poses(tmp_path / "pose.npz").shape == (1, 21, 3)


def test_amass_survives_a_round_trip(posture, mannequin, tmp_path):
    content = amass_file(posture, mannequin.stand(posture), mannequin)
    same(read_oriented_poses("pose_amass.npz", content), posture)
    (tmp_path / "pose.npz").write_bytes(content)
    motion = read_amass(tmp_path / "pose.npz")
    assert motion.fps == 30.0


def test_amass_has_z_up_and_the_body_on_the_ground(mannequin):
    posture = neutral_pose()
    standing = mannequin.stand(posture, (0.3, -0.2))
    with np.load(io.BytesIO(amass_file(posture, standing, mannequin))) as arrays:
        root, trans = arrays["poses"][0, :3], arrays["trans"][0]
    up = Rotation.from_rotvec(root).apply([0.0, 1.0, 0.0])
    np.testing.assert_allclose(up, [0.0, 0.0, 1.0], atol=1e-6)
    pelvis = trans + mannequin.rest_pelvis
    np.testing.assert_allclose(pelvis, [0.3, 0.2, standing.pelvis[1]], atol=1e-5)


@pytest.mark.parametrize("width", [63, 66, 69, 72, 156, 165])
def test_layouts_of_the_family_are_read(width):
    flat = 0.1 * np.random.default_rng(0).normal(size=(2, width))
    first = 0 if width in (63, 69) else 3
    read = read_oriented_poses("a.npz", npz(poses=flat))
    expected = axis_angle_to_matrix(torch.from_numpy(flat[:, first : first + 63].reshape(2, 21, 3)).float())
    torch.testing.assert_close(read.body_pose, expected)
    assert torch.equal(read.global_orient, torch.eye(3).expand(2, 3, 3))


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
        read_oriented_poses(name, content)
    assert "studio-" not in str(reported.value)
    assert "\n" not in str(reported.value)
    assert name != "walk.npz" or str(reported.value).startswith("walk.npz")


def test_wrong_orientations_do_not_spoil_a_pose():
    for root in (np.zeros((5, 3)), np.full((1, 3), np.nan), np.zeros(7), np.array("x")):
        read = read_oriented_poses("a.npz", npz(body_pose=np.zeros((1, 21, 3)), global_orient=root, place=np.zeros(2)))
        assert torch.equal(read.global_orient, torch.eye(3)[None])


def test_fits_of_photos_stand_upright(posture):
    """In camera axes, with y down, an upright person is upside down."""
    arrays = {"body_pose": np.zeros((21, 3)), "global_orient": np.array([np.pi, 0.0, 0.0]), "focal": np.array(900.0)}
    read = read_oriented_poses("fit.npz", npz(**arrays))
    torch.testing.assert_close(read.global_orient, torch.eye(3)[None], atol=1e-6, rtol=0)


def test_glb_is_the_standing_mesh(posture, mannequin):
    standing = mannequin.stand(posture)
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
