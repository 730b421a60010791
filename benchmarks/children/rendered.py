"""Heights of rendered people of several ages, found by the detector: ``python -m benchmarks.children.rendered``."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import torch
import tyro
from jaxtyping import Float
from rich.console import Console
from rich.table import Table

from benchmarks.children.people import TALL
from benchmarks.machine import machine
from benchmarks.prior.poses import Poses
from benchmarks.rendered.pictures import show
from benchmarks.rendered.scenes import SIZE, Scenes
from fitting.body.body import Body
from fitting.fit import Fitter
from fitting.inputs.camera import Camera
from fitting.inputs.detect import detect
from fitting.inputs.keypoints import FORMATS, Keypoints
from fitting.optimise.initialize import stature
from fitting.optimise.settings import FitSettings
from qposer.body_pose.rotations import axis_angle_to_matrix
from qposer.body_pose.skeleton import BODY_JOINT_NAMES

PARTS = {
    "faces": ("nose", "eye", "ear", "mouth"),
    "torsos": ("shoulder", "hip"),
    "legs": ("knee", "ankle", "heel", "foot"),
}
"""Parts of the body, and the words in the names of their keypoints."""


def main(ages: tuple[float, ...] = (3.0, 6.0, 10.0, 40.0), number: int = 24, seed: int = 0) -> None:
    """Fit the body of all ages to detected people, also with the true keypoints of a part, and with their age.

    Args:
        ages: years.
        number: people of each age, upright, seen from the front half.
        seed: seed of shapes, cameras and pictures.
    """
    torch.set_num_threads(1)
    body = Body.ages()
    table = Table(title=f"{number} people of each age; {machine()}")
    for column in ("years", "keypoints", "age", "height", "within 8 %", "median"):
        table.add_column(column, justify="right")
    for age in ages:
        scenes = people(body, age, number, seed)
        found, people_found = detections(scenes, seed)
        height = stature(body, scenes.betas[people_found])
        camera = Camera(scenes.camera.focal[people_found], scenes.camera.centre[people_found])
        true = scenes.xy[people_found].numpy()
        kinds = {"detected": found, "exact": Keypoints(true, np.ones(true.shape[:2]), "mediapipe")}
        for part, words in PARTS.items():
            columns = [i for i, name in enumerate(FORMATS["mediapipe"].names) if any(word in name for word in words)]
            xy = found.xy.copy()
            xy[:, columns] = true[:, columns]
            kinds[f"detected, true {part}"] = dataclasses.replace(found, xy=xy)
        for what, known in [(what, None) for what in kinds] + [("detected", age)]:
            with torch.no_grad():
                _, fitted = Fitter(body, settings=FitSettings(age=known)).solve(kinds[what], camera)
            off = 100 * (stature(body, fitted.betas) / height - 1)
            table.add_row(
                *(f"{age:g}", what, "unknown" if known is None else "known", f"{off.median():+.1f} %"),
                *(f"{100 * (off.abs() < 8).float().mean():.0f} %", f"{off.abs().median():.1f} %"),
            )
    Console(width=120).print(table)


def people(body: Body, age: float, number: int, seed: int) -> Scenes:
    """Draw upright people of an age, of the same size in the picture, seen from the front half.

    Args:
        body: body of all ages.
        age: years.
        number: number of people.
        seed: seed of shapes and cameras.

    Returns:
        The people.

    Raises:
        ValueError: the body has no ages.
    """
    if body.data.groups is None:
        raise ValueError("the body has no ages: use Body.ages()")
    group, generator = body.data.groups.at(age), torch.Generator().manual_seed(round(10 * age) + 1000 * seed)

    def uniform(low: float, high: float) -> Float[torch.Tensor, " people"]:
        return low + (high - low) * torch.rand(number, generator=generator)

    shapes = torch.randn(number, body.num_betas, generator=generator)
    betas = torch.from_numpy(group.means) + shapes @ torch.linalg.inv(torch.from_numpy(group.roots[0])).mT
    legs = [BODY_JOINT_NAMES.index(f"{side}_{name}") for side in ("left", "right") for name in ("hip", "knee")]
    poses = Poses.quick().test
    pose = poses[:, legs].norm(dim=-1).sum(-1).argsort()[:number]
    about_x, about_y, away = torch.eye(3)
    pitched = axis_angle_to_matrix((math.pi + uniform(-0.1, 0.2))[:, None] * about_x)
    orient = pitched @ axis_angle_to_matrix(uniform(-0.8, 0.8)[:, None] * about_y)
    focal = SIZE * uniform(0.7, 1.5)
    transl = (focal * stature(body, betas) / (SIZE * TALL / 1000))[:, None] * away
    camera = Camera(focal, torch.full((number, 2), SIZE / 2))
    return Scenes(body, pose, orient, axis_angle_to_matrix(poses[pose]), betas, transl, camera)


def detections(scenes: Scenes, seed: int) -> tuple[Keypoints, list[int]]:
    """Render all people, and find them.

    Args:
        scenes: the people.
        seed: seed of the pictures.

    Returns:
        Keypoints and indices of those who were found.
    """
    found, indices = [], []
    for person in range(len(scenes)):
        try:
            found.append(detect(show(scenes, person, seed).picture))
        except ValueError:
            continue
        indices.append(person)
    world = [keypoints.world for keypoints in found if keypoints.world is not None]
    xy, confidence = (np.concatenate([getattr(one, name) for one in found]) for name in ("xy", "confidence"))
    return Keypoints(xy, confidence, "mediapipe", np.concatenate(world)), indices


if __name__ == "__main__":
    tyro.cli(main)
