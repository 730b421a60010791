import numpy as np
import pytest

from fitting.fit import Fitter

SIZE = (400, 300)


@pytest.fixture(scope="session")
def fitter():
    """One fitter for all tests, which reads its weights once."""
    return Fitter()


@pytest.fixture(scope="session")
def make_person(exact_fit):
    """A fit that is right: an upright open body with random bends, by default three metres from the camera."""

    def make(seed=0, at=(0.1, 0.2, 3.0), focal=350.0):
        rng = np.random.default_rng(seed)
        return exact_fit(
            np.array([np.pi, 0.0, 0.0]) + rng.normal(0, 0.1, 3),
            rng.normal(0, 0.2, (21, 3)),
            rng.normal(size=10),
            at,
            size=SIZE,
            focal=focal,
            format="openpose",
            person_height_px=200.0,
            codes=rng.integers(0, 256, (21, 4)),
        )

    return make
