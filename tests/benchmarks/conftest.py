import numpy as np
import pytest

from qposer.body_pose.skeleton import BODY_JOINT_NAMES

SIZE = (200, 240)


@pytest.fixture(scope="session")
def make_fit(exact_fit):
    """A fit that is right: an open body, upright and facing the camera by default, with some joints bent about x."""

    def make(orient=(np.pi, 0.0, 0.0), focal=300.0, **degrees):
        pose = np.zeros((21, 3))
        for name, angle in degrees.items():
            pose[BODY_JOINT_NAMES.index(name), 0] = np.radians(angle)
        return exact_fit(
            orient,
            pose,
            np.zeros(10),
            (0.0, 0.2, 3.0),
            size=SIZE,
            focal=focal,
            format="mediapipe",
            person_height_px=100.0,
            codes=np.zeros((21, 4), int),
        )

    return make
