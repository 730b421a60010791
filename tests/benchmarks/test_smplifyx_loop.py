import torch

from benchmarks import smplifyx_loop
from fitting.body.body import Body
from fitting.fit import Fitter
from fitting.inputs.camera import Camera
from fitting.inputs.keypoints import Keypoints
from fitting.optimise.initialize import initialize
from qposer.body_pose.rotations import axis_angle_to_matrix
from qposer.evaluation.metrics import pa_mpjpe
from qposer.vposer import load_vposer


def test_the_loop_finds_a_simple_pose(monkeypatch):
    monkeypatch.setattr(smplifyx_loop, "ITERATIONS", 20)
    body, vposer = Body.open(), load_vposer()[0]
    pose = torch.zeros(1, 21, 3)
    pose[:, 15, 2], pose[:, 16, 2], pose[:, 17, 1] = -0.9, 1.1, -0.8
    orient, transl = axis_angle_to_matrix(torch.tensor([[torch.pi, 0.0, 0.0]])), torch.tensor([[0.0, 0.0, 4.0]])
    camera = Camera.for_image(1000, 1000, 1100.0)
    xy = camera.project(body.landmarks(orient, axis_angle_to_matrix(pose), None, transl))
    keypoints = Keypoints(xy.numpy(), torch.ones(1, 33).numpy(), "mediapipe")
    fitter = Fitter(body)
    problem, start = initialize(body, fitter.space, fitter.regressor, keypoints, camera)
    before = pa_mpjpe(*(body(orient, p).joints[:, :22] for p in (vposer.rotations(torch.zeros(1, 32)), pose)))
    found, body_pose, betas, _ = smplifyx_loop.fit(body, vposer.rotations, problem, start.orient, start.transl, 0.01)
    after = pa_mpjpe(body(found, body_pose, betas).joints[:, :22], body(orient, pose).joints[:, :22])
    assert after < 0.7 * before
