"""Damage files of every supported kind, and check that each gives a valid result or a one-line error.

    python -m benchmarks.robustness --number 20000 --commands-run 500 --kills-sent 20

prints tables, and exits with status 1 after any other outcome; these inputs are saved to ``--keep``.
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
import tyro
from PIL import Image
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from benchmarks.robustness.inputs import Kind, kinds
from benchmarks.robustness.processes import ROOT, commands, kills
from benchmarks.robustness.trials import Tally, tried
from fitting.body.body import Body
from fitting.folders import DONE
from fitting.inputs.camera import Camera
from fitting.video.clip_run import WORK
from fitting.video.frames import writing_video
from qposer.io.assets import asset
from qposer.io.cli_errors import cli_errors, plain_console

BODY_SHARE = 20
"""Number of inputs of each other kind for one body, which takes longer to read by this factor."""

IMAGES = 6

FRAMES = 12

MOST_MIB = 3 * 1024
"""Maximum memory of this process and of each command in MiB."""


def main(
    number: int = 2000, commands_run: int = 0, kills_sent: int = 0, seed: int = 0, keep: Path | None = None
) -> None:
    """Damage files of every supported kind, read them, and print the outcomes.

    Args:
        number: number of damaged inputs to read in this process.
        commands_run: number of commands to run on damaged inputs; each takes some seconds.
        kills_sent: number of kills of a run over a folder, and of a run over a video.
        seed: seed of the damage and of the times of the kills.
        keep: folder for inputs with an unexpected outcome.
    """
    torch.set_num_threads(1)
    console = plain_console(soft_wrap=False)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
    with cli_errors("robustness"), tempfile.TemporaryDirectory() as name, bar as progress:
        folder = Path(name)
        every = kinds(folder)
        tallies = _in_process(every, number, seed, folder, progress)
        console.print(_table(tallies))
        faults = sum(len(tally.kept) for tally in tallies)
        console.print(f"{sum(map(_count, tallies))} damaged inputs, {faults} with other outcomes")
        _keep(keep, ((tally.kind, *kept) for tally in tallies for kept in tally.kept))
        if commands_run:
            task = progress.add_task("commands", total=commands_run)
            ended = commands(every, commands_run, seed, folder / "commands", lambda: progress.advance(task))
            console.print(
                f"{commands_run} commands: {ended.valid} valid, {ended.rejected} rejected, "
                f"{len(ended.kept)} with other outcomes; the slowest took {ended.slowest:.0f} s"
            )
            for said, count in ended.wrong.items():
                console.print(f"  {count} x {said}")
            _keep(keep, (("commands", *kept) for kept in ended.kept))
            faults += len(ended.kept)
        if kills_sent:
            for what, line, parts in (_folder_run(folder), _video_run(folder)):
                killed = kills(line, folder / f"killed-{what}", parts, kills_sent, seed)
                said = ", ".join(killed.differing) or "none"
                console.print(f"{kills_sent} kills, {what}: {killed.lost} parts lost; missing or extra files: {said}")
                faults += killed.lost + len(killed.differing)
    here, there = (
        resource.getrusage(who).ru_maxrss // 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    console.print(f"at most {here} MiB in this process, {there} MiB in a command")
    sys.exit(int(faults > 0 or max(here, there) > MOST_MIB))


def _in_process(every: list[Kind], number: int, seed: int, folder: Path, progress: Progress) -> list[Tally]:
    shares = np.array([1 / BODY_SHARE if kind.name == "bodies" else 1.0 for kind in every])
    numbers = np.ceil(number * shares / shares.sum()).astype(int).tolist()
    task = progress.add_task("damaged inputs", total=sum(numbers))
    return [
        tried(kind, count, seed, folder, lambda: progress.advance(task))
        for kind, count in zip(every, numbers, strict=True)
    ]


def _count(tally: Tally) -> int:
    return tally.valid + tally.rejected + len(tally.kept)


def _table(tallies: list[Tally]) -> Table:
    table = Table("kind", "valid", "rejected", "other", "slowest, s")
    for tally in tallies:
        said = "; ".join(f"{count} x {name}" for name, count in tally.uncaught.items()) or "0"
        table.add_row(tally.kind, str(tally.valid), str(tally.rejected), said, f"{tally.slowest:.2f}")
    return table


def _keep(folder: Path | None, files: Iterable[tuple[str, str, bytes]]) -> None:
    if folder is None:
        return
    folder.mkdir(parents=True, exist_ok=True)
    for index, (kind, name, content) in enumerate(files):
        (folder / f"{kind}-{index}-{name}").write_bytes(content)


def _folder_run(folder: Path) -> tuple[str, list[str], str]:
    """Make grey images with keypoints of a body in a random pose; name, command and pattern of the finished parts."""
    body, generator = Body.open(), torch.Generator().manual_seed(0)
    orient, transl = torch.tensor([[np.pi, 0.0, 0.0]]), torch.tensor([[0.0, 0.3, 5.0]])
    images, keypoints = folder / "images", folder / "keypoints"
    images.mkdir()
    keypoints.mkdir()
    for index in range(IMAGES):
        Image.new("RGB", (400, 400), "grey").save(images / f"{index}.png")
        pose = 0.2 * torch.randn(1, 21, 3, generator=generator)
        xy = Camera.for_image(400, 400).project(body.landmarks(orient, pose, transl=transl, format="openpose"))[0]
        rows = torch.cat([xy, torch.ones(len(xy), 1)], dim=1)
        content = {"people": [{"pose_keypoints_2d": rows.ravel().tolist()}]}
        (keypoints / f"{index}_keypoints.json").write_text(json.dumps(content), encoding="utf-8")
    line = [sys.executable, str(ROOT / "demos" / "fit_folder.py"), str(images), "--keypoints", str(keypoints)]
    return "folder", line, f"*/{DONE}"


def _video_run(folder: Path) -> tuple[str, list[str], str]:
    """Make a video of the shipped photo moving to the right; name, command and pattern of the finished parts."""
    with Image.open(asset("upper_body.png")) as picture:
        photo = np.asarray(picture.convert("RGB").resize((320, 320)))
    path = folder / "walk.mp4"
    with writing_video(path, 12.0, (320, 320)) as writer:
        for step in range(FRAMES):
            writer.write(np.roll(photo, 2 * step, axis=1))
    return "video", [sys.executable, str(ROOT / "demos" / "fit_video.py"), str(path)], f"*/{WORK}/*.npz"


if __name__ == "__main__":
    tyro.cli(main, description=__doc__)
