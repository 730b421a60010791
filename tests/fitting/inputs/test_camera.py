import math

import pytest
import torch

from fitting.inputs.camera import Camera, checked_focal, default_focal, depth_from_size, focal_from_35mm


def test_project_agrees_with_the_pinhole_formula():
    camera = Camera(torch.tensor([500.0, 900.0]).double(), torch.tensor([[320.0, 240.0], [100.0, 50.0]]).double())
    points = torch.randn(2, 5, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    points[..., 2] += 5.0
    pixels = camera.project(points)
    for b, (focal, (cx, cy)) in enumerate([(500.0, (320.0, 240.0)), (900.0, (100.0, 50.0))]):
        for k in range(5):
            x, y, z = points[b, k].tolist()
            assert pixels[b, k].tolist() == pytest.approx([focal * x / z + cx, focal * y / z + cy])


def test_project_is_differentiable():
    camera = Camera(torch.tensor([500.0], requires_grad=True), torch.zeros(1, 2))
    points = torch.ones(1, 3, 3, requires_grad=True)
    camera.project(points).sum().backward()
    assert camera.focal.grad is not None
    assert torch.isfinite(points.grad).all()


def test_a_camera_for_an_image_looks_through_its_middle():
    camera = Camera.for_image(640, 480, batch=3, dtype=torch.float64)
    assert camera.focal.tolist() == [800.0] * 3
    assert camera.centre.tolist() == [[320.0, 240.0]] * 3
    assert camera.focal.dtype == camera.centre.dtype == torch.float64
    assert Camera.for_image(640, 480, 1234.5).focal.tolist() == [1234.5]


@pytest.mark.parametrize(("focal_shape", "centre_shape"), [((), (2,)), ((2,), (3, 2)), ((2,), (2, 3))])
def test_wrong_shapes(focal_shape, centre_shape):
    with pytest.raises(ValueError, match=r"focal \(batch,\)"):
        Camera(torch.ones(focal_shape), torch.ones(centre_shape))


@pytest.mark.parametrize("focal", [0.0, -5.0, math.nan, math.inf, 10**400])
def test_numbers_that_are_no_focal_length(focal):
    with pytest.raises(ValueError, match="a focal length is a positive number of pixels, not"):
        checked_focal(focal, 1600, 1200)
    with pytest.raises(ValueError, match="a focal length is a positive number of pixels, not"):
        Camera.for_image(1600, 1200, focal)


@pytest.mark.parametrize("focal", [25, 50, 399, 2.1e6, 1e22, 1e-17])
def test_focal_lengths_that_no_camera_has(focal):
    with pytest.raises(ValueError, match=r"no camera has a focal length of .* on an image of 1600 x 1200: give pixels"):
        checked_focal(focal, 1600, 1200)


def test_millimetres_are_recognised():
    with pytest.raises(ValueError, match=r"not millimetres \(a lens of 50 mm on film has 2311\)"):
        checked_focal(50, 1600, 1200)


@pytest.mark.parametrize("focal", [410, 640, 2000, 1e5, 1_900_000])
def test_lenses_from_wide_to_telescopes(focal):
    assert checked_focal(focal, 1600, 1200) == focal


def test_default_focal_is_a_normal_lens():
    assert default_focal(1600, 1200) == default_focal(1200, 1600) == 2000
    assert default_focal(1600, 1200) == pytest.approx(focal_from_35mm(math.hypot(36, 24), 1600, 1200))


def test_a_35_mm_lens_on_a_frame_of_film_proportions():
    assert focal_from_35mm(35, 3600, 2400) == pytest.approx(3500)


def test_depth_from_size_undoes_projection():
    camera = Camera(torch.tensor([700.0]), torch.zeros(1, 2))
    ends = torch.tensor([[[0.1, 0.0, 3.5], [0.1, 0.6, 3.5]]])
    pixels = (camera.project(ends)[:, 1] - camera.project(ends)[:, 0]).norm(dim=-1)
    assert depth_from_size(camera.focal, torch.tensor([0.6]), pixels).item() == pytest.approx(3.5)
