"""The 3D scene in the browser: the body, the handles, the ground, and a photo."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import viser
from scipy.spatial.transform import Rotation

from fitting.output.render import Picture
from fitting.studio.cameras import CAMERA, FIELD_OF_VIEW, LOOK_AT
from fitting.studio.parts import FINGERS_OF, FINGERTIPS
from fitting.studio.photo_fit import CORRECTABLE, PhotoFit
from fitting.studio.session import Pose
from fitting.studio.standing import FINGERTIP_RADIUS, HANDLES, Mannequin, Standing

_BLUE, TICKED, _PAPER = (120, 165, 215), (240, 130, 105), (238, 241, 246)
FREE, PINNED, HELD = (255, 140, 30), (60, 70, 100), (40, 180, 110)
"""Colours of the balls."""

_PHOTO_HEIGHT, _PHOTO_AT, _PHOTO_LOW, _PHOTO_DEPTH = 1.7, -0.75, 0.02, -0.3
"""The photo's height, right edge, lower edge and depth in metres."""

_KEYPOINT_RADIUS = 0.018
_EARLIER_AT = 0.7, -1.3


def furnish(server: viser.ViserServer) -> None:
    """Set up the room: camera, lights, and ground.

    Args:
        server: the server of the page.
    """
    scene = server.scene
    scene.set_up_direction("+y")
    server.initial_camera.position, server.initial_camera.look_at = CAMERA, LOOK_AT
    server.initial_camera.fov = FIELD_OF_VIEW
    scene.configure_default_lights(False)
    scene.configure_environment_map(None)
    scene.add_light_hemisphere("/light/sky", sky_color=(235, 242, 255), ground_color=(170, 165, 160), intensity=1.6)
    scene.add_light_directional("/light/key", intensity=2.2, cast_shadow=True, position=(-2.0, 4.0, 3.0))
    scene.add_light_directional("/light/rim", intensity=0.8, position=(3.0, 2.0, -3.0))
    scene.set_background_image(np.full((2, 2, 3), _PAPER, dtype=np.uint8), format="png")
    scene.add_grid(
        "/ground",
        plane="xz",
        infinite_grid=True,
        cell_size=0.25,
        section_size=1.0,
        cell_color=(214, 218, 226),
        section_color=(180, 188, 200),
        fade_distance=9.0,
        shadow_opacity=0.35,
    )


class Scene:
    """The drawn scene, shared by all tabs, including later ones."""

    def __init__(self, server: viser.ViserServer, mannequin: Mannequin, standing: Standing) -> None:
        self._server = server
        self._mannequin = mannequin
        self._photo: viser.ImageHandle | None = None
        self._shown_picture: Picture | None = None
        self._off: tuple[int, ...] = ()
        furnish(server)
        scene = server.scene
        faces = mannequin.faces
        self._body = scene.add_mesh_simple("/body", standing.vertices, faces, color=_BLUE)
        self._off_part = scene.add_mesh_simple("/off", standing.vertices, faces[:1], color=TICKED, visible=False)
        self._earlier = scene.add_mesh_simple(
            "/earlier", standing.vertices, faces, color=_BLUE, opacity=0.45, cast_shadow=False, visible=False
        )
        self._shown_earlier: Pose | None = None
        radii = {name: handle.radius for name, handle in HANDLES.items()} | dict.fromkeys(FINGERTIPS, FINGERTIP_RADIUS)
        self.balls = {
            name: scene.add_icosphere(
                f"/handles/{name}", radius, FREE, opacity=0.85, cast_shadow=False, receive_shadow=False
            )
            for name, radius in radii.items()
        }
        self.keypoints = {
            name: scene.add_icosphere(
                f"/keypoints/{name}", _KEYPOINT_RADIUS, FREE, visible=False, cast_shadow=False, receive_shadow=False
            )
            for name in CORRECTABLE
        }

    def show(self, standing: Standing, pins: Collection[str], held: dict[str, np.ndarray], hand: str = "") -> None:
        """Draw the body, with held handles at their pulled positions and the others on the body.

        Args:
            standing: the body in the room.
            pins: names of the pinned handles.
            held: positions of the held handles, by name.
            hand: the hand that is looked at, whose fingertips have handles instead of the body.
        """
        shown = FINGERS_OF.get(hand, HANDLES)
        with self._server.atomic():
            self._body.vertices = standing.vertices
            self._off_part.vertices = standing.vertices
            for name, ball in self.balls.items():
                ball.visible = name in shown
                ball.position = held.get(name, standing.handles[name])
                colour = HELD if name in held else PINNED if name in pins else FREE
                if ball.color != colour:
                    ball.color = colour

    def tint(self, joints: list[int]) -> None:
        """Draw the parts that belong to the given joints, of the 51 without the pelvis, in coral."""
        if tuple(joints) == self._off:
            return
        self._off = tuple(joints)
        off = self._mannequin.faces_of(joints)
        faces = self._mannequin.faces
        with self._server.atomic():
            self._body.visible, self._off_part.visible = not off.all(), bool(off.any())
            if not off.all():
                self._body.faces = faces[~off].astype(np.uint32)
            if off.any():
                self._off_part.faces = faces[off].astype(np.uint32)

    def show_earlier(self, pose: Pose | None) -> None:
        """Show an earlier pose next to the body, or none."""
        if pose is self._shown_earlier:
            return
        self._shown_earlier = pose
        if pose is not None:
            self._earlier.vertices = self._mannequin.stand(pose.posture, _EARLIER_AT, hand_pose=pose.hand_pose).vertices
        self._earlier.visible = pose is not None

    def show_photo(self, photo: PhotoFit | None) -> None:
        """Show a photo beside the body with its keypoints, or none."""
        places = {} if photo is None else photo.places
        with self._server.atomic():
            for name, ball in self.keypoints.items():
                ball.visible = name in places
                if photo is not None and name in places:
                    wide, high = photo_size(photo)
                    x, y = places[name]
                    ball.position = (_PHOTO_AT - wide + x * wide, _PHOTO_LOW + (1 - y) * high, _PHOTO_DEPTH + 0.01)
                    moved, unseen = photo.corrections.moved, photo.corrections.unseen
                    ball.color = HELD if name in moved else PINNED if name in unseen else FREE
        picture = None if photo is None else photo.picture
        if picture is self._shown_picture:
            return
        self._shown_picture = picture
        if self._photo is not None:
            self._photo.remove()
            self._photo = None
        if photo is None or picture is None:
            return
        wide, high = photo_size(photo)
        self._photo = self._server.scene.add_image(
            "/photo",
            picture,
            wide,
            high,
            format="jpeg",
            wxyz=Rotation.from_euler("x", 180, degrees=True).as_quat(scalar_first=True),
            position=(_PHOTO_AT - wide / 2, _PHOTO_LOW + high / 2, _PHOTO_DEPTH),
            cast_shadow=False,
            receive_shadow=False,
        )


def photo_size(photo: PhotoFit) -> tuple[float, float]:
    """Width and height of a shown photo in metres."""
    height, width = photo.picture.shape[:2]
    return _PHOTO_HEIGHT * width / height, _PHOTO_HEIGHT
