import numpy as np

from fitting.views.rig import Rig


def test_points_are_where_they_were_projected_from(cameras, truth):
    rig = Rig.of(cameras)
    points = truth.landmarks[0].astype(np.float64)
    seen = rig.in_views(points)
    xy = 1500 * seen[..., :2] / seen[..., 2:] + [540, 960]
    np.testing.assert_allclose(rig.triangulate(xy, np.ones(xy.shape[:2])), points, atol=1e-6)
    two = np.tile([1.0, 0, 1, 0], (33, 1))
    xy[:, [1, 3]] = 1e4  # of weight zero
    np.testing.assert_allclose(rig.triangulate(xy, two), points, atol=1e-4)


def test_distances_are_metres_and_infinite_behind(cameras):
    rig = Rig.of(cameras[:1])
    point = np.array([0.0, 0.0, 0.9])
    depth = float(rig.in_views(point)[0, 2])
    np.testing.assert_allclose(rig.ray_distance(point, np.array([[540.0 + 30, 960.0]])), 30 / 1500 * depth, rtol=1e-6)
    assert np.isinf(rig.ray_distance(np.array([9.0, 0.0, 1.5]), np.zeros((1, 2))))
