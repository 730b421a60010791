"""People with known bodies and their keypoints: synthetic ones, rendered ones, and a recording with four cameras."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from benchmarks.cache import Cache
from benchmarks.fitting.people import observed, photographed
from benchmarks.multiview.__main__ import detected as detected_on_photos
from benchmarks.multiview.recording import read_recording
from benchmarks.prior.poses import file_digest
from benchmarks.rendered.scenes import SIZE, draw_scenes
from benchmarks.rendered.sightings import detected as detected_on_renderings
from fitting.body.body import Body
from fitting.inputs.camera import Camera
from fitting.inputs.keypoints import FormatName, Keypoints
from qposer.body_pose.rotations import axis_angle_to_matrix, matrix_to_axis_angle
from qposer.body_pose.skeleton import JOINT_NAMES

Half = Literal["calibration", "evaluation"]
"""Halves of the poses, each with every other clip: one for calibration, one for evaluation."""

NOISE = 0.01
"""Standard deviation of the keypoint noise in *noise of 1 %*, as a fraction of the person's height."""

LIMBS = tuple(
    f"{side}_{name}" for name in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle") for side in ("left", "right")
)
"""Joints that SMPL and the detector both have."""


@dataclass(frozen=True)
class Case:
    """People with known joints, in images of one size."""

    name: str
    keypoints: Keypoints
    camera: Camera
    """Assumed camera of each person."""
    size: tuple[int, int]
    joints: tuple[int, ...]
    """Indices of SMPL's joints with known positions."""
    origin: tuple[int, ...]
    """Indices into ``joints``; the mean of these joints is the origin."""
    truth: Float[Tensor, "people joints 3"]
    """True positions relative to the origin, in camera axes, metres."""

    def relative(self, joints: Float[Tensor, "people 22 3"]) -> Float[Tensor, "people joints 3"]:
        """Select the joints with known positions, relative to the origin.

        Args:
            joints: SMPL's joints, metres.

        Returns:
            Positions, metres.
        """
        return _relative(joints[:, self.joints], self.origin)


def _relative(points: Float[Tensor, "people joints 3"], origin: tuple[int, ...]) -> Float[Tensor, "people joints 3"]:
    return points - points[:, origin].mean(1, keepdim=True)


def read_half(foreign: Path, half: Half) -> Float[Tensor, "poses 22 3"]:
    """Read the poses of every other clip of an npz of clips with z up.

    Args:
        foreign: npz with ``pose`` (frames, 24, 3), axis-angle, and ``sequence``, the clip of each frame.
        half: half of the clips.

    Returns:
        Axis-angle in radians; the root is relative to the world, y up.
    """
    with np.load(foreign, allow_pickle=False) as file:
        _, clip = np.unique(file["sequence"], return_inverse=True)
        pose = torch.from_numpy(file["pose"][clip % 2 == (half == "evaluation")][:, :22]).float()
    upright = axis_angle_to_matrix(torch.tensor([-math.pi / 2, 0.0, 0.0]))
    pose[:, 0] = matrix_to_axis_angle(upright @ axis_angle_to_matrix(pose[:, 0]))
    return pose


def synthetic(body: Body, poses: Float[Tensor, "poses 22 3"], number: int) -> Iterator[Case]:
    """Project different poses to keypoints: exact, noisy, and with the legs or a side unseen.

    Args:
        body: body model.
        poses: axis-angle in radians; joint 0 relative to the world, y up.
        number: number of people of each case.

    Yields:
        The cases.
    """
    chosen = torch.randperm(len(poses), generator=torch.Generator().manual_seed(0))[:number]
    people = photographed(body, poses[chosen, 1:], torch.Generator().manual_seed(0))
    parameters = people.orient, people.body_pose, people.betas, people.transl
    with torch.no_grad():
        truth = _relative(body(*parameters).joints[:, :22], (0,))
        h36m = people.camera.project(body.landmarks(*parameters, format="h36m"))
    noise = (
        NOISE * people.height[:, None, None] * torch.randn(people.xy.shape, generator=torch.Generator().manual_seed(1))
    )
    ones = torch.ones(people.xy.shape[:2])
    seen = {
        "exact, Human3.6M's 17 joints": (h36m, torch.ones(h36m.shape[:2])),
        "exact": (people.xy, ones),
        "noise of 1 %": (people.xy + noise, ones),
        "noise of 2 %": observed(people, "noise", torch.Generator().manual_seed(2)),
        "legs unseen": observed(people, "legs missing", torch.Generator().manual_seed(3)),
        "a side unseen": observed(people, "side missing", torch.Generator().manual_seed(4)),
    }
    for name, (xy, confidence) in seen.items():
        format: FormatName = "h36m" if xy is h36m else "mediapipe"
        keypoints = Keypoints(xy.numpy(), confidence.numpy(), format, noise_floor=0.0)
        yield Case(name, keypoints, people.camera, (1000, 1000), tuple(range(22)), (0,), truth)


def rendered(body: Body, poses: Float[Tensor, "poses 22 3"], number: int, origin: str, cache: Cache) -> Case:
    """Render and detect people (`benchmarks.rendered`), with the focal length that is assumed for a photo.

    Args:
        body: body model.
        poses: axis-angle in radians; joint 0 relative to the world, y up.
        number: number of people to render.
        origin: cache key of the poses.
        cache: cache of the detections.

    Returns:
        The detected people.
    """
    scenes = draw_scenes(body, poses, number, torch.Generator().manual_seed(0))
    found = detected_on_renderings(scenes, 0, f"{origin} {number} 0", cache)
    camera = Camera.for_image(SIZE, SIZE, batch=len(found.person))
    joints = tuple(JOINT_NAMES.index(name) for name in LIMBS)
    hips = LIMBS.index("left_hip"), LIMBS.index("right_hip")
    truth = _relative(scenes.joints[torch.from_numpy(found.person)][:, joints], hips)
    return Case("rendered, detected", found.keypoints, camera, (SIZE, SIZE), joints, hips, truth)


def recorded(folder: Path) -> Case:
    """Detect a man in front of four cameras, one view at a time, with the focal length that is assumed for a photo.

    Args:
        folder: folder of the recording (`benchmarks.multiview`).

    Returns:
        All views of all moments.
    """
    shots = read_recording(folder)
    joints = tuple(JOINT_NAMES.index(name) for name in shots.names)
    hips = shots.names.index("left_hip"), shots.names.index("right_hip")
    moments, keypoints = zip(*(detected_on_photos(view.pictures(shots.frames)) for view in shots.views), strict=True)
    truth = [
        torch.from_numpy(np.asarray(view.truth[chosen])) for view, chosen in zip(shots.views, moments, strict=True)
    ]
    size = shots.views[0].size
    xy, confidence, world = (
        np.concatenate([np.asarray(getattr(one, name)) for one in keypoints]) for name in ("xy", "confidence", "world")
    )
    found = Keypoints(xy, confidence, "mediapipe", world)
    camera = Camera.for_image(*size, batch=len(found))
    return Case("the recording, detected", found, camera, size, joints, hips, _relative(torch.cat(truth).float(), hips))


def cases(body: Body, foreign: Path, half: Half, number: int, recording: Path, cache: Cache) -> Iterator[Case]:
    """Generate all cases of one half of the poses; the recording is only part of the evaluation.

    Args:
        body: body model.
        foreign: npz of clips (`read_half`).
        half: half of the clips.
        number: number of people of each synthetic case; half as many are rendered.
        recording: folder of the recording; skipped if missing.
        cache: cache of the detections.

    Yields:
        The cases.
    """
    poses = read_half(foreign, half)
    yield from synthetic(body, poses, number)
    yield rendered(body, poses, 2 * number, f"{file_digest(foreign)} {half}", cache)
    if half == "evaluation" and recording.is_dir():
        yield recorded(recording)
