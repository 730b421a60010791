import csv

import numpy as np
import pytest
from PIL import Image

from benchmarks.hands import gestures


def write(path, columns, rows):
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerows([columns, *rows])


def test_hands_without_a_drawing_count_as_not_found(tmp_path):
    write(
        tmp_path / "key.csv",
        ("number", "gesture", "hands", "photo"),
        [(0, "rock", 1, "a"), (1, "rock", 0, "b"), (2, "call", 2, "c")],
    )
    write(tmp_path / "seen.csv", ("number", "seen"), [(0, "rock"), (2, "rock")])
    gestures.main(tmp_path, tmp_path, seen=tmp_path / "seen.csv")
    text = (tmp_path / "gestures.md").read_text()
    assert "| call | rock | no hand |" in text
    assert "| rock | 0 | 1 | 1 |" in text
    assert "| call | 0 | 1 | 0 |" in text
    assert "1 of 2 hands, 50 %" in text


def test_a_photo_without_anybody_has_no_drawing(tmp_path):
    Image.fromarray(np.full((200, 200, 3), 128, np.uint8)).save(tmp_path / "rock_1.jpg")
    gestures.draw(tmp_path, tmp_path / "out", 0)
    assert (tmp_path / "out/key.csv").read_text().splitlines()[1] == "0,rock,0,rock_1.jpg"
    assert not list((tmp_path / "out").glob("*.png"))


def test_an_empty_folder_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="no photo"):
        gestures.draw(tmp_path, tmp_path, 0)
