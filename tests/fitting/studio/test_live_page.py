"""The page of a live fit."""

import numpy as np
import pytest

from fitting.studio.live_page import LivePage, in_room
from fitting.studio.server import start_server


@pytest.fixture
def server():
    started = start_server("127.0.0.1", 0)
    yield started
    started.stop()


def test_a_body_stands_in_the_middle_of_the_room(mannequin):
    rest = mannequin.body.data.template
    camera = rest * [1, -1, -1] + [0.5, 0.3, 4.0]
    standing = in_room(camera)
    assert standing[:, 1].min() == pytest.approx(0.0)
    assert (standing.max(0) + standing.min(0))[[0, 2]] == pytest.approx([0, 0], abs=1e-5)
    assert standing - standing[0] == pytest.approx(rest - rest[0], abs=1e-5)


def test_the_body_is_shown_where_there_is_one(server, mannequin):
    page = LivePage(server, mannequin.faces)
    picture = np.full((960, 720, 3), 90, np.uint8)
    page.show(picture, None, "nobody")
    assert page._body is None
    assert page._picture.image.shape == (480, 360, 3)
    first = mannequin.body.data.template.astype(np.float32)
    page.show(picture, first, "one")
    page.show(picture + 50, 1.1 * first, "another")
    assert page._body.vertices == pytest.approx(in_room(1.1 * first))
    assert page._picture.image[0, 0, 0] == 140
    assert page._text.content == "another"
    page.show(picture, None, "nobody")
    assert not page._body.visible
    page.show(picture, first, "again")
    assert page._body.visible
