import math

import pytest
import torch

from fitting.inputs.camera import Camera
from fitting.inputs.keypoints import FORMATS
from fitting.optimise.tilt import LEAST_TILT, LEAST_TILT_OF_HEAD, tilt
from qposer.body_pose.rotations import axis_angle_to_matrix

ANGLES = (-170, -120, -80, -40, -20, 0, 20, 40, 80, 120, 170)
BELOW = ("hip", "pelvis", "knee", "ankle", "heel", "foot_index", "toe")


def seen(body, format, degrees, without=()):
    """Keypoints of an upright body, which faces the camera, rotated clockwise in the image."""
    angle = torch.deg2rad(torch.tensor(degrees, dtype=torch.float32))[:, None]
    turn = axis_angle_to_matrix(angle * torch.tensor([0.0, 0.0, 1.0]))
    orient = turn @ axis_angle_to_matrix(torch.tensor([torch.pi, 0.0, 0.0]))
    people = len(orient)
    camera = Camera(torch.full((people,), 900.0), torch.full((people, 2), 400.0))
    transl = torch.tensor([0.0, 0.0, 4.0]).expand(people, 3)
    xy = camera.project(body.landmarks(orient, torch.zeros(people, 21, 3), None, transl, format=format))
    hidden = torch.tensor([name.endswith(without) for name in FORMATS[format].names])
    confidence = torch.ones(xy.shape[:2]).masked_fill(hidden, 0.0)
    return xy.masked_fill(hidden[:, None], 0.0), confidence


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize(("without", "least"), [((), LEAST_TILT), (BELOW, LEAST_TILT_OF_HEAD)])
def test_bodies_far_from_upright_have_a_tilt(open_body, format, without, least):
    found = torch.rad2deg(tilt(*seen(open_body, format, ANGLES, without), format)).tolist()
    for angle, degrees in zip(ANGLES, found, strict=True):
        assert degrees == pytest.approx(angle if abs(angle) > math.degrees(least) else 0.0, abs=4)


@pytest.mark.parametrize("side", ["left", "right"])
def test_one_side_of_the_body_is_enough(open_body, side):
    without = tuple(name for name in FORMATS["coco"].names if name.startswith(side))
    found = torch.rad2deg(tilt(*seen(open_body, "coco", (130,), without), "coco"))
    assert found.item() == pytest.approx(130, abs=8)


def test_people_with_only_legs_or_arms_visible_are_not_rotated(open_body):
    for part in (BELOW, ("elbow", "wrist")):
        others = tuple(name for name in FORMATS["coco"].names if not name.endswith(part))
        assert tilt(*seen(open_body, "coco", (180, 90), others), "coco").tolist() == [0.0, 0.0]
