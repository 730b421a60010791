"""Accuracy of the shipped weights on recorded poses: a fit that is wrong somewhere exceeds these bounds.

The bounds are those of the shipped weights with a margin that is smaller than what a mistake costs: a weight of the
prior or of the predicted pose at zero, hips predicted 10 degrees off, landmarks of the left and the right exchanged.
New weights require new measurements.
"""

import math
from dataclasses import dataclass

import pytest
import torch

from benchmarks.fitting.people import People, observed, photographed
from benchmarks.prior.poses import Poses
from fitting.inputs.camera import Camera
from fitting.inputs.keypoints import Keypoints
from qposer.body_pose.kinematics import mirror_body_pose
from qposer.body_pose.rotations import axis_angle_to_matrix
from qposer.body_pose.skeleton import BODY_JOINT_NAMES, JOINT_NAMES
from qposer.evaluation.metrics import mpjpe, pa_mpjpe

CROWD, STRAIGHTEST = 64, 16
FOCAL, DISTANCE = 1100.0, 2.6


@dataclass(frozen=True)
class Fits:
    """Errors of fits to a group of people."""

    pa_mpjpe_mm: float
    mpjpe_mm: float
    energy: float
    """Mean energy of the prior."""
    knee_error: float
    """Mean error of knee angles, degrees."""
    pitch: float
    """Absolute mean error of the pelvis pitch, degrees."""


CROWD_BOUNDS = {
    "clean": Fits(35.5, 57.5, -0.41, 9.2, math.inf),
    "noise": Fits(50.8, 85.0, -0.45, 12.8, math.inf),
    "legs missing": Fits(93.0, 126.0, -0.5, 28.5, math.inf),
}
UPRIGHT_BOUNDS = {"clean": Fits(22.3, 33.0, -0.53, 4.7, 1.8), "noise": Fits(36.2, 56.0, -0.56, 9.2, 3.3)}


@pytest.fixture(scope="module")
def crowd(fitter):
    """Recorded poses, seen from everywhere."""
    return photographed(fitter.body, Poses.quick().test[:CROWD], torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def upright(fitter):
    """Recorded poses with the straightest legs, and their mirror images, seen from all sides by a level camera."""
    every = Poses.quick()
    recorded = torch.cat([every.train, every.test])
    legs = [BODY_JOINT_NAMES.index(f"{side}_{name}") for side in ("left", "right") for name in ("hip", "knee")]
    order = recorded[:, legs].norm(dim=-1).sum(-1).argsort()
    body_pose = axis_angle_to_matrix(recorded[order[:STRAIGHTEST]])
    body_pose = torch.cat([body_pose, mirror_body_pose(body_pose)])
    people = len(body_pose)
    yaw = torch.linspace(0, 4 * math.pi, people + 1)[:people, None] * torch.tensor([0.0, 1.0, 0.0])
    orient = axis_angle_to_matrix(torch.tensor([math.pi, 0.0, 0.0])) @ axis_angle_to_matrix(yaw)
    betas = 0.5 * torch.randn(people, fitter.body.num_betas, generator=torch.Generator().manual_seed(2))
    transl = torch.tensor([0.0, 0.0, DISTANCE]).expand(people, 3)
    camera = Camera.for_image(1000, 1000, FOCAL, batch=people)
    xy = camera.project(fitter.body.landmarks(orient, body_pose, betas, transl))
    return People(orient, body_pose, betas, transl, camera, xy, torch.full((people,), FOCAL * 1.7 / DISTANCE))


def joints_of(body, orient, body_pose, betas):
    joints = body(orient, body_pose, betas).joints[:, :22]
    return joints - joints[:, :1]


def knee_angles(joints):
    """Degrees between thigh and shin."""
    at = dict(zip(JOINT_NAMES, joints.unbind(1)[:22], strict=False))
    angles = []
    for side in ("left", "right"):
        thigh, shin = at[f"{side}_knee"] - at[f"{side}_hip"], at[f"{side}_ankle"] - at[f"{side}_knee"]
        across = torch.linalg.cross(thigh, shin).norm(dim=-1)
        angles.append(torch.atan2(across, (thigh * shin).sum(-1)).rad2deg())
    return torch.stack(angles, dim=-1)


@torch.no_grad()
def fitted(fitter, people, condition):
    xy, confidence = observed(people, condition, torch.Generator().manual_seed(0))
    _, found = fitter.solve(Keypoints(xy.numpy(), confidence.numpy(), "mediapipe"), people.camera)
    body_pose = fitter.body_pose(found)
    joints = joints_of(fitter.body, found.orient, body_pose, found.betas)
    truth = joints_of(fitter.body, people.orient, people.body_pose, people.betas)
    _, up, forward = (people.orient.mT @ found.orient[:, :, 1:2])[..., 0].unbind(-1)
    pitch = torch.atan2(forward, up).rad2deg()
    return Fits(
        1000 * float(pa_mpjpe(joints, truth).mean()),
        1000 * float(mpjpe(joints, truth).mean()),
        float(fitter.prior.energy(body_pose).mean()),
        float((knee_angles(joints) - knee_angles(truth)).abs().mean()),
        abs(float(pitch.mean())),
    )


def exceeded(found, bounds):
    """Metrics that are not below their bounds."""
    return {name: value for name, value in vars(found).items() if not value < vars(bounds)[name]}


@pytest.mark.parametrize("condition", CROWD_BOUNDS)
def test_recorded_poses_seen_from_everywhere(fitter, crowd, condition):
    assert exceeded(fitted(fitter, crowd, condition), CROWD_BOUNDS[condition]) == {}


@pytest.mark.parametrize("condition", UPRIGHT_BOUNDS)
def test_people_who_stand_upright_are_fitted_upright(fitter, upright, condition):
    assert exceeded(fitted(fitter, upright, condition), UPRIGHT_BOUNDS[condition]) == {}
