"""Fits with what people know: sentences about the pose, and the height of the camera."""

import numpy as np
import pytest
import torch

from benchmarks.fitting.people import photographed
from benchmarks.prior.poses import Poses
from fitting.fit import Fitter
from fitting.inputs.keypoints import FORMATS, Keypoints
from fitting.optimise.settings import FitSettings
from qposer.body_pose.posed_skeleton import OrientedPose, PosedSkeleton
from qposer.body_pose.rotations import axis_angle_to_matrix
from qposer.body_pose.skeleton import BODY_JOINT_NAMES
from qposer.control.instructions import InstructionError

PEOPLE, ARM = 4, ("elbow", "wrist", "pinky", "index", "thumb")


def fitter_with(fitter, **settings):
    return Fitter(fitter.body, fitter.prior, FitSettings(**settings), regressor=fitter.regressor)


@pytest.fixture(scope="module")
def people(fitter):
    """People whose right arm is out of sight."""
    crowd = photographed(fitter.body, Poses.quick().test[:PEOPLE], torch.Generator().manual_seed(3))
    names = FORMATS["mediapipe"].names
    hidden = [name.startswith("right") and name.endswith(ARM) for name in names]
    confidence = np.tile(np.where(hidden, 0.0, 1.0), (PEOPLE, 1))
    keypoints = Keypoints(crowd.xy.numpy(), confidence, "mediapipe", noise_floor=0.0)
    return crowd, keypoints


def fitted(fitter, people, **settings):
    crowd, keypoints = people
    own = fitter_with(fitter, **settings)
    return [
        own.fit_keypoints(keypoints[[person]], (1000, 1000), focal=crowd.camera.focal[person].item())[0]
        for person in range(PEOPLE)
    ]


def hand_to_hip(result):
    pose = OrientedPose(axis_angle_to_matrix(torch.from_numpy(result.body_pose)), torch.eye(3))
    points = PosedSkeleton.of(pose)
    return 100 * (points.point("right_palm") - points.point("right_waist")).norm().item()


def test_an_unseen_hand_satisfies_its_statement(fitter, people):
    without, held = fitted(fitter, people), fitted(fitter, people, holds=("right hand on the right hip",))
    assert np.median([hand_to_hip(result) for result in without]) > 25
    assert max(hand_to_hip(result) for result in held) < 11
    for before, after in zip(without, held, strict=True):
        assert after.reprojection_error_percent < before.reprojection_error_percent + 0.3
        assert after.notes == ()


def test_a_hold_that_the_keypoints_contradict_is_named(fitter, people):
    results = fitted(fitter, people, holds=("left hand on the right foot",))
    assert all(any("left hand" in note and "missed by" in note for note in result.notes) for result in results)
    assert all(result.verdict != "good" for result in results)


def test_sentences_that_are_not_understood_are_refused(fitter, people):
    with pytest.raises(InstructionError, match="hyperdrive"):
        fitted(fitter, people, holds=("left hand on the hyperdrive",))
    with pytest.raises(InstructionError, match="contradict"):
        fitted(fitter, people, holds=("left elbow bent 90 degrees", "left elbow bent 20 degrees"))


def test_feet_are_on_the_ground_below_a_camera_of_known_height(fitter, people):
    """The distance of a person follows from it, even if the size does not."""
    for result in fitted(fitter, people, camera_height=2.0):
        soles = fitter.body.landmarks(
            *(
                torch.from_numpy(getattr(result, name))[None]
                for name in ("global_orient", "body_pose", "betas", "transl")
            )
        )[0, 29:, 1]
        assert soles.max().item() == pytest.approx(2.0, abs=0.06)


@pytest.mark.parametrize(
    ("name", "value"), [("camera_pitch", 90.0), ("camera_height", 0.0), ("camera_height", float("inf"))]
)
def test_impossible_cameras_are_refused(name, value):
    with pytest.raises(ValueError, match="camera's"):
        FitSettings(**{name: value})


def test_joints_of_a_statement_are_those_that_change_it():
    hold = FitSettings(holds=("left hand on the left hip",)).hold
    told = [BODY_JOINT_NAMES[index] for index in hold.joints.nonzero()[:, 0].tolist()]
    arm = [f"left_{name}" for name in ("collar", "shoulder", "elbow", "wrist")]
    assert told == ["spine1", "spine2", "spine3", *arm]
