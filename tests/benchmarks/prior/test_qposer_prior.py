import torch

from benchmarks.prior import qposer_prior
from benchmarks.prior.protocol import joints_mm
from qposer.evaluation.metrics import mpjpe


def generator():
    return torch.Generator().manual_seed(0)


def test_poses_come_back_in_the_kind_that_all_priors_give(poses, qposer):
    few = poses.test[:3]
    known = torch.arange(21) < 10
    completed = qposer.complete(few, known, 2, generator())
    assert qposer.energy(few).shape == (3,)
    assert qposer.reconstruct(few).shape == few.shape
    assert qposer.sample(4, generator()).shape == (4, 21, 3)
    assert completed.shape == (2, 3, 21, 3)
    torch.testing.assert_close(completed[:, :, known], few[:, known].expand(2, -1, -1, -1))


def test_a_fit_reduces_the_distance_to_the_joints(poses, qposer, monkeypatch):
    truth = qposer.reconstruct(poses.test[:4])
    joints = joints_mm(truth) / 1000

    def error(steps):
        monkeypatch.setattr(qposer_prior, "STEPS", steps)
        return mpjpe(joints_mm(qposer.fit_joints(joints, 0.0)), 1000 * joints).mean()

    assert error(100) < 0.8 * error(0)


def test_fits_do_not_depend_on_others_in_the_batch(poses, qposer, few_steps):
    joints = joints_mm(poses.test[:4]) / 1000
    together = qposer.fit_joints(joints, 0.3)
    torch.testing.assert_close(together[1:2], qposer.fit_joints(joints[1:2], 0.3), atol=1e-4, rtol=0)
