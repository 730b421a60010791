import torch

from qposer.body_pose.kinematics import mirror_body_pose
from qposer.body_pose.rotations import axis_angle_to_matrix, geodesic_angle
from qposer.training.batches import draw_poses
from qposer.training.rig_variation import STRENGTH, vary_rig


def test_half_of_the_poses_are_mirrored():
    pose = 0.3 * torch.randn(1, 21, 3, generator=torch.Generator().manual_seed(0))
    drawn = draw_poses(pose, 6, torch.Generator().manual_seed(0), strength=0.0)
    recorded = axis_angle_to_matrix(pose).expand(3, 21, 3, 3)
    torch.testing.assert_close(drawn, torch.cat([recorded, mirror_body_pose(recorded)]))


def test_poses_are_drawn_as_other_rigs_would_record_them():
    pose = torch.zeros(1, 21, 3)
    drawn = draw_poses(pose, 400, torch.Generator().manual_seed(0))
    varied = vary_rig(torch.eye(3).expand(400, 21, 3, 3), torch.Generator().manual_seed(1), STRENGTH)
    angles, expected = (geodesic_angle(each, torch.eye(3)).mean(0) for each in (drawn, varied))
    assert angles.min().rad2deg() > 2
    torch.testing.assert_close(angles, expected, rtol=0.3, atol=0)
