import numpy as np
import pytest

from fitting.inputs.keypoint_files.content import Entry
from fitting.inputs.keypoint_files.points import confidences, points_of, to_pixels

ROWS = [[10.0, 20.0, 0.5], [30.0, 40.0, 0.6], [50.0, 60.0, 0.7]]
FLAT = [value for row in ROWS for value in row]


@pytest.mark.parametrize(
    "entry",
    [
        Entry(ROWS),
        Entry(FLAT),
        Entry([row[:2] for row in ROWS], [row[2] for row in ROWS]),
        Entry([value for row in ROWS for value in row[:2]], [row[2] for row in ROWS]),
        Entry([str(value) for value in FLAT]),
    ],
)
def test_shapes_of_common_tools_are_read(entry):
    assert points_of(entry).tolist() == ROWS


@pytest.mark.parametrize("values", [None, [], [0] * 9, [[0, 0, 0]] * 3, [0, 0, 0.9] * 3])
def test_nobody(values):
    assert points_of(Entry(values)) is None


def test_a_point_in_the_corner_is_unseen():
    assert points_of(Entry([0, 0, 0.8, 5, 0, 0.8])).tolist() == [[0, 0, 0], [5, 0, 0.8]]


@pytest.mark.parametrize("value", [1e8, -1e308, np.inf])
def test_huge_coordinates_become_nan(value):
    points = points_of(Entry([value, 20, 0.5, 30, 40, 0.6]))
    assert np.isnan(points[0, :2]).all()
    assert points[0, 2] == 0.5
    assert points[1].tolist() == [30, 40, 0.6]


@pytest.mark.parametrize(
    "values",
    [["x"] * 9, [True, 2, 3], [[1], 2, 3], [{}, 2, 3], [[1, 2, 3], [1, 2]], [10**400, 2, 3], "111", {"x": 1}],
)
def test_values_that_are_not_lists_of_numbers(values):
    with pytest.raises(ValueError, match=r"^keypoints must (contain only numbers|be x, y and score)"):
        points_of(Entry(values))


@pytest.mark.parametrize("values", [[1] * 7, [[1, 2]] * 3, [[1, 2, 3, 4]] * 3])
def test_numbers_must_form_points(values):
    with pytest.raises(ValueError, match="keypoints must be x, y and score of each point, not numbers of shape"):
        points_of(Entry(values))


def test_scores_of_other_points_and_of_points_in_space():
    with pytest.raises(ValueError, match="one score for each keypoint, found 2 scores"):
        points_of(Entry([[1, 2]] * 3, [0.5] * 2))
    with pytest.raises(ValueError, match="keypoints have 3 coordinates and a score: give 2D"):
        points_of(Entry([[1, 2, 3]] * 3, [0.5] * 3))


POINTS = np.array([[100.0, 50.0, 0.9], [200.0, 100.0, 0.9]])


@pytest.mark.parametrize(
    ("points", "size", "image_size", "x"),
    [
        (POINTS, None, (400, 200), 200),
        (POINTS, (400.0, 200.0), (400, 200), 200),
        (POINTS, (400.0, 200.0), None, 200),
        (POINTS, (400.0, 200.0), (800, 400), 400),
        (POINTS / (400, 200, 1), (1.0, 1.0), (400, 200), 200),
        (POINTS / (400, 200, 1), (400.0, 200.0), (800, 400), 400),
        (POINTS / (400, 200, 1), (400.0, 200.0), None, 200),
    ],
)
def test_pixels_of_the_image(points, size, image_size, x):
    found = to_pixels(points, size, image_size)
    assert found[1] == pytest.approx([x, x / 2, 0.9])


def test_parts_of_an_unknown_size_are_refused():
    with pytest.raises(ValueError, match=r"no coordinate is above 0\.5: give pixels, not fractions"):
        to_pixels(POINTS / (400, 200, 1), None, (400, 200))
    with pytest.raises(ValueError, match="give the image size"):
        to_pixels(POINTS / (400, 200, 1), (1.0, 1.0), None)


def test_a_canvas_of_other_proportions_is_refused():
    with pytest.raises(ValueError, match=r"a picture of 512 x 512 pixels, but the image has 800 x 400"):
        to_pixels(POINTS, (512.0, 512.0), (800, 400))


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ([0, 1, 2], [0, 0.5, 1]),
        ([0, 1, 1], [0, 1, 1]),
        ([5.0, 99.9, 60.3], [0.05, 0.999, 0.603]),
        ([0.2, 1.04, 0.9], [0.2, 1.0, 0.9]),
        ([0.5, -0.01, 0.9], [0.5, 0.0, 0.9]),
        ([0, 0, 0], [0, 0, 0]),
    ],
)
def test_scales_of_scores(scores, expected):
    assert confidences(np.array([scores], dtype=float))[0] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        ([9.9, 6.8, 3.0], r"up to 9\.9 are on an unknown scale"),
        ([0.9, 5.0, 0.9], "up to 5 are on an unknown scale"),
        ([3, 3, 3], "up to 3 are on an unknown scale"),
        ([1e9, 1e9, 1e9], r"up to 1e\+09 are on an unknown scale"),
        ([-1, -1, -1], "some are negative"),
        ([0.9, np.nan, 0.9], "NaN"),
        ([0.9, np.inf, 0.9], "infinite"),
        ([0.05, 0.04, 0.03], r"the highest score is 0\.05, but keypoints count as seen above 0\.1"),
    ],
)
def test_scores_on_no_known_scale(scores, message):
    with pytest.raises(ValueError, match=message):
        confidences(np.array([scores], dtype=float))
