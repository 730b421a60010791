"""Identity switches of the tracker when two people cross."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float

from benchmarks.video.scenes import SIZE, Scene
from fitting.inputs.keypoints import MIN_SEEN, SEEN_CONFIDENCE, Keypoints
from fitting.training.detector_errors import draw_detections
from fitting.video.appearance import COLOURS
from fitting.video.tracking import Tracker

OVERLAP = 0.5
"""The person behind is not detected while this fraction of the smaller box is covered."""

NOISE = 0.3
"""Fraction of random colours that is mixed into the colours of every frame."""

CLOTHES = {"different clothes": (True, True), "same clothes": (True, False), "colours unknown": (False, False)}


def count_switches(scenes: Sequence[tuple[Scene, Scene]]) -> dict[str, tuple[int, int, int]]:
    """Simulate pairs of people who cross in the image, and count identity switches.

    Args:
        scenes: pairs of people who move on the spot.

    Returns:
        For each kind of clothes, the numbers of crossings, of switched people, and of people with a new track number.
    """
    found = {}
    for name, (known, different) in CLOTHES.items():
        results = [_switches(*pair, seed, known, different) for seed, pair in enumerate(scenes)]
        found[name] = (len(results), sum(other for other, _ in results), sum(new for _, new in results))
    return found


def _switches(first: Scene, second: Scene, seed: int, known: bool, different: bool) -> tuple[int, int]:
    """Numbers of people, of two, with the other's track number and with a new one."""
    generator = torch.Generator().manual_seed(seed)
    frames = min(len(first.xy), len(second.xy))
    across = torch.linspace(-0.4, 0.4, frames)[:, None] * SIZE[0]
    xy, confidence = [], []
    for scene, sign in ((first, 1.0), (second, -1.0)):
        shifted = scene.xy[:frames].clone()
        shifted[..., 0] += sign * across
        found = draw_detections(scene.landmarks[:frames], shifted, scene.height[:frames], "mediapipe", generator)
        xy.append(found.xy.numpy())
        confidence.append(found.confidence.numpy())
    nearer = [float(scene.joints[:, 0, 2].mean()) for scene in (first, second)]
    behind = int(nearer[0] < nearer[1])
    clothes = np.random.default_rng(seed).dirichlet(np.full(COLOURS, 0.1), 2)
    clothes = clothes if different else clothes[:1].repeat(2, 0)
    rng, tracker = np.random.default_rng(seed + 1000), Tracker()
    numbers: list[list[int]] = [[], []]
    for frame in range(frames):
        shown = [k for k in (0, 1) if (confidence[k][frame] > SEEN_CONFIDENCE).sum() >= MIN_SEEN]
        if len(shown) == 2 and _covered(xy[0][frame], xy[1][frame]) > OVERLAP:
            shown.remove(behind)
        if rng.random() < 0.5:
            shown.reverse()
        people, colours = None, np.zeros((0, COLOURS), np.float32)
        if shown:
            people = Keypoints(
                np.stack([xy[k][frame] for k in shown]), np.stack([confidence[k][frame] for k in shown]), "mediapipe"
            )
            varied = np.stack([(1 - NOISE) * clothes[k] + NOISE * rng.dirichlet(np.full(COLOURS, 0.1)) for k in shown])
            colours = (varied * known).astype(np.float32)
        given, _ = tracker.assign(people, colours)
        tracker.advance(people, colours, given)
        for k, number in zip(shown, given.tolist(), strict=True):
            numbers[k].append(number)
    end = [row[-1] for row in numbers]
    other = sum(end[k] in numbers[1 - k][: len(numbers[1 - k]) // 3] for k in (0, 1))
    return other, sum(end[k] != numbers[k][0] for k in (0, 1)) - other


def _covered(a: Float[np.ndarray, "joints 2"], b: Float[np.ndarray, "joints 2"]) -> float:
    """Fraction of the smaller box that the other box covers."""
    low, high = np.maximum(a.min(0), b.min(0)), np.minimum(a.max(0), b.max(0))
    common = np.prod(np.clip(high - low, 0, None))
    return float(common / min(np.prod(np.ptp(a, axis=0)), np.prod(np.ptp(b, axis=0))))
