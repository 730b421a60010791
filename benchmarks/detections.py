"""Accuracy of fits to detected keypoints: ``python -m benchmarks.detections --data poses.npz``.

Bodies in known poses are rendered and detected by the shipped detector. The detections are fitted with several noise
floors and several weights of MediaPipe's depths.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Literal

import numpy as np
import torch
import tyro
from rich.console import Console
from rich.progress import track

from benchmarks.fitting.people import people
from benchmarks.intervals import mean_interval
from benchmarks.machine import machine
from benchmarks.tables import Table
from fitting.body.body import Body
from fitting.fit import Fitter
from fitting.inputs.camera import Camera
from fitting.inputs.detect import detect
from fitting.inputs.keypoints import DETECTORS_ERROR, Keypoints
from fitting.optimise.problem import Weights
from fitting.optimise.settings import FitSettings
from fitting.output import render
from qposer.data.dataset import PoseDataset
from qposer.evaluation.metrics import mpjpe, pa_mpjpe
from qposer.io.atomic_files import atomic_write
from qposer.io.cli_errors import cli_errors

SIZE = 1000
WEIGHTS = (0.0, 2.0, 5.0, 10.0, 20.0, 50.0)
NOISE_FLOORS = (0.0, 0.005, DETECTORS_ERROR, 0.015, 0.02)


def main(
    data: Path,
    split: Literal["validation", "test"] = "validation",
    number: int = 64,
    noise_floors: tuple[float, ...] = NOISE_FLOORS,
    weights: tuple[float, ...] = WEIGHTS,
    out: Path | None = None,
) -> None:
    """Render poses of one split, fit the detected keypoints, and print the errors.

    Args:
        data: poses.npz, written by ``python -m qposer.data.build``.
        split: split of the poses; the weight is chosen on validation.
        number: number of bodies.
        noise_floors: noise floors of the keypoints to try, as fractions of the person's height.
        weights: weights of the depth cue; zero disables it.
        out: Markdown file for the table.
    """
    console = Console(width=120)
    with cli_errors("benchmarks.detections"):
        body = Body.open()
        truth = people(body, PoseDataset.load(data).body_pose(split), number, torch.Generator().manual_seed(0))
        posed = body(truth.orient, truth.body_pose, truth.betas, truth.transl)
        found, detected = [], []
        ground = (
            np.random.default_rng(0).integers(150, 200, (SIZE // 8, SIZE // 8, 3), np.uint8).repeat(8, 0).repeat(8, 1)
        )
        for person in track(range(number), "rendering and detecting", console=console):
            mesh = render.Mesh(posed.vertices[person].numpy(), body.faces.numpy())
            picture = render.overlay(ground, [mesh], truth.camera.focal[person].item(), (SIZE / 2, SIZE / 2))
            try:
                found.append(detect(picture))
                detected.append(person)
            except ValueError:
                continue
        keypoints = Keypoints(
            np.concatenate([one.xy for one in found]),
            np.concatenate([one.confidence for one in found]),
            "mediapipe",
            np.concatenate([one.world for one in found if one.world is not None]),
        )
        chosen = torch.tensor(detected)
        camera = Camera(truth.camera.focal[chosen], truth.camera.centre[chosen])
        true = posed.joints[chosen, :22]
        off = torch.linalg.vector_norm(truth.xy[chosen] - torch.from_numpy(keypoints.xy), dim=-1)
        median = (off / truth.height[chosen, None]).median().item()

        def fitted(noise_floor: float, weight: float) -> list[str]:
            settings = FitSettings(depth_cue=weight > 0, weights=dataclasses.replace(Weights(), depth=weight))
            fitter = Fitter(body, settings=settings)
            _, estimate = fitter.solve(dataclasses.replace(keypoints, noise_floor=noise_floor), camera)
            ours = body(estimate.orient, fitter.body_pose(estimate), estimate.betas).joints[:, :22]
            errors = (pa_mpjpe(ours, true), mpjpe(ours - ours[:, :1], true - true[:, :1]))
            return [f"{mean_interval(1000 * error):.1f}" for error in errors]

        shipped = Weights().depth
        pairs = [*((level, shipped) for level in noise_floors), *((DETECTORS_ERROR, weight) for weight in weights)]
        rows = [[f"{level:g}", f"{weight:g}", *fitted(level, weight)] for level, weight in dict.fromkeys(pairs)]
        table = Table(["noise floor", "weight of the depth cue", "PA-MPJPE, mm", "MPJPE, mm"], rows)
        title = f"{len(detected)} of {number} rendered {split} poses detected, keypoints {100 * median:.1f} % off"
        console.print(table.for_console(f"{title}; {machine()}"))
        if out:
            with atomic_write(out) as temporary:
                temporary.write_text(f"{title}; {machine()}\n\n{table.markdown()}\n", encoding="utf-8")


if __name__ == "__main__":
    tyro.cli(main)
