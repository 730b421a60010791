import collections
import dataclasses
import time
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from fitting.folders import FolderRun
from fitting.optimise.settings import FitSettings
from fitting.output.hand_poses import HandPoses


class GreyFitter:
    """Fits a given body to every photo but black ones."""

    seconds = 0.0

    def __init__(self, person):
        self.person = person
        self.settings = FitSettings()
        self.body = SimpleNamespace(name="open")

    def body_of(self, results):
        return self.body

    def fit_photo(self, photo, *, people=1, **options):
        time.sleep(self.seconds)
        if photo.rgb[0, 0, 0] == 0:
            raise ValueError("no person was found")
        return [dataclasses.replace(self.person, reprojection_error_px=float(photo.rgb[0, 0, 0]))] * people

    def fit_photos(self, photos, keypoints, **options):
        return [self.fit_photo(photo) for photo in photos]


@pytest.fixture
def images(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    for grey in range(40):
        Image.new("RGB", (400, 300), (grey,) * 3).save(folder / f"g{grey:02d}.png")
    return folder


@pytest.fixture
def out(tmp_path):
    (tmp_path / "out" / "parts").mkdir(parents=True)
    return tmp_path / "out"


class GreyDetector:
    """Finds the given keypoints in every photo but black ones."""

    def __init__(self, keypoints):
        self.keypoints = keypoints

    def search(self, rgb, people):
        return None if rgb[0, 0, 0] == 0 else self.keypoints

    def search_turned(self, rgb, people):
        return None

    def ambiguous(self, rgb, people):
        return np.zeros(len(people), bool)


@pytest.fixture
def open_run(make_person, out):
    """Opens a run with a fast fake fitter and detector."""
    hands = HandPoses(np.full((15, 3), 0.1), np.full((15, 3), 0.2), np.array([True, False]))
    person = dataclasses.replace(make_person(1), hands=hands)
    options = {"exports": (), "hands": False, "pictures": False, "detector": GreyDetector(person.keypoints)}
    return lambda stack: FolderRun(GreyFitter(person), out, **options)


@pytest.fixture
def rows(out):
    """The rows of all Parquet files."""
    pq = pytest.importorskip("pyarrow.parquet", reason="Parquet needs pyarrow")
    return lambda: [
        row for part in sorted((out / "parts").glob("*.parquet")) for row in pq.read_table(part).to_pylist()
    ]


@pytest.fixture
def check_complete(rows, images):
    """Check that each photo is in the results exactly once."""

    def check():
        found = rows()
        assert "no person was found" in found[0]["failure"]
        assert collections.Counter(row["image"] for row in found) == {str(path): 1 for path in images.iterdir()}
        assert [row["failure"] for row in found] == [found[0]["failure"], *[None] * 39]
        assert [row["reprojection_error_px"] for row in found[1:]] == list(range(1, 40))

    return check
