"""The fitter: bodies to photos, keypoints, views and videos, with QPoser as the prior."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qposer.io.lazy_names import lazy_names

if TYPE_CHECKING:
    from fitting.body.body import Body
    from fitting.fit import Fitter
    from fitting.inputs.calibration import CalibratedCamera
    from fitting.inputs.calibration_files import read_cameras
    from fitting.inputs.keypoint_files import read_keypoints
    from fitting.inputs.keypoints import Keypoints
    from fitting.inputs.starts import StartBodies, read_start
    from fitting.keypoints3d import Fit3DResult
    from fitting.one_call import fit_image, fit_keypoints, fit_keypoints_3d, fit_video, fit_views
    from fitting.optimise.settings import FitSettings
    from fitting.output.fit_result import FitResult
    from fitting.output.results import read_result, write_results
    from fitting.video.clip_result import ClipResult, read_clip
    from fitting.video.ground import Ground
    from fitting.views.result import ViewsResult

__all__ = [
    "Body",
    "CalibratedCamera",
    "ClipResult",
    "Fit3DResult",
    "FitResult",
    "FitSettings",
    "Fitter",
    "Ground",
    "Keypoints",
    "StartBodies",
    "ViewsResult",
    "fit_image",
    "fit_keypoints",
    "fit_keypoints_3d",
    "fit_video",
    "fit_views",
    "read_cameras",
    "read_clip",
    "read_keypoints",
    "read_result",
    "read_start",
    "write_results",
]

__getattr__ = lazy_names(
    __name__,
    {
        "fitting.body.body": ("Body",),
        "fitting.fit": ("Fitter",),
        "fitting.inputs.calibration": ("CalibratedCamera",),
        "fitting.inputs.calibration_files": ("read_cameras",),
        "fitting.inputs.keypoint_files": ("read_keypoints",),
        "fitting.inputs.keypoints": ("Keypoints",),
        "fitting.inputs.starts": ("StartBodies", "read_start"),
        "fitting.keypoints3d": ("Fit3DResult",),
        "fitting.one_call": ("fit_image", "fit_keypoints", "fit_keypoints_3d", "fit_video", "fit_views"),
        "fitting.optimise.schedule": ("FitSettings",),
        "fitting.output.fit_result": ("FitResult",),
        "fitting.output.results": ("read_result", "write_results"),
        "fitting.video.clip_result": ("ClipResult", "read_clip"),
        "fitting.video.ground": ("Ground",),
        "fitting.views.result": ("ViewsResult",),
    },
)
