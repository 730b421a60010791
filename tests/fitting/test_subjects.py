"""One person, one shape over several photos and clips."""

import dataclasses
import json

import numpy as np
import pytest
import torch

from fitting.fit import Fitter
from fitting.folders import FolderRun
from fitting.inputs.camera import Camera
from fitting.inputs.keypoints import Keypoints
from fitting.optimise.initialize import stature
from fitting.optimise.settings import FitSettings
from fitting.optimise.shape_prior import ShapeEvidence
from fitting.subjects import Subject, Who, footage_key
from fitting.video.clip import fit_clip
from fitting.video.tracked_keypoints import TrackedKeypoints
from qposer.body_pose.rotations import axis_angle_to_matrix

PHOTOS, SIZE, FOCAL = 6, (1000, 1000), 1100.0


def with_shape(fitter, shape, **settings):
    own = FitSettings(shape=shape, **settings)
    return Fitter(fitter.body, fitter.prior, own, regressor=fitter.regressor)


@pytest.fixture
def somebody(tmp_path, open_body):
    return Subject(tmp_path / "people", "anna", open_body.name, open_body.num_betas)


@pytest.fixture
def footage(tmp_path):
    """A file of some name and content."""

    def footage(name):
        (tmp_path / name).write_text(name)
        return tmp_path / name

    return footage


def said(seed):
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(10, 10))
    return ShapeEvidence(root @ root.T, rng.normal(size=10))


@pytest.fixture(scope="module")
def shape():
    return torch.tensor([[2.0, -1.5, 1.0, *[0.0] * 7]])


@pytest.fixture(scope="module")
def photos(fitter, shape):
    """Somebody in different poses and headings, with inexact keypoints."""
    pose = fitter.prior.sample(PHOTOS, seed=9)
    turn = torch.arange(PHOTOS)[:, None] * 0.8 * torch.tensor([0.0, 1.0, 0.0])
    orient = axis_angle_to_matrix(torch.tensor([torch.pi, 0.0, 0.0])) @ axis_angle_to_matrix(turn)
    place = torch.tensor([[0.0, 0.1, 4.0]]).expand(PHOTOS, 3)
    camera = Camera.for_image(*SIZE, FOCAL, batch=PHOTOS)
    xy = camera.project(fitter.body.landmarks(orient, pose, shape.expand(PHOTOS, -1), place))
    xy = xy + 4.5 * torch.randn(xy.shape, generator=torch.Generator().manual_seed(1))
    return Keypoints(xy.numpy(), np.ones(xy.shape[:2]), "mediapipe", noise_floor=0.01)


def test_no_evidence_changes_nothing(somebody, footage):
    somebody.add(footage("a.jpg"), None)
    assert not somebody.path.exists()


def test_evidence_adds_up_in_any_order_and_once(somebody, footage):
    for key in ("a", "b"):
        somebody.add(footage(f"{key}.jpg"), said(ord(key)))
    first = somebody.path.read_bytes()
    somebody.path.unlink()
    for key in ("b", "a", "b", "a"):
        somebody.add(footage(f"{key}.jpg"), said(ord(key)))
    assert somebody.path.read_bytes() == first
    a, b = said(ord("a")), said(ord("b"))
    both = somebody.prior()
    assert both.precision == pytest.approx(np.eye(10) + a.information + b.information)
    assert both.precision @ both.mean == pytest.approx(a.vector + b.vector)
    content = json.loads(first)
    assert content["betas"] == pytest.approx(both.mean.tolist())
    assert [one["file"] for one in content["footage"].values()] == ["a.jpg", "b.jpg"]


def test_footage_is_no_prior_of_itself(somebody, footage):
    somebody.add(footage("a.jpg"), said(1))
    assert np.array_equal(somebody.prior(footage("a.jpg")).precision, np.eye(10))
    assert np.array_equal(somebody.prior(footage("a.jpg")).mean, np.zeros(10))


def test_evidence_and_the_general_prior_make_the_fitted_shape(fitter, photos, somebody):
    nothing = somebody.prior()
    plain = fitter.fit_keypoints(photos, SIZE, focal=FOCAL)
    results = with_shape(fitter, nothing).fit_keypoints(photos, SIZE, focal=FOCAL)
    for before, result in zip(plain, results, strict=True):
        assert before.shape_evidence is None
        assert result.betas == pytest.approx(before.betas, abs=1e-4)
        evidence = result.shape_evidence
        again = np.linalg.solve(np.eye(10) + evidence.information, evidence.vector)
        assert again == pytest.approx(result.betas, abs=0.25)


def proportions(body, betas, like):
    """Distances (metres, root mean square) of vertices in the T-pose from those of another shape, sizes aligned."""
    rest = torch.zeros(2, 22, 3)
    both = torch.stack([torch.as_tensor(betas, dtype=torch.float32), like])
    ours, theirs = body(rest[:, 0], rest[:, 1:], both).vertices
    ours, theirs = ours - ours.mean(0), theirs - theirs.mean(0)
    return ((ours * theirs).sum() / ours.square().sum() * ours - theirs).square().sum(-1).mean().sqrt().item()


def test_a_shape_improves_with_every_photo(fitter, photos, shape, somebody, footage):
    single, known = [], []
    for number in range(PHOTOS):
        own = with_shape(fitter, somebody.prior(footage(f"{number}.jpg")))
        (result,) = own.fit_keypoints(photos[[number]], SIZE, focal=FOCAL)
        alone = dataclasses.replace(somebody, name=f"photo{number}")
        alone.add(footage(f"{number}.jpg"), result.shape_evidence)
        somebody.add(footage(f"{number}.jpg"), result.shape_evidence)
        single.append(proportions(fitter.body, alone.prior().mean, shape[0]))
        known.append(np.linalg.slogdet(somebody.prior().precision)[1])
    assert np.all(np.diff(known) > 0)
    assert proportions(fitter.body, somebody.prior().mean, shape[0]) < 0.9 * np.mean(single)


def test_a_known_height_is_kept(fitter, photos, somebody, footage):
    tall = ShapeEvidence(30 * np.eye(10), 30 * np.array([3.0, *[0.0] * 9]))
    somebody.add(footage("other.jpg"), tall)
    heights = []
    for height in (1.6, 1.8):
        own = with_shape(fitter, somebody.prior(), height=height)
        (result,) = own.fit_keypoints(photos[[0]], SIZE, focal=FOCAL)
        heights.append(stature(fitter.body, torch.from_numpy(result.betas)[None]).item())
    assert heights == pytest.approx([1.6, 1.8], abs=0.02)


def test_a_clip_says_and_uses_what_photos_do(fitter, photos, somebody, footage):
    seen = TrackedKeypoints(photos[[0, 0]], np.arange(2), 25.0)
    results = {}
    for name, evidence in (("before", None), ("after", said(5))):
        if evidence is not None:
            somebody.add(footage("photo.jpg"), evidence)
        own = with_shape(fitter, somebody.prior(footage("clip.mp4")))
        results[name] = fit_clip(own, seen, SIZE, focal=FOCAL)
        somebody.add(footage("clip.mp4"), results[name].shape_evidence)
    assert np.linalg.norm(results["before"].betas - results["after"].betas) > 0.1
    evidence = results["before"].shape_evidence
    again = np.linalg.solve(np.eye(10) + evidence.information, evidence.vector)
    assert again == pytest.approx(results["before"].betas, abs=0.3)


def test_one_person_only(fitter, somebody, tmp_path):
    with pytest.raises(ValueError, match="give --subject without --people"):
        FolderRun(fitter, tmp_path / "out", people=2, subject=somebody)
    with pytest.raises(ValueError, match="give --subject without --people"):
        Who("anna", None, tmp_path / "out", alone=False).of(fitter.body)


def test_wrong_files(somebody, open_body, footage):
    somebody.add(footage("a.jpg"), said(1))
    with pytest.raises(ValueError, match=f"is a shape of {open_body.name}, and the body is smpl: give another name"):
        dataclasses.replace(somebody, body="smpl").prior()
    with pytest.raises(ValueError, match="does not hold the shape of a body of 16 components"):
        dataclasses.replace(somebody, shapes=16).prior()
    somebody.path.write_text("[]")
    with pytest.raises(ValueError, match="is not the file of a subject: delete it, or give another name"):
        somebody.prior()


def test_names_and_folders(tmp_path, open_body):
    out = tmp_path / "out"
    assert Who(None, None, out, alone=False).of(open_body) is None
    assert Who("anna", None, out, alone=True).of(open_body).path == tmp_path / "subjects" / "anna.json"
    with pytest.raises(ValueError, match="give --subject as well"):
        Who(None, tmp_path, out, alone=True).of(open_body)
    with pytest.raises(ValueError, match=r"cannot be named '\.\./anna'"):
        Who("../anna", None, out, alone=True).of(open_body)


def test_footage_is_known_by_its_content(tmp_path):
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / name).write_bytes(b"same")
    (tmp_path / "c.jpg").write_bytes(b"other")
    assert footage_key(tmp_path / "a.jpg") == footage_key(tmp_path / "b.jpg") != footage_key(tmp_path / "c.jpg")
    before = footage_key(tmp_path)
    (tmp_path / "c.jpg").write_bytes(b"changed")
    assert footage_key(tmp_path) != before
    with pytest.raises(FileNotFoundError, match="there is no file"):
        footage_key(tmp_path / "d.jpg")
