"""Pictures of scenes, with clothes, light, backgrounds and occluders, and the visibility of their landmarks."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8

from benchmarks.rendered.scenes import SIZE, Scenes
from fitting.body.body import Body
from fitting.output.rasterizer import paint
from fitting.output.render import Mesh, composed, vertex_normals
from qposer.body_pose.skeleton import JOINT_NAMES

Picture = UInt8[np.ndarray, "height width 3"]

OCCLUDED_SHARE = 0.35
"""Share of the pictures with a box in front of the person."""

PLAIN_SHARE = 0.3
"""Share of the pictures with a plain background."""

OWN_DEPTH = 0.14
"""Maximum distance from a joint to the skin above it in metres; a landmark that is farther than this behind the visible
surface is occluded."""

_SKIN = np.array([[0.93, 0.78, 0.68], [0.82, 0.63, 0.5], [0.6, 0.42, 0.3], [0.36, 0.24, 0.18]])
_TROUSERS, _SHORTS = ("pelvis", "hip", "knee", "ankle"), ("pelvis", "hip")
_SHIRT, _LONG_SLEEVES = ("spine1", "spine2", "spine3", "collar", "shoulder"), ("elbow",)


class Shown(NamedTuple):
    """A picture of a person, and the visibility of the 33 landmarks."""

    picture: Picture
    visible: Bool[np.ndarray, "33"]
    """Within the image, and not occluded by the person's own body or by another object."""
    inside: Bool[np.ndarray, "33"]
    """Within the borders of the image."""


def show(scenes: Scenes, person: int, seed: int) -> Shown:
    """Render the picture of one person.

    Args:
        scenes: all people.
        person: index of the person.
        seed: seed of colours, light, background and occlusion; combined with the person's index.

    Returns:
        The picture, and the visibility of the landmarks.
    """
    random = np.random.default_rng((seed, person))
    mesh, focal = _mesh(scenes, person), scenes.camera.focal[person].item()
    view = (focal, (SIZE / 2, SIZE / 2), (SIZE, SIZE))
    colours = _clothes(scenes.body, random) * _light(mesh, random)[:, None]
    picture = composed(paint(mesh.vertices, mesh.faces, colours, *view, closed=True), _background(random))
    visible, inside = _visible(scenes, person, mesh)
    if random.random() < OCCLUDED_SHARE:
        picture, covered = _with_box(picture, scenes.xy[person].numpy(), scenes.height[person].item(), random)
        visible &= ~covered
    return Shown(_photographed(picture, random), visible, inside)


def _mesh(scenes: Scenes, person: int) -> Mesh:
    one = slice(person, person + 1)
    with torch.no_grad():
        posed = scenes.body(scenes.orient[one], scenes.body_pose[one], scenes.betas[one], scenes.transl[one])
    return Mesh(posed.vertices[0].double().numpy(), scenes.body.faces.numpy())


def _clothes(body: Body, random: np.random.Generator) -> Float[np.ndarray, "vertices 3"]:
    """Random colours of skin, hair, shirt, trousers and shoes; shirts and trousers are sometimes striped."""
    rest = body.data.template
    kind = np.array([name.rpartition("_")[2] for name in JOINT_NAMES])[body.data.weights.argmax(axis=1)]
    shirt = _SHIRT + (_LONG_SLEEVES if random.random() < 0.5 else ())
    trousers = _TROUSERS if random.random() < 0.7 else _SHORTS
    colours = np.tile(random.choice(_SKIN) * random.uniform(0.85, 1.05), (len(rest), 1))
    for worn in (shirt, trousers, ("foot",)):
        cloth = np.isin(kind, worn)
        colours[cloth] = random.uniform(0.05, 0.95, 3)
        if random.random() < 0.4 and worn != ("foot",):
            stripes = np.sin(rest[:, random.integers(2)] * random.uniform(40, 150)) > 0
            colours[cloth & stripes] = random.uniform(0.05, 0.95, 3)
    head = kind == "head"
    low, high = rest[head].min(axis=0), rest[head].max(axis=0)
    up, ahead = (rest[:, 1] - low[1]) / (high[1] - low[1]), (rest[:, 2] - low[2]) / (high[2] - low[2])
    colours[head & ((up > 0.82) | (up > 0.35) & (ahead < 0.5))] = random.uniform(0.03, 0.5) * random.uniform(0.5, 1, 3)
    clipped: np.ndarray = np.clip(colours, 0.0, 1.0)
    return clipped


def _light(mesh: Mesh, random: np.random.Generator) -> Float[np.ndarray, " vertices"]:
    """Shading by ambient light and a lamp at a random direction from above."""
    lamp = random.normal(size=3) * (1.0, 0.4, 1.0) + (0.0, -0.8, -0.6)
    ambient = random.uniform(0.25, 0.7)
    sky = 0.1 * (1 - vertex_normals(mesh)[:, 1])
    light: np.ndarray = (
        ambient + sky + (0.95 - ambient) * np.maximum(vertex_normals(mesh) @ (lamp / np.linalg.norm(lamp)), 0.0)
    )
    return light


def _background(random: np.random.Generator) -> Picture:
    """A plain colour with grain, or a photo-like image of soft and sharp shapes in front of a wall and a floor."""
    if random.random() < PLAIN_SHARE:
        return _grainy(np.full((SIZE, SIZE, 3), random.uniform(20, 240, 3)), random)
    ground = np.empty((SIZE, SIZE, 3))
    horizon = int(random.uniform(0.4, 0.9) * SIZE)
    ground[:horizon], ground[horizon:] = random.uniform(60, 240, 3), random.uniform(30, 180, 3)
    for octave in range(2, 8):
        coarse = random.normal(size=(2**octave, 2**octave, 3)) * (0.3, 0.3, 0.3) + random.normal(
            size=(2**octave, 2**octave, 1)
        )
        ground += 60 / octave * cv2.resize(coarse, (SIZE, SIZE), interpolation=cv2.INTER_CUBIC)
    for _ in range(random.integers(3, 25)):
        corner = random.integers(-100, SIZE, 2)
        extent = (SIZE * random.uniform(0.02, 0.45, 2)).astype(int)
        colour = random.uniform(0, 255, 3).tolist()
        if random.random() < 0.7:
            cv2.rectangle(ground, corner.tolist(), (corner + extent).tolist(), colour, -1)
        else:
            cv2.ellipse(ground, (corner.tolist(), extent.tolist(), random.uniform(0, 180)), colour, -1)
    return _grainy(cv2.GaussianBlur(ground, (0, 0), random.uniform(0.5, 6.0)), random)


def _grainy(ground: Float[np.ndarray, "height width 3"], random: np.random.Generator) -> Picture:
    return np.clip(ground + random.normal(0, random.uniform(0, 8), ground.shape), 0, 255).astype(np.uint8)


def _visible(scenes: Scenes, person: int, mesh: Mesh) -> tuple[Bool[np.ndarray, "33"], Bool[np.ndarray, "33"]]:
    """Landmarks that the body does not occlude, and landmarks within the image borders."""
    depth = mesh.vertices[:, 2]
    low, high = depth.min(), depth.max()
    grey = np.repeat(((depth - low) / (high - low))[:, None], 3, axis=1)
    view = scenes.camera.focal[person].item(), (SIZE / 2,) * 2, (SIZE,) * 2
    rgba = paint(mesh.vertices, mesh.faces, grey, *view, closed=True)
    surface = np.where(rgba[..., 3] > 127, low + (high - low) * rgba[..., 0] / 255.0, np.inf)
    pixels = np.floor(scenes.xy[person].numpy()).astype(int)
    inside = ((pixels >= 0) & (pixels < SIZE)).all(axis=1)
    x, y = np.clip(pixels, 0, SIZE - 1).T
    behind = scenes.landmarks[person, :, 2].numpy() - surface[y, x] > OWN_DEPTH
    return inside & ~behind, inside


def _with_box(
    picture: Picture, xy: Float[np.ndarray, "33 2"], height: float, random: np.random.Generator
) -> tuple[Picture, Bool[np.ndarray, "33"]]:
    """Draw a box over a part of the person; the picture, and the landmarks that the box covers."""
    middle = xy[random.integers(11, 33)] + random.normal(0, 0.05 * height, 2)
    half = height * random.uniform(0.06, 0.25, 2)
    low, high = (np.clip(middle + sign * half, 0, SIZE).astype(int) for sign in (-1, 1))
    picture = picture.copy()
    texture = _background(random)
    picture[low[1] : high[1], low[0] : high[0]] = texture[low[1] : high[1], low[0] : high[0]]
    return picture, ((xy > low) & (xy < high)).all(axis=1)


def _photographed(picture: Picture, random: np.random.Generator) -> Picture:
    """Blur and compress a picture slightly, like a photo."""
    blurred = cv2.GaussianBlur(picture, (0, 0), random.uniform(0.3, 1.2))
    _, coded = cv2.imencode(".jpg", blurred[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, int(random.uniform(60, 95))])
    return np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR))[..., ::-1].copy()
