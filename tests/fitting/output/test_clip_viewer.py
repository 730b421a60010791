"""The page that plays a clip."""

import base64
import dataclasses
import json
import re
import time

import cv2
import numpy as np
import pytest

from fitting.output.skinning import skeleton_motion, skinned_body
from fitting.output.viewer import clip_page, write_clip_viewer
from fitting.video.frames import writing_video

playwright = pytest.importorskip("playwright.sync_api", reason="playwright drives the browser")

from tools.studio_browser import CHROMIUM, launch  # noqa: E402 (it needs playwright)

SIZE = (160, 120)

needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium to open the page with")


@pytest.fixture(scope="module")
def clip(make_clip):
    return make_clip()


@pytest.fixture(scope="module")
def rig(open_body, clip):
    """The heaviest bone of a vertex is in any of the four places."""
    skinned = skinned_body(open_body, clip.betas)
    places = (np.arange(4) + np.arange(len(skinned.bones))[:, None]) % 4
    moved = {name: np.take_along_axis(getattr(skinned, name), places, axis=1) for name in ("bones", "weights")}
    skinned = dataclasses.replace(skinned, **moved)
    return skinned, skeleton_motion(clip, skinned.joints[0], clip.fps, int(clip.frames[0]))


@pytest.fixture(scope="module")
def page(rig):
    return clip_page(*rig, SIZE, video="video.mp4", title="a clip", caption="somebody")


def test_the_page_loads_nothing_but_the_video_beside_it(page):
    text = re.sub(r"[A-Za-z0-9+/=]{100,}", "", page)
    assert re.findall(r"https?:|//[a-z]|@import|\bfetch\b|XMLHttpRequest|<link|\bimport\b|{{", text) == []
    assert re.findall(r"""(?:src|href)=["\']([^"\']*)""", text) == ["video.mp4"]
    assert "default-src 'none'" in page


def test_a_minute_takes_two_megabytes_at_most(rig):
    skinned, motion = rig
    many = {"rotations": np.tile(motion.rotations, (200, 1, 1, 1)), "root": np.tile(motion.root, (200, 1))}
    long = dataclasses.replace(motion, **many)
    assert len(clip_page(skinned, long, SIZE, video="video.mp4", title="", caption="").encode()) < 2_000_000


def test_names_are_text_only(rig):
    page = clip_page(*rig, SIZE, video='"><b>%.mp4', title="</title>{{scene}}", caption="</p>")
    assert 'src="%22%3E%3Cb%3E%25.mp4"' in page
    assert page.count("&lt;/title&gt;{{scene}}") == 2


def test_the_page_contains_the_clip(page, rig):
    scene = json.loads(re.search(r'id="scene">(.*?)</script>', page, re.DOTALL)[1])
    assert scene["clip"] == {"fps": 12.5, "first": 5, "frames": 9, "parents": scene["clip"]["parents"]}
    weights = np.frombuffer(base64.b64decode(scene["people"][0]["weights"]), "<u2").reshape(-1, 4)
    assert weights.astype(int).sum(1) == pytest.approx(65535, abs=2)


def test_a_body_of_too_many_vertices(rig):
    large = dataclasses.replace(rig[0], vertices=np.zeros((65537, 3)))
    with pytest.raises(ValueError, match="at most 65536 vertices, not 65537"):
        clip_page(large, rig[1], SIZE, video="video.mp4", title="", caption="")


# In a browser

SKINNED = """() => {
  const { positions, joints, weights, bones } = people[0], out = [];
  for (let v = 0; v < positions.length / 3; v++) for (let k = 0; k < 3; k++) {
    let sum = 0;
    for (let b = 0; b < 4; b++) for (let i = 0; i < 4; i++) {
      const weight = weights[4 * v + b] / 65535;
      sum += weight * bones[16 * joints[4 * v + b] + 4 * i + k] * (i < 3 ? positions[3 * v + i] : 1);
    }
    out.push(sum);
  }
  return out;
}"""
SHOWN = """async seconds => {
  const [video, slider] = ["video", "#player input"].map(name => document.querySelector(name));
  const found = new Promise(resolve => video.addEventListener("seeked", resolve, { once: true }));
  video.pause();
  slider.value = seconds;
  slider.dispatchEvent(new Event("input"));
  await found;
  await new Promise(requestAnimationFrame);
  const canvas = document.querySelector("#space canvas");
  return {
    seconds: video.currentTime, readout: document.getElementById("readout").textContent, vertices: (SKINNED)(),
    camera: orbitCamera(people[0], canvas), picture: canvas.toDataURL(),
  };
}""".replace("SKINNED", SKINNED)  # the player's own callback of an animation frame is before this one
PIXELS = "() => document.querySelector('#space canvas').toDataURL()"
READOUT = "document.getElementById('readout').textContent"
STARTED = "(video => video.currentTime > 0 && video.readyState >= 2 && !video.seeking)(document.querySelector('video'))"
LOADED = "document.querySelector('video').readyState >= 2"
FRAME = f"Number({READOUT}.split(' ').pop())"
PATIENCE = 60.0


def wait(tab, condition):
    """Until a condition in the page's script holds; the page's policy forbids Playwright's own way."""
    end = time.monotonic() + PATIENCE
    while not tab.evaluate(condition):
        assert time.monotonic() < end, condition
        tab.wait_for_timeout(10)


def go_to(tab, seconds):
    """Move the slider."""
    act = "(slider, to) => { slider.value = to; slider.dispatchEvent(new Event('input')); }"
    tab.eval_on_selector("#player input", act, seconds)


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        started = launch(driver)
        yield started
        started.close()


@pytest.fixture
def tab(browser):
    opened = browser.new_page(viewport={"width": 900, "height": 600})
    opened.errors = []
    opened.on("pageerror", lambda error: opened.errors.append(str(error)))
    yield opened
    assert opened.errors == []
    opened.close()


@pytest.fixture(scope="module")
def folder(rig, tmp_path_factory):
    folder = tmp_path_factory.mktemp("clip")
    write_clip_viewer(folder / "view.html", *rig, SIZE, video="video.mp4", title="a clip", caption="somebody")
    with writing_video(folder / "video.mp4", 12.5, (SIZE[0] + SIZE[1], SIZE[1]), for_browsers=True) as writer:
        for number in range(16):
            writer.write(np.full((SIZE[1], SIZE[0] + SIZE[1], 3), 12 * number + 20, np.uint8))
    return folder


def silhouette(vertices, faces, camera, size):
    """The pixels that the body covers."""
    view, project = (np.reshape(camera[name], (4, 4)).T for name in ("view", "project"))
    seen = np.c_[vertices, np.ones(len(vertices))] @ (project @ view).T
    xy = (seen[:, :2] / seen[:, 3:] * [0.5, -0.5] + 0.5) * size
    mask = np.zeros(size[::-1], np.uint8)
    for triangle in np.round(16 * xy[faces] - 8).astype(np.int32):
        cv2.fillConvexPoly(mask, triangle, 1, shift=4)
    return mask > 0


def decoded(picture):
    """The pixels of a data URL that are painted."""
    encoded = np.frombuffer(base64.b64decode(picture.partition(",")[2]), np.uint8)
    return cv2.imdecode(encoded, cv2.IMREAD_UNCHANGED)[..., 3] > 0


@needs_browser
def test_the_body_moves_in_step_with_the_video(tab, folder, rig, clip, open_body, vertices_of):
    tab.goto((folder / "view.html").as_uri())
    wait(tab, STARTED)
    assert tab.evaluate("document.documentElement.dataset.state") == "drawn"
    expected = vertices_of(open_body, clip)
    for frame in (3, 0, 6):
        seconds = (5 + frame + 0.5) / 12.5
        shown = tab.evaluate(SHOWN, seconds)
        assert (shown["seconds"], shown["readout"]) == (pytest.approx(seconds), f"{seconds:.2f} s, frame {5 + frame}")
        assert 1000 * np.abs(np.reshape(shown["vertices"], (-1, 3)) - expected[frame]).max() < 0.5
        drawn = decoded(shown["picture"])
        body = silhouette(expected[frame], rig[0].faces, shown["camera"], np.array(drawn.shape[::-1]))
        assert (drawn & body).sum() / (drawn | body).sum() > 0.97


@needs_browser
def test_a_video_that_is_there_before_the_player(tab, folder):
    tab.add_init_script("Object.defineProperty(HTMLMediaElement.prototype, 'readyState', { get: () => 1 })")
    tab.goto((folder / "view.html").as_uri())
    wait(tab, "document.querySelector('video').duration > 0 && !document.querySelector('video').seeking")
    assert tab.evaluate("document.querySelector('video').currentTime") == pytest.approx(5.5 / 12.5)


@needs_browser
def test_the_video_is_cut_to_its_left_part(tab, folder):
    tab.goto((folder / "view.html").as_uri())
    wait(tab, LOADED)
    film, video = (tab.locator(name).bounding_box() for name in (".film", "video"))
    assert film["width"] / film["height"] == pytest.approx(SIZE[0] / SIZE[1], rel=0.01)
    assert video["width"] / video["height"] == pytest.approx((SIZE[0] + SIZE[1]) / SIZE[1], rel=0.01)
    assert (film["x"], film["height"]) == pytest.approx((video["x"], video["height"]), abs=1)


@needs_browser
def test_playing_and_pausing(tab, folder):
    tab.goto((folder / "view.html").as_uri())
    wait(tab, LOADED)
    tab.click("#player button")
    wait(tab, f"{FRAME} > 6")
    assert tab.inner_text("#player button") == "pause"
    tab.click("#player button")
    assert tab.evaluate("document.querySelector('video').paused")


@needs_browser
def test_the_motion_plays_without_the_video(tab, folder, tmp_path):
    (tmp_path / "view.html").write_bytes((folder / "view.html").read_bytes())
    tab.goto((tmp_path / "view.html").as_uri())
    wait(tab, "document.getElementById('photo').hidden")
    assert "not beside this page" in tab.inner_text("#trouble")
    go_to(tab, 1.04)
    wait(tab, f"{FRAME} === 13")
    tab.click("#player button")
    wait(tab, f"{FRAME} < 10")  # again from the start


@needs_browser
def test_the_view_follows_the_body_or_shows_the_whole_way(tab, folder):
    tab.goto((folder / "view.html").as_uri())
    wait(tab, f"{FRAME} === 5")
    followed = decoded(tab.evaluate(PIXELS))
    tab.click("#follow")
    whole = decoded(tab.evaluate(PIXELS))
    assert 0 < whole.sum() < 0.9 * followed.sum()
    rows, columns = np.nonzero(followed)
    assert abs(columns.mean() / followed.shape[1] - 0.5) < 0.1
    assert abs(rows.mean() / followed.shape[0] - 0.5) < 0.15
