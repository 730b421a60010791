import pytest

from fitting.body.body import Body
from fitting.optimise.pose_space import RelaxedCodes
from qposer.hands.prior import load_hand_prior


@pytest.fixture(scope="session")
def body():
    return Body.open(hands=True)


@pytest.fixture(scope="session")
def space():
    return RelaxedCodes(load_hand_prior().code_prior)
