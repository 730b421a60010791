"""Fits with SMPL-H and SMPL-X files: the open body in their layouts."""

import numpy as np
import pytest
import torch

from fitting.body.body import Body
from fitting.body.landmarks import smplx_vertex_ids
from fitting.fit import Fitter
from fitting.inputs.camera import Camera
from fitting.inputs.keypoints import Keypoints
from qposer.body_pose.rotations import axis_angle_to_matrix
from qposer.body_pose.skeleton import PARENTS
from qposer.evaluation.metrics import pa_mpjpe

PEOPLE = 3
LAYOUTS = {"SMPLH_NEUTRAL.npz": (52, 6890, "smplh"), "SMPLX_NEUTRAL.npz": (55, 10475, "smplx")}


def tree(joints):
    """SMPL's 22, then jaw and eyes below the head (SMPL-X), then five fingers of three joints on each wrist."""
    parents = [*PARENTS[:22], *([15] * (joints - 52))]
    for wrist in (20, 21):
        for _ in range(5):
            parents += [wrist, len(parents), len(parents) + 1]
    return parents


@pytest.fixture(scope="module", params=LAYOUTS)
def body(request, tmp_path_factory):
    """The open body in the layout of such a file, with the vertices that tools use at their indices."""
    from smplx.vertex_ids import vertex_ids

    joints, vertices, kind = LAYOUTS[request.param]
    data = Body.open().data
    named = smplx_vertex_ids(data.landmarks)
    official = vertex_ids[kind]
    generator = np.random.default_rng(0)
    source = generator.integers(0, len(data.template), vertices)
    used = np.flatnonzero(data.joint_regressor.any(0))
    free = np.setdiff1d(np.arange(vertices), list(official.values()))[: len(used)]
    source[free] = used
    for name, vertex in named.items():
        source[official[name]] = vertex
    regressor = np.zeros((joints, vertices), np.float32)
    regressor[:22, free] = data.joint_regressor[:22, used]
    regressor[22:, free] = data.joint_regressor[[20] * (joints - 22)][:, used]
    weights = np.zeros((vertices, joints), np.float32)
    weights[:, :22] = data.weights[source, :22]
    weights[:, [20, 21]] += data.weights[source, 22:]
    path = tmp_path_factory.mktemp("bodies") / request.param
    np.savez(
        path,
        v_template=data.template[source],
        shapedirs=np.pad(data.shapes[source], [(0, 0), (0, 0), (0, 390 if kind == "smplx" else 6)]),
        posedirs=np.zeros((vertices, 3, 9 * (joints - 1)), np.float32),
        J_regressor=regressor,
        weights=weights,
        f=np.arange(30, dtype=np.uint32).reshape(10, 3),
        kintree_table=np.array([np.array(tree(joints)) % 2**32, np.arange(joints)], dtype=np.uint32),
    )
    return Body.load(path)


def test_a_fit_finds_the_pose(body):
    fitter = Fitter(body)
    body_pose = fitter.prior.sample(PEOPLE, generator=torch.Generator().manual_seed(2))
    turn = torch.arange(PEOPLE)[:, None] * 0.8 * torch.tensor([0.0, 1.0, 0.0])
    orient = axis_angle_to_matrix(torch.tensor([torch.pi, 0.0, 0.0])) @ axis_angle_to_matrix(turn)
    transl = torch.tensor([0.0, 0.2, 4.0]).expand(PEOPLE, 3)
    camera = Camera.for_image(1000, 1000, 1100.0, batch=PEOPLE)
    xy = camera.project(body.landmarks(orient, body_pose, None, transl)).numpy()
    results = fitter.fit_keypoints(Keypoints(xy, np.ones(xy.shape[:2]), "mediapipe"), (1000, 1000), focal=1100.0)
    found = torch.from_numpy(np.stack([result.joints for result in results]))[:, :22]
    assert 1000 * pa_mpjpe(found, body(orient, body_pose).joints[:, :22]).mean() < 40
    for result in results:
        assert result.reprojection_error_percent < 1
        assert result.body == body.name
        assert result.body_pose.shape == (21, 3)


def test_hands_stay_at_rest(body):
    pose = 0.4 * torch.randn(1, 21, 3, generator=torch.Generator().manual_seed(0))
    posed, open_one = (one(torch.zeros(1, 3), pose).joints for one in (body, Body.open()))
    torch.testing.assert_close(posed[:, :22], open_one[:, :22], atol=1e-3, rtol=0)
