"""The fitter: bodies to photos and keypoints, with QPoser as the prior."""

from fitting.body import Body
from fitting.clip_result import ClipResult, read_clip
from fitting.clip_run import fit_video
from fitting.fit import Fitter, fit_image, fit_keypoints
from fitting.keypoints import Keypoints, read_keypoints
from fitting.keypoints3d import BodyFit, fit_keypoints_3d
from fitting.results import FitResult, read_result, write_results
from fitting.stages import FitSettings

__all__ = [
    "Body",
    "BodyFit",
    "ClipResult",
    "FitResult",
    "FitSettings",
    "Fitter",
    "Keypoints",
    "fit_image",
    "fit_keypoints",
    "fit_keypoints_3d",
    "fit_video",
    "read_clip",
    "read_keypoints",
    "read_result",
    "write_results",
]
