import pytest
import torch

from benchmarks.fitting import contenders
from benchmarks.fitting.contenders import shipped
from benchmarks.foreign.measurements import CONDITIONS, Settings, drop_in_error, fits, plausibility
from benchmarks.foreign.poses import PoseSet
from benchmarks.optimisers import scaled
from benchmarks.prior.negatives import NEGATIVES

TINY = Settings(poses=6, people=2)


class Knows:
    """Finds implausible what is not among some poses, and loses a little of each."""

    name = "oracle"

    def __init__(self, known):
        self.known = known

    def energy(self, body_pose):
        return (body_pose[:, None] - self.known).flatten(2).norm(dim=-1).amin(-1)

    def reconstruct(self, body_pose):
        return 0.9 * body_pose


@pytest.fixture
def poses():
    drawn = 0.2 * torch.randn(9, 21, 3, generator=torch.Generator().manual_seed(0))
    return PoseSet("some", drawn, torch.arange(9) // 3)


def test_the_poses_of_the_set_are_the_real_ones(poses):
    found = plausibility(Knows(poses.body_pose), poses, TINY)
    assert max(found.result["energy"]["real"]) == 0
    assert all(min(found.result["energy"][kind]) > 0 for kind in NEGATIVES)
    assert found.poses.sequence.bincount().tolist() == [2, 2, 2]
    assert min(found.result["gap_mm"]["real"]) > 1


def test_the_drop_in_keeps_usual_poses_better_than_strange_ones():
    usual = torch.zeros(1, 21, 3)
    strange = 1.5 * torch.randn(1, 21, 3, generator=torch.Generator().manual_seed(0))
    errors = drop_in_error(torch.cat([usual, strange]))
    assert 0 < errors[0] < 60 < errors[1]


def test_fits_have_an_error_of_each_person_in_each_condition(poses, monkeypatch):
    monkeypatch.setattr(contenders, "SCHEDULE", scaled(contenders.SCHEDULE, 1 / 2))
    found = fits(shipped()[0], poses, poses, torch.eye(3).expand(21, 3, 3), TINY)
    assert tuple(found.pa_mpjpe) == CONDITIONS
    assert len(found.poses) == 2
    assert all(len(errors) == 2 and 0 < errors.max() < 500 for errors in found.pa_mpjpe.values())
    assert found.pa_mpjpe["clean"].mean() < found.pa_mpjpe["legs missing"].mean()
