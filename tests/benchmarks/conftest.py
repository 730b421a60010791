import numpy as np
import pytest
import torch

from fitting.body.body import Body
from fitting.inputs.camera import Camera
from fitting.inputs.keypoints import Keypoints
from fitting.output.results import FitResult
from qposer.body_pose.skeleton import BODY_JOINT_NAMES

SIZE = (200, 240)


@pytest.fixture(scope="session")
def make_fit():
    """A fit that is right: an open body, upright and facing the camera unless told, with some joints bent about x."""
    body = Body.open()

    def make(orient=(np.pi, 0.0, 0.0), focal=300.0, **degrees):
        pose = np.zeros((21, 3))
        for name, angle in degrees.items():
            pose[BODY_JOINT_NAMES.index(name), 0] = np.radians(angle)
        parameters = {
            "global_orient": np.array(orient),
            "body_pose": pose,
            "betas": np.zeros(10),
            "transl": np.array([0.0, 0.2, 3.0]),
        }
        parameters = {name: value.astype(np.float32) for name, value in parameters.items()}
        tensors = [torch.from_numpy(value)[None] for value in parameters.values()]
        output = body(*tensors)
        camera = Camera.for_image(*SIZE, focal)
        xy = camera.project(body.landmarks(*tensors)).numpy()
        return FitResult(
            **parameters,
            codes=np.zeros((21, 4), int),
            focal=focal,
            centre=camera.centre[0].numpy(),
            image_size=np.array(SIZE),
            keypoints=Keypoints(xy, np.ones(xy.shape[:2]), "mediapipe"),
            reprojection_error_px=2.0,
            person_height_px=100.0,
            body="open",
            qposer_version="0",
            vertices=output.vertices[0].numpy(),
            faces=body.faces.numpy(),
            joints=output.joints[0].numpy(),
        )

    return make
