"""Effect of smoothness in clips: ``python -m benchmarks.clips RECORDING...`` (ASF/AMC, BVH or AMASS npz).

Recorded motions are applied to the open body in front of a static camera, projected to keypoints with noise, and
fitted with several weights of smoothness.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import tyro
from jaxtyping import Float
from rich.console import Console
from rich.progress import track
from scipy.ndimage import gaussian_filter1d
from torch import Tensor

from benchmarks.commands import command
from benchmarks.machine import machine
from benchmarks.tables import Table
from fitting.body.body import Body
from fitting.fit import Fitter
from fitting.inputs.camera import Camera
from fitting.inputs.keypoints import Keypoints
from fitting.video.clip import fit_clip
from fitting.video.tracked_keypoints import TrackedKeypoints
from qposer.body_pose.rotations import axis_angle_to_matrix
from qposer.body_pose.skeleton import JOINT_NAMES
from qposer.data.recordings import READERS, thin
from qposer.data.retarget import retarget
from qposer.evaluation.metrics import pa_mpjpe
from qposer.io.atomic_files import atomic_write
from qposer.io.cli_errors import cli_errors

FPS, SIZE, FOCAL = 30.0, (1280, 720), 1100.0
CAMERA_HEIGHT, PITCH = 0.9, math.radians(8)
FEET = [JOINT_NAMES.index(f"{side}_{joint}") for side in ("left", "right") for joint in ("ankle", "foot")]
SMOOTHNESS = (0.0, 0.1, 1.0, 10.0)
GAP_SECONDS = 0.5

PAGE = """# Clips

{clips} recorded motions of {frames} frames at 30 per second, applied to open bodies of random shape in front of a
static camera. Keypoints have noise (in percent of the person's height). Clips are fitted with several factors on the
weight of accelerations; 0 fits each frame separately. Acceleration errors are relative to the pelvis, and in space.
In rows with a gap, half a second is unseen, and errors are of these frames only. Seconds are core seconds and include
the shape fit.

{table}

Command: `{command}`.
Machine: {machine}.
"""


@dataclass(frozen=True)
class Scene:
    """A motion in front of a camera."""

    joints: Float[Tensor, "frames 22 3"]
    xy: Float[Tensor, "frames 33 2"]
    height: Float[Tensor, " frames"]
    """Standing height of the person in pixels."""


def main(
    recordings: Annotated[tuple[Path, ...], tyro.conf.Positional],
    frames: int = 90,
    noise: tuple[float, ...] = (0.01, 0.02),
    smoothness: tuple[float, ...] = SMOOTHNESS,
    out: Path | None = None,
) -> None:
    """Fit the beginnings of recorded clips, and print errors of positions and of accelerations.

    Args:
        recordings: clips; choose weights on clips of validation subjects.
        frames: number of frames of each clip, at 30 frames per second.
        noise: standard deviations of the keypoint noise, as fractions of the person's height.
        smoothness: factors on the weight of accelerations.
        out: folder for clips.md.
    """
    console = Console(width=120)
    with cli_errors("benchmarks.clips"):
        fitter = Fitter()
        scenes = [scene(fitter.body, path, frames, seed) for seed, path in enumerate(recordings)]
        runs = [
            (part, factor, gap)
            for part in noise
            for factor in smoothness
            for gap in (False, True)[: 1 + (factor == 1.0)]
        ]
        rows = []
        for part, factor, gap in track(runs, "fitting", console=console):
            started = time.process_time()
            scores = np.mean([_scores(fitter, one, part, factor, gap) for one in scenes], axis=0)
            seconds = (time.process_time() - started) / sum(len(one.xy) for one in scenes)
            name = f"{100 * part:g} %, {factor:g}" + (f", {GAP_SECONDS:g} s unseen, only these frames" if gap else "")
            rows.append([name, *(f"{score:.1f}" for score in scores), f"{seconds:.3f}"])
        columns = [
            "noise, smoothness",
            "PA-MPJPE, mm",
            "accelerations, mm per frame squared",
            "accelerations in space",
            "s per frame",
        ]
        table = Table(columns, rows)
        title = f"{len(scenes)} clips of {frames} frames; {machine()}"
        console.print(table.for_console(title))
        if out:
            names = " ".join(path.name for path in recordings)
            run = command("benchmarks.clips", main, frames=frames, noise=noise, smoothness=smoothness, out=out)
            run = run.replace("benchmarks.clips", f"benchmarks.clips {names}")
            out.mkdir(parents=True, exist_ok=True)
            with atomic_write(out / "clips.md") as temporary:
                page = PAGE.format(
                    table=table.markdown(), command=run, machine=machine(), clips=len(scenes), frames=frames
                )
                temporary.write_text(page, encoding="utf-8")


def scene(body: Body, path: Path, frames: int, seed: int) -> Scene:
    """Make a scene of a body with a random shape and a recorded motion on the ground, in front of a camera.

    Args:
        body: body model.
        path: file of the recording.
        frames: number of frames.
        seed: seed of shape, position and camera.

    Returns:
        The truth and the camera.

    Raises:
        FileNotFoundError: the recording does not exist.
        ValueError: the recording cannot be read.
    """
    if path.suffix.lower() not in READERS:
        raise ValueError(f"{path} is not a recording: expected {', '.join(READERS)}")
    generator = torch.Generator().manual_seed(seed)
    pose = torch.from_numpy(retarget(thin(READERS[path.suffix.lower()](path), FPS))).float()[:frames]
    way = _pelvis_path(body(pose[:, 0], pose[:, 1:22]).joints)
    yaw = 2 * math.pi * torch.rand(1, generator=generator).item()
    betas = torch.randn(1, body.num_betas, generator=generator)
    tilt = axis_angle_to_matrix(torch.tensor([[math.pi + PITCH, 0.0, 0.0], [0.0, yaw, 0.0]]))
    turn = tilt[0] @ tilt[1]
    orient = turn @ axis_angle_to_matrix(pose[:, 0])
    rest = pose.new_zeros(1, 22, 3)
    pelvis = body(rest[:, 0], rest[:, 1:], betas).joints[:, 0]
    away = torch.tensor([0.0, 0.0, 4.5 + (way.amax(0) - way.amin(0)).max().item()])
    transl = way @ turn.mT + away - pelvis
    camera = Camera.for_image(*SIZE, FOCAL, batch=len(pose))
    landmarks, joints, _ = body.posed_landmarks(orient, pose[:, 1:22], betas.expand(len(pose), -1), transl)
    return Scene(joints[:, :22], camera.project(landmarks), FOCAL * 1.7 / transl[:, 2])


def _pelvis_path(joints: Float[Tensor, "frames 24 3"]) -> Float[Tensor, "frames 3"]:
    """The path of the pelvis if the lowest foot is fixed, smoothed; the middle of the path is at the origin."""
    feet = (joints - joints[:, :1])[:, FEET].double().numpy()
    lowest = feet[..., 1].argmin(1)
    every = np.arange(len(feet) - 1)
    steps = feet[every, lowest[1:]] - feet[every + 1, lowest[1:]]
    way = np.concatenate([np.zeros((1, 3)), steps]).cumsum(0)
    way[:, 1] = -feet[..., 1].min(1)
    way = gaussian_filter1d(way, 2.0, axis=0)
    way[:, [0, 2]] -= way[:, [0, 2]].mean(0)
    way[:, 1] -= CAMERA_HEIGHT
    return torch.from_numpy(way).float()


def _scores(fitter: Fitter, truth: Scene, noise: float, smoothness: float, gap: bool) -> tuple[float, float, float]:
    """Errors in mm: of aligned joints, of their accelerations relative to the pelvis, and in space."""
    generator = torch.Generator().manual_seed(0)
    xy = truth.xy + noise * truth.height[:, None, None] * torch.randn(truth.xy.shape, generator=generator)
    frames = np.arange(len(xy))
    middle = len(xy) // 2
    unseen = (frames >= middle) & (frames < middle + round(GAP_SECONDS * FPS)) & gap
    keypoints = Keypoints(xy.numpy(), np.ones(xy.shape[:2]), "mediapipe", noise_floor=0.0)
    seen = TrackedKeypoints(keypoints[frames[~unseen].tolist()], frames[~unseen], FPS)
    clip = fit_clip(fitter, seen, SIZE, focal=FOCAL, smoothness=smoothness, contact=False)
    joints = torch.from_numpy(clip.joints[:, :22])
    shown = torch.from_numpy(unseen if gap else ~unseen)
    relative = (joints - joints[:, :1], truth.joints - truth.joints[:, :1])
    return (
        1000 * pa_mpjpe(joints, truth.joints)[shown].mean().item(),
        _acceleration_error(relative, shown),
        _acceleration_error((joints, truth.joints), shown),
    )


def _acceleration_error(pair: Sequence[Float[Tensor, "frames joints 3"]], shown: Tensor) -> float:
    found, true = (positions[2:] - 2 * positions[1:-1] + positions[:-2] for positions in pair)
    error: float = 1000 * (found - true).norm(dim=-1)[shown[1:-1]].mean().item()
    return error


if __name__ == "__main__":
    tyro.cli(main)
