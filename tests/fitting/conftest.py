import numpy as np
import pytest
import torch

from fitting.body.body import Body
from fitting.fit import Fitter
from fitting.inputs.camera import Camera
from fitting.inputs.keypoints import Keypoints
from fitting.output.results import FitResult

SIZE = (400, 300)


@pytest.fixture(scope="session")
def fitter():
    """One for all tests: its weights are read once."""
    return Fitter()


@pytest.fixture(scope="session")
def open_body():
    return Body.open()


@pytest.fixture(scope="session")
def make_person(open_body):
    """A fit that is right: an upright open body with random bends, three metres from the camera unless told."""

    def make(seed=0, at=(0.1, 0.2, 3.0), focal=350.0):
        rng = np.random.default_rng(seed)
        parameters = {
            "global_orient": np.array([np.pi, 0.0, 0.0]) + rng.normal(0, 0.1, 3),
            "body_pose": rng.normal(0, 0.2, (21, 3)),
            "betas": rng.normal(size=10),
            "transl": np.array(at),
        }
        parameters = {name: value.astype(np.float32) for name, value in parameters.items()}
        tensors = [torch.from_numpy(value)[None] for value in parameters.values()]
        output = open_body(*tensors)
        camera = Camera.for_image(*SIZE, focal)
        xy = camera.project(open_body.landmarks(*tensors, format="openpose")).numpy()
        return FitResult(
            **parameters,
            codes=rng.integers(0, 256, (21, 4)),
            focal=focal,
            centre=camera.centre[0].numpy(),
            image_size=np.array(SIZE),
            keypoints=Keypoints(xy, np.ones(xy.shape[:2]), "openpose"),
            reprojection_error_px=2.0,
            person_height_px=200.0,
            body="open",
            qposer_version="0",
            vertices=output.vertices[0].numpy(),
            faces=open_body.faces.numpy(),
            joints=output.joints[0].numpy(),
        )

    return make
