"""Start files in the formats of other programs, created here."""

import pickle

import numpy as np
import pytest
import torch

from fitting.inputs.starts import StartBodies, read_start
from qposer.body_pose.rotations import axis_angle_to_matrix

PEOPLE = 2
RANDOM = np.random.default_rng(0)
POSE = (0.3 * RANDOM.normal(size=(PEOPLE, 23, 3))).astype(np.float32)
ORIENT = RANDOM.normal(size=(PEOPLE, 3)).astype(np.float32)
BETAS = RANDOM.normal(size=(PEOPLE, 10)).astype(np.float32)


def matrices(values):
    return axis_angle_to_matrix(torch.from_numpy(values)).numpy()


def check(start, orient=True):
    assert len(start) == PEOPLE
    np.testing.assert_allclose(start.body_pose, POSE[:, :21], atol=1e-5)
    np.testing.assert_allclose(start.betas, BETAS, atol=1e-6)
    if orient:
        np.testing.assert_allclose(matrices(start.global_orient), matrices(ORIENT), atol=1e-5)
    else:
        assert start.global_orient is None


def test_npz_of_axis_angles_flat_or_not(tmp_path):
    for pose in (POSE, POSE.reshape(PEOPLE, 69), POSE[:, :21]):
        np.savez(tmp_path / "a.npz", body_pose=pose, global_orient=ORIENT, betas=BETAS)
        check(read_start(tmp_path / "a.npz"))


def test_one_person_without_an_axis_for_people(tmp_path):
    np.savez(tmp_path / "fit.npz", body_pose=POSE[0, :21], global_orient=ORIENT[0], betas=BETAS[0], body="open")
    start = read_start(tmp_path / "fit.npz")
    assert (len(start), start.body) == (1, "open")
    np.testing.assert_allclose(start.body_pose[0], POSE[0, :21])


def test_dictionaries_of_hmr2_hold_matrices(tmp_path):
    smpl = {"global_orient": matrices(ORIENT)[:, None], "body_pose": matrices(POSE), "betas": BETAS}
    (tmp_path / "a.pkl").write_bytes(pickle.dumps({"pred_cam": np.ones((PEOPLE, 3)), "pred_smpl_params": smpl}))
    check(read_start(tmp_path / "a.pkl"))
    torch.save({"pred_smpl_params": {name: torch.from_numpy(value) for name, value in smpl.items()}}, tmp_path / "a.pt")
    check(read_start(tmp_path / "a.pt"))


def test_gvhmr_has_them_in_the_camera_and_in_the_world(tmp_path):
    inside = {
        "global_orient": torch.from_numpy(ORIENT),
        "body_pose": torch.from_numpy(POSE[:, :21].reshape(PEOPLE, 63)),
    }
    world = {name: torch.zeros_like(value) for name, value in inside.items()}
    content = {
        "smpl_params_global": world | {"betas": torch.zeros(PEOPLE, 10)},
        "smpl_params_incam": inside | {"betas": torch.from_numpy(BETAS), "transl": torch.zeros(PEOPLE, 3)},
    }
    torch.save(content, tmp_path / "hmr4d_results.pt")
    check(read_start(tmp_path / "hmr4d_results.pt"))


def test_smplify_x_pickles(tmp_path):
    content = {"camera_translation": np.zeros((1, 3)), "global_orient": ORIENT[:1], "betas": BETAS[:1]}
    (tmp_path / "000.pkl").write_bytes(pickle.dumps(content | {"body_pose": POSE[:1, :21].reshape(1, 63)}, protocol=2))
    start = read_start(tmp_path / "000.pkl")
    np.testing.assert_allclose(start.body_pose[0], POSE[0, :21])
    (tmp_path / "001.pkl").write_bytes(pickle.dumps(content | {"body_pose": np.zeros((1, 32), np.float32)}, protocol=2))
    with pytest.raises(ValueError, match="is a latent of VPoser: decode it"):
        read_start(tmp_path / "001.pkl")


def test_amass_files_have_no_orientation(tmp_path):
    poses = np.concatenate([ORIENT, POSE[:, :21].reshape(PEOPLE, 63), np.zeros((PEOPLE, 90), np.float32)], axis=1)
    np.savez(tmp_path / "a.npz", poses=poses, trans=np.zeros((PEOPLE, 3)), betas=BETAS[0])
    start = read_start(tmp_path / "a.npz")
    np.testing.assert_allclose(start.body_pose, POSE[:, :21])
    np.testing.assert_allclose(start.betas, BETAS[[0, 0]])
    assert start.global_orient is None


HANDS = (0.2 * RANDOM.normal(size=(PEOPLE, 30, 3))).astype(np.float32)


def with_hands(start):
    np.testing.assert_allclose(start.hand_pose, HANDS, atol=1e-5)
    assert start.hands_found.all()


def test_hands_are_read_flat_or_not_and_as_matrices(tmp_path):
    left, right = HANDS[:, :15], HANDS[:, 15:]
    for shaped in (lambda hand: hand, lambda hand: hand.reshape(PEOPLE, 45), matrices):
        hands = {"left_hand_pose": shaped(left), "right_hand_pose": shaped(right)}
        np.savez(tmp_path / "a.npz", body_pose=POSE, global_orient=ORIENT, **hands)
        with_hands(read_start(tmp_path / "a.npz"))
    hands = {"left_hand_pose": left[:1].reshape(1, 45), "right_hand_pose": np.zeros((1, 45), np.float32)}
    content = {"global_orient": ORIENT[:1], "body_pose": POSE[:1, :21].reshape(1, 63)} | hands
    (tmp_path / "000.pkl").write_bytes(pickle.dumps(content))
    start = read_start(tmp_path / "000.pkl")
    assert start.hands_found.tolist() == [[True, False]]
    np.testing.assert_allclose(start.hand_pose[0, :15], left[0])


def test_coefficients_of_hands_are_ignored(tmp_path):
    content = {"global_orient": ORIENT[:1], "body_pose": POSE[:1, :21].reshape(1, 63)}
    content |= {f"{side}_hand_pose": np.ones((1, 12), np.float32) for side in ("left", "right")}
    (tmp_path / "000.pkl").write_bytes(pickle.dumps(content))
    start = read_start(tmp_path / "000.pkl")
    assert start.hand_pose is None
    assert start.hands_found is None


@pytest.mark.parametrize("face", [0, 9])
def test_amass_files_of_smplh_and_smplx_have_hands(tmp_path, face):
    body = np.concatenate([ORIENT, POSE[:, :21].reshape(PEOPLE, 63), np.ones((PEOPLE, face), np.float32)], axis=1)
    poses = np.concatenate([body, HANDS.reshape(PEOPLE, 90)], axis=1)
    np.savez(tmp_path / "a.npz", poses=poses, trans=np.zeros((PEOPLE, 3)))
    with_hands(read_start(tmp_path / "a.npz"))


def test_hands_of_a_selection_of_people():
    chosen = StartBodies(POSE[:, :21], hand_pose=HANDS)[[1]]
    np.testing.assert_array_equal(chosen.hand_pose, HANDS[[1]])
    assert chosen.hands_found.tolist() == [[True, True]]


class Evil:
    def __reduce__(self):
        return print, ("run",)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.npz", None, "contains no bodies to start from: expected body_pose"),
        ("a.pkl", pickle.dumps([1, 2]), "is not a pickled dictionary"),
        ("a.pkl", pickle.dumps({"body_pose": Evil()}), "rejected because it could run code"),
        ("a.pkl", b"nothing of the kind", "is not a pickled dictionary"),
        ("a.pt", b"nothing of the kind", "is not a PyTorch file of tensors only"),
        ("a.json", b"nothing of the kind", "is not QPoser's fit.json"),
        ("a.json", b'{"body_pose": [[1], [2, 3]]}', "is not QPoser's fit.json"),
        ("a.json", b"[1]", "contains no bodies to start from: expected body_pose"),
    ],
)
def test_other_files_are_refused_and_nothing_is_run(tmp_path, capsys, name, content, message):
    if content is None:
        np.savez(tmp_path / name, other=np.zeros(3))
    else:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read_start(tmp_path / name)
    assert not capsys.readouterr().out


def test_nonfinite_or_inconsistent_starts_are_rejected():
    with pytest.raises(ValueError, match="NaN or infinite"):
        StartBodies(np.full((1, 21, 3), np.nan))
    with pytest.raises(ValueError, match="global_orient"):
        StartBodies(np.zeros((2, 21, 3)), np.zeros((1, 3)))
    with pytest.raises(FileNotFoundError, match="there is no start file"):
        read_start("absent.npz")


def test_some_of_the_people():
    start = StartBodies(POSE[:, :21], ORIENT, BETAS)[[1]]
    np.testing.assert_array_equal(start.body_pose, POSE[1:, :21])
    np.testing.assert_array_equal(start.global_orient, ORIENT[1:])


@pytest.mark.parametrize("people", [1, 2, 3, 9])
def test_orientations_of_any_number_of_people_in_both_kinds(tmp_path, people):
    orient, pose = RANDOM.normal(size=(people, 3)).astype(np.float32), np.zeros((people, 63), np.float32)
    for given in (orient, matrices(orient), matrices(orient)[:, None]):
        np.savez(tmp_path / "a.npz", body_pose=pose, global_orient=given)
        np.testing.assert_allclose(read_start(tmp_path / "a.npz").global_orient, orient, atol=1e-5)


def test_numbers_instead_of_arrays_are_refused(tmp_path):
    np.savez(tmp_path / "a.npz", body_pose=np.float32(0))
    with pytest.raises(ValueError, match="contains no bodies to start from"):
        read_start(tmp_path / "a.npz")
