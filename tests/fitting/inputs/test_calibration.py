import dataclasses

import cv2
import numpy as np
import pytest

from fitting.inputs.calibration import CalibratedCamera, up_direction

K = np.array([[900.0, 0, 330], [0, 880.0, 240], [0, 0, 1]])
LENS = np.array([-0.3, 0.1, 0.002, -0.001, -0.02])


def camera(**changes):
    given = {"name": "cam", "intrinsics": K, "rotation": np.eye(3), "translation": np.zeros(3), "distortion": LENS}
    return CalibratedCamera(**given | changes)


def test_undistorted_pixels_are_those_of_a_pinhole_with_square_pixels():
    lens = camera()
    points = np.random.default_rng(0).uniform((-0.4, -0.3, 1), (0.4, 0.3, 1), (200, 3))
    distorted = cv2.projectPoints(points, np.zeros(3), np.zeros(3), K, LENS)[0].reshape(-1, 2)
    expected = lens.focal * points[:, :2] + [330, 240]
    assert np.abs(distorted - expected).max() > 5
    np.testing.assert_allclose(lens.undistorted(distorted.reshape(2, 100, 2)).reshape(-1, 2), expected, atol=1e-3)
    assert lens.undistorted(np.zeros((0, 2))).shape == (0, 2)


def test_undistorted_pictures_show_points_where_undistorted_pixels_are():
    lens, picture = camera(), np.zeros((480, 660, 3), np.uint8)
    cv2.circle(picture, (560, 90), 6, (255, 255, 255), -1)
    shown = lens.undistorted_picture(picture)
    assert shown.shape == picture.shape
    rows, columns = np.nonzero(shown[..., 0] > 100)
    found = np.array([columns.mean(), rows.mean()])
    np.testing.assert_allclose(found, lens.undistorted(np.array([560.0, 90.0])), atol=0.5)
    assert np.linalg.norm(found - [560, 90]) > 5


def test_pictures_of_a_pinhole_camera_stay_as_they_are():
    picture = np.random.default_rng(0).integers(0, 255, (48, 66, 3), np.uint8)
    square = np.array([[900.0, 0, 330], [0, 900.0, 240], [0, 0, 1]])
    assert camera(intrinsics=square, distortion=np.zeros(0)).undistorted_picture(picture) is picture


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"intrinsics": np.eye(2)}, "intrinsics must be"),
        ({"intrinsics": np.diag([-1.0, 1, 1])}, "expected K"),
        ({"intrinsics": K + np.array([[0, 50, 0], [0, 0, 0], [0, 0, 0.0]])}, "skewed"),
        ({"rotation": 2 * np.eye(3)}, "not a rotation"),
        ({"rotation": np.diag([1.0, 1, -1])}, "not a rotation"),
        ({"translation": np.array([0, np.nan, 0])}, "translation must be"),
        ({"distortion": np.zeros(3)}, "3 distortion coefficients"),
        ({"size": (0, 10)}, "size of 0 x 10"),
    ],
)
def test_invalid_cameras_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        camera(**change)


def test_sizes_must_fit():
    sized = camera(size=(1088, 1920))
    assert sized.check_size((1088, 1920), "a.png") is None
    assert camera().check_size((5, 5), "a.png") is None
    assert "1080 x 1920" in sized.check_size((1080, 1920), "a.png")
    for wrong in ((544, 960), (1920, 1088)):
        with pytest.raises(
            ValueError, match=r"a\.png is .* pixels, but the calibration of camera cam is for 1088 x 1920"
        ):
            sized.check_size(wrong, "a.png")


def test_up_is_given_or_prescribed_or_as_the_cameras_stand():
    rolled = np.array([[1.0, 0, 0], [0, 0.2, -0.98], [0, 0.98, 0.2]])
    rolled[1:] /= np.linalg.norm(rolled[1])
    standing = camera(rotation=rolled)
    assert up_direction([standing])[0] == "z"
    assert up_direction([camera()])[0] == "-y"
    assert up_direction([dataclasses.replace(standing, up="y")])[0] == "y"
    axis, direction = up_direction([standing], "-x")
    assert axis == "-x"
    assert direction.tolist() == [-1, 0, 0]
    with pytest.raises(ValueError, match="up must be one of"):
        up_direction([standing], "w")
