"""Build the training set: ``python -m qposer.data.build SOURCE... --out poses.npz``."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import astuple, fields
from pathlib import Path
from typing import Annotated, get_args

import numpy as np
import tyro
from rich.console import Console
from rich.progress import track
from rich.table import Table

from qposer.data.dataset import Split, split
from qposer.data.recordings import Recording, calibrate, find_recordings, read_recording
from qposer.data.retarget import RIGS
from qposer.data.selection import Clip, Counts, select
from qposer.io.cli_errors import plain_console
from qposer.io.npz import write_npz


def write(clips: Sequence[Clip], out: Path) -> None:
    """Write the poses of all clips as one npz with the columns ``qposer.data.dataset.COLUMNS``.

    Args:
        clips: clips to write.
        out: the file to write.

    Raises:
        ValueError: the clips have no poses.
    """
    lengths = [len(clip.frame) for clip in clips]
    if not sum(lengths):
        raise ValueError(f"no pose is left; {out} is not written")
    arrays = {
        "pose": np.concatenate([clip.pose for clip in clips]).astype(np.float32),
        "subject": np.repeat([clip.subject for clip in clips], lengths),
        "sequence": np.repeat([clip.sequence for clip in clips], lengths),
        "frame": np.concatenate([clip.frame for clip in clips]).astype(np.int32),
        "source": np.repeat([clip.source for clip in clips], lengths),
    }
    write_npz(out, arrays)


def main(
    sources: Annotated[list[Path], tyro.conf.Positional, tyro.conf.arg(metavar="SOURCE...")],
    out: Path,
    fps: float = 30.0,
    rates: tuple[tuple[str, float], ...] = (),
    keep_going: bool = False,
) -> int:
    """Convert motion capture to training poses.

    Args:
        sources: .amc (with the .asf in the same folder), .bvh and AMASS .npz files, or folders of them.
        out: the npz file to write.
        fps: target frame rate, frames per second; slower recordings keep all frames.
        rates: folders with wrong frame rates in their files, and the true rate: ``--rates salsa 30``.
        keep_going: exit with status 0 even if some recordings could not be read.

    Returns:
        Exit status: 1 if a recording could not be read, 2 if nothing could be written.

    Raises:
        ValueError: a rate is not positive, or its folder has no recordings.
    """
    console = plain_console(stderr=True, soft_wrap=False)
    try:
        if not fps > 0:
            raise ValueError(f"--fps: expected a number above 0, found {fps}")
        paths = find_recordings(sources)
        clips = _convert_all(paths, fps, _checked(rates, paths), console)
        write(clips, out)
    except (OSError, ValueError) as error:
        console.print(f"{error}", style="red", soft_wrap=True, markup=False)
        return 2
    console.print(_summary(clips))
    skipped = len(paths) - len(clips)
    console.print(f"{out}: {sum(clip.counts.kept for clip in clips)} poses; {skipped} recordings skipped")
    return 1 if skipped and not keep_going else 0


def _checked(rates: Sequence[tuple[str, float]], paths: Sequence[Path]) -> dict[str, float]:
    """Validated rates by folder.

    Raises:
        ValueError: a rate is not above 0, or its folder has no recordings.
    """
    folders = {path.resolve().parent.name for path in paths}
    for folder, rate in rates:
        if folder not in folders:
            raise ValueError(f"--rates: expected the name of a folder with recordings in it, found {folder!r}")
        if not 0 < rate < np.inf:
            raise ValueError(f"--rates: expected a number above 0 for {folder}, found {rate}")
    return dict(rates)


def _convert_all(paths: Sequence[Path], fps: float, rates: Mapping[str, float], console: Console) -> list[Clip]:
    """Convert the readable recordings; report problems and unreadable files on the console."""
    recordings: dict[Path, Recording] = {}
    for path in track(paths, "Reading", console=console):
        try:
            recordings[path] = read_recording(path, fps, rates)
        except (OSError, ValueError) as error:
            reason = str(error).removeprefix(f"{path}: ")
            console.print(f"{path}: skipped: {reason}", style="red", soft_wrap=True, markup=False)
    clips = [select(recording) for recording in track(calibrate([*recordings.values()]), "Selecting", console=console)]
    for path, clip in zip(recordings, clips, strict=True):
        for fault in clip.faults:
            console.print(f"{path}: {fault}", style="yellow", soft_wrap=True, markup=False)
    return clips


def _summary(clips: Sequence[Clip]) -> Table:
    """Counts by split, by skeleton, and in total."""
    table = Table("", "subjects", "clips", *(field.name for field in fields(Counts)), box=None, padding=(0, 1, 0, 0))
    groups = {
        **{name: [clip for clip in clips if split(clip.subject) == name] for name in get_args(Split)},
        **{rig.name: [clip for clip in clips if clip.source == rig.name] for rig in RIGS},
        "all": clips,
    }
    for name, group in groups.items():
        if not group:
            continue
        total = sum((clip.counts for clip in group), Counts())
        subjects = {clip.subject for clip in group}
        table.add_row(name, *(str(count) for count in (len(subjects), len(group), *astuple(total))))
    return table


def command() -> None:
    """Run the command line."""
    sys.exit(tyro.cli(main))


if __name__ == "__main__":
    command()
