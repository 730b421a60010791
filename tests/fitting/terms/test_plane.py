"""Distances to a plane, and fits with feet on one; columns are compared with autograd in ``test_terms.py``."""

import dataclasses
import json

import numpy as np
import pytest
import torch

from fitting.fit import Fitter
from fitting.inputs.camera import Camera
from fitting.inputs.keypoints import FORMATS, Keypoints
from fitting.optimise.settings import FitSettings
from fitting.terms.plane import OnPlane
from fitting.terms.term import Posed
from qposer.body_pose.rotations import axis_angle_to_matrix
from qposer.body_pose.skeleton import BODY_JOINT_NAMES

SIZE, FOCAL = (1000, 1000), 1100.0
LEFT, RIGHT = ("left_heel", "left_big_toe", "left_small_toe"), ("right_heel", "right_big_toe", "right_small_toe")
FLOOR = OnPlane(700.0, LEFT + RIGHT, "openpose", (0.0, 1.0, 0.0), 1.2)


def bodies(landmarks):
    """Bodies with only landmarks."""
    people = len(landmarks)
    none = torch.zeros(people, 1)
    return Posed(*[none] * 6, landmarks, none)


def feet(fitter, result, names):
    """Positions in the camera's axes of keypoints of a fit."""
    given = [torch.tensor(value)[None] for value in (result.global_orient, result.body_pose, result.betas)]
    transl = torch.tensor(result.transl)[None]
    landmarks = fitter.body.landmarks(*given, transl, format="openpose")
    return landmarks[0, FORMATS["openpose"].indices(*names)]


def keypoints_of(fitter, body_pose):
    """An upright person 4 m away, seen obliquely by a level camera."""
    turn = axis_angle_to_matrix(torch.tensor([[torch.pi, 0.0, 0.0], [0.0, 0.7, 0.0]]))
    transl = torch.tensor([[0.0, 0.1, 4.0]])
    landmarks = fitter.body.landmarks(turn[:1] @ turn[1:], body_pose, None, transl, format="openpose")
    xy = Camera.for_image(*SIZE, FOCAL).project(landmarks)
    return Keypoints(xy.numpy(), np.ones((1, 25)), "openpose")


def fitted(fitter, seen, *terms):
    own = Fitter(fitter.body, fitter.prior, FitSettings(terms=terms))
    return own.fit_keypoints(seen, SIZE, focal=FOCAL)[0]


def test_the_cost_is_the_mean_of_squared_distances_of_the_named_landmarks():
    landmarks = torch.randn(2, 25, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    normal, offset = (0.0, 3.0, 4.0), 0.5
    found = dataclasses.replace(FLOOR, normal=normal, offset=offset).residual(bodies(landmarks)).cost
    for person in range(2):
        rows = [FORMATS["openpose"].names.index(name) for name in LEFT + RIGHT]
        gaps = [float(0.6 * landmarks[person, row, 1] + 0.8 * landmarks[person, row, 2]) - offset for row in rows]
        assert float(found[person]) == pytest.approx(700.0 * sum(gap**2 for gap in gaps) / len(gaps))


def test_the_other_sense_of_the_normal_is_the_same_plane():
    landmarks = torch.randn(2, 25, 3, generator=torch.Generator().manual_seed(0))
    turned = dataclasses.replace(FLOOR, normal=(0.0, -1.0, 0.0), offset=-FLOOR.offset)
    torch.testing.assert_close(turned.residual(bodies(landmarks)).cost, FLOOR.residual(bodies(landmarks)).cost)


def test_feet_come_to_the_floor_and_the_person_goes_with_them(fitter):
    """A floor below the feet of the mean shape: the person on it is taller and farther away."""
    seen = keypoints_of(fitter, torch.zeros(1, 21, 3))
    free = fitted(fitter, seen)
    lower = dataclasses.replace(FLOOR, offset=float(feet(fitter, free, LEFT + RIGHT)[:, 1].mean()) + 0.1)
    found = fitted(fitter, seen, lower)
    assert (feet(fitter, found, LEFT + RIGHT)[:, 1] - lower.offset).abs().max() < 0.03
    assert found.transl[2] > free.transl[2] + 0.1
    assert found.reprojection_error_px < free.reprojection_error_px + 2.0


def test_a_foot_that_is_not_named_stays_in_the_air(fitter):
    pose = torch.zeros(1, 21, 3)
    pose[0, BODY_JOINT_NAMES.index("right_hip"), 0] = -0.9
    pose[0, BODY_JOINT_NAMES.index("right_knee"), 0] = 1.2
    seen = keypoints_of(fitter, pose)
    lower = float(feet(fitter, fitted(fitter, seen), LEFT)[:, 1].mean()) + 0.1
    found = fitted(fitter, seen, dataclasses.replace(FLOOR, landmarks=LEFT, offset=lower))
    assert (feet(fitter, found, LEFT)[:, 1] - lower).abs().max() < 0.03
    assert feet(fitter, found, RIGHT)[:, 1].max() < lower - 0.1


def test_settings_with_a_plane_are_written_with_results():
    assert "left_heel" in json.dumps(FitSettings(terms=(FLOOR,)).as_json)


def test_a_plane_for_other_keypoints_is_refused():
    with pytest.raises(ValueError, match="a plane for 25 openpose keypoints was given to a fit of 17"):
        FLOOR.residual(bodies(torch.zeros(1, 17, 3)))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"weight": -1.0}, "weight of a plane must be 0 or more, not -1.0"),
        ({"format": "smpl"}, "unknown keypoint format 'smpl': use mediapipe"),
        ({"format": "coco"}, "coco keypoints have no left_heel, .*: use nose"),
        ({"landmarks": ()}, "use nose"),
        ({"normal": (0.0, 0.0, 0.0)}, "must be a finite nonzero vector"),
        ({"normal": (0.0, float("nan"), 1.0)}, "must be a finite nonzero vector"),
        ({"normal": (0.0, 1.0)}, "must be a finite nonzero vector"),
        ({"offset": float("inf")}, "offset of a plane must be a finite number of metres, not inf"),
    ],
)
def test_wrong_planes_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(FLOOR, **wrong)
