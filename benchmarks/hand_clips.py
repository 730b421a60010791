"""Hands in clips, frame by frame and smooth: ``python -m benchmarks.hand_clips [VIDEO...]``."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import tyro
from jaxtyping import Float
from rich.console import Console
from rich.progress import track
from torch import Tensor

from benchmarks.commands import command
from benchmarks.machine import machine
from benchmarks.tables import Table
from fitting.body.body import Body
from fitting.fit import Fitter
from fitting.hands.template import TemplateHands
from fitting.inputs.camera import Camera
from fitting.inputs.hand_keypoints import HandKeypoints
from fitting.inputs.keypoints import Keypoints
from fitting.video.clip import ClipFit
from fitting.video.clip_hands import fit_clip_hands
from fitting.video.frames import open_video
from fitting.video.hand_sightings import with_hands
from fitting.video.kept_work import Arrays, KeptWork
from fitting.video.sightings import follow_person
from fitting.video.tracked_keypoints import TrackedKeypoints
from qposer.body_pose.rotations import axis_angle_to_matrix, rotation_lerp
from qposer.body_pose.skeleton import BODY_JOINT_NAMES
from qposer.hands.prior import load_hand_prior
from qposer.hands.smplh import HAND_LANDMARKS
from qposer.io.atomic_files import atomic_write
from qposer.io.cli_errors import cli_errors

FPS, SIZE, FOCAL = 30.0, (1280, 720), 1100.0
LENGTH = 0.18
"""Length of a hand in metres."""

PIXELS, METRES = 0.02, 0.008
"""Standard deviations of the noise: fraction of the hand's length in the picture, and positions in metres."""

MISSED, UPSIDE_DOWN = 0.1, 0.02
"""Parts of the hands."""

SECONDS_PER_POSE = 0.7
SWING = 0.5
"""Amplitude of the wrists in radians."""

SMOOTHNESS = (0.0, 0.1, 0.3, 1.0, 3.0, 10.0)
TIPS = [HAND_LANDMARKS.index(f"left_{finger}_tip") for finger in ("thumb", "index", "middle", "ring", "pinky")]

PAGE = """# Hands in clips

{clips} clips of {frames} frames at 30 per second of a body whose fingers move between samples of the hand prior, one
every {pose} seconds, while the wrists turn. Keypoints have normal noise, independent in every frame: {pixels:.0%} of
the hand's length in the picture, and {metres:.0f} mm for positions in metres; {missed:.0%} of the hands are missed,
{flipped:.0%} are detected upside down. *Smoothness* is the factor on the weight of accelerations; with 0, wrong and
missed hands are interpolated, and the others stay as they are in single frames. Errors are mean distances of
fingertips relative to the wrist, accelerations their mean second differences, in mm per squared frame{videos}.

{table}

Command: `{command}`.
Machine: {machine}.
"""


@dataclass(frozen=True)
class Scene:
    """A clip of one person."""

    seen: TrackedKeypoints
    tips: Float[Tensor, "frames 2 5 3"] | None
    """True fingertips relative to the wrists, if known."""
    size: tuple[int, int] = SIZE
    focal: float | None = FOCAL


def main(
    videos: Annotated[tuple[Path, ...], tyro.conf.Positional] = (),
    clips: int = 8,
    frames: int = 90,
    out: Path | None = None,
) -> None:
    """Fit hands of synthetic clips, and of the largest person in videos.

    Args:
        videos: video files.
        clips: number of synthetic clips.
        frames: number of frames of each.
        out: folder for hand-clips.md.
    """
    console = Console(width=120)
    torch.set_num_threads(1)
    with cli_errors("benchmarks.hand_clips"):
        fitter = Fitter()
        assert fitter.hand_body is not None
        synthetic = [scene(fitter.hand_body, frames, seed) for seed in range(clips)]
        recorded = [detected(video) for video in videos]
        fits = [Fits(fitter, one) for one in track([*synthetic, *recorded], "fitting", console=console)]
        rows = [_row(smoothness, fits) for smoothness in track(SMOOTHNESS, "fitting hands", console=console)]
        names = [f"{video.name}: accelerations" for video in videos]
        table = Table(["smoothness", "error, mm", "error of accelerations", "accelerations", *names], rows)
        console.print(table.for_console(f"hands in clips; {machine()}"))
        if out is None:
            return
        run = command("benchmarks.hand_clips", main, clips=clips, frames=frames, out=out)
        text = PAGE.format(
            **{"clips": clips, "frames": frames, "pose": SECONDS_PER_POSE, "pixels": PIXELS, "metres": 1000 * METRES},
            **{"missed": MISSED, "flipped": UPSIDE_DOWN, "table": table.markdown(), "machine": machine()},
            videos="; the last columns are of videos, without truth" if videos else "",
            command=run.replace("hand_clips", " ".join(["hand_clips", *(video.name for video in videos)]), 1),
        )
        out.mkdir(parents=True, exist_ok=True)
        with atomic_write(out / "hand-clips.md") as temporary:
            temporary.write_text(text, encoding="utf-8")
        console.print(f"written: {out / 'hand-clips.md'}")


def scene(body: Body, frames: int, seed: int) -> Scene:
    """A synthetic clip.

    Args:
        body: the open body with fingers.
        frames: number of frames.
        seed: random seed.

    Returns:
        Keypoints and truth.
    """
    rng, times = np.random.default_rng(seed), torch.arange(frames) / FPS
    pose = torch.zeros(frames, 21, 3)
    for side, sign in (("left", -1), ("right", 1)):
        pose[:, BODY_JOINT_NAMES.index(f"{side}_shoulder"), 2] = sign * 0.6
        speed, start = rng.uniform(2, 5, 2), rng.uniform(0, 6, 2)
        for axis, place in ((0, 0), (1, 1)):
            swing = SWING * (speed[place] * times + start[place]).sin()
            pose[:, BODY_JOINT_NAMES.index(f"{side}_wrist"), axis] = swing
    orient = axis_angle_to_matrix(torch.tensor([math.pi, 0.0, 0.0]).expand(frames, 3))
    transl, betas = torch.tensor([0.0, 0.2, 2.5]).expand(frames, 3), torch.zeros(frames, body.num_betas)
    fingers = TemplateHands.of(body, betas).to_body(_moving_fingers(frames, seed))
    landmarks = body.hand_landmarks(orient, pose, betas, transl, hand_pose=fingers)
    camera = Camera.for_image(*SIZE, FOCAL, batch=frames)
    xy = camera.project(landmarks.flatten(1, 2)).unflatten(1, (2, 21)).numpy()
    relative = landmarks - landmarks[:, :, :1]
    hands = _noisy(xy, relative.numpy(), rng)
    points = camera.project(body.landmarks(orient, pose, betas, transl)).numpy()
    points = points + rng.normal(0, 0.005 * FOCAL * 1.7 / 2.5, points.shape)
    seen = Keypoints(points, np.ones(points.shape[:2]), "mediapipe", hands=hands)
    return Scene(TrackedKeypoints(seen, np.arange(frames), FPS), relative[:, :, TIPS])


def _moving_fingers(frames: int, seed: int) -> Float[Tensor, "frames 2 15 3 3"]:
    """Samples of the prior, one after the other, with pauses in each."""
    number = math.ceil(frames / FPS / SECONDS_PER_POSE) + 1
    samples = load_hand_prior().sample(2 * number, seed=seed).unflatten(0, (number, 2))
    place = torch.arange(frames) / FPS / SECONDS_PER_POSE
    row, part = place.long(), place.frac()
    return rotation_lerp(samples[row], samples[row + 1], (part * part * (3 - 2 * part))[:, None, None])


def _noisy(xy: np.ndarray, world: np.ndarray, rng: np.random.Generator) -> HandKeypoints:
    """Keypoints with noise, missed hands, and hands turned upside down."""
    flipped = rng.random(xy.shape[:2]) < UPSIDE_DOWN
    xy, world = xy.copy(), world.copy()
    xy[flipped] = 2 * xy[flipped][:, :1] - xy[flipped]
    world[flipped] *= (-1, -1, 1)
    xy += rng.normal(0, PIXELS * LENGTH * FOCAL / 2.5, xy.shape)
    world += rng.normal(0, METRES, world.shape)
    there = rng.random(xy.shape[:2]) >= MISSED
    return HandKeypoints(xy, np.repeat(there[..., None], 21, axis=2).astype(float), world)


def detected(path: Path) -> Scene:
    """The largest person of a video, with hands.

    Args:
        path: video file.

    Returns:
        Keypoints without truth.
    """
    video = open_video(path)
    seen, when = follow_person(video, 0, KeptWork(), lambda: None)
    (seen,) = with_hands([seen], video, when, KeptWork())
    return Scene(seen, None, (video.width, video.height), None)


class Fits:
    """The body of a scene, and its hands with several factors on the smoothness."""

    def __init__(self, fitter: Fitter, given: Scene) -> None:
        """Fit the body.

        Args:
            fitter: body, prior and settings.
            given: the scene.
        """
        self.fitter, self.given = fitter, given
        self._stored: dict[str, Arrays] = {}
        fit = ClipFit(fitter, given.seen, given.size, given.focal, contact=False)
        self._camera, self._rough = fit.camera, fit.rough()

    @torch.no_grad()
    def tips(self, smoothness: float) -> Float[Tensor, "frames 2 5 3"]:
        """Fingertips relative to the wrists in metres; NaN for hands that are never found.

        Args:
            smoothness: factor on the weight of accelerations.

        Returns:
            Positions in camera axes.
        """
        motion, body, models = self._rough.motion, self.fitter.hand_body, self.fitter
        hands = fit_clip_hands(
            *(models, self.given.seen, self._camera, self._rough.betas, motion, smoothness, self._keep), lambda: None
        )
        assert hands is not None
        assert body is not None
        pose = models.space.decode(models.space.commit(motion["pose"]))
        fingers = torch.from_numpy(hands.poses.both)
        betas = self._rough.betas.expand(len(pose), -1)
        points = body.hand_landmarks(
            motion["orient"], hands.applied(pose), betas, motion["transl"], hand_pose=axis_angle_to_matrix(fingers)
        )
        tips = (points - points[:, :, :1])[:, :, TIPS]
        return tips.masked_fill(~torch.from_numpy(hands.ever_found)[:, None, None], math.nan)

    def _keep(self, name: str, make: Callable[[], Arrays]) -> Arrays:
        """Fit the hands of single frames once."""
        if name not in self._stored:
            self._stored[name] = make()
        return self._stored[name]


def _row(smoothness: float, fits: Sequence[Fits]) -> list[str]:
    """Errors in the scenes with a truth together, and accelerations in each of the others."""
    errors, wrong, moves, videos = [], [], [], []
    for fit in fits:
        tips, truth = fit.tips(smoothness), fit.given.tips
        if truth is None:
            videos.append(f"{_mean_mm(_accelerations(tips)):.1f}")
            continue
        errors.append(_mean_mm(tips - truth))
        wrong.append(_mean_mm(_accelerations(tips) - _accelerations(truth)))
        moves.append(_mean_mm(_accelerations(tips)))
    return [f"{smoothness:g}", *(f"{np.mean(part):.1f}" for part in (errors, wrong, moves)), *videos]


def _accelerations(tips: Float[Tensor, "frames 2 5 3"]) -> Float[Tensor, "inner 2 5 3"]:
    return tips[2:] - 2 * tips[1:-1] + tips[:-2]


def _mean_mm(vectors: Float[Tensor, "frames 2 5 3"]) -> float:
    return 1000 * float(torch.linalg.vector_norm(vectors, dim=-1).nanmean())


if __name__ == "__main__":
    tyro.cli(main)
