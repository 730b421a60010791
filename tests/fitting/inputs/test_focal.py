import math

import pytest

from fitting.inputs.focal import checked_focal, default_focal, focal_from_35mm


@pytest.mark.parametrize("focal", [0.0, -5.0, math.nan, math.inf, 10**400])
def test_invalid_focal_lengths_are_rejected(focal):
    with pytest.raises(ValueError, match="a focal length must be a positive number of pixels, not"):
        checked_focal(focal, 1600, 1200)


@pytest.mark.parametrize("focal", [25, 50, 399, 2.1e6, 1e22, 1e-17])
def test_impossible_focal_lengths_are_rejected(focal):
    with pytest.raises(
        ValueError, match=r"no camera has a focal length of .* for an image of 1600 x 1200: give pixels"
    ):
        checked_focal(focal, 1600, 1200)


def test_millimetres_are_recognised():
    with pytest.raises(ValueError, match=r"not millimetres \(a lens of 50 mm on film has 2311\)"):
        checked_focal(50, 1600, 1200)


@pytest.mark.parametrize("focal", [410, 640, 2000, 1e5, 1_900_000])
def test_lenses_from_wide_to_telescopes(focal):
    assert checked_focal(focal, 1600, 1200) == focal


def test_default_focal_is_a_normal_lens():
    assert default_focal(1600, 1200) == default_focal(1200, 1600) == 2000
    assert default_focal(1600, 1200) == pytest.approx(focal_from_35mm(math.hypot(36, 24), 1600, 1200))


def test_a_35_mm_lens_on_a_frame_of_film_proportions():
    assert focal_from_35mm(35, 3600, 2400) == pytest.approx(3500)
