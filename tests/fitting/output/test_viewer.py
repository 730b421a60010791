import base64
import dataclasses
import io
import json
import re
import shutil
import subprocess

import cv2
import numpy as np
import pytest
from PIL import Image

from fitting.inputs.images import Photo
from fitting.output.render import Mesh, overlay
from fitting.output.viewer import viewer_page, write_viewer

WIDTH, HEIGHT = 400, 300
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

needs_browser = pytest.mark.skipif(BROWSER is None, reason="there is no Chromium to open the page with")


@pytest.fixture
def photo():
    return Photo(np.full((HEIGHT, WIDTH, 3), 60, np.uint8))


@pytest.fixture
def people(make_person):
    return [make_person(0, at=(-0.7, 0.2, 3.0)), make_person(1, at=(0.6, 0.1, 3.5))]


def scene_of(page):
    return json.loads(re.search(r'<script type="application/json" id="scene">(.*?)</script>', page, re.DOTALL)[1])


def decoded(text):
    return np.frombuffer(base64.b64decode(text), "<u2").reshape(-1, 3).astype(float)


def test_the_meshes_are_in_the_page(photo, people):
    scene = scene_of(viewer_page(photo, people, "photo"))
    assert np.array_equal(decoded(scene["faces"]), people[0].faces)
    for shown, result in zip(scene["people"], people, strict=True):
        low, high = np.array(shown["low"]), np.array(shown["high"])
        vertices = low + decoded(shown["vertices"]) / 65535 * (high - low)
        assert np.abs(vertices * [1, -1, -1] - result.vertices).max() < 2e-5
        assert shown["focal"] == result.focal
        assert shown["size"] == [WIDTH, HEIGHT]
        assert "2D error 1.0 % of the height" in shown["caption"]
    assert scene["people"][0]["colour"] != scene["people"][1]["colour"]


def test_the_page_loads_nothing_from_elsewhere(photo, people):
    page = re.sub(r"[A-Za-z0-9+/=]{100,}", "", viewer_page(photo, people, "photo"))
    assert re.findall(r"https?:|//[a-z]|@import|\bfetch\b|XMLHttpRequest|<link|\bimport\b|{{", page) == []
    sources = re.findall(r"""(?:src|href)=["']([^"']{0,22})""", page)
    assert sources == ["data:image/jpeg;base64"]
    assert "default-src 'none'" in page


def test_a_large_photo_of_many_people_makes_a_page_of_three_megabytes_at_most(make_person):
    noise = np.random.default_rng(0).integers(0, 256, (3000, 4000, 3), dtype=np.uint8)
    page = viewer_page(Photo(cv2.GaussianBlur(noise, (0, 0), 3)), [make_person()] * 10, "photo")
    assert len(page.encode()) < 3_000_000
    jpeg = base64.b64decode(re.search(r"data:image/jpeg;base64,([^\"]*)", page)[1])
    assert Image.open(io.BytesIO(jpeg)).size == (1280, 960)


def test_a_title_is_text_only(photo, people):
    page = viewer_page(photo, people, "</title><script>{{scene}}")
    assert page.count("&lt;/title&gt;&lt;script&gt;{{scene}}") == 2


def test_invalid_people_are_rejected(photo, people):
    with pytest.raises(ValueError, match="no result to show"):
        viewer_page(photo, [], "photo")
    for name in ("vertices", "faces"):
        with pytest.raises(ValueError, match="has no mesh to show: compute it"):
            viewer_page(photo, [dataclasses.replace(people[0], **{name: None})], "photo")
    other = dataclasses.replace(people[0], faces=people[0].faces[1:])
    with pytest.raises(ValueError, match="only one body model"):
        viewer_page(photo, [people[0], other], "photo")
    large = dataclasses.replace(people[0], vertices=np.zeros((65537, 3)))
    with pytest.raises(ValueError, match="at most 65536 vertices"):
        viewer_page(photo, [large], "photo")


def test_a_failed_page_write_leaves_the_old_page(tmp_path, photo, people, monkeypatch):
    path = tmp_path / "view.html"
    path.write_text("old")

    def full(*_, **__):
        raise OSError("No space left on device")

    monkeypatch.setattr("pathlib.Path.write_text", full)
    with pytest.raises(OSError, match="No space left"):
        write_viewer(path, photo, people, "photo")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


# In a browser

ACTIONS = """<script>
const [onPhoto, inSpace] = ["photo", "space"].map(id => document.querySelector(`#${id} canvas`));
const reported = { state: document.documentElement.dataset.state, photo: onPhoto.toDataURL() };
const act = (name, action) => { action(); reported[name] = inSpace.toDataURL(); };
inSpace.setPointerCapture = () => {};
const pointer = (kind, details) => inSpace.dispatchEvent(new PointerEvent(kind, { pointerId: 1, ...details }));
const boxes = [...document.querySelectorAll("#people input")], buttons = document.querySelectorAll("footer button");
act("start", () => {});
act("moved", () => pointer("pointermove", { buttons: 0, movementX: 90 }));
act("dragged", () => { pointer("pointerdown", {}); pointer("pointermove", { buttons: 1, movementX: 90 }); });
act("front", () => buttons[0].click());
act("wheel", () => inSpace.dispatchEvent(new WheelEvent("wheel", { deltaY: -400, cancelable: true })));
act("key", () => inSpace.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowUp" })));
act("side", () => buttons[1].click());
act("second", () => { buttons[0].click(); boxes[0].click(); });
act("nobody", () => boxes[1].click());
document.getElementById("overlay").click();
reported.hidden = getComputedStyle(onPhoto).display;
const report = document.createElement("output");
report.textContent = JSON.stringify(reported);
document.body.append(report);
</script></body>"""


@pytest.fixture(scope="module")
def shown(tmp_path_factory, make_person):
    """RGBA pictures drawn by the page, by name of the user's action."""
    folder = tmp_path_factory.mktemp("viewer")
    people = [make_person(0, at=(-0.7, 0.2, 3.0)), make_person(1, at=(0.6, 0.1, 3.5))]
    page = viewer_page(Photo(np.full((HEIGHT, WIDTH, 3), 60, np.uint8)), people, "photo")
    (folder / "page.html").write_text(page.replace("</body>", ACTIONS), encoding="utf-8")
    options = ["--headless", "--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
    options += [f"--user-data-dir={folder / 'profile'}", "--window-size=1000,700", "--dump-dom"]
    command = [BROWSER, *options, (folder / "page.html").as_uri()]
    dom = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout
    reported = json.loads(re.search(r"<output>(.*?)</output>", dom, re.DOTALL)[1])
    pictures = {k: v for k, v in reported.items() if v.startswith("data:image/png;base64,")}
    read = {k: np.array(Image.open(io.BytesIO(base64.b64decode(v.partition(",")[2])))) for k, v in pictures.items()}
    return {**reported, **read, "people": people}


def inked(picture):
    return picture[..., 3] > 0


def box(picture):
    rows, columns = np.nonzero(inked(picture))
    return np.array([columns.min(), rows.min(), columns.max(), rows.max()])


def same(a, b):
    return np.mean(inked(a) != inked(b)) < 1e-3


@needs_browser
def test_the_page_draws_the_body_where_the_photo_shows_it(shown):
    assert shown["state"] == "drawn"
    meshes = [Mesh(person.vertices, person.faces) for person in shown["people"]]
    centre = (WIDTH / 2, HEIGHT / 2)
    ground = np.full((HEIGHT, WIDTH, 3), 1, np.uint8)
    expected = (overlay(ground, meshes, shown["people"][0].focal, centre) > 20).any(axis=-1)
    size = shown["photo"].shape[1::-1]
    drawn = cv2.resize(np.uint8(inked(shown["photo"])), (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA) > 0
    assert size[0] / size[1] == pytest.approx(WIDTH / HEIGHT, rel=0.01)
    assert (drawn & expected).sum() / (drawn | expected).sum() > 0.95


@needs_browser
def test_dragging_turns_and_the_wheel_zooms(shown):
    assert same(shown["start"], shown["moved"])
    assert not same(shown["start"], shown["dragged"])
    assert same(shown["start"], shown["front"])
    assert inked(shown["wheel"]).sum() > 2 * inked(shown["front"]).sum()
    assert not same(shown["wheel"], shown["key"])
    width = {name: np.ptp(box(shown[name])[[0, 2]]) for name in ("front", "side")}
    assert width["side"] < 0.9 * width["front"]


@needs_browser
def test_people_and_the_overlay_can_be_hidden(shown):
    assert inked(shown["second"]).any()
    assert not same(shown["second"], shown["start"])
    assert not inked(shown["nobody"]).any()
    assert shown["hidden"] == "none"
