"""The video of a clip's fit: each frame with the body over it, next to a side view and the paths from above."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
import torch
from jaxtyping import Float

from fitting.body.body import Body
from fitting.inputs.detections import Picture
from fitting.output.render import Mesh, composed, overlay, render, vertex_normals
from fitting.video.clip_result import ClipResult
from fitting.video.frame_times import Timing
from fitting.video.frames import Video, even
from fitting.video.in_threads import in_threads
from fitting.video.top_view import TopView, level_axes

SIDE = 640
"""Maximum long side of a frame in pixels; encoding larger pictures would take longer than detection."""

_BACKGROUND = 245
_MARGIN = 1.15
_LENS = 4.0
"""Focal length of the side view, in picture heights; long, to reduce distortion."""


def clip_pictures(
    video: Video, when: Timing, result: ClipResult, body: Body, others: Sequence[ClipResult] = ()
) -> Iterator[Picture]:
    """The frames of the video, each next to a view from the camera's right that follows the person, and a `TopView`.

    The two views are beside each other, or one above the other if the video is in portrait format. The view from the
    right is upright where the ground is known, and as the camera is tilted otherwise.

    Pictures have the result's constant rate: a frame is shown until the next one, while the body moves on. Frames
    outside the fit are shown unchanged; frames without a detection are labelled.

    Args:
        video: the frames.
        when: times of the frames.
        result: result of the clip.
        body: the fitted body model.
        others: other people of the video, whose paths are shown.

    Yields:
        Pictures of one size.
    """
    scale = min(1.0, SIDE / max(video.width, video.height))
    size = round(video.width * scale), 2 * round(video.height * scale / 2)
    across = size[0] >= size[1]
    square = size[1] if across else size[1] // 2
    focal, centre = result.focal * scale, (float(result.centre[0]) * scale, float(result.centre[1]) * scale)
    faces, reach = body.faces.cpu().numpy(), _reach(result)
    axes, above = level_axes([result]), TopView([result, *others], square)
    upright = np.eye(3) if axes is None else axes
    first = int(result.frames[0])

    def drawn(number: int, frame: Picture, fresh: bool, paths: Picture) -> Picture:
        picture = cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
        side = np.full((square, square, 3), _BACKGROUND, np.uint8)
        if 0 <= number - first < len(result):
            row = number - first
            mesh = Mesh(_vertices(result, row, body), faces)
            mesh = mesh._replace(normals=vertex_normals(mesh))
            picture = overlay(picture, [mesh], focal, centre)
            side = _from_the_right(mesh, result.joints[row, 0], upright, reach, side)
            if fresh and not result.detected[row]:
                cv2.putText(
                    picture, "not detected", (10, size[1] - 12), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (255, 60, 40), 2
                )
        views = np.concatenate([side, paths], axis=1 if across else 0)
        return even(np.concatenate([picture, views], axis=1))

    shown = ((number, frame, fresh, above.draw(number)) for number, frame, fresh in _held(video, when))
    yield from in_threads(lambda given: drawn(*given), shown)


def _held(video: Video, when: Timing) -> Iterator[tuple[int, Picture, bool]]:
    """Frame numbers at the constant rate, the frame shown, and whether it is shown for the first time."""
    ends = [*when.numbers[1:].tolist(), int(when.numbers[-1]) + 1]
    for begin, end, frame in zip(when.numbers.tolist(), ends, video.frames(), strict=False):
        for number in range(begin, end):
            yield number, frame, number == begin


def _reach(result: ClipResult) -> float:
    """Maximum distance of joints from the pelvis in metres."""
    return float(np.linalg.norm(result.joints - result.joints[:, :1], axis=-1).max())


@torch.no_grad()
def _vertices(result: ClipResult, row: int, body: Body) -> Float[np.ndarray, "vertices 3"]:
    values = (result.global_orient[row], result.body_pose[row], result.betas, result.transl[row])
    tensors = [torch.from_numpy(value)[None].to(body.identity) for value in values]
    fingers = None if result.hands is None else torch.from_numpy(result.hands.both[row])[None].to(body.identity)
    vertices: Float[np.ndarray, "vertices 3"] = body(*tensors, hand_pose=fingers).vertices[0].cpu().numpy()
    return vertices


def _from_the_right(
    mesh: Mesh, pelvis: Float[np.ndarray, "3"], upright: Float[np.ndarray, "3 3"], reach: float, ground: Picture
) -> Picture:
    """A view from the right of the video's camera at constant distance; that camera is on the left."""
    turn = upright.T @ np.array([[0.0, 0.0, -1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
    side = len(ground)
    away = np.array([0.0, 0.0, 2 * _LENS * _MARGIN * reach])
    turned = mesh._replace(vertices=(mesh.vertices - pelvis) @ turn + away, normals=mesh.normals @ turn)
    return composed(render([turned], _LENS * side, (side / 2, side / 2), (side, side)), ground)
