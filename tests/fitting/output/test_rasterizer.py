import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st

from fitting.output.rasterizer import paint

SIZE = (24, 16)
FOCAL, CENTRE = 20.0, (11.3, 8.6)


def naive_paint(vertices, faces, colours, focal, centre, size):
    """Naive ray casting on a grid of 2 x 2 rays per pixel: the nearest hit triangle gives the colour."""
    width, height = size
    picture = np.zeros((height, width, 4))
    for row in range(2 * height):
        for column in range(2 * width):
            ray = np.array([((column + 0.5) / 2 - centre[0]) / focal, ((row + 0.5) / 2 - centre[1]) / focal, 1.0])
            nearest, colour = np.inf, None
            for face in faces:
                weights = np.linalg.solve(vertices[face].T, ray)  # ray = sum of weights * corners
                if (weights >= 0).all() and 1 / weights.sum() < nearest:
                    nearest, colour = 1 / weights.sum(), weights @ colours[face] / weights.sum()
            if colour is not None:
                picture[row // 2, column // 2] += [*colour, 1.0]
    picture[..., :3] /= np.maximum(picture[..., 3:], 1)
    picture[..., 3] /= 4
    return (picture * 255).round()


@settings(max_examples=10)
@given(seed=st.integers(0, 2**31))
def test_agrees_with_ray_casting(seed):
    rng = np.random.default_rng(seed)
    vertices = rng.uniform([-2, -2, 2], [2, 2, 5], (9, 3))
    faces = rng.permutation(9).reshape(3, 3)
    colours = rng.uniform(size=(9, 3))
    expected = naive_paint(vertices, faces, colours, FOCAL, CENTRE, SIZE)
    painted = paint(vertices, faces, colours, FOCAL, CENTRE, SIZE).astype(float)
    assert (np.abs(painted - expected).max(axis=-1) > 1).mean() < 0.005  # rays that just touch an edge may differ


def square(depth, colour, half=0.2):
    corners = np.array([[-half, -half, depth], [half, -half, depth], [half, half, depth], [-half, half, depth]])
    return corners, np.array([[0, 1, 2], [0, 2, 3]]), np.tile(colour, (4, 1))


def test_nearer_surfaces_hide_farther_ones():
    (far, faces, red), (near, _, blue) = square(3.0, [1.0, 0, 0], half=0.4), square(2.0, [0, 0, 1.0])
    for first, second in (((far, red), (near, blue)), ((near, blue), (far, red))):
        vertices = np.concatenate([first[0], second[0]])
        colours = np.concatenate([first[1], second[1]])
        picture = paint(vertices, np.concatenate([faces, faces + 4]), colours, 100.0, (20.0, 20.0), (40, 40))
        assert picture[20, 20].tolist() == [0, 0, 255, 255]
        assert picture[20, 32].tolist() == [255, 0, 0, 255]
        assert picture[1, 1, 3] == 0


def test_edges_cover_the_pixels_that_they_should():
    vertices, faces, colours = square(2.0, [1.0, 1.0, 1.0])
    alpha = paint(vertices, faces, colours, 100.0, (20.0, 20.3), (40, 40))[..., 3]
    assert (alpha[15, 10:30] == 255).all()
    assert alpha[11, 15] == alpha[29, 15] == 255
    assert alpha[9, 15] == alpha[31, 15] == 0
    assert alpha[10, 15] == 128  # the upper edge is at 10.3: the lower one of two rows of samples is covered
    assert alpha[30, 15] == 128
    assert alpha[15, 9] == alpha[15, 30] == 0


def test_surfaces_behind_the_camera_or_outside_the_picture_are_not_painted():
    for depth, centre in ((-2.0, (20.0, 20.0)), (0.01, (20.0, 20.0)), (2.0, (900.0, 20.0)), (2.0, (20.0, -900.0))):
        assert paint(*square(depth, [1.0, 1.0, 1.0]), 100.0, centre, (40, 40)).max() == 0


def test_triangles_that_reach_behind_the_camera_do_not_disturb_others():
    vertices, faces, colours = square(2.0, [1.0, 1.0, 1.0])
    expected = paint(vertices, faces, colours, 100.0, (20.0, 20.0), (40, 40))
    vertices = np.concatenate([vertices, [[0.0, 0.0, -0.01]]])
    colours, faces = np.ones((5, 3)), np.concatenate([faces, [[0, 1, 4]]])
    np.testing.assert_array_equal(paint(vertices, faces, colours, 100.0, (20.0, 20.0), (40, 40)), expected)


def test_only_the_outside_of_closed_meshes_is_drawn():
    vertices, faces, colours = square(2.0, [1.0, 1.0, 1.0])
    view = colours, 100.0, (20.0, 20.0), (40, 40)
    both = [paint(vertices, way, *view, closed=True) for way in (faces, faces[:, ::-1])]
    assert sorted(int(picture[20, 20, 3]) for picture in both) == [0, 255]
    sphere = trimesh.creation.icosphere(subdivisions=2, radius=0.5)
    view = sphere.vertices + np.array([0.1, 0.2, 2.0]), sphere.faces, sphere.vertices + 0.5, 20.0, CENTRE, SIZE
    np.testing.assert_array_equal(paint(*view, closed=True), paint(*view))


def test_degenerate_triangles_and_no_triangles():
    vertices = np.array([[0.0, 0, 2], [0.1, 0.1, 2], [0.2, 0.2, 2]])
    assert paint(vertices, np.array([[0, 1, 2]]), np.ones((3, 3)), 100.0, (20.0, 20.0), (40, 40)).max() == 0
    assert paint(vertices, np.zeros((0, 3), int), np.ones((3, 3)), 100.0, (20.0, 20.0), (40, 40)).max() == 0


def test_a_sphere_has_the_silhouette_of_a_sphere():
    sphere = trimesh.creation.icosphere(subdivisions=5, radius=0.5)
    vertices = sphere.vertices + np.array([0.0, 0.0, 4.0])
    picture = paint(vertices, sphere.faces, np.ones_like(vertices), 600.0, (150.0, 150.0), (300, 300))
    radius = 600 * np.tan(np.arcsin(0.5 / 4.0))
    assert picture[..., 3].sum() / 255 == pytest.approx(np.pi * radius**2, rel=0.002)
