"""The fitter: bodies to photos and keypoints, with QPoser as the prior."""

from fitting.body.body import Body
from fitting.fit import Fitter, fit_image, fit_keypoints
from fitting.inputs.keypoint_files import read_keypoints
from fitting.inputs.keypoints import Keypoints
from fitting.keypoints3d import BodyFit, fit_keypoints_3d
from fitting.optimise.schedule import FitSettings
from fitting.output.results import FitResult, read_result, write_results
from fitting.video.clip_result import ClipResult, read_clip
from fitting.video.clip_run import fit_video

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
