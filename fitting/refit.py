"""Fit a body again after a person has corrected it: moved keypoints, sentences about the pose, a known height."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence

import numpy as np

from fitting.models import FittingModels
from fitting.output.fit_result import FitResult
from fitting.photos import fit_people
from fitting.terms.moved_keypoints import MovedKeypoints
from fitting.terms.term import Term

MOVED_WEIGHT = 2e3
"""Of each moved keypoint; all keypoints of a detector together weigh as much."""


def refit(
    models: FittingModels,
    result: FitResult,
    moved: Mapping[str, tuple[float, float]],
    unseen: Collection[str],
    holds: Sequence[str],
    height: float | None,
) -> FitResult:
    """Fit one person again, from an earlier result, which the fit stays close to.

    Args:
        models: body, prior and settings.
        result: earlier result.
        moved: pixels of keypoints that were placed by hand, by name; they are exact.
        unseen: names of keypoints to ignore.
        holds: what is known of the pose, in words, besides the settings' own.
        height: known standing height in metres; default: that of the settings.

    Returns:
        The new result. Its keypoints are those of the earlier result, with the moved ones in their places.

    Raises:
        ValueError: an unknown keypoint, a hold that is not understood, or too few keypoints that remain.
    """
    keypoints = result.keypoints
    unknown = sorted({*moved, *unseen} - {*keypoints.names})
    if unknown:
        raise ValueError(f"{keypoints.format} keypoints have no {', '.join(unknown)}: use {', '.join(keypoints.names)}")
    confidence, xy = np.array(keypoints.confidence), np.array(keypoints.xy)
    for name in (*moved, *unseen):
        confidence[:, keypoints.names.index(name)] = 0.0
    terms: tuple[Term, ...] = models.settings.terms
    if moved:
        at = (float(result.centre[0]), float(result.centre[1])), result.person_height_px
        terms += (MovedKeypoints(MOVED_WEIGHT, dict(moved), keypoints.format, result.focal, *at),)
    settings = dataclasses.replace(
        models.settings,
        terms=terms,
        holds=(*models.settings.holds, *holds),
        height=models.settings.height if height is None else height,
    )
    size = int(result.image_size[0]), int(result.image_size[1])
    left = dataclasses.replace(keypoints, confidence=confidence)
    (found,) = fit_people(models.with_settings(settings), left, size, result.focal, start=result.as_start)
    for name, place in moved.items():
        row = keypoints.names.index(name)
        xy[:, row], confidence[:, row] = place, 1.0
    corrected = dataclasses.replace(keypoints, xy=xy, confidence=confidence)
    return dataclasses.replace(found, keypoints=corrected, swapped=result.swapped)
