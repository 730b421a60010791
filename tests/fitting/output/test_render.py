import numpy as np
import pytest
import trimesh

from fitting.inputs.keypoints import FORMATS, Keypoints
from fitting.output import render
from fitting.output.render import Mesh


def figure():
    """A head, a trunk, and an arm stretched towards the camera at the right of the picture."""
    head = trimesh.creation.icosphere(subdivisions=3, radius=0.12).apply_translation([0, -0.5, 0])
    trunk = trimesh.creation.capsule(height=0.5, radius=0.17)
    trunk.apply_transform(trimesh.transformations.rotation_matrix(np.pi / 2, [1, 0, 0])).apply_translation([0, 0, 0])
    arm = trimesh.creation.capsule(height=0.5, radius=0.05).apply_translation([0.25, -0.2, -0.5])
    whole = trimesh.util.concatenate([head, trunk, arm]).apply_translation([0.1, 0.2, 3.0])
    return Mesh(np.asarray(whole.vertices), np.asarray(whole.faces))


def test_people_have_different_colours_and_occlude_each_other():
    near, far = figure(), figure()
    far = Mesh(far.vertices + np.array([0.3, 0.0, 1.0]), far.faces)
    both = render.render([near, far], 400.0, (200.0, 150.0), (400, 300)).astype(int)
    alone = render.render([near], 400.0, (200.0, 150.0), (400, 300)).astype(int)
    inside = alone[..., 3] == 255
    assert np.abs(both[inside] - alone[inside]).max() <= 1
    added = (both[..., 3] == 255) & (alone[..., 3] == 0)
    assert added.sum() > 500
    assert (both[added][:, 0] > both[added][:, 2]).mean() > 0.95  # coral
    assert (both[inside][:, 2] > both[inside][:, 0]).mean() > 0.95  # blue


def test_overlay_of_a_large_photo_is_limited_and_at_the_right_place():
    photo = np.full((2400, 3200, 3), 90, np.uint8)
    picture = render.overlay(photo, [figure()], 3200.0, (1600.0, 1200.0))
    assert picture.shape == (1200, 1600, 3)
    expected = render.render([figure()], 1600.0, (800.0, 600.0), (1600, 1200))[..., 3]
    changed = (picture != 90).any(axis=-1)
    assert (changed & (expected == 255)).sum() / (expected == 255).sum() > 0.99
    assert not (changed & (expected == 0)).any()
    assert (photo == 90).all()


@pytest.mark.parametrize("size", [(200, 300), (300, 200)])
@pytest.mark.parametrize("yaw", [0.0, 0.7, np.pi / 2, np.pi])
def test_a_view_shows_the_whole_mesh(size, yaw):
    picture = render.view(figure(), yaw, size)
    body = (picture != render._BACKGROUND).any(axis=-1)
    assert picture.shape == (size[1], size[0], 3)
    assert not body[[0, -1]].any()
    assert not body[:, [0, -1]].any()
    assert np.ptp(np.argwhere(body), axis=0).max() > 0.45 * min(size)


def test_the_side_view_is_from_the_right_of_the_camera():
    """Parts near the camera, here the arm, are on the left of the picture."""
    body = (render.side_view(figure(), (300, 300)) != render._BACKGROUND).any(axis=-1)
    columns = np.flatnonzero(body.any(axis=0))
    thickness = body.sum(axis=0)[columns]
    assert thickness[: len(columns) // 3].max() < thickness[-len(columns) // 3 :].max()


def test_contact_sheets_are_filled_row_by_row():
    pictures = [np.full((60, 40, 3), grey, np.uint8) for grey in range(5)]
    sheet = render.contact_sheet(pictures, columns=3)
    assert sheet.shape == (120, 120, 3)
    assert (sheet[60:, 40:80] == 4).all()
    assert (sheet[60:, 80:] == render._BACKGROUND).all()


def person(confidence=1.0):
    xy = np.random.default_rng(0).uniform(50, 350, (1, 17, 2))
    return Keypoints(xy, np.full((1, 17), confidence), "coco")


def test_keypoints_are_drawn_left_orange_and_right_blue():
    keypoints = person()
    photo = np.full((400, 400, 3), 128, np.uint8)
    drawn = render.draw_keypoints(photo, keypoints).astype(int)
    assert (photo == 128).all()
    (left,), (right,) = FORMATS["coco"].indices("left_ankle"), FORMATS["coco"].indices("right_ankle")
    for joint, stronger, weaker in ((left, 0, 2), (right, 2, 0)):
        column, row = keypoints.xy[0, joint].astype(int)
        assert drawn[row, column, stronger] > drawn[row, column, weaker] + 50


def test_unsure_keypoints_are_faint_and_unseen_ones_absent():
    photo = np.full((400, 400, 3), 128, np.uint8)
    strength = [np.abs(render.draw_keypoints(photo, person(c)).astype(int) - 128).sum() for c in (1.0, 0.3)]
    assert 0 < strength[1] < 0.6 * strength[0]
    xy, confidence = person().xy.copy(), np.ones((1, 17))
    xy[0, 16], confidence[0, 16] = (5, 5), 0.0
    assert (render.draw_keypoints(photo, Keypoints(xy, confidence, "coco"))[:12, :12] == 128).all()


def test_keypoints_of_a_large_photo():
    keypoints = Keypoints(person().xy * 10, np.ones((1, 17)), "coco")
    assert render.draw_keypoints(np.zeros((4000, 3200, 3), np.uint8), keypoints).shape == (1600, 1280, 3)
