import numpy as np
import pytest

from fitting.inputs.keypoint_files.layouts import layout_of
from fitting.inputs.keypoints import FORMATS

LAYOUTS = {
    "coco": ("COCO", 0),
    "coco_18": ("OpenPose's COCO", 0),
    "coco_feet": ("COCO with feet", 0),
    "body_25": ("BODY_25", 0),
    "body_25b": ("BODY_25B", 0),
    "halpe": ("HALPE 26", 0),
}
WITH_HANDS_AND_FACE = [
    ("coco_feet", 110, "COCO-WholeBody"),
    ("body_25b", 110, "BODY_135"),
    ("body_25", 110, "BODY_25 with hands and face"),
    ("halpe", 110, "HALPE 136"),
]


@pytest.mark.parametrize(
    ("order", "more", "name"),
    [(order, more, name) for order, (name, more) in LAYOUTS.items()] + WITH_HANDS_AND_FACE,
)
def test_the_layout_is_told_by_number_and_limbs(figures, order, more, name):
    people = np.array([figures.rows(order, more=more)])
    assert layout_of(people).name == name


def test_points_of_a_layout_come_in_the_order_of_its_format(figures):
    rows = np.array([figures.rows("halpe")])
    rows[0, 20, 2] = 0.25  # the left big toe
    joints = layout_of(rows).joints(rows)
    names = FORMATS["openpose"].names
    assert joints[0, names.index("left_big_toe")].tolist() == [345, 615, 0.25]
    assert joints[0, names.index("right_heel")].tolist() == [265, 602, 0.9]
    assert joints[0, names.index("neck")].tolist() == [300, 185, 0.9]


def test_middles_that_a_layout_lacks_lie_between_both_sides(figures):
    rows = np.array([figures.rows("coco_feet")])
    rows[0, 11, 2] = 0.0  # the left hip
    joints = layout_of(rows).joints(rows)
    names = FORMATS["openpose"].names
    assert joints[0, names.index("neck")] == pytest.approx([300, 185, 0.9])
    assert joints[0, names.index("mid_hip"), 2] == 0.0


def test_random_or_few_points_are_of_the_usual_layout(figures):
    rng = np.random.default_rng(0)
    for _ in range(100):
        xy = rng.uniform(0, 300, (1, 25, 2))
        assert layout_of(np.concatenate([xy, np.ones((1, 25, 1))], axis=-1)).name == "BODY_25"
        few = np.array([figures.rows("body_25")])
        few[0, rng.random(25) < 0.6, 2] = 0.0
        assert layout_of(few).name == "BODY_25"


def test_unknown_numbers_of_points(figures):
    with pytest.raises(ValueError, match=r"no known layout has 16 keypoints \(48 numbers\): give 17 \(COCO\)"):
        layout_of(np.ones((1, 16, 3)))
