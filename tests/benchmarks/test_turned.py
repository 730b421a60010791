from dataclasses import replace

import numpy as np
import pytest
import torch

from benchmarks.fitting.people import photographed
from benchmarks.turned import joints_of, rotated, turned_photo, without_rotation
from fitting.inputs.images import Photo
from fitting.optimise import regressor


def test_a_roll_rotates_the_keypoints_in_the_image(open_body):
    truth = photographed(open_body, torch.zeros(3, 21, 3), torch.Generator().manual_seed(0))
    pelvis = open_body(truth.orient, truth.body_pose, truth.betas).joints[:, 0]
    truth = replace(truth, transl=truth.transl - pelvis)  # on the camera's axis
    aside = (rotated(open_body, truth, "roll", 0).xy - 500.0).flip(-1) * torch.tensor([-1.0, 1.0])
    torch.testing.assert_close(rotated(open_body, truth, "roll", 90).xy - 500.0, aside, atol=0.01, rtol=0)
    upside_down = rotated(open_body, truth, "pitch", 180).xy
    assert (upside_down[:, 0, 1] > upside_down[:, 29, 1]).all(), "the nose is below the heels"


def test_photos_are_rotated_clockwise_and_keep_their_focal_length():
    picture = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    turned = turned_photo(Photo(picture, 5.0), 90)
    assert (turned.width, turned.height, turned.focal_px) == (2, 4, 5.0)
    np.testing.assert_array_equal(turned.rgb[0, -1], picture[0, 0])
    assert turned_photo(Photo(picture), 180).focal_px == turned_photo(Photo(picture), 90).focal_px


def test_joints_are_rotated_back(make_fit):
    upright = joints_of(make_fit(), 0)
    np.testing.assert_allclose(upright[0], 0)
    assert upright[15, 1] < -0.4, "the head is above the pelvis"
    np.testing.assert_allclose(joints_of(make_fit(), 180)[:, :2], -upright[:, :2], atol=1e-9)
    assert joints_of(make_fit(), 90)[15, 0] < -0.4, "a head that is above came from the left of an upright photo"


def test_the_rotation_is_disabled_inside_the_block():
    original = regressor.tilt
    with without_rotation():
        assert regressor.tilt(torch.ones(2, 17, 2), torch.ones(2, 17), "coco").tolist() == [0, 0]
    assert regressor.tilt is original


@pytest.mark.parametrize("degrees", [90, 270])
def test_quarter_turns_exchange_width_and_height(degrees):
    assert turned_photo(Photo(np.zeros((2, 4, 3), np.uint8)), degrees).rgb.shape == (4, 2, 3)
