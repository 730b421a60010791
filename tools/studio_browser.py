"""The studio in a headless Chromium with the initial view, for the README's picture and for tests."""

from __future__ import annotations

import shutil
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from playwright.sync_api import Browser, Page, Playwright

from fitting.studio.cameras import CAMERA, FIELD_OF_VIEW, LOOK_AT
from fitting.studio.standing import Point

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
"""Path of an installed browser, if any."""

_WITHOUT_GPU = ["--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--no-sandbox"]
_STEPS, _MS_A_STEP = 8, 100


def launch(driver: Playwright, *options: str) -> Browser:
    """Start the browser without a GPU.

    Args:
        driver: Playwright.
        options: additional options of Chromium's command line.

    Returns:
        The browser.
    """
    return driver.chromium.launch(executable_path=CHROMIUM, args=[*_WITHOUT_GPU, *options])


class View(NamedTuple):
    """A view, by default the studio's initial one, on a page of a given size in pixels."""

    width: int
    height: int
    position: Point = np.array(CAMERA)
    target: Point = np.array(LOOK_AT)

    @property
    def axes(self) -> Float[np.ndarray, "3 3"]:
        """Camera axes: right, down, forward."""
        forward = self.target - self.position
        forward /= np.linalg.norm(forward)
        right = np.cross(forward, [0.0, 1.0, 0.0])
        right /= np.linalg.norm(right)
        return np.stack([right, np.cross(forward, right), forward])

    @property
    def focal(self) -> float:
        """In pixels."""
        return float(0.5 * self.height / np.tan(0.5 * FIELD_OF_VIEW))

    def pixel(self, point: Point) -> tuple[Float[np.ndarray, "2"], float]:
        """Pixel of a point of the room on the page, and its depth in metres."""
        x, y, z = self.axes @ (point - self.position)
        return np.array([self.width, self.height]) / 2 + self.focal * np.array([x, y]) / z, float(z)


def pull(page: Page, start: Float[np.ndarray, "2"], way: Float[np.ndarray, "2"]) -> None:
    """Press the mouse at a pixel and move it slowly, without releasing it.

    Args:
        page: page of the browser.
        start: first pixel.
        way: displacement to the last pixel.
    """
    page.mouse.move(*start)
    page.mouse.down()
    for part in np.linspace(0.0, 1.0, _STEPS + 1)[1:]:
        page.mouse.move(*(start + part * way))
        page.wait_for_timeout(_MS_A_STEP)
