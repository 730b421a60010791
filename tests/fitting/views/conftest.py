import dataclasses

import numpy as np
import pytest
import torch

from fitting.inputs.calibration import CalibratedCamera
from fitting.inputs.hand_keypoints import HandKeypoints
from fitting.inputs.keypoints import FORMATS, Keypoints
from qposer.body_pose.rotations import axis_angle_to_matrix

SIZE = (1080, 1920)


def look_at(name, place, distortion=()):
    """A camera at a given position in a world with z up that looks at a person at the origin."""
    place = np.array(place)
    forward = np.array([0.0, 0.0, 0.9]) - place
    forward /= np.linalg.norm(forward)
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    rotation = np.stack([right, np.cross(forward, right), forward])
    intrinsics = np.array([[1500.0, 0, 540], [0, 1500.0, 960], [0, 0, 1]])
    return CalibratedCamera(name, intrinsics, rotation, -rotation @ place, np.array(distortion), SIZE)


@pytest.fixture(scope="session")
def cameras():
    places = {"a": (4, 0, 1.5), "b": (0.5, 4.5, 2), "c": (-4, 1, 1), "d": (-0.5, -4, 2.5)}
    return [look_at(name, place) for name, place in places.items()]


@dataclasses.dataclass
class Truth:
    landmarks: np.ndarray
    joints: np.ndarray

    def seen_by(self, camera, person=slice(None), noise=0.0, seed=0):
        """Exact keypoints of people in a picture, with lens distortion."""
        import cv2

        points = self.landmarks[person].reshape(-1, 3).astype(np.float64)
        turn = cv2.Rodrigues(camera.rotation)[0]
        distortion = camera.distortion if camera.distortion.size else None
        xy = cv2.projectPoints(points, turn, camera.translation, camera.intrinsics, distortion)[0].reshape(-1, 33, 2)
        xy = xy + np.random.default_rng(seed).normal(0, noise, xy.shape)
        return Keypoints(xy, np.ones(xy.shape[:2]), "mediapipe", noise_floor=0.0)


@pytest.fixture(scope="session")
def truth(fitter):
    """Two samples of the prior side by side, z up."""
    body_pose = fitter.prior.sample(2, generator=torch.Generator().manual_seed(3))
    upright = axis_angle_to_matrix(torch.tensor([torch.pi / 2, 0.0, 0.0]))
    orient = upright @ axis_angle_to_matrix(torch.tensor([[0.0, 0.4, 0.0], [0.0, 2.5, 0.0]]))
    transl = torch.tensor([[0.0, 0.1, 0.9], [0.6, -0.7, 0.9]])
    landmarks, joints, _ = fitter.body.posed_landmarks(orient, body_pose, None, transl)
    return Truth(landmarks.numpy(), joints.numpy())


@pytest.fixture(scope="session")
def hands_seen_by():
    """Exact keypoints of a person's hands in a picture, with lens distortion."""
    import cv2

    def seen(camera, points):
        turn, distortion = cv2.Rodrigues(camera.rotation)[0], camera.distortion if camera.distortion.size else None
        flat = points.reshape(-1, 3).astype(np.float64)
        xy = cv2.projectPoints(flat, turn, camera.translation, camera.intrinsics, distortion)[0].reshape(1, 2, 21, 2)
        world = (points - points[:, :1]) @ camera.rotation.T
        return HandKeypoints(xy, np.ones(xy.shape[:-1]), world[None])

    return seen


@pytest.fixture(scope="session")
def exchanged():
    """Keypoints of a detector that swaps left and right."""

    def exchange(keypoints):
        mirror = list(FORMATS[keypoints.format].mirror)
        return dataclasses.replace(keypoints, xy=keypoints.xy[:, mirror], confidence=keypoints.confidence[:, mirror])

    return exchange


@pytest.fixture(scope="session")
def in_a_mirror(exchanged):
    """Keypoints detected in the mirrored picture."""

    def mirrored(keypoints):
        other = exchanged(keypoints)
        return dataclasses.replace(other, xy=np.stack([SIZE[0] - other.xy[..., 0], other.xy[..., 1]], axis=-1))

    return mirrored


@pytest.fixture(scope="session")
def camera_at():
    return look_at
