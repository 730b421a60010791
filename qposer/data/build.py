"""Build the training set: ``python -m qposer.data.build SOURCE... --out poses.npz``."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, fields, replace
from pathlib import Path
from typing import Annotated, get_args

import numpy as np
import tyro
from jaxtyping import Bool, Float, Int
from rich.console import Console
from rich.progress import track
from rich.table import Table
from scipy.spatial.transform import Rotation

from qposer.body_pose.skeleton import JOINT_NAMES, NUM_BODY_JOINTS
from qposer.data.amass import read_amass
from qposer.data.asf_amc import read_amc
from qposer.data.bvh import read_bvh
from qposer.data.dataset import Split, split
from qposer.data.motion import Motion
from qposer.data.retarget import RIGS, SMPL_SOURCE, find_rig, retarget
from qposer.data.stance import LEAST_FRAMES, apply_stance, measure_stance, shrink
from qposer.io.cli_errors import plain_console
from qposer.io.npz import write_npz

READERS = {".amc": read_amc, ".bvh": read_bvh, ".npz": read_amass}

MAX_JUMP = 60.0
"""Degrees between neighbouring frames above which one of the two is wrong: 1800 degrees a second at 30 frames a second
is more than a throwing arm does, and in the CMU data it is nearly always a marker lost or swapped."""

MAX_TURN = {"ankle": (90, 90, 90), "head": (90, 90, 90), "shoulder": (120, 120, 120), "wrist": (38, 100, 100)}
"""Degrees about x, y and z (components of the axis-angle vector) that a person's joint does not reach. Solvers of
optical capture sometimes turn a straight limb by half a circle about itself, or a head, and keep it so for seconds,
where there is no jump to notice. In the CMU data hardly an ankle or a head lies between 90 degrees and half a
circle; for palms the line is less sharp. A wrist has 30 % of the palm's turn (x), so 38 is a turn of 127."""

MIN_CHANGE = 1.0
"""Degrees: a frame in which no body joint has turned by more since the last frame kept repeats it. That is the noise of
optical capture: people who stand still are kept about once, slow motion is kept whole."""


@dataclass(frozen=True)
class Counts:
    """Frames of one or more clips: ``kept`` is what is left of ``read`` after the others are dropped."""

    read: int = 0
    thinned: int = 0
    jumped: int = 0
    impossible: int = 0
    repeated: int = 0
    kept: int = 0

    def __add__(self, other: Counts) -> Counts:
        """Of both together."""
        return Counts(*(getattr(self, field.name) + getattr(other, field.name) for field in fields(self)))


@dataclass(frozen=True)
class Clip:
    """What is kept of one recording."""

    subject: str
    sequence: str
    source: str
    frame: Int[np.ndarray, " frames"]
    pose: Float[np.ndarray, "frames 24 3"]
    counts: Counts
    faults: tuple[str, ...]
    """A line for each jump, saying frame, joint and angle, and for each joint in impossible positions."""


@dataclass(frozen=True)
class Recording:
    """A recording as SMPL poses, before anything is dropped."""

    motion: Motion
    read: int
    """Frames of the file, of which ``motion`` has those near the ticks of a clock."""
    source: str
    pose: Float[np.ndarray, "frames 24 3"]

    @property
    def actor(self) -> tuple[str, bool, str]:
        """The rig, whether its rest pose is a T-pose that the recording shows, and who moves."""
        return self.source, self.motion.t_pose, self.motion.subject


def read_recording(path: Path, fps: float = 30.0, rates: Mapping[str, float] | None = None) -> Recording:
    """Read one recording, take the frames nearest to ``fps``, and retarget them.

    Args:
        path: the file.
        fps: frames a second to take.
        rates: frames a second that recordings really have where their files say something else, by name of folder.

    Returns:
        The frames taken, with SMPL's poses.

    Raises:
        FileNotFoundError, ValueError: the file cannot be read, or its skeleton is unknown.
    """
    motion = READERS[path.suffix.lower()](path)
    motion = replace(motion, fps=(rates or {}).get(path.resolve().parent.name, motion.fps))
    thinned = thin(motion, fps)
    return Recording(thinned, len(motion.frames), find_rig(motion).name, retarget(thinned))


def calibrate(recordings: Sequence[Recording]) -> list[Recording]:
    """The recordings with the stance of each actor corrected (`qposer.data.stance`).

    SMPL's own poses stay as they are, and so do actors of whom too little is known.
    """
    poses: dict[tuple[str, bool, str], list[Float[np.ndarray, "frames 24 3"]]] = {}
    for recording in recordings:
        if recording.source != SMPL_SOURCE:
            poses.setdefault(recording.actor, []).append(recording.pose)
    measured = {
        actor: measure_stance(np.concatenate(of_actor))
        for actor, of_actor in poses.items()
        if sum(map(len, of_actor)) >= LEAST_FRAMES
    }
    stances = dict(zip(measured, shrink([*measured.values()]), strict=True))
    return [
        replace(recording, pose=apply_stance(recording.pose, stances[recording.actor]))
        if recording.actor in stances
        else recording
        for recording in recordings
    ]


def select(recording: Recording) -> Clip:
    """What is worth keeping of a recording: neither jumps nor impossible joints nor repetitions.

    Both frames of a jump are dropped, as nothing tells which of the two is wrong.
    """
    motion, pose = recording.motion, recording.pose
    turned = _angles_between(pose[:-1], pose[1:])
    jump = (turned > MAX_JUMP).any(axis=1)
    jumped = np.pad(jump, (1, 0)) | np.pad(jump, (0, 1))
    overturned = _overturned(pose)
    impossible = overturned.any(axis=1) & ~jumped
    good = np.flatnonzero(~jumped & ~impossible)
    kept = good[distinct(pose[good, 1 : NUM_BODY_JOINTS + 1])]
    return Clip(
        subject=motion.subject,
        sequence=motion.sequence,
        source=recording.source,
        frame=motion.frames[kept],
        pose=pose[kept],
        counts=Counts(
            read=recording.read,
            thinned=recording.read - len(pose),
            jumped=int(jumped.sum()),
            impossible=int(impossible.sum()),
            repeated=len(good) - len(kept),
            kept=len(kept),
        ),
        faults=(
            *(
                f"frame {motion.frames[index + 1]}: {JOINT_NAMES[joint]} jumps by {turned[index, joint]:.0f} degrees"
                for index, joint in np.argwhere(turned > MAX_JUMP)
            ),
            *(
                f"{count} frames with an impossible {name}, first {motion.frames[overturned[:, joint].argmax()]}"
                for joint, (name, count) in enumerate(zip(JOINT_NAMES, overturned.sum(axis=0), strict=True))
                if count
            ),
        ),
    )


def thin(motion: Motion, fps: float) -> Motion:
    """The frames nearest to the ticks of a clock of ``fps``; all of them where there are hardly more than that.

    Args:
        motion: a recording.
        fps: ticks a second.

    Returns:
        The recording with these frames only.
    """
    step = motion.fps / fps
    if step < 1.01:
        return motion
    indices = np.round(np.arange(0, len(motion.frames), step)).astype(int)
    return motion.select(indices[indices < len(motion.frames)])


def distinct(body_pose: Float[np.ndarray, "frames 21 3"]) -> Bool[np.ndarray, " frames"]:
    """Which frames have some joint turned by more than ``MIN_CHANGE`` degrees since the last frame that has."""
    quaternions = _quaternions(body_pose)
    closest = np.cos(np.radians(MIN_CHANGE + 1e-6) / 2)  # recordings are rounded; changes of just so much are common
    keep = np.zeros(len(quaternions), dtype=bool)
    keep[:1] = True
    last = 0
    for index in range(1, len(quaternions)):
        if np.abs((quaternions[index] * quaternions[last]).sum(axis=-1)).min() < closest:
            keep[index] = True
            last = index
    return keep


def _overturned(pose: Float[np.ndarray, "frames 24 3"]) -> Bool[np.ndarray, "frames 24"]:
    """Which joints are turned by more than ``MAX_TURN``."""
    parts = [name.removeprefix("left_").removeprefix("right_") for name in JOINT_NAMES]
    limits = np.array([MAX_TURN.get(part, (np.inf, np.inf, np.inf)) for part in parts])
    overturned: np.ndarray = (np.abs(np.degrees(pose)) > limits).any(axis=-1)
    return overturned


def _quaternions(pose: Float[np.ndarray, "frames joints 3"]) -> Float[np.ndarray, "frames joints 4"]:
    quaternions: np.ndarray = Rotation.from_rotvec(pose.reshape(-1, 3)).as_quat().reshape(*pose.shape[:2], 4)
    return quaternions


def _angles_between(
    first: Float[np.ndarray, "frames joints 3"], second: Float[np.ndarray, "frames joints 3"]
) -> Float[np.ndarray, "frames joints"]:
    """Degrees."""
    cosines = np.abs((_quaternions(first) * _quaternions(second)).sum(axis=-1))
    angles: np.ndarray = np.degrees(2 * np.arccos(cosines.clip(max=1)))
    return angles


def find_recordings(sources: Sequence[Path]) -> list[Path]:
    """The recordings among the files given and in the folders given, searched to the bottom, sorted.

    AMASS' files of body shapes (``shape.npz``, ``*_stagei.npz``), which lie between its recordings, are left out.

    Raises:
        FileNotFoundError: a source does not exist, or a folder has no recording.
        ValueError: no source is given, or a file that is not of a known format.
    """
    found: set[Path] = set()
    if not sources:
        raise ValueError("expected files or folders of motion capture, found none named")
    for source in sources:
        if source.is_dir():
            inside = [path for path in source.rglob("*") if path.suffix.lower() in READERS and not _is_shape(path)]
            if not inside:
                raise FileNotFoundError(f"{source}: found no {', '.join(READERS)} file in this folder")
            found.update(inside)
        elif not source.exists():
            raise FileNotFoundError(f"{source}: no such file or folder")
        elif source.suffix.lower() not in READERS:
            raise ValueError(f"{source}: expected a file of {', '.join(READERS)}")
        else:
            found.add(source)
    return sorted(found)


def _is_shape(path: Path) -> bool:
    return path.name == "shape.npz" or path.name.endswith("_stagei.npz")


def write(clips: Sequence[Clip], out: Path) -> None:
    """Write the poses of all clips as one npz, the columns that ``qposer.data.dataset.COLUMNS`` names.

    Args:
        clips: poses by clip.
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
    """Turn motion capture into poses to train on.

    Args:
        sources: .amc (with the .asf beside it), .bvh and AMASS .npz files, or folders to search for them.
        out: the npz file to write.
        fps: frames a second to take; recordings with fewer are taken whole.
        rates: folders whose files give a wrong frame rate, and the right one: ``--rates salsa 30``.
        keep_going: exit with 0 although some recordings could not be read.

    Returns:
        Exit status: 1 if a recording could not be read, 2 if nothing could be written.

    Raises:
        ValueError: a rate is no positive number, or names no folder of recordings.
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
    """The rates by folder.

    Raises:
        ValueError: a rate is not above 0, or no recording lies in such a folder.
    """
    folders = {path.resolve().parent.name for path in paths}
    for folder, rate in rates:
        if folder not in folders:
            raise ValueError(f"--rates: expected the name of a folder with recordings in it, found {folder!r}")
        if not 0 < rate < np.inf:
            raise ValueError(f"--rates: expected a number above 0 for {folder}, found {rate}")
    return dict(rates)


def _convert_all(paths: Sequence[Path], fps: float, rates: Mapping[str, float], console: Console) -> list[Clip]:
    """The recordings that could be read; what is wrong in these and in the others goes to the console."""
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
    """Counts by split, by kind of skeleton, and of all."""
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


if __name__ == "__main__":
    sys.exit(tyro.cli(main))
