import pytest
import torch

from fitting.inputs.camera import Camera, depth_from_size


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


def test_impossible_focal_lengths_of_cameras_are_rejected():
    with pytest.raises(ValueError, match="a focal length must be a positive number of pixels, not"):
        Camera.for_image(1600, 1200, -5.0)


def test_depth_from_size_undoes_projection():
    camera = Camera(torch.tensor([700.0]), torch.zeros(1, 2))
    ends = torch.tensor([[[0.1, 0.0, 3.5], [0.1, 0.6, 3.5]]])
    pixels = (camera.project(ends)[:, 1] - camera.project(ends)[:, 0]).norm(dim=-1)
    assert depth_from_size(camera.focal, torch.tensor([0.6]), pixels).item() == pytest.approx(3.5)
