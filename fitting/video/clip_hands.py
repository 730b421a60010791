"""Fit the hands of a person in a clip: frame by frame, then smooth in time."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from fitting.hands.arms import ELBOWS, WRISTS, Arms
from fitting.hands.fit import FittedHands, HandsInView
from fitting.hands.smoothing import INFLUENCE, smooth_hand
from fitting.inputs.camera import Camera
from fitting.models import FittingModels
from fitting.optimise.problem import Estimate
from fitting.output.hand_poses import HandPoses
from fitting.video.in_threads import in_threads
from fitting.video.kept_work import Arrays, Keep
from fitting.video.tracked_keypoints import TrackedKeypoints
from qposer.body_pose.rotations import axis_angle_to_matrix, matrix_to_axis_angle

BATCH = 100
"""Number of frames whose hands are fitted at once."""

HAND_ARRAYS = ("rest", "wrists", "fingers", "found")
"""What `hands_of_frames` returns."""


@dataclass(frozen=True)
class ClipHands:
    """Hands in every frame of a clip, axis-angle in radians."""

    wrists: Float[np.ndarray, "frames 2 3"]
    """Rotations of the left and the right hand relative to the forearms of the fit without hands."""
    fingers: Float[np.ndarray, "frames 2 15 3"]
    """Relative to the body's rest."""
    found: Bool[np.ndarray, "frames 2"]
    """Whether the hand was found and fits the arm; the others are interpolated or return to rest."""

    ever_found: Bool[np.ndarray, "2"]
    """Whether the hand is found in any frame."""

    def __getitem__(self, rows: Int[Tensor, " some"]) -> ClipHands:
        """Hands of some frames."""
        return replace(self, wrists=self.wrists[rows], fingers=self.fingers[rows], found=self.found[rows])

    @property
    def poses(self) -> HandPoses:
        """The poses of the fingers."""
        return HandPoses(self.fingers[:, 0], self.fingers[:, 1], self.found)

    def applied(self, body_pose: Float[Tensor, "frames 21 3 3"]) -> Float[Tensor, "frames 21 3 3"]:
        """Poses with the wrists of these hands; arms whose hand is never found keep theirs.

        Args:
            body_pose: rotations of the fit without hands.

        Returns:
            The poses, which differ in elbows and wrists.
        """
        arms = Arms.of(torch.eye(3).to(body_pose).expand(len(body_pose), 3, 3), body_pose)
        wrists = axis_angle_to_matrix(torch.from_numpy(self.wrists).to(body_pose))
        turned, _ = arms.with_hands(body_pose, arms.forearm @ wrists)
        for side in np.flatnonzero(~self.ever_found).tolist():
            ends = [ELBOWS[side], WRISTS[side]]
            turned[:, ends] = body_pose[:, ends]
        return turned


def hand_steps(models: FittingModels, seen: TrackedKeypoints) -> int:
    """Number of calls of ``on_step`` of `fit_clip_hands`, if nothing was stored.

    Args:
        models: body, prior and settings.
        seen: keypoints of the person.

    Returns:
        One for each batch of frames.
    """
    return len(batches(_length(seen))) if has_hands(models, seen) else 0


def has_hands(models: FittingModels, seen: TrackedKeypoints) -> bool:
    """Whether hands are fitted: there are keypoints of hands, and the body has fingers.

    Args:
        models: body, prior and settings.
        seen: keypoints of the person.

    Returns:
        True or false.
    """
    return seen.keypoints.hands is not None and models.hand_body is not None


@torch.no_grad()
def fit_clip_hands(
    models: FittingModels,
    seen: TrackedKeypoints,
    camera: Camera,
    betas: Float[Tensor, "1 shapes"],
    motion: dict[str, Tensor],
    smoothness: float,
    keep: Keep,
    on_step: Callable[[], None],
) -> ClipHands | None:
    """Fit the hands to their keypoints in batches of frames, and smooth them.

    Args:
        models: body, prior and settings.
        seen: keypoints of the person, with hands.
        camera: the camera of all frames.
        betas: shape.
        motion: parameters of the body in every frame from the first to the last with a detection.
        smoothness: factor on the weight of accelerations.
        keep: called for each batch, to store or load it.
        on_step: called after every batch.

    Returns:
        The hands; None without keypoints of hands, or if the body has no fingers.
    """
    if not has_hands(models, seen):
        return None

    def fitted(begin: int, end: int) -> Arrays:
        given = {name: value[begin:end] for name, value in motion.items()}
        arrays = _fit_batch(models, seen, camera, betas, given, begin)
        on_step()
        return arrays

    key = hashlib.sha256(betas.numpy().tobytes())
    assert seen.keypoints.hands is not None
    for array in (*vars(seen.keypoints.hands).values(), *(value.numpy() for value in motion.values())):
        key.update(b"" if array is None else array.tobytes())
    name = f"hands-{key.hexdigest()[:12]}"
    ends = batches(_length(seen))
    parts = [*in_threads(lambda one: keep(f"{name}-{one[0]:06d}", lambda: fitted(*one)), ends)]
    whole = {part: np.concatenate([one[part] for one in parts]) for part in parts[0]}
    searched = torch.zeros(_length(seen), dtype=torch.bool)
    searched[seen.frames - seen.frames[0]] = True
    return smoothed(whole, searched, seen.fps, smoothness)


def _length(seen: TrackedKeypoints) -> int:
    """Number of frames from the first to the last with a detection."""
    return int(seen.frames[-1] - seen.frames[0]) + 1


def batches(frames: int) -> list[tuple[int, int]]:
    """First rows and ends of batches of frames."""
    return [(begin, min(begin + BATCH, frames)) for begin in range(0, frames, BATCH)]


@torch.no_grad()
def _fit_batch(
    models: FittingModels,
    seen: TrackedKeypoints,
    camera: Camera,
    betas: Float[Tensor, "1 shapes"],
    motion: dict[str, Tensor],
    begin: int,
) -> Arrays:
    """Hands of a batch of frames, each fitted on its own; those that are not found are at rest."""
    bodies = Estimate(
        **{name: value.to(models.device) for name, value in motion.items()}, betas=betas.to(models.device)
    )
    bodies = replace(bodies, pose=models.space.commit(bodies.pose), betas=bodies.betas.expand(len(bodies.pose), -1))
    keypoints = seen.keypoints.hands
    assert keypoints is not None
    places = seen.frames - seen.frames[0] - begin
    chosen = np.flatnonzero((places >= 0) & (places < len(bodies.pose)) & keypoints.found.any(-1))
    rows, fits = torch.from_numpy(places[chosen]), None
    if len(chosen):
        cameras = camera[torch.zeros(len(rows), dtype=torch.long)]
        fits = models.fit_hands([HandsInView(keypoints[chosen.tolist()], cameras)], bodies[rows])
    return hands_of_frames(models.body_pose(bodies), fits, rows)


def hands_of_frames(
    body_pose: Float[Tensor, "frames 21 3 3"], fits: FittedHands | None, rows: Int[Tensor, " fitted"]
) -> Arrays:
    """Hands of frames before they are smoothed; those that are not found are at rest.

    Args:
        body_pose: poses of the fit without hands.
        fits: hands of some frames; None if there are none.
        rows: these frames.

    Returns:
        Rotations of wrists relative to the forearms, at rest and found, and of fingers, axis-angle, and a mask.
    """
    wrists = body_pose[:, WRISTS].clone()
    fingers = torch.eye(3).to(wrists).expand(len(wrists), 30, 3, 3).clone()
    found = torch.zeros(len(wrists), 2, dtype=torch.bool)
    if fits is not None:
        wrists[rows] = _hands_of(body_pose[rows], fits.body_pose)
        fingers[rows], found[rows] = fits.hand_pose, fits.fitted.cpu()
    return {
        "rest": matrix_to_axis_angle(body_pose[:, WRISTS]).cpu().numpy(),
        "wrists": matrix_to_axis_angle(wrists).cpu().numpy(),
        "fingers": matrix_to_axis_angle(fingers).unflatten(1, (2, 15)).cpu().numpy(),
        "found": found.numpy(),
    }


def smoothed(fits: Arrays, searched: Bool[Tensor, " frames"], fps: float, smoothness: float = 1.0) -> ClipHands:
    """Smooth the hands of single frames, batch by batch with the frames around.

    Args:
        fits: hands as of `hands_of_frames`.
        searched: frames in which hands were searched.
        fps: frames per second.
        smoothness: factor on the weight of accelerations.

    Returns:
        The hands of all frames.
    """
    around = math.ceil(INFLUENCE * fps)
    parts: list[Arrays] = []
    for begin, end in batches(len(searched)):
        first = max(begin - around, 0)
        some = {name: torch.from_numpy(array[first : end + around]) for name, array in fits.items()}
        joints = axis_angle_to_matrix(torch.cat([some["wrists"][:, :, None], some["fingers"]], dim=2))
        still = torch.eye(3).expand_as(joints).clone()
        still[:, :, 0] = axis_angle_to_matrix(some["rest"])
        hands = [
            smooth_hand(
                *(joints[:, side], still[:, side], some["found"][:, side], searched[first : end + around]),
                *(fps, smoothness),
            )
            for side in (0, 1)
        ]
        inside = slice(begin - first, end - first)
        rotations = matrix_to_axis_angle(torch.stack([one for one, _ in hands], dim=1)[inside]).numpy()
        found = torch.stack([one for _, one in hands], dim=1)[inside].numpy()
        parts.append({"wrists": rotations[:, :, 0], "fingers": rotations[:, :, 1:], "found": found})
    whole = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return ClipHands(**whole, ever_found=np.any(whole["found"], axis=0))


def _hands_of(before: Float[Tensor, "some 21 3 3"], after: Float[Tensor, "some 21 3 3"]) -> Float[Tensor, "some 2 3 3"]:
    """Rotations of the hands of poses relative to the forearms of others, which differ in elbows and wrists."""
    return before[:, ELBOWS].mT @ after[:, ELBOWS] @ after[:, WRISTS]
