"""Time and memory of whole runs on a video: ``python -m benchmarks.video.times VIDEO --out docs/benchmarks``.

The video is played forwards and backwards in turn until it is as long as asked for, so that it has no cuts. Detection
alone, `qposer video` and `qposer live` run one after another, each as a process of its own.
"""

from __future__ import annotations

import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from itertools import chain, cycle, islice
from pathlib import Path
from typing import Annotated, NamedTuple

import cv2
import tyro
from rich.console import Console

from benchmarks.commands import command
from benchmarks.machine import machine
from benchmarks.tables import Table
from fitting.video.frames import open_video
from qposer.io.atomic_files import atomic_write
from qposer.io.cli_errors import cli_errors

DETECTION = """
import sys
from pathlib import Path
import torch
torch.set_num_threads(1)
from fitting.video.frames import open_video
from fitting.video.kept_work import KeptWork
from fitting.video.sightings import follow_person
follow_person(open_video(Path(sys.argv[1])), 0, KeptWork(Path(sys.argv[2])), lambda: None)
"""

NAMES = ("detection alone", "qposer video", "qposer video --no-hands")

TEXT = """# Time and memory of videos

`{name}`, {width} x {height} pixels, played forwards and backwards in turn for {minutes:g} minutes: {frames} frames at
{fps:.0f} per second. Processes run one after another; the times are those of whole processes, with loading, detection,
fit and pictures. *Processor*: seconds of all threads. *Memory*: largest resident set.

{table}

`qposer live` on the video at its own pace, without a page: {live}.

Command: `{command}`.
Machine: {machine}; load average {load:.1f} at the end.
"""


_LAUNCHER = """
import resource, subprocess, sys
status = subprocess.call(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
sys.exit(status)
"""
"""A small process that starts the measured one: the memory of a process counts from that of the one that starts it."""


class Run(NamedTuple):
    """One process."""

    seconds: float
    processor: float
    megabytes: float
    output: str


def main(
    video: Annotated[Path, tyro.conf.Positional],
    minutes: float = 20.0,
    fps: float = 25.0,
    live: float = 20.0,
    out: Path | None = None,
) -> None:
    """Time whole runs on a long video, and measure their memory.

    Args:
        video: a video of one person.
        minutes: length of the video that is made of it.
        fps: its frames per second.
        live: seconds of it that are played live.
        out: folder for video-times.md; by default, nothing is written.
    """
    console = Console(width=120)
    with cli_errors("benchmarks.video.times"), tempfile.TemporaryDirectory() as scratch:
        source, folder = open_video(video), Path(scratch)
        frames = make_long(video, folder / "long.mp4", fps, round(60 * minutes * fps))
        make_long(video, folder / "live.mp4", fps, round(live * fps))
        program = [sys.executable, "-m", "fitting.commands.run"]
        lines = {
            NAMES[0]: [sys.executable, "-c", DETECTION, str(folder / "long.mp4"), str(folder / "work")],
            NAMES[1]: [*program, "video", str(folder / "long.mp4"), "--out", str(folder / "hands")],
            NAMES[2]: [*program, "video", str(folder / "long.mp4"), "--out", str(folder / "body"), "--no-hands"],
        }
        rows = []
        for name, line in lines.items():
            run = measured(line)
            rows.append((name, run))
            console.print(f"{name}: {run.seconds:.0f} s, {run.processor:.0f} s of processor, {run.megabytes:.0f} MB")
        alone = rows[0][1]
        table = Table(
            ("", "seconds", "relative", "processor, s", "relative", "ms per frame", "memory, MB"),
            [
                (
                    name,
                    f"{run.seconds:.0f}",
                    f"{run.seconds / alone.seconds:.2f}",
                    f"{run.processor:.0f}",
                    f"{run.processor / alone.processor:.2f}",
                    f"{1000 * run.seconds / frames:.0f}",
                    f"{run.megabytes:.0f}",
                )
                for name, run in rows
            ],
        )
        played = measured([*program, "live", str(folder / "live.mp4"), "--no-page"]).output
        said = next((line for line in played.splitlines() if "latency" in line), "no result")
        detected = frames / alone.seconds
        said = f"{re.sub(r'[.]$', '', said)} (detection alone: {detected:.1f} frames a second)"
        console.print(table.for_console("videos"), said)
        if out:
            text = TEXT.format(
                name=video.name,
                **{"width": source.width, "height": source.height, "minutes": minutes, "fps": fps},
                **{"frames": frames, "table": table.markdown(), "live": said, "machine": machine()},
                command=command(f"benchmarks.video.times {video}", main, minutes=minutes, fps=fps, live=live, out=out),
                load=os.getloadavg()[0],
            )
            out.mkdir(parents=True, exist_ok=True)
            with atomic_write(out / "video-times.md") as temporary:
                temporary.write_text(text, encoding="utf-8")


def make_long(video: Path, path: Path, fps: float, frames: int) -> int:
    """Play a video forwards and backwards in turn.

    Args:
        video: a short video, which is held in memory.
        path: file to write.
        fps: frames per second.
        frames: number of frames.

    Returns:
        The number of frames.
    """
    source = open_video(video)
    once = list(source.frames())
    codec = cv2.VideoWriter.fourcc(*"mp4v")
    writer = cv2.VideoWriter(str(path), codec, fps, (source.width, source.height))
    for frame in islice(cycle(chain(once, once[-2:0:-1])), frames):
        writer.write(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
    writer.release()
    return frames


def measured(line: list[str]) -> Run:
    """Run a process.

    Args:
        line: program and arguments.

    Returns:
        Its times, its memory and what it printed.

    Raises:
        ChildProcessError: it failed.
    """
    begin, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, "-c", _LAUNCHER, *line], capture_output=True, text=True, check=False)
    seconds, after = time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise ChildProcessError(f"{' '.join(line)} failed: {done.stdout.strip()} {done.stderr.strip()}")
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Run(seconds, processor, int(done.stderr.split()[-1]) / 1024, done.stdout)


if __name__ == "__main__":
    tyro.cli(main)
