"""Statistics of detector errors: by keypoint, along limbs, in swaps of left and right, and of confidences."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from benchmarks.rendered.sightings import mistaken
from fitting.inputs.keypoints import FORMATS

FORMAT = FORMATS["mediapipe"]
LOST = 0.05
"""Minimum error of a lost keypoint, as a fraction of the person's height."""
SWAP_GAIN, SWAP_LEAST = 0.6, 0.03
"""Left and right of a limb count as swapped if swapping them reduces its mean error below the first value times itself,
and the error, as a fraction of the person's height, is larger than the second value."""

GROUPS = {
    "arms": ("elbow", "wrist", "pinky", "index", "thumb"),
    "legs": ("knee", "ankle", "heel", "foot_index"),
    "trunk": ("shoulder", "hip"),
}
LIMBS = {"arm": ("shoulder", "elbow", "wrist", "index"), "leg": ("hip", "knee", "ankle", "foot_index")}


@dataclass(frozen=True)
class Observed:
    """Detections of people and their truth, in pixels."""

    xy: Float[np.ndarray, "people 33 2"]
    confidence: Float[np.ndarray, "people 33"]
    truth: Float[np.ndarray, "people 33 2"]
    visible: Bool[np.ndarray, "people 33"]
    """Within the image, and not occluded by the person's own body or by another object."""
    inside: Bool[np.ndarray, "people 33"]
    """Within the borders of the image."""
    height: Float[np.ndarray, " people"]
    facing: Float[np.ndarray, " people"]
    """1 for people seen from the front, -1 from behind."""

    def __getitem__(self, chosen: Bool[np.ndarray, " people"]) -> Observed:
        """Select people by a mask."""
        return Observed(**{name: array[chosen] for name, array in vars(self).items()})

    @property
    def error(self) -> Float[np.ndarray, "people 33 2"]:
        """Error vectors of the keypoints as fractions of the person's height."""
        return np.asarray((self.xy - self.truth) / self.height[:, None, None])

    @property
    def mistaken(self) -> Bool[np.ndarray, " people"]:
        """Whether the detection of each person failed."""
        return mistaken(self.xy, self.truth, self.inside, self.height)


def joints_of(*kinds: str) -> list[int]:
    """Indices of the keypoints of some kinds, on both sides of the body."""
    return [
        joint
        for joint, name in enumerate(FORMAT.names)
        if name in kinds or (name.partition("_")[2] in kinds and name.partition("_")[0] in ("left", "right"))
    ]


def swaps(seen: Observed) -> dict[str, Bool[np.ndarray, " people"]]:
    """People with left and right swapped on the whole body, on the arms only, or on the legs only."""
    better = {}
    for group, kinds in GROUPS.items():
        joints = joints_of(*kinds)
        mirrored = [FORMAT.mirror[joint] for joint in joints]
        direct, swapped = (
            np.linalg.norm(seen.xy[:, joints] - seen.truth[:, there], axis=-1).mean(-1) / seen.height
            for there in (joints, mirrored)
        )
        better[group] = (swapped < SWAP_GAIN * direct) & (direct > SWAP_LEAST)
    limbs = better["arms"] | better["legs"]
    body = better["trunk"] & limbs | better["arms"] & better["legs"]
    return {"whole body": body, "arms": better["arms"] & ~body, "legs": better["legs"] & ~body}


def sound(seen: Observed) -> Observed:
    """Exclude failed detections and people with left and right swapped."""
    return seen[~(np.any(list(swaps(seen).values()), axis=0) | seen.mistaken)]


@dataclass(frozen=True)
class Kind:
    """Errors, as fractions of the height, and confidences of one kind of keypoint."""

    error: Float[np.ndarray, " keypoints"]
    confidence: Float[np.ndarray, " keypoints"]

    def __len__(self) -> int:
        """Number of keypoints."""
        return len(self.error)


def by_kind(seen: Observed, kind: str) -> tuple[Kind, Kind]:
    """Separate visible and hidden keypoints of a kind; keypoints outside the image are excluded.

    Args:
        seen: detections and their truth.
        kind: kind of keypoint, a name without its side.

    Returns:
        Errors and confidences of visible keypoints, and of hidden keypoints.
    """
    joints = joints_of(kind)
    error = np.linalg.norm(seen.error[:, joints], axis=-1)
    masks = seen.visible[:, joints], (seen.inside & ~seen.visible)[:, joints]
    visible, hidden = (Kind(error[mask], seen.confidence[:, joints][mask]) for mask in masks)
    return visible, hidden


def correlations(seen: Observed, limb: str) -> Float[np.ndarray, "4 4"]:
    """Correlate the errors of the keypoints of one limb, over x and y and both sides.

    The common shift of each person (the median over all keypoints) and then the median over people are subtracted.

    Args:
        seen: detections and their truth.
        limb: name of the limb.

    Returns:
        Correlation coefficients between the limb's keypoints.
    """
    error = seen.error - np.median(seen.error, axis=1, keepdims=True)
    error = error - np.median(error, axis=0)
    sides = [[FORMAT.names.index(f"{side}_{kind}") for kind in LIMBS[limb]] for side in ("left", "right")]
    inside = [seen.inside[:, joints].all(axis=-1) for joints in sides]
    columns = [error[mask][:, joints].swapaxes(0, 1).reshape(4, -1) for mask, joints in zip(inside, sides, strict=True)]
    return np.asarray(np.corrcoef(np.concatenate(columns, axis=1)))


def shift_and_scale(seen: Observed) -> tuple[float, float]:
    """Robust standard deviations over people of the common shift along an axis and of the scale, as fractions."""
    shift = np.median(seen.error, axis=1)
    truth = seen.truth / seen.height[:, None, None]
    around = truth - truth.mean(axis=1, keepdims=True)
    centred = seen.error - seen.error.mean(axis=1, keepdims=True)
    scale = (around * centred).sum((1, 2)) / np.square(around).sum((1, 2))
    return _deviation(shift), _deviation(scale[:, None])


def _deviation(values: Float[np.ndarray, "values axes"]) -> float:
    return float(1.4826 * np.median(np.abs(values - np.median(values, axis=0))))
