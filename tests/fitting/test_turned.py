"""Photos that are rotated: the fits are those of the upright photo, rotated."""

import dataclasses

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from fitting.inputs.detect import detect
from fitting.inputs.images import read_image
from qposer.io.assets import asset


def joints_mm(result, degrees=0.0):
    """Joints relative to the pelvis, rotated back."""
    joints = 1000 * np.asarray(result.joints)[:22]
    return Rotation.from_euler("z", -degrees, degrees=True).apply(joints - joints[0])


@pytest.fixture(scope="module", params=["walk_side.jpg", "upper_body.png"])
def upright(request, fitter):
    """A photo, the keypoints of the largest person, and their fit."""
    photo = read_image(asset(request.param))
    keypoints = detect(photo.rgb)
    return photo, keypoints, fitter.fit_photo(photo, keypoints=keypoints)[0]


def test_turned_keypoints(upright, fitter):
    photo, keypoints, fit = upright
    turn = Rotation.from_euler("z", 90, degrees=True).as_matrix()
    middle = np.array([photo.width, photo.height]) / 2
    xy = (keypoints.xy - middle) @ turn[:2, :2].T + middle[::-1]
    turned = dataclasses.replace(keypoints, xy=xy, world=keypoints.world @ turn.T)
    again = fitter.fit_keypoints(turned, (photo.height, photo.width), focal=photo.focal_px)[0]
    assert np.linalg.norm(joints_mm(again, 90) - joints_mm(fit), axis=-1).mean() < 14
    assert again.reprojection_error_percent == pytest.approx(fit.reprojection_error_percent, abs=0.05)


def test_a_photo_upside_down_is_fitted(fitter):
    photo = read_image(asset("walk_side.jpg"))
    turned = dataclasses.replace(photo, rgb=np.ascontiguousarray(photo.rgb[::-1, ::-1]))
    fit, again = (fitter.fit_photo(one, hands=False)[0] for one in (photo, turned))
    assert np.linalg.norm(joints_mm(again, 180) - joints_mm(fit), axis=-1).mean() < 14
    assert again.reprojection_error_percent == pytest.approx(fit.reprojection_error_percent, abs=0.06)
    assert again.verdict == "good"
