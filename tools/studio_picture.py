"""Make the README's picture of the studio: a fitted photo, two instructions, and a dragged hand.

    python -m tools.studio_picture

starts a studio, opens it in a headless Chromium, and writes docs/images/studio.png.
"""

from __future__ import annotations

import io
import tempfile
from pathlib import Path

import numpy as np
import torch
import tyro
from PIL import Image
from playwright.sync_api import sync_playwright

from fitting.body.body import Body
from fitting.studio.app import Studio
from fitting.studio.editor import Editor
from fitting.studio.server import start_server
from fitting.studio.standing import Mannequin
from qposer import CodePrior
from qposer.io.atomic_files import atomic_write
from tools.studio_browser import View, launch, pull

VIEW = View(1280, 720)
PHOTO = Path("assets/walk_side.jpg")
INSTRUCTIONS = ("lift the left hand to head height", "look over the left shoulder")
PULL = np.array([0.1, 0.12, 0.0])
"""Displacement of the left hand in metres."""


def main(out: Path = Path("docs/images/studio.png"), photo: Path = PHOTO) -> None:
    """Make the picture.

    Args:
        out: file to write.
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
        hand = editor.standing().handles["left_hand"]
        start, end = VIEW.pixel(hand)[0], VIEW.pixel(hand + PULL)[0]
        pull(page, start, end - start)
        studio.worker.wait()
        page.wait_for_timeout(3000)
        taken = page.screenshot()
        browser.close()
        studio.close()
    with Image.open(io.BytesIO(taken)) as picture, atomic_write(out) as temporary:
        colours = picture.convert("RGB").quantize(256, kmeans=2)
        few = picture.convert("RGB").quantize(palette=colours, dither=Image.Dither.FLOYDSTEINBERG)
        few.save(temporary, format="PNG", optimize=True)


if __name__ == "__main__":
    tyro.cli(main, description=__doc__)
