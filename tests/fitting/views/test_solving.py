import pytest
import torch

from fitting.views.matching import match_people
from fitting.views.rig import Rig
from fitting.views.solving import PRIOR_SCALE, solve_views


@pytest.mark.parametrize(("number", "further"), [(2, 1), (4, 3)])
def test_every_further_view_reduces_the_maximum_weight_of_the_prior(fitter, cameras, truth, number, further):
    rig = Rig.of(cameras[:number])
    views = [truth.seen_by(camera, [0], noise=12.0, seed=seed) for seed, camera in enumerate(cameras[:number])]
    people = match_people(rig, views, 1)
    solution = solve_views(fitter, rig, people, "mediapipe", torch.eye(3), noise_floor=0.0)
    assert solution.problem.prior_scale.tolist() == pytest.approx([PRIOR_SCALE.most / further])
