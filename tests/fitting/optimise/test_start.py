"""Fits from initial bodies of another method."""

import dataclasses

import numpy as np
import pytest
import torch

from fitting.inputs.camera import Camera
from fitting.inputs.keypoints import Keypoints
from fitting.inputs.starts import StartBodies
from fitting.optimise.initialize import initialize
from fitting.optimise.start import Start, as_start, assigned, given_start
from qposer.body_pose.kinematics import mirror_body_pose
from qposer.body_pose.rotations import axis_angle_to_matrix, matrix_to_axis_angle
from qposer.body_pose.skeleton import BODY_JOINT_NAMES
from qposer.evaluation.metrics import mpjpe

PEOPLE, SIZE, FOCAL = 4, (1000, 1000), 1100.0


@pytest.fixture(scope="module")
def truth(fitter):
    """Samples of the prior side by side with different headings, and their noisy keypoints."""
    pose = fitter.prior.sample(PEOPLE, seed=5)
    turn = torch.arange(PEOPLE)[:, None] * 1.5 * torch.tensor([0.0, 1.0, 0.0])
    orient = axis_angle_to_matrix(torch.tensor([torch.pi, 0.0, 0.0])) @ axis_angle_to_matrix(turn)
    transl = torch.tensor([[x, 0.1, 5.0] for x in (-1.5, -0.5, 0.5, 1.5)])
    betas = torch.randn(PEOPLE, fitter.body.num_betas, generator=torch.Generator().manual_seed(1))
    xy = Camera.for_image(*SIZE, FOCAL).project(fitter.body.landmarks(orient, pose, betas, transl))
    xy = xy + 3 * torch.randn(xy.shape, generator=torch.Generator().manual_seed(2))
    return Start(pose, orient, betas), Keypoints(xy.numpy(), np.ones(xy.shape[:2]), "mediapipe")


def bodies(start, **changes):
    start = dataclasses.replace(start, **changes)
    arrays = [matrix_to_axis_angle(start.body_pose), matrix_to_axis_angle(start.orient), start.betas]
    return StartBodies(*(array.numpy() for array in arrays), body="open")


def errors_mm(fitter, truth, results):
    joints = torch.from_numpy(np.stack([result.joints for result in results]))[:, :22]
    true = fitter.body(truth[0].orient, truth[0].body_pose, truth[0].betas).joints[:, :22]
    return 1000 * mpjpe(joints - joints[:, :1], true - true[:, :1])


def test_a_good_start_is_kept_and_its_fault_is_corrected(fitter, truth):
    """With elbows bent 40 degrees, the fit is closer to the truth than its start and than a fit without one."""
    start, keypoints = truth
    elbow = BODY_JOINT_NAMES.index("left_elbow")
    pose = start.body_pose.clone()
    pose[:, elbow] = pose[:, elbow] @ axis_angle_to_matrix(torch.tensor([0.0, 0.0, 0.7]))
    given = bodies(start, body_pose=pose)
    found = fitter.fit_keypoints(keypoints, SIZE, focal=FOCAL, start=given)
    from_nothing = errors_mm(fitter, truth, fitter.fit_keypoints(keypoints, SIZE, focal=FOCAL))
    assert (errors_mm(fitter, truth, found) < 30).all()
    assert errors_mm(fitter, truth, found).mean() < 0.6 * from_nothing.mean()
    assert all(next(iter(result.moved)) == "left_elbow" for result in found[:2])


def test_people_are_found_among_the_bodies_of_a_start(fitter, truth):
    start, keypoints = truth
    order = torch.tensor([2, 0, 3, 1])
    camera = Camera.for_image(*SIZE, FOCAL, batch=PEOPLE)
    assert assigned(fitter.body, start[order], keypoints, camera) == [1, 3, 0, 2]
    fewer = assigned(fitter.body, start[order[:2]], keypoints, camera)
    assert (fewer[2], fewer[0]) == (0, 1)
    results = fitter.fit_keypoints(keypoints, SIZE, focal=FOCAL, start=bodies(start[order[:2]]))
    assert [bool(result.settings) for result in results] == [True] * PEOPLE
    assert errors_mm(fitter, truth, results)[[0, 2]].max() < 30


def corrected(fitter, truth, start):
    keypoints = truth[1]
    xy, weight = torch.from_numpy(keypoints.xy), torch.ones(keypoints.xy.shape[:2])
    camera = Camera.for_image(*SIZE, FOCAL, batch=PEOPLE)
    return given_start(fitter.body, start, truth[0].orient, xy, weight, "mediapipe", camera)


def test_axes_with_y_up_and_swapped_sides_are_turned_back(fitter, truth):
    start = truth[0]
    y_up = torch.diag(torch.tensor([1.0, -1.0, -1.0])) @ start.orient
    torch.testing.assert_close(corrected(fitter, truth, dataclasses.replace(start, orient=y_up)).orient, start.orient)
    mirrored = dataclasses.replace(start, body_pose=mirror_body_pose(start.body_pose))
    back = corrected(fitter, truth, mirrored).body_pose
    unlike = (start.body_pose - mirrored.body_pose).flatten(1).norm(dim=1) > 2
    assert unlike.any()
    torch.testing.assert_close(back[unlike], start.body_pose[unlike])
    unchanged = corrected(fitter, truth, start)
    torch.testing.assert_close(unchanged.orient, start.orient)
    torch.testing.assert_close(unchanged.body_pose, start.body_pose)


def test_shapes_of_another_body_are_left_out(fitter, truth):
    other = dataclasses.replace(bodies(truth[0]), body="smpl")
    assert as_start(other, fitter.body).betas is None
    assert as_start(bodies(truth[0]), fitter.body).betas is not None


def test_a_start_without_orientation_takes_the_predicted_one(fitter, truth):
    start, keypoints = truth
    given = dataclasses.replace(bodies(start), global_orient=None)
    results = fitter.fit_keypoints(keypoints, SIZE, focal=FOCAL, start=given)
    assert errors_mm(fitter, truth, results).mean() < 60
    assert all("pelvis" not in result.moved for result in results)


def test_the_size_of_a_person_does_not_depend_on_the_others(fitter, truth):
    start, keypoints = truth
    camera = Camera.for_image(*SIZE, FOCAL, batch=PEOPLE)

    def heights(people):
        given = as_start(bodies(start), fitter.body)[torch.tensor(people)]
        models = fitter.body, fitter.space, fitter.regressor
        return initialize(*models, keypoints[people], camera[torch.tensor(people)], given)[0].height

    everybody = heights([*range(PEOPLE)])
    for person in range(PEOPLE):
        torch.testing.assert_close(heights([person])[0], everybody[person], rtol=1e-4, atol=0)
