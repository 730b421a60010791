import numpy as np
import pytest
import torch

from fitting.inputs.camera import Camera
from fitting.inputs.keypoint_files.layouts import layout_of
from fitting.inputs.keypoint_files.reading import read_keypoints
from fitting.inputs.keypoints import FORMATS
from qposer.body_pose.rotations import axis_angle_to_matrix

LAYOUTS = {
    "coco": ("COCO", 0),
    "coco_18": ("OpenPose's COCO", 0),
    "coco_feet": ("COCO with feet", 0),
    "body_25": ("BODY_25", 0),
    "body_25b": ("BODY_25B", 0),
    "halpe": ("HALPE 26", 0),
    "h36m": ("Human3.6M", 0),
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
def test_the_layout_is_detected_by_number_and_limbs(figures, order, more, name):
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


def test_middles_that_a_layout_lacks_are_between_both_sides(figures):
    rows = np.array([figures.rows("coco_feet")])
    rows[0, 11, 2] = 0.0  # the left hip
    joints = layout_of(rows).joints(rows)
    names = FORMATS["openpose"].names
    assert joints[0, names.index("neck")] == pytest.approx([300, 185, 0.9])
    assert joints[0, names.index("mid_hip"), 2] == 0.0


def test_a_file_of_17_points_may_be_of_coco_or_of_human36m(figures, write):
    for format in ("coco", "h36m"):
        rows = np.array(figures.rows(format))
        person = {"keypoints": rows[:, :2].tolist(), "keypoint_scores": rows[:, 2].tolist()}
        keypoints = read_keypoints(write({"instance_info": [{"frame_id": 0, "instances": [person]}]}))
        assert keypoints.format == format
        assert figures.same(keypoints)


@pytest.mark.parametrize(("format", "name", "least"), [("coco", "COCO", 1.0), ("h36m", "Human3.6M", 0.97)])
def test_layouts_of_17_points_are_detected_on_bodies_in_many_poses(fitter, format, name, least):
    """Bodies 4 m away, seen from all sides, with keypoint errors of a fiftieth of their height."""
    people, draws = 300, torch.Generator().manual_seed(0)
    pose = fitter.prior.sample(people, generator=draws)
    turn = 2 * torch.pi * torch.rand(people, generator=draws)[:, None] * torch.tensor([0.0, 1.0, 0.0])
    orient = axis_angle_to_matrix(torch.tensor([torch.pi, 0.0, 0.0])) @ axis_angle_to_matrix(turn)
    transl = torch.tensor([0.0, 0.1, 4.0]).expand(people, 3)
    camera = Camera.for_image(1000, 1000, 1100.0, batch=people)
    xy = camera.project(fitter.body.landmarks(orient, pose, None, transl, format=format))
    xy = xy + 10 * torch.randn(xy.shape, generator=draws)
    rows = np.concatenate([xy.numpy(), np.ones((people, 17, 1))], axis=-1)
    assert np.mean([layout_of(row[None]).name == name for row in rows]) >= least


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
