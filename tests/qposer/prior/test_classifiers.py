import pytest
import torch

from qposer.body_pose.kinematics import body_joints
from qposer.body_pose.rotations import axis_angle_to_matrix
from qposer.body_pose.skeleton import PARENTS, REST_JOINTS
from qposer.prior.classifiers import CoherenceClassifier, PerJointDetector, any_of


def poses(number=4, seed=0):
    return axis_angle_to_matrix(0.4 * torch.randn(number, 21, 3, generator=torch.Generator().manual_seed(seed)))


@pytest.fixture(params=[lambda: CoherenceClassifier(16), lambda: PerJointDetector(16, 1)], ids=["mixtures", "joints"])
def judge(request):
    torch.manual_seed(0)
    judge = request.param().eval()
    judge.fit_features(poses(64))
    return judge


def test_features_are_standardised(judge):
    seen = judge.seen(poses(64))
    assert seen.shape == (64, 21 * 9 + 3)
    assert seen.mean(0).abs().max() < 1e-3
    assert seen.std(0).max() < 1.01


def test_classifications_do_not_depend_on_the_batch(judge):
    rotations = poses(4)
    whole = judge(rotations)
    torch.testing.assert_close(judge(rotations.reshape(2, 2, 21, 3, 3)).reshape(whole.shape), whole)
    torch.testing.assert_close(judge(rotations[1]), whole[1], atol=1e-5, rtol=1e-4)


def test_only_in_training_are_features_hidden(judge):
    rotations = poses(64)
    assert torch.equal(judge.seen(rotations), judge.seen(rotations))
    hidden = (judge.train().seen(rotations) == 0).float().mean(1)
    assert hidden.min() < 0.1 < hidden.max() < judge.hidden + 0.2


def test_the_per_joint_detector_distinguishes_joints():
    judge = PerJointDetector(16, 1).eval()
    shown = []
    judge.stack.register_forward_pre_hook(lambda _, arguments: shown.append(arguments[0]))
    rotations = poses(2)
    assert judge(rotations).shape == (2, 21)
    joints = body_joints(rotations, torch.from_numpy(REST_JOINTS))
    for joint in range(1, 22):
        at = shown[0][:, joint - 1]
        torch.testing.assert_close(at[:, 6:9], joints[:, joint])
        torch.testing.assert_close(at[:, 9:], joints[:, PARENTS[joint]])


def test_one_corrupted_joint_is_enough():
    logits = torch.full((2, 21), -5.0)
    logits[1, 3] = 4.0
    quiet, disturbed = any_of(logits)
    assert disturbed == pytest.approx(4.0, abs=0.01)
    assert quiet < -1
