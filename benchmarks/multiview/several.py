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
"""Of each view, the person by the moment."""


def mirrored(pictures: Sequence[Picture]) -> list[Picture]:
    """The pictures as a mirror shows them."""
    return [np.ascontiguousarray(picture[:, ::-1]) for picture in pictures]


def sets_of_views(names: Sequence[str]) -> dict[str, tuple[tuple[int, ...], int | None]]:
    """Which views are fitted, and which of them in a mirror, by what the rows are called.

    Args:
        names: names of all views.

    Returns:
        All views, all with one of them in a mirror, and every pair.
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
    """Fits of the moments in which the chosen views show somebody alike.

    Args:
        fitter: body, prior and settings.
        cameras: cameras of all views.
        seen: detections in each view.
        in_mirror: detections in the mirrored views.
        chosen: views to fit.
        mirror: view to replace by its mirror image, if any.
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
    """Where some joints of fits are, in world axes.

    Args:
        fitter: the body that was fitted.
        results: results of fits.
        names: joint names that SMPL and the detector share.

    Returns:
        ``keypoints``, the places on the body that carry the detector's names, and ``joints``, SMPL's.
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
    """The calibrated cameras of a recording's views, with the sizes of its videos.

    Args:
        shots: the recording.
        cameras: calibrated cameras.

    Returns:
        One camera for each view.
    """
    by_name = {camera.name: camera for camera in cameras}
    return [dataclasses.replace(by_name[view.name], size=view.size) for view in shots.views]
