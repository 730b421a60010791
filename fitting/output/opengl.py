"""Render with pyrender, if OpenGL is available: EGL, OSMesa or a hidden window."""

from __future__ import annotations

import os
import sys
from ctypes.util import find_library
from functools import cache
from typing import TYPE_CHECKING, Literal

import numpy as np
from jaxtyping import Float, Int, UInt8

from fitting.inputs.quiet import native_stderr_silenced
from fitting.output.software_rasterizer import NEAR

if TYPE_CHECKING:
    import pyrender

_VARIABLE = "PYOPENGL_PLATFORM"
_FAR = 1000.0

Platform = Literal["egl", "osmesa", "window"]


def paint(
    vertices: Float[np.ndarray, "vertices 3"],
    faces: Int[np.ndarray, "faces 3"],
    colours: Float[np.ndarray, "vertices 3"],
    focal: float,
    centre: tuple[float, float],
    size: tuple[int, int],
) -> UInt8[np.ndarray, "height width 4"]:
    """Render the mesh with a pinhole camera, as `fitting.output.software_rasterizer.paint`.

    Args:
        vertices: vertices in camera space, metres.
        faces: triangles.
        colours: colours of the vertices, in 0..1.
        focal: focal length in pixels.
        centre: principal point in pixels.
        size: width and height of the picture.

    Returns:
        The picture, RGBA.

    Raises:
        RuntimeError: this machine has no working OpenGL.
    """
    renderer = _renderer()
    if renderer is None:
        raise RuntimeError("no OpenGL was found: use fitting.output.software_rasterizer")
    import pyrender

    flip = np.array([1.0, -1.0, -1.0])  # OpenGL's y is up and its cameras look along -z
    mesh = pyrender.Mesh([pyrender.Primitive(positions=vertices * flip, indices=faces, color_0=colours, mode=4)])
    camera = pyrender.IntrinsicsCamera(focal, focal, *centre, znear=NEAR, zfar=_FAR)
    scene = pyrender.Scene(bg_color=[0.0, 0.0, 0.0, 0.0])
    scene.add(mesh)
    scene.add(camera)
    flags = pyrender.RenderFlags
    renderer.viewport_width, renderer.viewport_height = size
    try:
        with native_stderr_silenced():
            colour, depth = renderer.render(scene, flags.FLAT | flags.RGBA | flags.SKIP_CULL_FACES)
    except Exception as error:  # drivers fail in many ways, and the caller can fall back to software
        raise RuntimeError(f"OpenGL failed ({error}): use fitting.output.software_rasterizer") from error
    if colour.shape[-1] == 3:  # OSMesa has neither alpha nor smooth edges
        return np.dstack([colour, np.where(depth > 0, np.uint8(255), np.uint8(0))])
    alpha = colour[..., 3:].astype(np.float32)
    straight = np.minimum(colour[..., :3] * 255.0 / np.maximum(alpha, 1.0), 255.0)
    return np.concatenate([straight, alpha], axis=-1).round().astype(np.uint8)


@cache
def _renderer() -> pyrender.OffscreenRenderer | None:
    """pyrender on the first working platform, or None; searched once per process."""
    for platform in _candidates():
        renderer = _try(platform)
        if renderer is not None:
            return renderer
    return None


def _candidates() -> list[Platform]:
    """Platforms to try; only the one chosen by the user or already loaded, if any."""
    chosen = os.environ.get(_VARIABLE)
    if chosen or "OpenGL" in sys.modules:
        return [platform for platform in ("egl", "osmesa", "window") if platform == (chosen or "window")]
    found: list[Platform] = []
    if find_library("EGL"):
        found.append("egl")
    if find_library("OSMesa"):
        found.append("osmesa")
    if os.environ.get("DISPLAY") or sys.platform in ("darwin", "win32"):
        found.append("window")
    return found


def _try(platform: Platform) -> pyrender.OffscreenRenderer | None:
    """A renderer on the platform, or None; on failure PyOpenGL, which binds to a platform on import, is unloaded."""
    before = os.environ.get(_VARIABLE)
    loaded = set(sys.modules)
    if platform != "window":
        os.environ[_VARIABLE] = platform
    try:
        with native_stderr_silenced():
            import pyrender

            return pyrender.OffscreenRenderer(64, 64)
    except Exception:
        for name in set(sys.modules) - loaded:
            if name.partition(".")[0] in ("OpenGL", "pyrender"):
                del sys.modules[name]
        if before is None:
            os.environ.pop(_VARIABLE, None)
        return None
