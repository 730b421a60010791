"""Fits to the detector's keypoints of rendered people, and their errors."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from jaxtyping import Bool
from torch import Tensor

from benchmarks.cache import Cache, Result
from benchmarks.intervals import mean_interval
from benchmarks.prior.poses import file_digest
from benchmarks.rendered.scenes import SIZE, Scenes
from benchmarks.rendered.sightings import TrackedKeypoints, mistaken
from benchmarks.tables import Table
from fitting import fit
from fitting.fit import Fitter
from fitting.inputs.camera import Camera
from fitting.inputs.focal import default_focal
from qposer.evaluation.metrics import mpjpe, pa_mpjpe
from qposer.io.assets import asset

Focal = Literal["assumed", "true"]

FOCALS: tuple[Focal, ...] = ("assumed", "true")
FIGURES = {"mpjpe": "MPJPE, mm", "pa_mpjpe": "PA-MPJPE, mm", "mpvpe": "MPVPE, mm", "percent_2d": "2D error, %"}
BATCH = 64
_WEIGHTS = ("body.npz", "start.safetensors", "codeprior.safetensors", "qposer.safetensors")


def measure(fitter: Fitter, people: Scenes, seen: TrackedKeypoints, focal: Focal) -> Result:
    """Fit all detected people and measure the errors.

    Args:
        fitter: fitter to measure.
        people: true people.
        seen: detections.
        focal: kind of focal length, true or assumed.

    Returns:
        ``mpjpe``, ``pa_mpjpe`` and ``mpvpe`` in millimetres, and the 2D error in percent of the height, a value for
        each detected person.
    """
    parts: list[Result] = []
    for start in range(0, len(seen.person), BATCH):
        rows = range(start, min(start + BATCH, len(seen.person)))
        person = torch.from_numpy(seen.person[rows.start : rows.stop])
        parts.append(_errors(fitter, people, person, seen, rows, focal))
    return {name: [value for part in parts for value in part[name]] for name in parts[0]}


@torch.no_grad()
def _errors(
    fitter: Fitter, people: Scenes, person: Tensor, seen: TrackedKeypoints, rows: range, focal: Focal
) -> dict[str, list[float]]:
    true_camera = people.camera[person]
    assumed = Camera.for_image(SIZE, SIZE, default_focal(SIZE, SIZE), batch=len(person))
    camera = true_camera if focal == "true" else assumed
    with torch.enable_grad():
        found = fitter.solve(seen.keypoints[list(rows)], camera)[1]
    body_pose = fitter.body_pose(found)
    ours = fitter.body(found.orient, body_pose, found.betas, found.transl)
    true = people.body(people.orient[person], people.body_pose[person], people.betas[person], people.transl[person])
    joints, true_joints = (output.joints[:, :22] - output.joints[:, :1] for output in (ours, true))
    vertices, true_vertices = (output.vertices - output.joints[:, :1] for output in (ours, true))
    xy = camera.project(fitter.body.landmarks(found.orient, body_pose, found.betas, found.transl))
    return {
        "mpjpe": (1000 * mpjpe(joints, true_joints)).tolist(),
        "pa_mpjpe": (1000 * pa_mpjpe(joints, true_joints)).tolist(),
        "mpvpe": (1000 * mpjpe(vertices, true_vertices)).tolist(),
        "percent_2d": (100 * mpjpe(xy, people.xy[person]) / people.height[person]).tolist(),
    }


def kept(
    cache: Cache, depends_on: dict[str, str], fitter: Fitter, people: Scenes, seen: TrackedKeypoints
) -> dict[Focal, Result]:
    """Measure the errors with each focal length, or read them from the cache if the inputs are unchanged.

    Args:
        cache: cache of the results.
        depends_on: key of scenes and detections.
        fitter: shipped fitter.
        people: true people.
        seen: detections.

    Returns:
        Errors by kind of focal length, as `measure` returns them.
    """
    code = sorted(Path(str(fit.__file__)).parent.rglob("*.py"))
    files = [file_digest(file) for file in (Path(__file__), *code, *(asset(name) for name in _WEIGHTS))]
    results: dict[Focal, Result] = {}
    for focal in FOCALS:
        on = {**depends_on, "files": files, "focal": focal}
        results[focal] = cache.result(f"rendered-{focal}", on, partial(measure, fitter, people, seen, focal))
    return results


def nothing_recognised(people: Scenes, seen: TrackedKeypoints) -> Bool[np.ndarray, " people"]:
    """Find failed detections.

    Args:
        people: true people.
        seen: detections.

    Returns:
        True for each detected person whose detection failed.
    """
    truth, height = people.xy[seen.person].numpy(), people.height[seen.person].numpy()
    return mistaken(seen.keypoints.xy, truth, seen.inside, height)


def groups(people: Scenes, seen: TrackedKeypoints) -> dict[str, Bool[np.ndarray, " people"]]:
    """Group detected people by kind of view.

    Args:
        people: true people.
        seen: detections.

    Returns:
        Masks of the groups by row name.
    """
    facing = people.facing[seen.person].numpy()
    whole = seen.inside.all(axis=-1)
    shown = (seen.visible.sum(axis=-1) / 33) > 0.8
    return {
        "all": np.ones(len(facing), bool),
        "from the front": facing > 0.5,
        "from the side": np.abs(facing) <= 0.5,
        "from behind": facing < -0.5,
        "four fifths of the keypoints visible": shown,
        "whole person in the picture": whole,
        "cut by the border": ~whole,
        "failed detections excluded": ~nothing_recognised(people, seen),
    }


def table(people: Scenes, seen: TrackedKeypoints, results: dict[Focal, Result]) -> Table:
    """Make a table of mean errors with intervals, and medians, by kind of view and of focal length.

    Args:
        people: true people.
        seen: detections.
        results: errors by kind of focal length.

    Returns:
        Errors in millimetres, and 2D errors in percent of the height.
    """
    rows = []
    for focal, result in results.items():
        values = {name: torch.tensor(result[name], dtype=torch.float64) for name in FIGURES}
        for name, members in groups(people, seen).items():
            chosen = torch.from_numpy(members)
            if not chosen.any():
                continue
            cells = [f"{mean_interval(value[chosen]):.1f}" for value in values.values()]
            median = f"{values['mpjpe'][chosen].median():.1f} / {values['pa_mpjpe'][chosen].median():.1f}"
            rows.append([f"{focal} focal length, {name}", str(int(chosen.sum())), *cells, median])
    return Table(["", "people", *FIGURES.values(), "medians, mm"], rows)
