"""The studio, started by its command, in a browser."""

import http.server
import io
import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch
import viser
from PIL import Image

import demos
from fitting.studio.cameras import hand_view
from fitting.studio.session import read_session
from qposer.body_pose.rotations import axis_angle_to_matrix
from qposer.io.assets import asset

playwright = pytest.importorskip("playwright.sync_api", reason="playwright drives the browser")

from tools.studio_browser import CHROMIUM, View, launch, pull  # noqa: E402 (it needs playwright)

VIEW = View(800, 500)
PATIENCE = 90.0

FOREIGN_NAME = "rebound.example"
"""A foreign name that resolves to this machine."""

KNOWN_ERRORS = ("Unable to preventDefault inside passive event listener invocation.",)
"""Harmless message of viser 1.1.1 whenever a draggable node is pressed."""

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium: apt-get install chromium")


def eventually(condition, patience=PATIENCE):
    end = time.monotonic() + patience
    while not (found := condition()):
        assert time.monotonic() < end
        time.sleep(0.1)
    return found


class Process:
    """The running studio, with access to its saved session."""

    def __init__(self, out, *arguments):
        self.out = out
        command = [sys.executable, Path(demos.__file__).with_name("studio.py"), "--port", "0", "--out", out]
        environment = os.environ | {"PYTHONUNBUFFERED": "1"}
        self.process = subprocess.Popen([*command, *arguments], stdout=subprocess.PIPE, text=True, env=environment)
        self.url = self.process.stdout.readline().partition(" ")[0]
        assert self.url.startswith("http://127.0.0.1:")

    @property
    def session(self):
        return read_session(self.out / "session.npz")

    def end(self):
        self.process.kill()
        self.process.wait()


@pytest.fixture(scope="module")
def studio(tmp_path_factory):
    running = Process(tmp_path_factory.mktemp("studio"))
    eventually((running.out / "session.npz").exists)
    yield running
    running.end()


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        started = launch(driver, f"--host-resolver-rules=MAP {FOREIGN_NAME} 127.0.0.1")
        yield started
        started.close()


class Page:
    """A tab, and its errors."""

    def __init__(self, browser, url):
        self.errors, self.requests = [], []
        self.tab = browser.new_page(viewport={"width": VIEW.width, "height": VIEW.height})
        self.tab.set_default_timeout(1000 * PATIENCE)
        self.tab.on("console", self._said)
        self.tab.on("pageerror", lambda error: self.errors.append(str(error)))
        self.tab.on("request", lambda request: self.requests.append(request.url))
        self.tab.goto(url)
        self.energy()

    def _said(self, message):
        if message.type == "error" and message.text not in KNOWN_ERRORS:
            self.errors.append(message.text)

    def energy(self):
        return float(self.tab.locator("[data-energy]").get_attribute("data-energy"))

    def shows(self, text):
        self.tab.get_by_text(text).first.wait_for()

    def press(self, label):
        self.tab.get_by_role("button", name=label, exact=True).first.click()

    def turn_to(self, name):
        self.tab.get_by_role("tab", name=name).click()

    def tell(self, text):
        self.tab.locator("textarea").first.fill(f"{text}\n")


@pytest.fixture(scope="module")
def opened(browser, studio):
    return Page(browser, studio.url)


@pytest.fixture
def page(opened, studio):
    """A tab without errors and without requests to other servers."""
    yield opened
    assert opened.errors == []
    assert all(url.startswith((studio.url, "blob:", "data:")) for url in opened.requests)


def standing(studio, mannequin):
    current = studio.session.current
    return mannequin.stand(current.posture, current.place)


def over_a_ball(page, pixel):
    """Whether the mouse at this position is over a drawn ball."""
    for point in (pixel + 1, pixel):
        page.tab.mouse.move(*point)
    return page.tab.locator("canvas[data-engine]").evaluate("canvas => canvas.style.cursor") == "pointer"


def drag(page, studio, start, way):
    """Drag with the mouse, in pixels."""
    before = studio.session.number
    eventually(lambda: over_a_ball(page, start))
    pull(page.tab, start, way)
    page.shows(re.compile("Dragging the|reaches as far as it can"))
    page.tab.mouse.up()
    eventually(lambda: studio.session.number != before)


def test_a_drag_moves_the_hand_there(page, studio, mannequin):
    ball = standing(studio, mannequin).handles["right_hand"]
    pixel, depth = VIEW.pixel(ball)
    way = np.array([-20.0, -120.0])
    drag(page, studio, pixel, way)
    assert studio.session.current.origin == "right hand dragged"
    wanted = ball + depth / VIEW.focal * (np.append(way, 0.0) @ VIEW.axes)
    ended = standing(studio, mannequin).handles["right_hand"]
    assert np.linalg.norm(wanted - ball) > 0.4
    assert np.linalg.norm(ended - wanted) < 0.06
    assert np.linalg.norm(VIEW.pixel(ended)[0] - pixel - way) < 15.0
    page.shows("Right hand moved.")


def test_an_instruction_changes_the_pose_and_undo_restores_it(page, studio):
    before = studio.session
    page.tell("raise the left arm")
    page.shows("✓ raise the left arm")
    reported = eventually(lambda: studio.session if len(studio.session.poses) > len(before.poses) else None)
    difference = reported.current.posture.body_pose - before.current.posture.body_pose
    assert difference.abs().max() > 0.1
    page.press("undo")
    undone = eventually(lambda: studio.session if studio.session.step == before.step else None)
    assert undone.number == before.number
    page.tab.mouse.click(60, 300)  # out of the text box
    page.tab.keyboard.press("Control+Shift+z")
    eventually(lambda: studio.session.number == reported.number)


def test_a_fingertip_moves_where_it_is_dragged(page, studio, mannequin):
    page.press("right hand")
    page.shows("Drag a fingertip of the right hand.")
    before = studio.session.current
    body = mannequin.stand(before.posture, before.place, hand_pose=before.hand_pose)
    view = View(*VIEW[:2], *hand_view(mannequin, body, "right_hand"))
    bent = before.hand_pose.clone()
    bent[15:17] = axis_angle_to_matrix(torch.tensor([0.0, 0.0, 0.2])) @ bent[15:17]
    goal = mannequin.stand(before.posture, before.place, hand_pose=bent).handles["right_index"]
    pixel, depth = view.pixel(body.handles["right_index"])
    way = view.pixel(goal)[0] - pixel
    drag(page, studio, pixel, way)
    dragged = studio.session.current
    assert dragged.origin == "right index finger dragged"
    np.testing.assert_array_equal(dragged.posture.body_pose, before.posture.body_pose)
    ended = mannequin.stand(dragged.posture, dragged.place, hand_pose=dragged.hand_pose).handles["right_index"]
    wanted = body.handles["right_index"] + depth / view.focal * (np.append(way, 0.0) @ view.axes)
    assert np.linalg.norm(wanted - body.handles["right_index"]) > 0.01
    assert np.linalg.norm(ended - wanted) < 0.004
    page.press("whole body")
    page.shows("Drag a ball.")


def test_unknown_instructions_are_reported_and_change_nothing(page, studio):
    before = studio.session
    page.tell("xyzzy <img src=x onerror=alert(1)>")
    page.shows("is not known")
    assert studio.session.number == before.number


def test_fast_typing_loses_nothing(page, studio):
    box = page.tab.locator("textarea").first
    box.fill("turn le")
    box.press_sequentially("ft\n")
    eventually(lambda: studio.session.instructions[-1].text == "turn left")
    eventually(lambda: box.input_value() == "")


def test_a_reload_keeps_everything_and_two_tabs_agree(page, browser, studio):
    page.press("sample")
    page.shows("Sampled.")
    number = eventually(lambda: studio.session.number)
    page.tab.get_by_role("checkbox").first.check()
    other = Page(browser, studio.url)
    assert other.energy() == page.energy()
    other.shows("Sampled.")
    assert other.tab.get_by_role("checkbox").first.is_checked()
    other.press("mirror")
    page.shows("Mirrored.")
    other.shows("Mirrored.")
    page.tab.reload()
    page.shows("Mirrored.")
    assert page.energy() == other.energy()
    assert page.tab.get_by_role("checkbox").first.is_checked()
    page.tab.get_by_role("checkbox").first.uncheck()
    assert studio.session.number == number + 1
    other.tab.close()
    assert other.errors == []


def test_files_go_out_and_come_in(page, studio, tmp_path):
    page.turn_to("Files")
    before = studio.session.current.posture
    saved = {}
    for kind in ("npz", "AMASS", "glb", "PNG"):
        with page.tab.expect_download() as download:
            page.press(kind)
        saved[kind] = Path(download.value.path()).read_bytes()
    assert saved["glb"].startswith(b"glTF")
    with Image.open(io.BytesIO(saved["PNG"])) as picture:
        assert picture.size == VIEW[:2]
        assert 0.01 < (np.asarray(picture)[..., 3] > 0).mean() < 0.5
    page.press("mirror")
    for kind in ("npz", "AMASS"):
        (tmp_path / f"{kind}.npz").write_bytes(saved[kind])
        page.tab.locator("input[type=file]").nth(1).set_input_files(tmp_path / f"{kind}.npz")
        page.shows(f"{kind}.npz.")
        current = eventually(lambda kind=kind: next(p for p in [studio.session.current] if p.origin == f"{kind}.npz"))
        np.testing.assert_allclose(current.posture.body_pose, before.body_pose, atol=1e-4)
        np.testing.assert_allclose(current.posture.global_orient, before.global_orient, atol=1e-4)


def test_a_file_of_another_layout_is_refused(page, studio, tmp_path):
    before = studio.session.number
    np.savez(tmp_path / "hands.npz", poses=np.zeros((4, 45)))
    page.turn_to("Files")
    page.tab.locator("input[type=file]").nth(1).set_input_files(tmp_path / "hands.npz")
    page.shows("hands.npz: expected axis-angle poses")
    assert studio.session.number == before


def test_a_photo_is_fitted(page, studio):
    page.turn_to("Files")
    page.tab.locator("input[type=file]").nth(0).set_input_files(asset("walk_side.jpg"))
    page.shows("2D error")
    page.shows("Photo beside")
    assert studio.session.current.origin == "walk_side.jpg"


KNOCK = """async ([url, protocol]) => {
    const reported = {};
    reported.websocket = await new Promise(done => {
        const socket = new WebSocket(url.replace("http", "ws"), [protocol]);
        socket.onmessage = () => done("heard something");
        socket.onclose = () => done("closed");
    });
    for (const mode of ["cors", "no-cors"])
        reported[mode] = await fetch(url, {mode}).then(answer => answer.status, () => "failed");
    reported.frame = await new Promise(done => {
        const frame = document.createElement("iframe");
        frame.onload = () => done(frame.contentDocument ? "loaded" : "blocked");
        frame.src = url;
        document.body.append(frame);
    });
    return reported;
}"""
"""Try all ways in which a page can reach the studio; return the outcomes."""


@pytest.fixture
def elsewhere(browser):
    """A tab with a page of another server of this machine."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>Elsewhere</title>")

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        tab = browser.new_page()
        tab.goto(f"http://127.0.0.1:{server.server_port}/")
        yield tab
        tab.close()
        server.shutdown()


def knock(tab, url):
    return tab.evaluate(KNOCK, [url, f"viser-v{viser.__version__}"])


def test_a_page_from_another_origin_is_rejected_despite_the_token(elsewhere, studio):
    for url in (studio.url, studio.url.replace("127.0.0.1", "localhost")):
        reported = knock(elsewhere, url)
        assert reported == {"websocket": "closed", "cors": "failed", "no-cors": "failed", "frame": "blocked"}


def test_the_same_attempts_from_the_studios_page_reach_it(browser, studio):
    tab = browser.new_page()
    tab.goto(studio.url)
    reported = knock(tab, studio.url)
    assert reported == {"websocket": "heard something", "cors": 200, "no-cors": 200, "frame": "blocked"}
    tab.close()


def test_a_page_under_a_foreign_host_name_is_rejected(browser, studio):
    tab = browser.new_page()
    answer = tab.goto(studio.url.replace("127.0.0.1", FOREIGN_NAME))
    assert answer.status == 403
    assert "the address that the studio printed" in tab.content()
    assert knock(tab, studio.url.replace("127.0.0.1", FOREIGN_NAME))["websocket"] == "closed"
    assert knock(tab, studio.url)["websocket"] == "closed"
    tab.close()


def test_a_tab_without_the_token_is_rejected(browser, studio):
    tab = browser.new_page()
    assert tab.goto(studio.url.rpartition("/")[0]).status == 403
    assert knock(tab, studio.url.rpartition("/")[0])["websocket"] == "closed"
    tab.close()


def test_this_machine_may_be_called_localhost(browser, studio, page):
    other = Page(browser, studio.url.replace("127.0.0.1", "localhost"))
    assert other.energy() == page.energy()
    other.tab.close()
    assert other.errors == []


def test_a_killed_studio_continues(studio, browser):
    kept = studio.session
    studio.end()
    again = Process(studio.out, "--resume")
    assert Page(browser, again.url).energy() == pytest.approx(kept.current.energy, abs=1e-3)
    assert (again.session.way, again.session.instructions) == (kept.way, kept.instructions)
    again.end()
