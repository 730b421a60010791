"""Make the pictures of the studio: a fitted photo, two instructions, a dragged hand, and a hand from nearby.

    python -m tools.studio_picture

starts a studio, opens it in a headless Chromium, and writes docs/images/studio.png and docs/images/studio-hand.png.
"""

from __future__ import annotations

import io
import tempfile
from pathlib import Path

import numpy as np
import torch
import tyro
from PIL import Image
from playwright.sync_api import Page, sync_playwright

from fitting.body.body import Body
from fitting.studio.app import Studio
from fitting.studio.cameras import hand_view
from fitting.studio.editor import Editor
from fitting.studio.server import start_server
from fitting.studio.standing import Mannequin, Point
from qposer import CodePrior
from qposer.io.atomic_files import atomic_write
from tools.studio_browser import View, launch, pull

VIEW = View(1280, 720)
PHOTO = Path("assets/walk_side.jpg")
INSTRUCTIONS = ("lift the left hand to head height", "look over the left shoulder")
PULL = np.array([0.1, 0.12, 0.0])
"""Displacement of the left hand in metres."""


HAND_SIZE = 1280, 640
HAND_INSTRUCTION = "touch the left thumb with the left ring finger"
FINGER, TOWARDS, SHARE = "left_index", "left_thumb", 0.4
"""Dragged fingertip, and by which share of the way to another one."""


def main(out: Path = Path("docs/images"), photo: Path = PHOTO) -> None:
    """Make the pictures.

    Args:
        out: folder to write to.
        photo: photo to fit.
    """
    torch.set_num_threads(1)
    editor = Editor(CodePrior.from_pretrained(), Mannequin(Body.open(hands=True)))
    editor.fit(photo.name, photo.read_bytes())
    for text in INSTRUCTIONS:
        editor.instruct(text)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        studio = Studio(start_server("127.0.0.1", 0), editor, Path(folder) / "session.npz")
        browser = launch(driver)
        page = browser.new_page(viewport={"width": VIEW.width, "height": VIEW.height})
        page.goto(studio.url)
        page.locator("[data-energy]").wait_for()
        page.screenshot()  # waits until the room is drawn
        page.locator(".mantine-Notification-closeButton").click()  # notification about the missing GPU
        page.wait_for_timeout(2000)
        page.get_by_role("checkbox").nth(1).check()
        _drag(page, studio, VIEW, "left_hand", PULL)
        _write(page.screenshot(), out / "studio.png")
        page.mouse.up()
        page.get_by_role("checkbox").nth(1).uncheck()
        studio.worker.wait()
        editor.go_to(0)
        page.set_viewport_size({"width": HAND_SIZE[0], "height": HAND_SIZE[1]})
        page.locator("textarea").first.fill(f"{HAND_INSTRUCTION}\n")
        page.get_by_role("button", name="left hand", exact=True).click()
        page.get_by_text("Drag a fingertip of the left hand.").wait_for()
        page.wait_for_timeout(3000)
        standing = editor.standing()
        way = SHARE * (standing.handles[TOWARDS] - standing.handles[FINGER])
        _drag(page, studio, View(*HAND_SIZE, *hand_view(editor.mannequin, standing, "left_hand")), FINGER, way)
        _write(page.screenshot(), out / "studio-hand.png")
        browser.close()
        studio.close()


def _drag(page: Page, studio: Studio, view: View, handle: str, way: Point) -> None:
    """Drag a handle by a displacement in metres, without releasing it."""
    ball = studio.editor.standing().handles[handle]
    start, end = view.pixel(ball)[0], view.pixel(ball + way)[0]
    pull(page, start, end - start)
    studio.worker.wait()
    page.wait_for_timeout(3000)


def _write(taken: bytes, path: Path) -> None:
    """Write a screenshot with few colours."""
    with Image.open(io.BytesIO(taken)) as picture, atomic_write(path) as temporary:
        colours = picture.convert("RGB").quantize(256, kmeans=2)
        few = picture.convert("RGB").quantize(palette=colours, dither=Image.Dither.FLOYDSTEINBERG)
        few.save(temporary, format="PNG", optimize=True)


if __name__ == "__main__":
    tyro.cli(main, description=__doc__)
