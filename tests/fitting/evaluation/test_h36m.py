import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from fitting.body.body import Body
from fitting.evaluation.h36m import (
    CENTRE,
    FIGURES,
    FOCAL,
    RoomCamera,
    View,
    digest_of,
    evaluate,
    read_cameras,
    read_scores,
    synthetic_cameras,
    views,
    write_scores,
)
from fitting.fit import Fitter
from fitting.inputs.keypoints import FORMATS
from fitting.optimise.problem import Estimate
from fitting.optimise.settings import FitSettings
from qposer.body_pose.rotations import axis_angle_to_matrix
from qposer.data.h36m import JOINTS_17, NUM_JOINTS, OFFSETS, PARENTS, Recording, find_recordings, positions_of_angles

REST = positions_of_angles(np.zeros((1, NUM_JOINTS, 3)), np.zeros((1, 3)))[0]
SIDEWAYS = np.array([[0, -1, 0], [0, 0, -1], [1, 0, 0]], dtype=float)
"""Rotation from a world with x along the viewing direction and z up to camera space."""


def recording(folder, name="Walking", frames=5, turn=None):
    """A body at rest in a file, z up, walking along x."""
    positions = REST @ np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]]).T if turn is None else REST @ turn.T
    positions = positions + 0.1 * np.arange(frames)[:, None, None] * [1, 0, 0]
    path = folder / "S9" / f"{name}.npz"
    path.parent.mkdir(exist_ok=True)
    np.savez(path, positions=1000 * positions)
    return find_recordings(path)[0]


def camera_json(focal=1145.0, name="54138969", **changes):
    given = {"R": SIDEWAYS.tolist(), "t": [100.0, 200.0, 5000.0], "focal": focal, "centre": [512.0, 515.0]} | changes
    return {"S9": {name: given}}


# Where the joints are on the body


def test_mapped_bones_have_the_proportions_of_the_dataset():
    body, form = Body.open(), FORMATS["h36m"]
    relaxed = torch.zeros(1, 21, 3)
    relaxed[0, 15, 2], relaxed[0, 16, 2] = -0.87, 0.87  # the arms 50 degrees down
    mapped = body.landmarks(torch.zeros(1, 3), relaxed, format="h36m")[0].numpy()
    a, b = np.array(form.limbs).T
    found = np.linalg.norm(mapped[a] - mapped[b], axis=-1)
    known = np.linalg.norm(REST[list(JOINTS_17)][a] - REST[list(JOINTS_17)][b], axis=-1)
    assert len(known) == 16
    np.testing.assert_allclose(found * known.sum() / found.sum(), known, atol=0.01)


def test_mapped_joints_have_the_order_of_the_dataset():
    names = FORMATS["h36m"].names
    mapped = Body.open().landmarks(torch.zeros(1, 3), torch.zeros(1, 21, 3), format="h36m")[0].numpy()
    at = dict(zip(names, mapped, strict=True))
    np.testing.assert_allclose(at["pelvis"], (at["left_hip"] + at["right_hip"]) / 2, atol=1e-5)
    middle = [at[name] for name in ("pelvis", "spine", "thorax", "nose", "head")]
    assert (np.diff(middle, axis=0)[:, 1] > 0.1).all()
    np.testing.assert_allclose(np.array(middle)[:, 0], 0, atol=5e-3)
    for index, (name, joint) in enumerate(zip(names, JOINTS_17, strict=True)):
        side = 1 if joint in (6, 7, 8, 17, 18, 19) else -1 if joint in (1, 2, 3, 25, 26, 27) else 0
        assert name.startswith({1: "left", -1: "right", 0: ""}[side])
        assert np.sign(np.round(mapped[index, 0], 2)) == side
    for name, above in (("knee", "hip"), ("ankle", "knee")):
        assert JOINTS_17[names.index(f"right_{above}")] == PARENTS[JOINTS_17[names.index(f"right_{name}")]]
    assert (OFFSETS[list(JOINTS_17[1:])] != 0).any(axis=1).all()


def test_the_head_turns_with_the_head():
    nodding = torch.zeros(2, 21, 3)
    nodding[1, 14, 0] = 0.5
    head = Body.open().landmarks(torch.zeros(2, 3), nodding, format="h36m")[:, FORMATS["h36m"].names.index("head")]
    assert head[1, 2] - head[0, 2] > 0.02


# Cameras


def test_cameras_of_a_file_are_read(tmp_path):
    path = tmp_path / "cameras.json"
    for focal in (1145.0, [1146.0, 1144.0]):
        path.write_text(json.dumps(camera_json(focal)))
        (camera,) = read_cameras(path)["S9"]
        assert (camera.name, camera.focal, camera.centre) == ("54138969", 1145.0, (512.0, 515.0))
        np.testing.assert_allclose(camera.t, [0.1, 0.2, 5.0])
        np.testing.assert_allclose(camera.R, SIDEWAYS)


def test_the_common_calibration_file_is_read(tmp_path):
    path = tmp_path / "cameras.json"
    lens = {"calibration_matrix": [[1146, 0, 512], [0, 1144, 515], [0, 0, 1]], "distortion": [0.1] * 5}
    place = {"R": SIDEWAYS.tolist(), "t": [[100.0], [200.0], [5000.0]]}
    path.write_text(json.dumps({"intrinsics": {"1": lens}, "extrinsics": {"S9": {"1": place}, "S11": {"1": place}}}))
    cameras = read_cameras(path)
    assert list(cameras) == ["S9", "S11"]
    assert cameras["S11"][0].focal == 1145.0
    np.testing.assert_allclose(cameras["S9"][0].t, [0.1, 0.2, 5.0])


BAD_CAMERAS = {
    "no JSON": ("{", "expected JSON of each subject's cameras"),
    "a list": ("[]", "expected JSON"),
    "numbers": ('{"S9": 3}', "expected JSON"),
    "no t": (json.dumps({"S9": {"a": {"R": np.eye(3).tolist()}}}), "it lacks 't'"),
    "a mirror": (json.dumps(camera_json(R=np.diag([1, 1, -1]).tolist())), "R of camera 54138969 is not a rotation"),
    "no rotation": (json.dumps(camera_json(R=[1, 2, 3])), "not a rotation"),
    "NaN": (json.dumps(camera_json(t=[1, 2, float("nan")])), "needs t with three numbers"),
    "focal": (json.dumps(camera_json(focal=-1)), "positive focal length"),
    "lens": ('{"extrinsics": {"S9": {"a": {"R": [], "t": []}}}, "intrinsics": {"b": {}}}', "it lacks 'a'"),
}


@pytest.mark.parametrize("case", BAD_CAMERAS)
def test_invalid_camera_files_are_rejected(tmp_path, case):
    content, message = BAD_CAMERAS[case]
    path = tmp_path / "cameras.json"
    path.write_text(content)
    with pytest.raises(ValueError, match=message) as reported:
        read_cameras(path)
    assert str(path) in str(reported.value)


def test_no_camera_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="no camera file"):
        read_cameras(tmp_path / "absent.json")


@pytest.mark.parametrize("axis", range(3))
@pytest.mark.parametrize("sign", [1, -1])
def test_synthetic_cameras_surround_people_for_any_up_axis(axis, sign):
    up = sign * np.eye(3)[axis]
    turn = np.stack([np.cross(up, np.roll(up, 1)), up, np.roll(up, 1)], axis=1)
    turn[:, 0] *= np.linalg.det(turn)
    joints = (REST @ turn.T + [1.0, 2.0, 3.0])[None, list(JOINTS_17)]
    cameras = synthetic_cameras(joints)
    places = np.array([-camera.R.T @ camera.t for camera in cameras])
    np.testing.assert_allclose(np.linalg.norm(places - joints[0, 0], axis=-1), 4.97, atol=0.05)
    np.testing.assert_allclose((places - joints[0, 0]) @ up, 0.7, atol=1e-9)
    assert np.linalg.norm(places[:, None] - places, axis=-1)[~np.eye(4, dtype=bool)].min() > 3
    for camera in cameras:
        np.testing.assert_allclose(camera.R @ camera.R.T, np.eye(3), atol=1e-9)
        assert np.linalg.det(camera.R) == pytest.approx(1)
        seen = joints[0] @ camera.R.T + camera.t
        np.testing.assert_allclose(seen[0, :2], 0, atol=1e-9)
        head, feet = seen[10], seen[[3, 6]].mean(0)
        assert head[1] < seen[0, 1] < feet[1], "y is down"
        assert (np.abs(FOCAL * seen[:, :2] / seen[:, 2:]) < CENTRE[0]).all(), "all of the body is in the picture"


# Views


def test_views_of_synthetic_cameras(tmp_path):
    seen = list(views(recording(tmp_path, "walking_1"), None, every=2))
    assert [view.name for view in seen] == [f"walking_1.view{i}" for i in (1, 2, 3, 4)]
    for view in seen:
        assert view.frames.tolist() == [0, 2, 4]
        assert view.joints.shape == (3, 17, 3)


def test_views_of_given_cameras(tmp_path):
    camera = RoomCamera("54138969", SIDEWAYS, np.array([0, 1.0, 5.0]), 1145.0, (512.0, 515.0))
    (view,) = views(recording(tmp_path), {"S9": [camera]}, every=1)
    assert view.name == "Walking.54138969"
    np.testing.assert_allclose(view.joints[0, 0], [0, 1, 5], atol=1e-9)
    np.testing.assert_allclose(view.joints[4, 0], [0, 1, 5.4], atol=1e-9)
    np.testing.assert_allclose(view.joints[0, 2], SIDEWAYS @ [-0.13295, 0, -0.44289] + [0, 1, 5], atol=1e-9)


@pytest.mark.parametrize("given", [True, False])
def test_positions_in_a_cameras_space_are_seen_by_that_camera_only(tmp_path, given):
    own = recording(tmp_path, "Walking 1.60457274", turn=np.diag([1.0, -1, -1]))
    np.savez(own.path, positions=1000 * (REST[None] * [1, -1, -1] + [0, 0, 5]))
    rig = [RoomCamera(name, SIDEWAYS, np.zeros(3), 900.0, (1.0, 2.0)) for name in ("54138969", "60457274")]
    (view,) = views(own, {"S9": rig} if given else None, every=1)
    assert view.name == "Walking 1.60457274"
    np.testing.assert_allclose(view.joints[0, 0], [0, 0, 5], atol=1e-9)
    assert view.camera.focal == (900.0 if given else FOCAL)


def test_inconsistent_cameras_are_rejected(tmp_path):
    walking = recording(tmp_path)
    behind = RoomCamera("1", -SIDEWAYS, np.zeros(3), 1145.0, (500.0, 500.0))
    with pytest.raises(ValueError, match=r"in 5 of 5 frames the person is not in front of camera 1: x = R X \+ t"):
        list(views(walking, {"S9": [behind]}, every=1))
    with pytest.raises(ValueError, match="no camera for S9"):
        list(views(walking, {"S11": [behind]}, every=1))
    with pytest.raises(ValueError, match="no camera 54138969 for S9"):
        list(views(recording(tmp_path, "Walking.54138969"), {"S9": [behind]}, every=1))


# Scores


@pytest.fixture(scope="module")
def truth(fitter):
    """People decoded from codes, five metres away, with headings in steps."""
    people = 5
    turn = torch.stack([torch.tensor([0.0, 0.5 * i, 0.0]) for i in range(people)])
    return Estimate(
        orient=axis_angle_to_matrix(torch.tensor([torch.pi, 0.0, 0.0])) @ axis_angle_to_matrix(turn),
        transl=torch.tensor([0.0, 0.0, 5.0]).expand(people, 3),
        betas=torch.zeros(people, fitter.body.num_betas),
        pose=torch.zeros(people, *fitter.prior.network.mean.shape),
        residual=torch.zeros(people, 21, 3),
    )


@pytest.fixture(scope="module")
def view(fitter, truth):
    body_pose = fitter.body_pose(truth)
    joints = fitter.body.landmarks(truth.orient, body_pose, None, truth.transl, format="h36m").numpy()
    camera = RoomCamera.at_origin("54138969")
    return View(
        Recording(Path("S9/Walking.npz"), "S9", "Walking"), camera, np.arange(0, 320, 64), joints.astype(np.float64)
    )


def solved_as(monkeypatch, fitter, estimate):
    """Make fits return given estimates in order; return the recorded calls."""
    solved = []

    def solve(keypoints, camera, on_step):
        first = sum(len(k) for k, _ in solved)
        solved.append((keypoints, camera))
        on_step()
        return None, estimate[torch.arange(first, first + len(keypoints))]

    monkeypatch.setattr(fitter, "solve", solve)
    return solved


def test_a_perfect_fit_has_no_error(monkeypatch, fitter, truth, view):
    solved, steps_seen = solved_as(monkeypatch, fitter, truth), []
    scores = evaluate(fitter, view, batch=2, on_step=steps_seen.append)
    assert steps_seen == [2, 2, 1]
    for name in FIGURES[:4]:
        np.testing.assert_allclose(getattr(scores, name), np.zeros(5), atol=0.01)
    assert scores.energy.shape == (5,)
    np.testing.assert_allclose(scores.energy, scores.energy[0], atol=1e-4)
    assert scores.frames.tolist() == [0, 64, 128, 192, 256]
    assert scores.body_pose.shape == (5, 21, 3)
    keypoints, camera = solved[0]
    assert keypoints.format == "h36m"
    np.testing.assert_allclose(
        keypoints.xy[0, 0], FOCAL * view.joints[0, 0, :2] / view.joints[0, 0, 2] + 500, atol=0.01
    )
    assert camera.focal.tolist() == [FOCAL] * 2


def test_alignment_removes_similarity_transforms(monkeypatch, fitter, truth, view):
    moved = dataclasses.replace(truth, transl=truth.transl + 1.0)
    solved_as(monkeypatch, fitter, moved)
    np.testing.assert_allclose(evaluate(fitter, view).mpjpe_17, np.zeros(5), atol=0.01)
    turned = dataclasses.replace(truth, orient=truth.orient @ axis_angle_to_matrix(torch.tensor([0.0, 0.3, 0.0])))
    solved_as(monkeypatch, fitter, turned)
    scores = evaluate(fitter, view)
    assert (scores.mpjpe_14 > 20).all()
    assert (scores.mpjpe_14 > scores.mpjpe_17).all(), "pelvis and spine hardly move"
    np.testing.assert_allclose(scores.pa_mpjpe_14, np.zeros(5), atol=0.01)
    np.testing.assert_allclose(scores.pa_mpjpe_17, np.zeros(5), atol=0.01)


def test_cached_scores_are_read_only_for_the_same_view(monkeypatch, tmp_path, fitter, truth, view):
    solved_as(monkeypatch, fitter, truth)
    scores, path = evaluate(fitter, view), tmp_path / "S9" / "Walking.54138969.npz"
    write_scores(path, scores, view, "digest")
    kept = read_scores(path, view, "digest")
    for name, value in vars(scores).items():
        np.testing.assert_array_equal(getattr(kept, name), value)
    nearer = dataclasses.replace(view.camera, focal=1000.0)
    for other in (
        (dataclasses.replace(view, camera=nearer), "digest"),
        (dataclasses.replace(view, joints=view.joints + 0.001), "digest"),
        (dataclasses.replace(view, frames=view.frames + 1), "digest"),
        (view, "another"),
    ):
        with pytest.raises(ValueError, match="belongs to other frames, cameras, weights or settings: give another"):
            read_scores(path, *other)
    np.savez(path, frames=np.arange(3))
    with pytest.raises(ValueError, match="give another --out, or delete it"):
        read_scores(path, view, "digest")


def test_the_digest_distinguishes_weights_and_settings(fitter):
    assert digest_of(fitter) == digest_of(Fitter(fitter.body, fitter.prior))
    assert digest_of(fitter) != digest_of(Fitter(fitter.body, fitter.prior, FitSettings(seed=1)))
    other = Fitter()
    with torch.no_grad():
        next(other.model.parameters()).add_(0.01)
    assert digest_of(fitter) != digest_of(other)
