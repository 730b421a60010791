"""Bodies frame by frame, from keypoints that a stand-in for the detector gives."""

import numpy as np
import pytest
import torch

from fitting.inputs.camera import Camera
from fitting.inputs.keypoints import Keypoints
from fitting.video import live
from fitting.video.live import LiveFit
from qposer.body_pose.rotations import axis_angle_to_matrix

SIZE, FOCAL, FRAMES = (640, 480), 600.0, 5
PICTURE = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)


class Scripted:
    """A detector that returns what it is given, frame by frame."""

    def __init__(self, found):
        self.found, self.searched, self.boxes = iter(found), 0, []

    def search(self, rgb, max_people):
        self.searched += 1
        return next(self.found)

    def near(self, rgb, box):
        self.boxes.append(box)
        return next(self.found)


@pytest.fixture(scope="module")
def seen(fitter):
    """Keypoints of somebody who walks sideways and turns."""
    begin, end = fitter.prior.sample(2, seed=3).split(1)
    pose = torch.cat([torch.lerp(begin, end, 0.1 * part) for part in torch.linspace(0, 1, FRAMES)])
    u, _, v = torch.linalg.svd(pose)
    turn = torch.linspace(0, 0.3, FRAMES)[:, None] * torch.tensor([0.0, 1.0, 0.0])
    orient = axis_angle_to_matrix(torch.tensor([torch.pi, 0.0, 0.0])) @ axis_angle_to_matrix(turn)
    place = torch.stack([torch.linspace(-0.2, 0.2, FRAMES), torch.full((FRAMES,), 0.1), torch.full((FRAMES,), 4.0)], -1)
    camera = Camera.for_image(*SIZE, FOCAL, batch=FRAMES)
    xy = camera.project(fitter.body.landmarks(orient, u @ v, None, place)).numpy()
    return [Keypoints(one[None], np.ones((1, len(one))), "mediapipe") for one in xy]


def bodies_of(fitter, found):
    detector = Scripted(found)
    following = LiveFit(fitter, detector, SIZE, FOCAL)
    return following, detector, [following.fit(number, PICTURE) for number in range(len(found))]


@pytest.fixture(scope="module")
def followed(fitter, seen):
    return bodies_of(fitter, seen)


def test_each_body_starts_from_the_one_before(followed, seen):
    _, detector, bodies = followed
    assert [body.restarted for body in bodies] == [True, False, False, False, False]
    assert detector.searched == 1
    assert np.array_equal(detector.boxes, [one.boxes[0] for one in seen[:-1]])
    assert max(body.error for body in bodies) < 0.01


def test_who_is_lost_is_searched_and_starts_again(fitter, seen):
    _, detector, bodies = bodies_of(fitter, [seen[0], seen[1], None, seen[3], seen[4]])
    assert [body and body.restarted for body in bodies] == [True, False, None, True, False]
    assert detector.searched == 2


def test_a_body_that_goes_astray_starts_again(fitter, seen, monkeypatch):
    monkeypatch.setattr(live, "ASTRAY", 0.0)
    assert [body.restarted for body in bodies_of(fitter, seen[:3])[2]] == [True] * 3


def test_the_nearest_person_is_followed(fitter, seen):
    aside = seen[1].xy + np.array([150.0, 0.0])
    both = Keypoints(np.concatenate([aside, seen[1].xy]), np.ones((2, aside.shape[1])), "mediapipe")
    _, _, (_, body) = bodies_of(fitter, [seen[0], both])
    assert np.array_equal(body.keypoints.xy, seen[1].xy)


def test_vertices_are_those_of_the_body(followed, fitter):
    following, _, bodies = followed
    vertices = following.vertices(bodies[-1])
    assert vertices.shape == (fitter.body.data.template.shape[0], 3)
    middle = vertices.mean(0)
    assert middle[:2] / middle[2] * FOCAL + np.array(SIZE) / 2 == pytest.approx(
        bodies[-1].keypoints.xy[0].mean(0), abs=40
    )


def test_the_result_holds_dropped_frames(followed, tmp_path):
    following, _, bodies = followed
    kept = [bodies[0], bodies[1], bodies[4]]
    result = following.result(kept, 30.0)
    assert result.frames.tolist() == [0, 1, 2, 3, 4]
    assert result.detected.tolist() == [True, True, False, False, True]
    assert np.diff(result.joints[1:, 0, 0]) == pytest.approx(
        (result.joints[4, 0, 0] - result.joints[1, 0, 0]) / 3, abs=0.01
    )
    for body, row in zip(kept, (0, 1, 4), strict=True):
        assert result.transl[row] == pytest.approx(body.estimate.transl[0].numpy(), abs=1e-5)
    assert live.NO_GROUND in result.track_notes
    result.write(tmp_path / "fit.npz")


def test_restarts_are_told(fitter, seen):
    following, _, bodies = bodies_of(fitter, [seen[0], None, seen[2]])
    assert "the fit began anew in frames 2" in following.result([bodies[0], bodies[2]], 30.0).track_notes
