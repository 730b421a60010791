"""The ground against a naive reference and autograd."""

import math

import pytest
import torch

from fitting.inputs.keypoints import FORMATS
from fitting.terms.camera_height import SOLES, CameraHeight
from fitting.terms.term import Derivatives, Posed

PEOPLE, PITCH, HEIGHT = 3, 0.2, 1.5


@pytest.fixture
def feet():
    """Random landmarks around the ground, with the soles within 20 cm of it."""
    generator = torch.Generator().manual_seed(0)
    landmarks = torch.randn(PEOPLE, 33, 3, generator=generator, dtype=torch.float64)
    above = 0.1 * torch.randn(PEOPLE, 33, generator=generator, dtype=torch.float64)
    landmarks[..., 2] += 4
    landmarks[..., 1] = (HEIGHT - above - math.sin(PITCH) * landmarks[..., 2]) / math.cos(PITCH)
    return landmarks, above


def posed(landmarks):
    none = torch.zeros(PEOPLE, 0)
    return Posed(none, landmarks[:, 0], none, none, none, none, landmarks, none)


def test_the_lowest_sole_is_on_the_ground_and_none_below(feet):
    landmarks, above = feet
    residual = CameraHeight(2.0, "mediapipe", HEIGHT, PITCH).residual(posed(landmarks))
    names = [name for name in FORMATS["mediapipe"].names if name in SOLES]
    soles = above[:, [FORMATS["mediapipe"].names.index(name) for name in names]]
    for person in range(PEOPLE):
        heights = soles[person].tolist()
        expected = sum(2 * h**2 for h in heights if h < 0 or h == min(heights))
        assert residual.cost[person].item() == pytest.approx(expected)


def test_columns_are_those_of_autograd(feet):
    term, landmarks = CameraHeight(2.0, "mediapipe", HEIGHT, PITCH), feet[0]
    moved = torch.randn(PEOPLE, 33, 3, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    change = torch.zeros(PEOPLE, 4, dtype=torch.float64, requires_grad=True)
    values = term.residual(posed(landmarks + torch.einsum("pjxn,pn->pjx", moved, change))).values[..., 0]
    found = term.columns(posed(landmarks), Derivatives({"transl": moved}, None)).columns["transl"][:, :, 0]
    for sole in range(values.shape[1]):
        (slope,) = torch.autograd.grad(values[:, sole].sum(), change, retain_graph=True)
        torch.testing.assert_close(found[:, sole], slope)


def test_keypoints_without_feet_are_refused():
    with pytest.raises(ValueError, match="coco keypoints have none"):
        CameraHeight(1.0, "coco", HEIGHT)
