import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fitting.inputs.camera import Camera
from fitting.optimise.placement import place
from qposer.body_pose.rotations import axis_angle_to_matrix

DTYPE = torch.float64

angles = st.floats(-3.1, 3.1)
seeds = st.integers(0, 1000)
offsets = st.floats(-2, 2)


def body(seed, joints=12):
    """Landmarks about as far apart as a standing person's, and weights with a few zeros."""
    generator = torch.Generator().manual_seed(seed)
    landmarks = torch.randn(1, joints, 3, generator=generator, dtype=DTYPE) * torch.tensor([0.3, 0.6, 0.15])
    weight = torch.rand(1, joints, generator=generator, dtype=DTYPE) + 0.1
    weight[:, :3] = 0.0
    return landmarks, weight


def about_the_view(angle):
    return axis_angle_to_matrix(torch.tensor([[0.0, 0.0, angle]], dtype=DTYPE))


def camera(focal, people=1):
    return Camera(
        torch.full((people,), focal, dtype=DTYPE), torch.tensor([[640.0, 360.0]], dtype=DTYPE).expand(people, 2)
    )


@given(seeds, angles, offsets, offsets, st.floats(2, 30), st.floats(200, 5000))
def test_place_is_exact_in_weak_perspective(seed, angle, x, y, z, focal):
    landmarks, weight = body(seed)
    roll, transl = about_the_view(angle), torch.tensor([[x, y, z]], dtype=DTYPE)
    moved = landmarks @ roll.mT + transl[:, None]
    depth = (weight * moved[..., 2]).sum() / weight.sum()
    view = camera(focal)
    keypoints = focal * moved[..., :2] / depth + view.centre[:, None]
    keypoints[:, :3] = 1e4  # unseen

    found_roll, found_transl, left_over = place(landmarks, keypoints, weight, view)
    assert torch.allclose(found_roll, roll, atol=1e-6)
    assert torch.allclose(found_transl, transl, atol=1e-6)
    assert left_over.item() == pytest.approx(0.0, abs=1e-6 * focal)


@given(seeds, angles, offsets, offsets)
def test_place_is_close_for_a_pinhole_at_a_distance(seed, angle, x, y):
    landmarks, weight = body(seed)
    roll, transl = about_the_view(angle), torch.tensor([[x, y, 25.0]], dtype=DTYPE)
    view = camera(1500.0)
    keypoints = view.project(landmarks @ roll.mT + transl[:, None])

    found_roll, found_transl, left_over = place(landmarks, keypoints, weight, view)
    assert torch.linalg.matrix_norm(found_roll - roll).item() < 0.1
    assert torch.linalg.vector_norm(found_transl[:, :2] - transl[:, :2]).item() < 0.15
    assert found_transl[0, 2].item() == pytest.approx(25.0, rel=0.05)
    assert left_over.item() < 5.0


def test_place_takes_each_person_alone():
    landmarks, weight = (torch.cat(parts) for parts in zip(body(0), body(1), body(2), strict=True))
    keypoints = 300 * torch.randn(3, 12, 2, generator=torch.Generator().manual_seed(3), dtype=DTYPE)
    together = place(landmarks, keypoints, weight, camera(900.0, 3))
    for person in range(3):
        chosen = slice(person, person + 1)
        alone = place(landmarks[chosen], keypoints[chosen], weight[chosen], camera(900.0))
        for one, many in zip(alone, together, strict=True):
            assert torch.allclose(one[0], many[person])


def test_the_remaining_distance_is_weighted():
    """The remaining distance is the weighted one of the weak-perspective projections."""
    landmarks, weight = body(5)
    generator = torch.Generator().manual_seed(6)
    view = camera(1000.0)
    keypoints = view.project(landmarks + torch.tensor([0.0, 0.0, 1e5], dtype=DTYPE))
    keypoints = 1e4 * keypoints + 40 * torch.randn(keypoints.shape, generator=generator, dtype=DTYPE)
    roll, transl, left_over = place(landmarks, keypoints, weight, view)
    moved = landmarks @ roll.mT + transl[:, None]
    depth = (weight * moved[..., 2]).sum() / weight.sum()
    squared = (1000 * moved[..., :2] / depth + view.centre - keypoints).square().sum(-1)
    assert left_over.item() == pytest.approx(((weight * squared).sum() / weight.sum()).sqrt().item(), rel=1e-6)
