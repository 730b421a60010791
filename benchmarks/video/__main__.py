"""Evaluation of fits to videos, with exact truth and with calibrated cameras.

``python -m benchmarks.video --out docs/benchmarks`` writes video.md.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable
from inspect import signature
from pathlib import Path

import numpy as np
import torch
import tyro
from rich.console import Console
from rich.progress import track

from benchmarks.commands import command
from benchmarks.foreign.poses import FOREIGN_FILE
from benchmarks.machine import machine
from benchmarks.multiview.__main__ import FOLDER, add_bodies
from benchmarks.multiview.bodies import Bodies
from benchmarks.multiview.errors import Errors
from benchmarks.multiview.errors import table as view_table
from benchmarks.multiview.recording import read_recording
from benchmarks.tables import Table
from benchmarks.video.crossings import count_switches
from benchmarks.video.scenes import FOCAL, SIZE, Scene, make_scene, soles
from benchmarks.video.scores import COLUMNS, Motion, Scores, mean_row
from fitting.fit import Fitter
from fitting.output.body_result import BodyResult
from fitting.video.clip import fit_clip
from fitting.video.ground import Ground
from fitting.video.kept_work import KeptWork
from fitting.video.left_right import with_steady_sides
from fitting.video.sightings import follow_person
from fitting.video.tracked_keypoints import TrackedKeypoints
from qposer.io.atomic_files import atomic_write
from qposer.io.cli_errors import cli_errors
from qposer.io.npz import read_npz

METHODS = ("frame by frame", "clip without contact", "clip")
JUMPS = "jump"
"""Part of the names of clips with a jump; these get half a second in the air."""

TEXT = """# Videos

## Synthetic clips

{clips} recorded motions from other sources (SMPL poses fitted to videos, not used for training), {frames} frames at 30
per second, of open bodies with random shapes whose lowest foot is on the floor, in front of a static camera {low} to
{high} m above it. Keypoints have simulated detector errors (`fitting.training.detector_errors`), independent in every
frame. The focal length is known. *Frame by frame*: each frame is fitted separately, as a photo. *Clip without contact*:
the fit of clips without the terms that keep feet in place and without the decision on left and right over time.

- *Acceleration*: mean error of the joints' second differences.
- *Sliding*: mean horizontal motion of heels and toes between frames while they are in contact with the floor in
  the truth.
- *Penetration*: mean depth of the lowest of heels and toes below the estimated ground.
- *Fastest turn*: maximum angular velocity of the pelvis in any clip.

{table}

The mean error of the estimated direction of gravity is {up:.1f}° (at most {worst:.1f}°). {recall:.0f} % of the points
in contact with the floor are detected (probability above one half), and {false:.0f} % of the points in the air are
falsely detected. Two fits of a clip are bitwise identical: {same}.

## Crossings

Two of these people cross in the image; the person behind is not detected while half occluded. *Switched*: people whose
track ends on the other person. *New*: people with a new track number.

{crossings}

## A recording by four cameras

{views} views of one man on a treadmill (method: [multiview.md](multiview.md)), detected and fitted as clips with the
true focal length.

{recording}

Command: `{command}`.
Machine: {machine}, shared with other work, so times are upper bounds.
"""


def main(
    poses: Path = FOREIGN_FILE, recording: Path = FOLDER, clips: int = 12, frames: int = 90, out: Path | None = None
) -> None:
    """Fit synthetic clips and a recording, print the errors, and write video.md to ``out`` if given.

    Args:
        poses: npz of SMPL poses with their sequences.
        recording: folder of cameras.json, truth.npz and the videos.
        clips: number of synthetic clips.
        frames: number of frames of each clip.
        out: folder for video.md; by default, nothing is written.
    """
    console = Console(width=160)
    torch.set_num_threads(1)
    with cli_errors("benchmarks.video"):
        for needed in (poses, recording):
            if not needed.exists():
                console.print(f"benchmarks.video: skipped, there is no {needed}: use --poses and --recording")
                return
        fitter = Fitter()
        scenes = make_scenes(fitter, poses, clips, frames)
        scores, facts = synthetic(fitter, scenes, lambda what: console.print(what, highlight=False))
        rows = [mean_row(method, scores[method]) for method in METHODS]
        table = Table(COLUMNS, rows)
        console.print(table.for_console("synthetic clips"))
        walkers = list(zip(scenes, scenes[1:] + scenes[:1], strict=True))
        switches = Table(
            ("", "crossings", "switched", "new"),
            [[name, *map(str, counts)] for name, counts in count_switches(walkers).items()],
        )
        console.print(switches.for_console("crossings"))
        views = recorded(fitter, recording)
        console.print(view_table(views).for_console("four cameras"))
        heights = [scene.camera_height for scene in scenes]
        given = dict(zip(signature(main).parameters, (poses, recording, clips, frames, out), strict=True))
        if out:
            out.mkdir(parents=True, exist_ok=True)
            with atomic_write(out / "video.md") as temporary:
                text = TEXT.format(
                    **{"clips": len(scenes), "frames": frames, "low": f"{min(heights):.1f}"},
                    **{"high": f"{max(heights):.1f}", "table": table.markdown(), "crossings": switches.markdown()},
                    **{"recording": view_table(views).markdown(), "views": 4, "machine": machine()},
                    command=command("benchmarks.video", main, **given),
                    **facts,
                )
                temporary.write_text(text, encoding="utf-8")


def make_scenes(fitter: Fitter, poses: Path, clips: int, frames: int) -> list[Scene]:
    """Make scenes from sequences that are spread evenly over a file.

    Args:
        fitter: fitter with the body model.
        poses: npz of SMPL poses with their sequences.
        clips: number of scenes.
        frames: number of frames of each scene.

    Returns:
        The scenes.
    """
    arrays = read_npz(poses, ("pose", "sequence"))
    names = np.unique(arrays["sequence"])
    chosen = names[np.linspace(0, len(names) - 1, clips).round().astype(int)]
    return [
        make_scene(
            fitter.body,
            str(name),
            arrays["pose"][arrays["sequence"] == name][:frames],
            seed,
            jump=JUMPS in str(name),
        )
        for seed, name in enumerate(chosen)
    ]


def synthetic(
    fitter: Fitter, scenes: list[Scene], say: Callable[[str], None]
) -> tuple[dict[str, list[Scores]], dict[str, object]]:
    """Fit all scenes with all methods.

    Args:
        fitter: fitter with the models.
        scenes: true motions.
        say: called with a line of text after each fit.

    Returns:
        Scores of each method, and figures for the text by name.
    """
    scores: dict[str, list[Scores]] = defaultdict(list)
    angles, standing, flying, same = [], [], [], True
    for seed, scene in enumerate(track(scenes, "fitting", transient=True)):
        seen = scene.seen(1000 + seed)
        clip = fit_clip(fitter, with_steady_sides(seen)[0], SIZE, focal=FOCAL)
        ground = None
        if clip.ground is not None:
            x, y, z, height = clip.ground.tolist()
            ground = Ground((x, y, z), height)
            angles.append(np.degrees(np.arccos(np.clip(clip.ground[:3] @ scene.up.numpy(), -1, 1))))
        assert clip.contact is not None
        heights = (scene.feet[clip.frames] @ scene.up).numpy() + scene.camera_height
        standing.append((clip.contact > 0.5)[scene.stands[clip.frames]])
        flying.append((clip.contact > 0.5)[heights > 0.15])
        for method in METHODS:
            begin = time.process_time()
            motion = fitted(fitter, seen, method)
            seconds = time.process_time() - begin
            betas = torch.from_numpy(clip.betas)[None]
            score = Scores.of(motion, scene, ground, soles(fitter.body, betas).numpy(), seconds)
            scores[method].append(score)
            say(f"{scene.name}, {' | '.join(mean_row(method, [score]))}")
        same &= bool((motion.joints == Motion.of(fitter.body, clip.frames, [clip]).joints).all())
    facts: dict[str, object] = {"up": float(np.mean(angles)), "worst": float(np.max(angles))}
    rates = [100 * float(np.concatenate(found).mean()) for found in (standing, flying)]
    return dict(scores), facts | {"recall": rates[0], "false": rates[1], "same": "yes" if same else "no"}


def fitted(fitter: Fitter, seen: TrackedKeypoints, method: str) -> Motion:
    """Fit the keypoints of a scene with one method.

    Args:
        fitter: fitter with the models.
        seen: keypoints of the scene.
        method: one of `METHODS`.

    Returns:
        The fitted motion.
    """
    results: list[BodyResult]
    if method == METHODS[0]:
        results = [*fitter.fit_keypoints(seen.keypoints, SIZE, focal=FOCAL)]
        return Motion.of(fitter.body, seen.frames, results)
    contact = method == METHODS[2]
    track = with_steady_sides(seen)[0] if contact else seen
    clip = fit_clip(fitter, track, SIZE, focal=FOCAL, contact=contact)
    return Motion.of(fitter.body, clip.frames, [clip])


def recorded(fitter: Fitter, folder: Path) -> dict[str, Errors]:
    """Measure the errors of clips of a recording's views.

    Args:
        fitter: fitter with the models.
        folder: folder of the recording.

    Returns:
        Errors by method.
    """
    shots = read_recording(folder)
    rows: defaultdict[str, Errors] = defaultdict(Errors)
    for view in shots.views:
        seen, _ = follow_person(view.video, 0, KeptWork(), lambda: None)
        for method in METHODS[1:]:
            clip = fit_clip(fitter, seen, view.size, focal=view.focal, contact=method == METHODS[2])
            inside = np.flatnonzero(np.isin(shots.frames, clip.frames))
            add_bodies(rows, method, view, shots, inside, fitter.body, Bodies.of_clip(clip, shots.frames[inside]))
    return dict(rows)


if __name__ == "__main__":
    tyro.cli(main)
