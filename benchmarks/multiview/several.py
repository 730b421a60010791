"""Fits to several views of a recording at once."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
import torch
from jaxtyping import Float

from benchmarks.multiview.bodies import JOINTS, KEYPOINTS
from benchmarks.multiview.recording import Recording
from fitting.fit import Fitter
from fitting.inputs.calibration import CalibratedCamera
from fitting.inputs.detections import Picture
from fitting.inputs.keypoints import FORMATS, Keypoints
from fitting.views.result import ViewsResult
from qposer.body_pose.skeleton import JOINT_NAMES

ALL = "all views"

Detections = Sequence[Mapping[int, Keypoints]]
"""Keypoints of the person by moment, for each view."""


def mirrored(pictures: Sequence[Picture]) -> list[Picture]:
    """Mirror images of pictures."""
    return [np.ascontiguousarray(picture[:, ::-1]) for picture in pictures]


def sets_of_views(names: Sequence[str]) -> dict[str, tuple[tuple[int, ...], int | None]]:
    """List the sets of views to fit: all views, all views with one of them mirrored, and every pair.

    Args:
        names: names of all views.

    Returns:
        For each row, the indices of the views, and the index of the mirrored view or None.
    """
    every = tuple(range(len(names)))
    found: dict[str, tuple[tuple[int, ...], int | None]] = {ALL: (every, None)}
    found |= {f"{ALL}, {name} mirrored": (every, view) for view, name in enumerate(names)}
    pairs = combinations(every, 2)
    return found | {f"{names[a]} and {names[b]}": ((a, b), None) for a, b in pairs if len(every) > 2}


def fitted_views(
    fitter: Fitter,
    cameras: Sequence[CalibratedCamera],
    seen: Detections,
    in_mirror: Detections,
    chosen: tuple[int, ...],
    mirror: int | None,
    moments: int,
) -> dict[int, ViewsResult]:
    """Fit the moments that have a detection in at least two of the chosen views.

    Args:
        fitter: body, prior and settings.
        cameras: cameras of all views.
        seen: detections in each view.
        in_mirror: detections in the mirror image of each view.
        chosen: indices of the views to fit.
        mirror: index of the view to replace by its mirror image, if any.
        moments: number of moments.

    Returns:
        Results by moment.
    """
    found = {}
    for moment in range(moments):
        views = [(in_mirror if view == mirror else seen)[view].get(moment) for view in chosen]
        if sum(view is not None for view in views) >= 2:
            found[moment] = fitter.fit_views(views, [cameras[view] for view in chosen])[0]
    return found


@torch.no_grad()
def points_of(
    fitter: Fitter, results: Sequence[ViewsResult], names: tuple[str, ...]
) -> dict[str, Float[np.ndarray, "results joints 3"]]:
    """Compute the positions of some joints of fits in world axes.

    Args:
        fitter: fitter with the body model of the fits.
        results: results of fits.
        names: joint names that SMPL and the detector share.

    Returns:
        ``keypoints``, the body's landmarks of the detector's keypoints, and ``joints``, SMPL's joints; metres.
    """
    given = [
        torch.from_numpy(np.stack([getattr(result, name) for result in results]))
        for name in ("global_orient", "body_pose", "betas", "transl")
    ]
    landmarks = fitter.body.landmarks(*given).numpy()
    joints = np.stack([result.joints for result in results])
    return {
        KEYPOINTS: landmarks[:, [FORMATS["mediapipe"].names.index(name) for name in names]],
        JOINTS: joints[:, [JOINT_NAMES.index(name) for name in names]],
    }


def calibrated(shots: Recording, cameras: Sequence[CalibratedCamera]) -> list[CalibratedCamera]:
    """Match calibrated cameras with a recording's views, and set their image sizes to those of its videos.

    Args:
        shots: the recording.
        cameras: calibrated cameras.

    Returns:
        A camera for each view.
    """
    by_name = {camera.name: camera for camera in cameras}
    return [dataclasses.replace(by_name[view.name], size=view.size) for view in shots.views]
