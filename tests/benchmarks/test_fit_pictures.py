import dataclasses

import numpy as np
import pytest
from PIL import Image

from benchmarks.fit_pictures import TILE, fit_tile, write_fits
from fitting.inputs.images import Photo

GREEN = np.tile(np.array([20, 160, 20], np.uint8), (240, 200, 1))


def test_a_body_is_shown_on_the_photo_and_from_the_side(make_fit):
    tile = fit_tile(Photo(GREEN), make_fit())
    assert tile.shape == (TILE[1], 2 * TILE[0], 3)
    photo, side = tile[:, : TILE[0]].astype(int), tile[:, TILE[0] :].astype(int)
    green = photo[..., 1] - photo[..., 2] > 80
    assert 0.2 < green.mean() < 0.95, "the photo is there, and the body is on it"
    assert (side[..., 1] - side[..., 2] <= 20).all(), "nothing of the photo is seen from the side"
    assert (side < 200).any(), "the body is"


def test_sheets_hold_all_tiles_row_by_row(tmp_path):
    tiles = [np.full((4, 6, 3), grey, np.uint8) for grey in (10, 20, 30)]
    write_fits(tmp_path / "sheets" / "some.png", tiles, columns=2)
    sheet = np.asarray(Image.open(tmp_path / "sheets" / "some.png"))
    assert sheet.shape == (8, 12, 3)
    assert [sheet[0, 0, 0], sheet[0, 6, 0], sheet[4, 0, 0]] == [10, 20, 30]


def test_a_result_without_its_mesh_cannot_be_drawn(make_fit):
    with pytest.raises(ValueError, match="no mesh"):
        fit_tile(Photo(GREEN), dataclasses.replace(make_fit(), vertices=None))
