import dataclasses
import errno
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import trimesh
from PIL import Image

from fitting.inputs.keypoints import Keypoints
from fitting.output.fit_result import AMBIGUOUS, FitResult, with_alternatives
from fitting.output.hand_poses import HandPoses
from fitting.output.results import read_result, write_results
from qposer.io.npz import read_npz


def make_result(seed=0, world=True):
    rng = np.random.default_rng(seed)
    box = trimesh.creation.box()
    return FitResult(
        global_orient=rng.normal(size=3).astype(np.float32),
        body_pose=rng.normal(size=(21, 3)).astype(np.float32),
        betas=rng.normal(size=10).astype(np.float32),
        transl=np.float32([0.1, 0.2, 3.0]),
        codes=rng.integers(0, 256, (21, 4)),
        focal=1234.5,
        centre=np.array([320.0, 240.0]),
        image_size=np.array([640, 480]),
        keypoints=Keypoints(
            rng.uniform(0, 400, (1, 33, 2)),
            rng.uniform(0.2, 1, (1, 33)),
            "mediapipe",
            rng.normal(size=(1, 33, 3)) if world else None,
        ),
        reprojection_error_px=4.0,
        person_height_px=320.0,
        body="open",
        qposer_version="0.1.0",
        settings={"seed": 3, "residual": None, "stages": ["a", "b"]},
        vertices=np.asarray(box.vertices) + np.array([0, 0, 3.0]),
        faces=np.asarray(box.faces),
        joints=np.zeros((24, 3)),
    )


PICTURES = {"overlay": np.full((8, 6, 3), 7, np.uint8), "side": np.zeros((4, 4, 3), np.uint8)}


def files_in(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.mark.parametrize("world", [True, False])
def test_round_trip(tmp_path, world):
    result = make_result(world=world)
    (written,) = write_results(tmp_path / "out" / "photo", [result], [PICTURES])
    assert written == tmp_path / "out" / "photo" / "person0"
    for path in (written, written / "fit.npz", str(written)):
        back = read_result(path)
        for name in ("global_orient", "body_pose", "betas", "transl", "codes", "centre", "image_size"):
            assert np.array_equal(getattr(back, name), getattr(result, name))
            assert getattr(back, name).dtype == getattr(result, name).dtype
        for name in ("focal", "reprojection_error_px", "person_height_px", "body", "qposer_version", "settings"):
            assert getattr(back, name) == getattr(result, name)
        assert np.array_equal(back.keypoints.xy, result.keypoints.xy)
        assert np.array_equal(back.keypoints.confidence, result.keypoints.confidence)
        assert back.keypoints.format == "mediapipe"
        assert (back.keypoints.world is None) == (not world)
        assert back.reprojection_error_percent == pytest.approx(1.25)
        assert back.vertices is None


def test_every_file_is_there_and_nothing_else(tmp_path):
    write_results(tmp_path, [make_result(0), make_result(1)], [PICTURES, {}])
    assert files_in(tmp_path / "person0") == ["fit.json", "fit.npz", "mesh.obj", "overlay.png", "side.png"]
    assert files_in(tmp_path / "person1") == ["fit.json", "fit.npz", "mesh.obj"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["person0", "person1"]
    assert (np.array(Image.open(tmp_path / "person0" / "overlay.png")) == 7).all()


def test_json_has_the_same_content(tmp_path):
    result = make_result()
    write_results(tmp_path, [result], [{}])
    content = json.loads((tmp_path / "person0" / "fit.json").read_text())
    assert np.array(content["body_pose"]).shape == (21, 3)
    assert np.allclose(content["body_pose"], result.body_pose)
    assert content["settings"] == result.settings
    assert content["focal"] == 1234.5
    assert content["reprojection_error_percent"] == pytest.approx(1.25)
    assert content["warnings"] == []


def test_warnings_of_large_errors_unseen_parts_and_notes(tmp_path):
    result = make_result()
    confidence = result.keypoints.confidence.copy()
    confidence[:, 25:29] = 0.0
    keypoints = dataclasses.replace(result.keypoints, confidence=confidence)
    doubtful = dataclasses.replace(
        result, keypoints=keypoints, reprojection_error_px=9.6, notes=("the focal length was ignored",)
    )
    write_results(tmp_path, [doubtful], [{}])
    assert json.loads((tmp_path / "person0" / "fit.json").read_text())["warnings"] == [
        "2D error of 3.0 % of the person's height: the body may be wrong",
        "cut off or hidden, and guessed: knees, ankles",
        "the focal length was ignored",
    ]
    assert read_result(tmp_path / "person0").warnings == doubtful.warnings[:2]


@pytest.mark.parametrize("ambiguous", [True, False])
def test_ambiguous_keypoints_are_a_warning_that_is_kept(tmp_path, ambiguous):
    result = make_result()
    keypoints = dataclasses.replace(result.keypoints, ambiguous=np.array([ambiguous]))
    result = dataclasses.replace(result, keypoints=keypoints)
    assert result.warnings == ((AMBIGUOUS,) if ambiguous else ())
    write_results(tmp_path, [result], [{}])
    assert json.loads((tmp_path / "person0" / "fit.json").read_text())["warnings"] == list(result.warnings)
    assert read_result(tmp_path / "person0").warnings == result.warnings


def test_the_mesh_is_upright(tmp_path):
    result = make_result()
    write_results(tmp_path, [result], [{}])
    mesh = trimesh.load(tmp_path / "person0" / "mesh.obj", process=False)
    assert np.allclose(mesh.vertices, result.vertices * [1, -1, -1], atol=1e-6)
    assert np.array_equal(mesh.faces, result.faces)
    assert mesh.volume > 0


def test_smplx_arguments():
    result = make_result()
    shapes = {name: value.shape for name, value in result.smplx_arguments().items()}
    assert shapes == {"global_orient": (1, 3), "body_pose": (1, 69), "betas": (1, 10), "transl": (1, 3)}
    assert result.smplx_arguments()["body_pose"][0, 63:].tolist() == [0] * 6
    assert np.array_equal(result.smplx_arguments(21)["body_pose"][0], result.body_pose.ravel())


def test_a_second_run_replaces_the_first(tmp_path):
    write_results(tmp_path, [make_result(0), make_result(1)], [PICTURES, PICTURES])
    (tmp_path / "personal.txt").write_text("mine")
    write_results(tmp_path, [make_result(2)], [{}])
    assert files_in(tmp_path) == [
        "person0", "person0/fit.json", "person0/fit.npz", "person0/mesh.obj", "personal.txt"
    ]  # fmt: skip
    assert np.array_equal(read_result(tmp_path / "person0").codes, make_result(2).codes)


def test_foreign_files_are_not_touched(tmp_path):
    (tmp_path / "person0").mkdir()
    (tmp_path / "person0" / "diary.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="does not contain a fit"):
        write_results(tmp_path, [make_result()], [{}])
    assert files_in(tmp_path) == ["person0", "person0/diary.txt"]


@pytest.mark.parametrize("earlier", [False, True])
@pytest.mark.parametrize("what", ["PIL.Image.Image.save", "numpy.savez", "fitting.output.results.write_obj"])
def test_a_full_disk_leaves_nothing_behind(tmp_path, monkeypatch, what, earlier):
    folder = tmp_path / "out" / "photo"
    if earlier:
        write_results(folder, [make_result(5)], [PICTURES])
    before = files_in(tmp_path)

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(what, full)
    with pytest.raises(OSError, match="No space left"):
        write_results(folder, [make_result(0), make_result(1)], [PICTURES, PICTURES])
    assert files_in(tmp_path) == before
    if earlier:
        assert np.array_equal(read_result(folder / "person0").codes, make_result(5).codes)


def test_files_that_are_not_fits(tmp_path):
    with pytest.raises(FileNotFoundError, match="no fit"):
        read_result(tmp_path)
    np.savez(tmp_path / "fit.npz", codes=np.zeros(3))
    with pytest.raises(ValueError, match="is not the fit of a person"):
        read_result(tmp_path)
    (tmp_path / "fit.npz").write_bytes(b"PK")
    with pytest.raises(ValueError, match="is not the fit of a person"):
        read_result(tmp_path / "fit.npz")


@pytest.mark.parametrize("name", ["global_orient", "body_pose", "betas", "transl", "codes", "centre", "image_size"])
def test_a_fit_with_half_an_array_is_refused(tmp_path, name):
    (folder,) = write_results(tmp_path, [make_result()], [{}])
    arrays = read_npz(folder / "fit.npz")
    for other in (arrays[name][:0], arrays[name][None]):
        np.savez(folder / "fit.npz", **arrays | {name: other})
        with pytest.raises(ValueError, match=f"is not the fit of a person: {name} must have the shape"):
            read_result(folder)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize(
    "name",
    ["global_orient", "body_pose", "betas", "transl", "centre", "vertices", "joints", "focal", "person_height_px"],
)
def test_a_fit_has_only_finite_numbers(name, value):
    result = make_result()
    given = getattr(result, name)
    changed = np.where(np.arange(np.size(given)).reshape(np.shape(given)) == 0, value, given)
    with pytest.raises(ValueError, match=rf"contains NaN or infinite values \({name}\)"):
        dataclasses.replace(result, **{name: changed})


def test_a_renamed_fit_is_kept(tmp_path):
    (folder,) = write_results(tmp_path, [make_result()], [{}])
    aside = tmp_path / "person0_best"
    shutil.copytree(folder, aside)
    write_results(tmp_path, [make_result()], [{}])
    assert (aside / "fit.npz").is_file()


@pytest.mark.parametrize("error", [OSError("no space left"), KeyboardInterrupt("no space left")])
def test_a_rename_that_fails_brings_the_old_fit_back(tmp_path, monkeypatch, error):
    (folder,) = write_results(tmp_path, [make_result()], [{}])
    before = (folder / "fit.npz").read_bytes()
    rename = Path.rename

    def fail(path, target):
        if path.parent.name.startswith(".writing-") and path.name == "person0":
            raise error
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises(type(error), match="no space left"):
        write_results(tmp_path, [make_result()], [{}])
    assert (folder / "fit.npz").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["person0"]


def hypotheses(*shares):
    covariance = np.tile(np.diag([1e-4, 1e-4, 4e-4]), (22, 1, 1))
    bodies = []
    for seed, share in enumerate(shares):
        joints = np.zeros((24, 3))
        joints[5, 2] = 0.1 * seed
        parts = {"joint_covariance": covariance, "joints": joints, "probability": share}
        bodies.append(dataclasses.replace(make_result(seed), **parts))
    return bodies


def test_alternatives_widen_the_uncertainty_where_they_differ():
    bodies = hypotheses(0.5, 0.3, 0.2)
    answer = with_alternatives(bodies)
    assert [other.probability for other in answer.alternatives] == [0.3, 0.2]
    assert answer.joint_covariance[4] == pytest.approx(bodies[0].joint_covariance[4])
    assert answer.joint_covariance[5] == pytest.approx(np.diag([1e-4, 1e-4, 4e-4 + 0.3 * 0.1**2 + 0.2 * 0.2**2]))


def test_alternatives_are_read_back(tmp_path):
    answer = with_alternatives(hypotheses(0.5, 0.3, 0.2))
    found = np.array([True, False])
    hands = [HandPoses(*np.full((2, 15, 3), 0.1 * number), found) for number in range(3)]
    others = [dataclasses.replace(other, hands=own) for other, own in zip(answer.alternatives, hands[1:], strict=True)]
    others[1] = dataclasses.replace(others[1], swapped=True)
    answer = dataclasses.replace(answer, hands=hands[0], alternatives=tuple(others))
    (folder,) = write_results(tmp_path, [answer], [PICTURES])
    back = read_result(folder)
    assert [other.hands.left[0, 0] for other in back.alternatives] == pytest.approx([0.1, 0.2])
    straight, swapped = (other.keypoints for other in back.alternatives)
    np.testing.assert_array_equal(straight.xy, back.keypoints.xy)
    np.testing.assert_array_equal(swapped.xy, back.keypoints.exchanged(np.array([True])).xy)
    assert back.probability == 0.5
    for other, given in zip(back.alternatives, hypotheses(0.5, 0.3, 0.2)[1:], strict=True):
        assert other.probability == pytest.approx(given.probability)
        for name in ("global_orient", "body_pose", "betas", "transl", "codes"):
            assert np.array_equal(getattr(other, name), getattr(given, name)), name
    summary = json.loads((folder / "fit.json").read_text())
    assert summary["alternatives_probability"] == [0.3, 0.2]


def test_the_risk_of_the_answer_alone_is_read_back(tmp_path):
    answer = dataclasses.replace(with_alternatives(hypotheses(0.7, 0.3)), risk=0.25)
    (folder,) = write_results(tmp_path, [answer], [PICTURES])
    back = read_result(folder)
    assert (back.risk, [other.risk for other in back.alternatives]) == (0.25, [None])
    assert json.loads((folder / "fit.json").read_text())["risk"] == 0.25


def test_ambiguous_facing_makes_a_fit_doubtful():
    ahead, behind = hypotheses(0.7, 0.3)
    ahead = dataclasses.replace(ahead, global_orient=np.array([np.pi, 0.0, 0.0]))
    behind = dataclasses.replace(behind, global_orient=np.array([0.0, 0.0, np.pi]))
    assert any(
        "face the other way, with a probability of 30%" in one for one in with_alternatives([ahead, behind]).warnings
    )
    rare = dataclasses.replace(behind, probability=0.05)
    assert not any("other way" in one for one in with_alternatives([ahead, rare]).warnings)
    assert not any("other way" in one for one in with_alternatives([ahead, ahead]).warnings)


def test_large_uncertainty_makes_a_fit_doubtful():
    (body,) = hypotheses(1.0)
    wide = dataclasses.replace(body, joint_covariance=np.tile(0.2**2 * np.eye(3), (22, 1, 1)))
    assert any("uncertain by 35 cm" in one for one in wide.warnings)
    assert not any("uncertain by" in one for one in body.warnings)


def test_a_known_risk_decides_instead_of_the_standard_deviation():
    (body,) = hypotheses(1.0)
    wide = dataclasses.replace(body, joint_covariance=np.tile(0.2**2 * np.eye(3), (22, 1, 1)))
    safe = dataclasses.replace(wide, risk=0.1)
    assert not any("uncertain by" in one or "cm off" in one for one in safe.warnings)
    risky = dataclasses.replace(body, risk=0.6)
    assert risky.verdict == "doubtful"
    assert any("more than 15 cm off on average, with a probability of 60%" in one for one in risky.warnings)
