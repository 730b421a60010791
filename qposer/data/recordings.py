"""Recordings of motion capture as SMPL poses: found in folders, read, thinned, and calibrated actor by actor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float

from qposer.data.amass import read_amass
from qposer.data.asf_amc import read_amc
from qposer.data.bvh import read_bvh
from qposer.data.motion import Motion
from qposer.data.retarget import SMPL_SOURCE, find_rig, retarget
from qposer.data.stance import LEAST_FRAMES, apply_stance, measure_stance, shrink

READERS = {".amc": read_amc, ".bvh": read_bvh, ".npz": read_amass}


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
