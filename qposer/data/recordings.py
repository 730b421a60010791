"""Find, read, resample and calibrate motion capture recordings as SMPL poses."""

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
    """A recording as SMPL poses, before frame selection."""

    motion: Motion
    read: int
    """Number of frames in the file; ``motion`` has fewer after resampling."""
    source: str
    pose: Float[np.ndarray, "frames 24 3"]

    @property
    def actor(self) -> tuple[str, bool, str]:
        """The rig, whether its rest pose is a recorded T-pose, and the subject."""
        return self.source, self.motion.t_pose, self.motion.subject


def find_recordings(sources: Sequence[Path]) -> list[Path]:
    """Find recordings among files and, recursively, in folders, in sorted order.

    AMASS' files of body shapes (``shape.npz``, ``*_stagei.npz``) are skipped.

    Raises:
        FileNotFoundError: a source does not exist, or a folder has no recording.
        ValueError: no source is given, or a file has an unknown format.
    """
    found: set[Path] = set()
    if not sources:
        raise ValueError("expected files or folders of motion capture, but none is given")
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
    """Read one recording, resample it to ``fps``, and retarget it.

    Args:
        path: the file.
        fps: target frame rate, frames per second.
        rates: true frame rates of recordings with wrong metadata, by folder name.

    Returns:
        The resampled recording with SMPL poses.

    Raises:
        FileNotFoundError, ValueError: the file cannot be read, or its skeleton is unknown.
    """
    motion = READERS[path.suffix.lower()](path)
    motion = replace(motion, fps=(rates or {}).get(path.resolve().parent.name, motion.fps))
    thinned = thin(motion, fps)
    return Recording(thinned, len(motion.frames), find_rig(motion).name, retarget(thinned))


def thin(motion: Motion, fps: float) -> Motion:
    """Resample to the frames nearest to multiples of ``1 / fps``; recordings that are hardly faster keep all frames.

    Args:
        motion: a recording.
        fps: target frame rate, frames per second.

    Returns:
        The resampled recording.
    """
    step = motion.fps / fps
    if step < 1.01:
        return motion
    indices = np.round(np.arange(0, len(motion.frames), step)).astype(int)
    return motion.select(indices[indices < len(motion.frames)])


def calibrate(recordings: Sequence[Recording]) -> list[Recording]:
    """Correct the stance of each actor (`qposer.data.stance`).

    Recordings with SMPL poses and actors with too few poses are unchanged.
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
