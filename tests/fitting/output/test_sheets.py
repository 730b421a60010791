import numpy as np
import pytest
import torch
from scipy import ndimage

from fitting.output.sheets import _PAPER, Figure, draw_sheet
from qposer.body_pose.skeleton import BODY_JOINT_NAMES
from qposer.control.edits import joints_of

STANDING = torch.zeros(21, 3)
STANDING[BODY_JOINT_NAMES.index("left_shoulder"), 2] = -1.2
STANDING[BODY_JOINT_NAMES.index("right_shoulder"), 2] = 1.2
KNEELING = STANDING.clone()
for side in ("left", "right"):
    KNEELING[BODY_JOINT_NAMES.index(f"{side}_knee"), 0] = 1.5


def bodies(sheet):
    """Pixels (row and column) of each body in a one-row sheet: those far from grey."""
    coloured = np.ptp(sheet.astype(int), axis=-1) > 25
    found, number = ndimage.label(coloured.any(axis=0))
    return [np.argwhere(coloured & (found == body)) for body in range(1, number + 1)]


def test_bodies_stand_on_one_ground_at_one_scale():
    sheet = draw_sheet([Figure("a", STANDING, 0.0), Figure("b", KNEELING, 0.0), Figure("c", STANDING, 0.0)], "a title")
    standing, kneeling, again = bodies(sheet)
    assert np.ptp(standing[:, 0]) == np.ptp(again[:, 0])
    assert abs(np.ptp(standing[:, 0]) / np.ptp(kneeling[:, 0]) - 1.69 / 1.25) < 0.15
    assert abs(standing[:, 0].max() - kneeling[:, 0].max()) < 25
    assert (sheet[-1] == _PAPER).all()


@pytest.mark.parametrize(("number", "rows"), [(1, [1]), (8, [8]), (9, [5, 4])])
def test_rows_are_even_and_have_eight_bodies_at_most(number, rows):
    sheet = draw_sheet([Figure("0", STANDING, 0.0)] * number, "")
    coloured = np.ptp(sheet.astype(int), axis=-1) > 25
    bands, _ = ndimage.label(coloured.any(axis=1))
    assert [len(bodies(sheet[band])) for (band,) in ndimage.find_objects(bands)] == rows


def test_the_tinted_part_is_coral():
    legs, arm = (
        draw_sheet([Figure("", STANDING, 0.0, joints_of(parts))], "").astype(int) for parts in ("legs", "left_arm")
    )
    where = [np.argwhere(picture[..., 0] > picture[..., 2] + 20) for picture in (legs, arm)]
    (body,) = bodies(legs)
    top, bottom, middle = body[:, 0].min(), body[:, 0].max(), body[:, 1].mean()
    assert where[0][:, 0].min() > top + 0.4 * (bottom - top)
    assert where[0][:, 0].max() > bottom - 5
    assert where[1][:, 0].max() < top + 0.6 * (bottom - top)
    assert where[1][:, 1].min() > middle, "who is seen from the front has the left arm at the right of the picture"


def test_long_names_widen_the_cells():
    narrow, wide = (draw_sheet([Figure(name, STANDING, 0.0)] * 6, "") for name in ("a", "a name as long as this one"))
    assert wide.shape[1] > narrow.shape[1]
    assert wide.shape[0] == narrow.shape[0]
