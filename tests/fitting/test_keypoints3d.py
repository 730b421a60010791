import numpy as np
import pytest
import torch

from fitting.inputs.keypoints import FORMATS
from fitting.output.body_result import BodyResult
from qposer.body_pose.rotations import axis_angle_to_matrix
from qposer.evaluation.metrics import pa_mpjpe

PEOPLE = 4


@pytest.fixture(scope="module")
def truth(fitter):
    """Samples of the prior at different positions, y up."""
    body_pose = fitter.prior.sample(PEOPLE, generator=torch.Generator().manual_seed(5))
    orient = axis_angle_to_matrix(torch.arange(PEOPLE)[:, None] * 1.3 * torch.tensor([0.0, 1.0, 0.0]))
    transl = torch.tensor([[0.0, 1.0, 0.0], [5.0, 1.0, -3.0], [1.0, 0.9, 2.0], [-50.0, 0.0, 70.0]])
    return orient, body_pose, torch.zeros(PEOPLE, fitter.body.num_betas), transl


def points(fitter, truth, format):
    return fitter.body.landmarks(*truth, format=format).numpy()


@pytest.mark.parametrize("format", FORMATS)
def test_known_bodies_are_found(fitter, truth, format):
    fits = fitter.fit_keypoints_3d(points(fitter, truth, format), format=format)
    joints = fitter.body(*truth).joints
    found = torch.from_numpy(np.stack([fit.joints for fit in fits]))
    assert 1000 * pa_mpjpe(found[:, :22], joints[:, :22]).mean() < 15
    assert (found - joints).norm(dim=-1)[:, :22].mean() < 0.02
    assert max(fit.error for fit in fits) < 0.03


def test_parameters_give_the_joints_and_are_of_codes(fitter, truth):
    for fit in fitter.fit_keypoints_3d(points(fitter, truth, "coco"), format="coco"):
        arguments = (fit.global_orient, fit.body_pose, fit.betas, fit.transl)
        output = fitter.body(*(torch.from_numpy(value)[None] for value in arguments))
        np.testing.assert_allclose(output.joints[0].numpy(), fit.joints, atol=2e-3)
        decoded = fitter.model.decode(torch.from_numpy(fit.codes)[None])
        torch.testing.assert_close(
            decoded, axis_angle_to_matrix(torch.from_numpy(fit.body_pose))[None], atol=1e-3, rtol=0
        )


def test_axes_do_not_matter(fitter, truth):
    """y up and z up give the same bodies."""
    seen = points(fitter, truth, "mediapipe")
    z_up = axis_angle_to_matrix(torch.tensor([torch.pi / 2, 0.0, 0.0])).numpy()
    first = fitter.fit_keypoints_3d(seen)
    second = fitter.fit_keypoints_3d(seen @ z_up.T, up=(0, 0, 1))
    for one, other in zip(first, second, strict=True):
        np.testing.assert_allclose(one.joints @ z_up.T, other.joints, atol=0.05)


def test_unseen_points_may_be_anywhere(fitter, truth):
    seen = points(fitter, truth, "mediapipe")
    confidence = np.ones(seen.shape[:2])
    confidence[:, 15:23] = 0.0
    elsewhere = seen.copy()
    elsewhere[:, 15:23] = 1e4
    first, second = (fitter.fit_keypoints_3d(p, confidence=confidence) for p in (seen, elsewhere))
    for one, other in zip(first, second, strict=True):
        np.testing.assert_allclose(one.joints, other.joints, atol=1e-3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"points": np.zeros((1, 33, 2))}, "people, joints, 3"),
        ({"points": np.full((1, 33, 3), np.nan)}, "finite"),
        ({"points": np.linspace(0, 1, 33)[None, :, None].repeat(3, 2)}, "collinear"),
        ({"points": np.zeros((1, 20, 3))}, "33"),
        ({"confidence": np.ones((2, 33))}, "confidence"),
        ({"confidence": np.zeros((1, 33))}, "4 are required"),
        ({"up": (0, 0, 0)}, "direction"),
        ({"points": np.random.default_rng(0).normal(0, 300.0, size=(1, 33, 3))}, "give positions in metres"),
    ],
)
def test_wrong_input_is_reported(fitter, change, message):
    given = {"points": np.random.default_rng(0).normal(0, 0.3, size=(1, 33, 3))} | change
    with pytest.raises(ValueError, match=message):
        fitter.fit_keypoints_3d(**given)


def test_results_of_all_kinds_are_one_family(fitter, truth):
    (fit,) = fitter.fit_keypoints_3d(points(fitter, truth, "coco")[:1], format="coco")
    assert isinstance(fit, BodyResult)
    assert fit.body == fitter.body.name
    arguments = fit.smplx_arguments()
    assert {name: value.shape for name, value in arguments.items()} == {
        "global_orient": (1, 3),
        "body_pose": (1, 69),
        "betas": (1, len(fit.betas)),
        "transl": (1, 3),
    }
    np.testing.assert_array_equal(arguments["body_pose"][0, :63], fit.body_pose.flatten())
