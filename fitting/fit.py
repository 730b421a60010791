"""From a photo, or from keypoints, to bodies."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from fitting.body.body import Body
from fitting.inputs.camera import Camera
from fitting.inputs.detect import detect
from fitting.inputs.images import Photo, read_image
from fitting.inputs.keypoints import Keypoints
from fitting.optimise.adam import Estimate, Problem
from fitting.optimise.agreement import check_in_view, person_height
from fitting.optimise.pose_space import RelaxedCodes
from fitting.optimise.regressor import Regressor
from fitting.optimise.schedule import FitSettings, solve, stature
from fitting.output.results import FitResult
from qposer import __version__
from qposer.body_pose.rotations import axis_angle_to_matrix, matrix_to_axis_angle
from qposer.prior.code_prior import CodePrior

MIN_EXTENT = 8
"""Pixels that the keypoints of a person must span: what is smaller shows no pose."""

SHARE = 32
"""People at least that a thread fits: fewer keep it waiting for Python more than they keep it busy."""


class Fitter:
    """A body, a prior, and how to fit them; load once, fit often."""

    def __init__(
        self,
        body: Body | None = None,
        prior: CodePrior | None = None,
        settings: FitSettings | None = None,
        device: str | torch.device = "cpu",
        regressor: Regressor | None = None,
    ) -> None:
        """What is left out is the shipped one. Fits are in the precision of the prior, single for the shipped one.

        Raises:
            ValueError: there is no such device.
        """
        if torch.device(device).type == "cuda" and not torch.cuda.is_available():
            raise ValueError("there is no CUDA device that this PyTorch can use: fit on the cpu")
        self.prior = (prior or CodePrior.from_pretrained()).to(device)
        self.model = self.prior.model
        self.dtype = self.prior.network.mean.dtype
        body = body or Body.open()
        self.body = (body if body.identity.dtype == self.dtype else copy.deepcopy(body)).to(device, self.dtype)
        self.space = RelaxedCodes(self.prior)
        self.regressor = (regressor or Regressor.from_pretrained()).to(device, self.dtype)
        self.settings = settings or FitSettings()
        self.device = torch.device(device)

    def fit_photo(
        self,
        photo: Photo,
        people: int = 1,
        focal: float | None = None,
        keypoints: Keypoints | None = None,
        on_step: Callable[[], None] = lambda: None,
    ) -> list[FitResult]:
        """Fit the largest ``people`` on a photo; see `fit_image`.

        Args:
            photo: what is fitted.
            people: how many at most.
            focal: focal length in pixels; from the photo's EXIF, or else assumed from its size.
            keypoints: those of the people; detected if left out.
            on_step: called after every step.

        Returns:
            One result for each person, the largest first.

        Raises:
            ValueError: ``people`` is below 1, nobody is found on the photo, or the keypoints lie outside of it.
        """
        if people < 1:
            raise ValueError(f"{people} people cannot be fitted: ask for 1 at least")
        keypoints = detect(photo.rgb, people) if keypoints is None else keypoints.largest_first()[:people]
        results = self.fit_keypoints(
            keypoints, (photo.width, photo.height), photo.focal_px if focal is None else focal, on_step
        )
        if focal is None and photo.focal_warning is not None:
            return [dataclasses.replace(result, notes=(photo.focal_warning,)) for result in results]
        return results

    def fit_keypoints(
        self,
        keypoints: Keypoints,
        image_size: tuple[int, int],
        focal: float | None = None,
        on_step: Callable[[], None] = lambda: None,
    ) -> list[FitResult]:
        """Fit everyone that ``keypoints`` holds, many shared out among PyTorch's threads; see `fit_keypoints`.

        Args:
            keypoints: of at least one person.
            image_size: width and height in pixels.
            focal: focal length in pixels; assumed from the image's size if left out.
            on_step: called after every step.

        Returns:
            One result for each person, in the keypoints' order.
        """
        keypoints = _on_image(keypoints, image_size)

        def fitted(part: Int[np.ndarray, " chosen"], on_step: Callable[[], None]) -> list[FitResult]:
            some = keypoints[part.tolist()]
            camera = Camera.for_image(*image_size, focal, batch=len(some), device=self.device, dtype=self.dtype)
            return self._results(some, image_size, *self.solve(some, camera, on_step))

        threads = torch.get_num_threads() if self.device.type == "cpu" else 1
        parts = np.array_split(np.arange(len(keypoints)), max(1, min(threads, len(keypoints) // SHARE)))
        if len(parts) == 1:
            return fitted(parts[0], on_step)
        callbacks = [on_step, *[lambda: None] * (len(parts) - 1)]
        try:
            with ThreadPoolExecutor(len(parts), initializer=torch.set_num_threads, initargs=(1,)) as pool:
                return [result for results in pool.map(fitted, parts, callbacks) for result in results]
        finally:
            torch.set_num_threads(threads)

    def solve(
        self, keypoints: Keypoints, camera: Camera, on_step: Callable[[], None] = lambda: None
    ) -> tuple[Problem, Estimate]:
        """Fit everyone that ``keypoints`` holds, each seen by a camera of its own; the latents returned are codes.

        Args:
            keypoints: of at least one person.
            camera: one for each person.
            on_step: called after every step.

        Returns:
            What was fitted, and the parameters.
        """
        return solve(self.body, self.space, self.regressor, keypoints, camera, self.settings, on_step)

    def body_pose(self, estimate: Estimate) -> Float[Tensor, "people 21 3 3"]:
        """Rotation matrices of a solution, residual rotations included."""
        return self.space.decode(estimate.pose) @ axis_angle_to_matrix(estimate.residual)

    @torch.no_grad()
    def _results(
        self, keypoints: Keypoints, image_size: tuple[int, int], problem: Problem, estimate: Estimate
    ) -> list[FitResult]:
        codes = self.model.encode_latents(self.space.latents(estimate.pose))
        body_pose = self.body_pose(estimate)
        output = self.body(estimate.orient, body_pose, estimate.betas, estimate.transl)
        landmarks = self.body.landmarks(
            estimate.orient, body_pose, estimate.betas, estimate.transl, format=keypoints.format
        )
        check_in_view(landmarks, torch.from_numpy(keypoints.seen).to(landmarks))
        distance = torch.linalg.vector_norm(problem.camera.project(landmarks) - problem.keypoints, dim=-1)
        seen = torch.from_numpy(keypoints.confidence * keypoints.seen).to(distance)  # those not believed, too
        error = (distance * seen).sum(-1) / seen.sum(-1)
        height = person_height(problem, landmarks, stature(self.body, estimate.betas), estimate.transl[:, 2])
        arrays = {
            "global_orient": matrix_to_axis_angle(estimate.orient),
            "body_pose": matrix_to_axis_angle(body_pose),
            "betas": estimate.betas,
            "transl": estimate.transl,
            "codes": codes,
            "centre": problem.camera.centre,
            "vertices": output.vertices,
            "joints": output.joints,
        }
        numpy = {name: array.cpu().numpy() for name, array in arrays.items()}
        return [
            FitResult(
                **{name: array[person] for name, array in numpy.items()},
                focal=problem.camera.focal[person].item(),
                image_size=np.array(image_size),
                keypoints=keypoints[person],
                reprojection_error_px=error[person].item(),
                person_height_px=height[person].item(),
                faces=self.body.faces.cpu().numpy(),
                body=self.body.name,
                qposer_version=__version__,
                settings=dataclasses.asdict(self.settings),
            )
            for person in range(len(keypoints))
        ]


def fit_image(
    path: str | Path,
    people: int = 1,
    *,
    focal: float | None = None,
    keypoints: Keypoints | None = None,
    body: Body | None = None,
    settings: FitSettings | None = None,
    device: str | torch.device = "cpu",
) -> list[FitResult]:
    """Fit bodies to the people on a photo, the largest first.

    Args:
        path: the photo.
        people: how many at most.
        focal: focal length in pixels; from the photo's EXIF, or else assumed from its size.
        keypoints: those of the people, where a detector other than the shipped one found them.
        body: the open body if left out.
        settings: of the fit.
        device: where the optimisation runs.

    Returns:
        One result for each person.

    Raises:
        FileNotFoundError: there is no such photo.
        ValueError: it is not a photo, nobody is found on it, or the keypoints lie outside of it.
    """
    return Fitter(body, settings=settings, device=device).fit_photo(read_image(path), people, focal, keypoints)


def fit_keypoints(
    keypoints: Keypoints,
    image_size: tuple[int, int],
    *,
    focal: float | None = None,
    body: Body | None = None,
    settings: FitSettings | None = None,
    device: str | torch.device = "cpu",
) -> list[FitResult]:
    """Fit bodies to keypoints of the people on one image, all in one batch.

    Args:
        keypoints: of at least one person.
        image_size: width and height in pixels.
        focal: focal length in pixels; assumed from the image's size if left out.
        body: the open body if left out.
        settings: of the fit.
        device: where the optimisation runs.

    Returns:
        One result for each person, in the keypoints' order.

    Raises:
        ValueError: the keypoints lie outside of the image.
    """
    return Fitter(body, settings=settings, device=device).fit_keypoints(keypoints, image_size, focal)


def _on_image(keypoints: Keypoints, image_size: tuple[int, int]) -> Keypoints:
    """The keypoints, those outside of the image unseen; refuses such as belong to another image or are no pixels."""
    width, height = image_size
    inside = (keypoints.xy >= 0).all(-1) & (keypoints.xy <= (width, height)).all(-1)
    share = (inside & keypoints.seen).sum(-1) / keypoints.seen.sum(-1)
    for person in np.flatnonzero(share < 0.5):
        raise ValueError(
            f"most keypoints of person {person} lie outside of the {width} x {height} image: "
            "give the keypoints of this image, in its pixels"
        )
    keypoints = dataclasses.replace(keypoints, confidence=np.where(inside, keypoints.confidence, 0.0))
    extent = np.ptp(keypoints.boxes.reshape(-1, 2, 2), axis=1).max(-1)
    for person in np.flatnonzero(extent < MIN_EXTENT):
        raise ValueError(
            f"the keypoints of person {person} lie within {extent[person]:.1f} pixels of each other, and a person "
            f"needs {MIN_EXTENT}: give pixels, not parts of the image's size, or a larger picture"
        )
    return keypoints
