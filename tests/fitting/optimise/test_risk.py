import dataclasses

import numpy as np
import pytest
import torch

from fitting.inputs.keypoints import FORMATS
from fitting.optimise.hypotheses import WEIGHTS, Candidates
from fitting.optimise.risk import disagreement_of, risk_of
from qposer.body_pose.skeleton import JOINT_NAMES

PEOPLE = 2


def test_each_kind_of_evidence_changes_the_risk():
    usual = {"spread": 0.05, "disagreement": 0.07, "density": 2.0}
    risk = risk_of(**usual)
    assert 0 < risk < 1
    for name, riskier in (("spread", 0.1), ("disagreement", 0.12), ("density", 0.0)):
        assert risk_of(**usual | {name: riskier}) > risk + 0.05, name
    assert risk_of(0.0, 0.0, 0.0) < 1e-3 < 1 - 1e-3 < risk_of(1.0, 1.0, -1000.0)


def test_a_detector_agrees_up_to_its_position_and_disagrees_elsewhere():
    names = FORMATS["mediapipe"].names
    joints = np.random.default_rng(0).normal(size=(22, 3))
    world = np.zeros((33, 3))
    shared = [name for name in JOINT_NAMES if name in names]
    for name in shared:
        world[names.index(name)] = joints[JOINT_NAMES.index(name)] + 3.0
    assert disagreement_of(joints, world, "mediapipe") == pytest.approx(0, abs=1e-9)
    world[names.index("left_wrist"), 2] += 0.6
    assert disagreement_of(joints, world, "mediapipe") == pytest.approx(0.6 / len(shared))


def test_the_spread_is_the_expected_distance_from_the_other_candidates():
    """The candidates of each person are apart by 1 and 3 m, in different order, and equally probable."""
    joints = torch.zeros(3, PEOPLE, 22, 3)
    joints[1, 0, :, 0], joints[2, 0, :, 0] = 1.0, 3.0
    joints[0, 1, :, 0], joints[2, 1, :, 0] = 1.0, 3.0
    features = torch.zeros(3, PEOPLE, len(WEIGHTS))
    found = Candidates(None, None, joints, features)
    assert [spread for spread, _ in found.evidence([0, 0])] == pytest.approx([4 / 3, 1.0])
    assert [spread for spread, _ in found.evidence([2, 1])] == pytest.approx([5 / 3, 4 / 3])
    features[1, 1, list(WEIGHTS).index("density")] = -7.0
    assert [density for _, density in dataclasses.replace(found, features=features).evidence([0, 1])] == [0.0, -7.0]
