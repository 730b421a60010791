"""Fits that are corrected by hand."""

import numpy as np
import pytest
import torch

from benchmarks.fitting.people import photographed
from benchmarks.prior.poses import Poses
from fitting.inputs.camera import Camera
from fitting.inputs.keypoints import FORMATS, Keypoints

PEOPLE, WRIST = 3, FORMATS["mediapipe"].names.index("left_wrist")


@pytest.fixture(scope="module")
def fits(fitter):
    crowd = photographed(fitter.body, Poses.quick().test[:PEOPLE], torch.Generator().manual_seed(5))
    keypoints = Keypoints(crowd.xy.numpy(), np.ones(crowd.xy.shape[:2]), "mediapipe", noise_floor=0.0)
    focals = crowd.camera.focal.tolist()
    return [
        fitter.fit_keypoints(keypoints[[person]], (1000, 1000), focal=focal)[0] for person, focal in enumerate(focals)
    ]


def landmarks(fitter, result):
    parts = ("global_orient", "body_pose", "betas", "transl")
    found = fitter.body.landmarks(*(torch.from_numpy(getattr(result, name))[None] for name in parts))
    return found, Camera(torch.tensor([result.focal]), torch.from_numpy(result.centre)[None]).project(found)[0].numpy()


def test_a_moved_keypoint_takes_its_limb_along_and_nothing_else(fitter, fits):
    for result in fits:
        place = result.keypoints.xy[0, WRIST] + 0.08 * result.person_height_px * np.array([0.6, -0.8])
        after = fitter.refit(result, moved={"left_wrist": tuple(place)})
        before_at, after_at = (landmarks(fitter, one)[1] for one in (result, after))
        assert np.linalg.norm(after_at[WRIST] - place) < 0.012 * result.person_height_px
        away = [row for row, name in enumerate(FORMATS["mediapipe"].names) if name.startswith("right")]
        assert np.abs(after_at - before_at)[away].mean() < 0.01 * result.person_height_px
        assert after.keypoints.xy[0, WRIST] == pytest.approx(place)


def test_without_a_correction_the_body_stays(fitter, fits):
    for result in fits:
        before, after = (landmarks(fitter, one)[0] for one in (result, fitter.refit(result)))
        before, after = (points - points.mean(1, keepdim=True) for points in (before, after))
        assert 1000 * (before - after).norm(dim=-1).mean() < 15


def test_a_known_height_rescales_the_body(fitter, fits):
    result = fitter.refit(fits[0], height=1.5)
    vertices = fitter.body(torch.zeros(1, 3), torch.zeros(1, 21, 3), torch.from_numpy(result.betas)[None]).vertices[
        0, :, 1
    ]
    assert (vertices.max() - vertices.min()).item() == pytest.approx(1.5, abs=0.03)


def test_a_hold_is_kept(fitter, fits):
    names = FORMATS["mediapipe"].names
    hand = [f"left_{name}" for name in ("elbow", "wrist", "pinky", "index", "thumb")]
    for fit in fits:
        result = fitter.refit(fit, holds=("left hand on the left hip",), unseen=hand)
        assert result.notes == ()
        assert result.reprojection_error_percent < fit.reprojection_error_percent + 0.3
        found = landmarks(fitter, result)[0][0]
        assert (found[names.index("left_index")] - found[names.index("left_hip")]).norm() < 0.25


def test_unknown_keypoints_are_refused(fitter, fits):
    with pytest.raises(ValueError, match="no third_hand"):
        fitter.refit(fits[0], moved={"third_hand": (1.0, 2.0)})
