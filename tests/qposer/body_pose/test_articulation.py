import pytest
import torch

from qposer.body_pose.articulation import BODY
from qposer.body_pose.kinematics import body_joints
from qposer.body_pose.rotations import axis_angle_to_matrix
from qposer.body_pose.skeleton import REST_JOINTS
from qposer.prior.articulations import articulation_of


def test_points_of_a_body_are_its_joints():
    pose = axis_angle_to_matrix(0.3 * torch.randn(2, 21, 3, generator=torch.Generator().manual_seed(0)))
    torch.testing.assert_close(BODY.points(pose), body_joints(pose, torch.from_numpy(REST_JOINTS)))


def test_articulations_are_found_by_their_number_of_joints():
    assert articulation_of(21) is BODY
    assert articulation_of(15).name == "hand pose"
    with pytest.raises(ValueError, match=r"of 22 joints: the numbers are 21 \(a body pose\), 15 \(a hand pose\)"):
        articulation_of(22)
