"""A page that shows the body of each frame beside the picture, as it comes."""

from __future__ import annotations

import cv2
import numpy as np
import viser
from jaxtyping import Float, Int
from scipy.spatial.transform import Rotation

from fitting.output.render import Picture
from fitting.studio.scene import furnish

_BLUE = (120, 165, 215)
_SIDE = 480
"""Long side of the shown picture in pixels."""
_HIGH, _RIGHT_EDGE, _LOW, _DEPTH = 1.2, -0.75, 0.25, -0.3
"""Height, right edge, lower edge and depth of the picture in the room, in metres."""


class LivePage:
    """The studio's room without handles: a body, the picture, and a line of text."""

    def __init__(self, server: viser.ViserServer, faces: Int[np.ndarray, "faces 3"]) -> None:
        """Furnish the room.

        Args:
            server: the server of the page.
            faces: triangles of the body.
        """
        furnish(server)
        self._server, self._faces = server, faces
        self._body: viser.MeshHandle | None = None
        self._picture: viser.ImageHandle | None = None
        self._text = server.gui.add_markdown("")

    def show(self, rgb: Picture, vertices: Float[np.ndarray, "vertices 3"] | None, line: str) -> None:
        """Show a frame.

        Args:
            rgb: the picture.
            vertices: the body in camera axes, metres; None hides it.
            line: line of text.
        """
        scale = min(1.0, _SIDE / max(rgb.shape))
        small = cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        with self._server.atomic():
            self._text.content = line
            if self._picture is None:
                wide = _HIGH * rgb.shape[1] / rgb.shape[0]
                self._picture = self._server.scene.add_image(
                    "/photo",
                    small,
                    wide,
                    _HIGH,
                    format="jpeg",
                    wxyz=Rotation.from_euler("x", 180, degrees=True).as_quat(scalar_first=True),
                    position=(_RIGHT_EDGE - wide / 2, _LOW + _HIGH / 2, _DEPTH),
                    cast_shadow=False,
                    receive_shadow=False,
                )
            else:
                self._picture.image = small
            if self._body is not None:
                self._body.visible = vertices is not None
            if vertices is None:
                return
            standing = in_room(vertices)
            if self._body is None:
                self._body = self._server.scene.add_mesh_simple("/body", standing, self._faces, color=_BLUE)
            else:
                self._body.vertices = standing


def in_room(vertices: Float[np.ndarray, "vertices 3"]) -> Float[np.ndarray, "vertices 3"]:
    """A body of camera axes in the middle of the room, its lowest point on the ground.

    Args:
        vertices: metres; x right, y down, z ahead.

    Returns:
        Metres; x right, y up, z towards the viewer.
    """
    turned = vertices * np.array([1.0, -1.0, -1.0], dtype=np.float32)
    low, high = turned.min(0), turned.max(0)
    return np.asarray(turned - [(low[0] + high[0]) / 2, low[1], (low[2] + high[2]) / 2], dtype=np.float32)
