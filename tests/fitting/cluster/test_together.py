import dataclasses

import numpy as np
import pytest
import torch

from fitting.body.body import Body
from fitting.cluster import together
from fitting.cluster.together import fit_together
from fitting.folders import Job, Outcome
from fitting.inputs.camera import Camera
from fitting.inputs.detect import detect
from fitting.inputs.hand_keypoints import HandKeypoints
from fitting.inputs.images import Photo
from fitting.inputs.keypoints import Keypoints

SIZES = ((400, 400), (640, 360))


@pytest.fixture
def people(fitter):
    """Keypoints of a person in images of two sizes."""
    orient, transl = torch.tensor([[np.pi, 0.0, 0.0]]).float(), torch.tensor([[0.0, 0.3, 5.0]])
    found = []
    for seed, size in enumerate(SIZES):
        pose = 0.2 * torch.randn(1, 21, 3, generator=torch.Generator().manual_seed(seed))
        marks = fitter.body.landmarks(orient, pose, transl=transl, format="openpose")
        xy = Camera.for_image(*size).project(marks).numpy()
        found.append(Keypoints(xy, np.ones((1, 25)), "openpose"))
    return found


def test_photos_of_several_sizes_in_one_batch_have_the_fits_of_each_alone(fitter, people):
    photos = [Photo(np.zeros((height, width, 3), np.uint8)) for width, height in SIZES]
    found_together = fitter.fit_photos(photos, people, hypotheses=2)
    for photo, keypoints, size, (found,) in zip(photos, people, SIZES, found_together, strict=True):
        (alone,) = fitter.fit_photo(photo, keypoints=keypoints, hypotheses=2)
        assert tuple(found.image_size) == size
        assert found.focal == alone.focal
        assert np.allclose(found.centre, alone.centre)
        assert np.allclose(found.vertices, alone.vertices, atol=2e-3)
        assert [tuple(other.image_size) for other in found.alternatives] == [size] * len(alone.alternatives)


def test_hands_in_one_batch_have_the_fits_of_each_alone(fitter, people):
    orient, transl = torch.tensor([[np.pi, 0.0, 0.0]]).float(), torch.tensor([[0.0, 0.3, 5.0]])
    body, seen = Body.open(hands=True), []
    for seed, (keypoints, size) in enumerate(zip(people, SIZES, strict=True)):
        pose = 0.2 * torch.randn(1, 21, 3, generator=torch.Generator().manual_seed(seed))
        marks = body.hand_landmarks(orient, pose, transl=transl)
        xy = Camera.for_image(*size).project(marks.flatten(1, 2)).reshape(1, 2, 21, 2).numpy()
        world = (marks - marks[:, :, :1]).numpy() if seed else None
        seen.append(dataclasses.replace(keypoints, hands=HandKeypoints(xy, np.ones((1, 2, 21)), world)))
    photos = [Photo(np.zeros((height, width, 3), np.uint8)) for width, height in SIZES]
    for photo, keypoints, (found,) in zip(photos, seen, fitter.fit_photos(photos, seen), strict=True):
        (alone,) = fitter.fit_photo(photo, keypoints=keypoints)
        assert alone.hands.found.any()
        assert np.array_equal(found.hands.found, alone.hands.found)
        assert np.allclose(found.hands.both, alone.hands.both, atol=2e-2)


@pytest.mark.parametrize("hands", [True, False])
def test_hands_are_detected_if_wanted(images, out, open_run, monkeypatch, hands):
    run, wanted = dataclasses.replace(open_run(None), hands=hands), []

    def noted(rgb, people, hands, detector):
        wanted.append(hands)
        return detect(rgb, people, False, detector)

    monkeypatch.setattr(together, "detect", noted)
    fit_together(run, [Job(images / "g07.png")])
    assert wanted == [hands]


def test_a_failure_in_a_batch_leaves_the_others(images, out, open_run, monkeypatch):
    run = open_run(None)

    def fail(photos, keypoints, **options):
        raise ValueError("one of them")

    monkeypatch.setattr(run.fitter, "fit_photos", fail, raising=False)
    jobs = [Job(images / f"g{grey:02d}.png") for grey in (0, 7, 8)]
    black, *others = fit_together(run, jobs)
    assert "no person was found" in black.failure
    assert [outcome.failure for outcome in others] == [None, None]
    assert [outcome.people[0].reprojection_error_px for outcome in others] == [7.0, 8.0]
    assert fit_together(run, jobs)[1:] == [Outcome(one.image, one.people, resumed=True) for one in others]
