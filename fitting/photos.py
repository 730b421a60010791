"""Fit bodies to the keypoints of people in one image."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from fitting.hands.fit import HandsInView
from fitting.inputs.camera import Camera
from fitting.inputs.keypoints import Keypoints, joined
from fitting.inputs.starts import StartBodies
from fitting.models import FittingModels
from fitting.optimise.agreement import check_in_view, person_height
from fitting.optimise.initialize import guessed_joints, stature
from fitting.optimise.levenberg_marquardt import LevenbergMarquardt
from fitting.optimise.problem import Estimate, Problem
from fitting.optimise.risk import disagreement_of, risk_of
from fitting.optimise.schedule import SCHEDULE
from fitting.optimise.shape_evidence import evidence_of_people
from fitting.optimise.shape_prior import ShapeEvidence
from fitting.optimise.start import Start, as_start, assigned, moved_degrees
from fitting.optimise.uncertainty import joint_covariance
from fitting.output.fit_result import FitResult, with_alternatives
from fitting.terms.robust import gmof_weight
from qposer import __version__
from qposer.body_pose.rotations import matrix_to_axis_angle
from qposer.control.constraints import TOLERANCE

MIN_EXTENT = 8
"""Smallest extent of a person's keypoints, in pixels."""

SHARE = 32
"""Minimum number of people per thread; with fewer, a thread mostly waits for Python."""


def fit_people(
    models: FittingModels,
    keypoints: Keypoints,
    image_size: tuple[int, int],
    focal: float | None = None,
    on_step: Callable[[], None] = lambda: None,
    start: StartBodies | None = None,
    hypotheses: int = 1,
) -> list[FitResult]:
    """Fit all people in ``keypoints``; large batches are split among threads.

    Args:
        models: body, prior and settings.
        keypoints: keypoints of at least one person.
        image_size: width and height in pixels.
        focal: focal length in pixels; default: estimated from the image's size.
        on_step: called after every step.
        start: initial bodies, in any order; people without a body close to them start from the regressor's.
        hypotheses: maximum number of bodies to find for each person.

    Returns:
        One result for each person, in the keypoints' order.

    Raises:
        ValueError: the keypoints are outside the image, or ``hypotheses`` is below 1.
    """
    if hypotheses < 1:
        raise ValueError(f"the number of hypotheses must be at least 1, not {hypotheses}")
    keypoints = on_image(keypoints, image_size)
    camera = Camera.for_image(*image_size, focal, batch=len(keypoints), device=models.device, dtype=models.dtype)
    fit = PeopleFit(models, image_size, hypotheses)
    if start is not None:
        return fit.from_bodies(keypoints, camera, start, on_step)
    return fit.in_threads(keypoints, camera, None, on_step)


def fit_images(
    models: FittingModels,
    keypoints: Sequence[Keypoints],
    image_sizes: Sequence[tuple[int, int]],
    focals: Sequence[float | None],
    hypotheses: int = 1,
) -> list[list[FitResult]]:
    """Fit the people in several images in one batch; the results are those of `fit_people`, up to rounding.

    Args:
        models: body, prior and settings.
        keypoints: those of each image, all of one format, with or without positions in metres.
        image_sizes: width and height of each image in pixels.
        focals: focal length of each image in pixels; None: estimated from its size.
        hypotheses: maximum number of bodies to find for each person.

    Returns:
        For each image, one result for each person.

    Raises:
        ValueError: keypoints are outside their image.
    """
    seen = [on_image(one, size) for one, size in zip(keypoints, image_sizes, strict=True)]
    cameras = [
        Camera.for_image(*size, focal, batch=len(one), device=models.device, dtype=models.dtype)
        for one, size, focal in zip(seen, image_sizes, focals, strict=True)
    ]
    camera = Camera(torch.cat([one.focal for one in cameras]), torch.cat([one.centre for one in cameras]))
    fit = PeopleFit(models, image_sizes[0], hypotheses)
    results = iter(fit.in_threads(joined(seen), camera, None, lambda: None))
    return [
        [_in_picture(next(results), np.array(size)) for _ in range(len(one))]
        for one, size in zip(seen, image_sizes, strict=True)
    ]


def _in_picture(result: FitResult, size: Int[np.ndarray, "2"]) -> FitResult:
    """The result and its alternatives in a picture of another size."""
    alternatives = tuple(dataclasses.replace(other, image_size=size) for other in result.alternatives)
    return dataclasses.replace(result, image_size=size, alternatives=alternatives)


@dataclass(frozen=True)
class PeopleFit:
    """Fits of people in one image or in several of one size; each person has a camera."""

    models: FittingModels
    image_size: tuple[int, int]
    hypotheses: int = 1

    def from_bodies(
        self, keypoints: Keypoints, camera: Camera, start: StartBodies, on_step: Callable[[], None]
    ) -> list[FitResult]:
        """Fit people with a start from that start, and the others from the regressor's bodies.

        Args:
            keypoints: keypoints of at least one person.
            camera: one for each person.
            start: initial bodies, in any order.
            on_step: called after every step.

        Returns:
            One result for each person.
        """
        bodies = as_start(start, self.models.body)
        rows = assigned(self.models.body, bodies, keypoints, camera)
        begun = [person for person, row in enumerate(rows) if row >= 0]
        others = [person for person, row in enumerate(rows) if row < 0]
        results: dict[int, FitResult] = {}
        if begun:
            given = bodies[torch.tensor([rows[person] for person in begun])]
            cameras = camera[torch.tensor(begun)]
            results |= zip(begun, self.in_threads(keypoints[begun], cameras, given, on_step), strict=True)
        if others:
            ticks = (lambda: None) if begun else on_step  # the steps of a second batch are not counted
            cameras = camera[torch.tensor(others)]
            results |= zip(others, self.in_threads(keypoints[others], cameras, None, ticks), strict=True)
        return [results[person] for person in range(len(keypoints))]

    def in_threads(
        self, keypoints: Keypoints, camera: Camera, start: Start | None, on_step: Callable[[], None]
    ) -> list[FitResult]:
        """As `fit`, in as many threads as are worthwhile.

        Args:
            keypoints: keypoints of at least one person.
            camera: one for each person.
            start: initial bodies instead of the regressor's.
            on_step: called after every step.

        Returns:
            One result for each person.
        """

        def fitted(part: Int[np.ndarray, " chosen"], on_step: Callable[[], None]) -> list[FitResult]:
            people = torch.from_numpy(part)
            given = None if start is None else start[people]
            return self.fit(keypoints[part.tolist()], camera[people], given, on_step)

        threads = torch.get_num_threads() if self.models.device.type == "cpu" else 1
        parts = np.array_split(np.arange(len(keypoints)), max(1, min(threads, len(keypoints) // SHARE)))
        if len(parts) == 1:
            return fitted(parts[0], on_step)
        callbacks = [on_step, *[lambda: None] * (len(parts) - 1)]
        try:
            with ThreadPoolExecutor(len(parts), initializer=torch.set_num_threads, initargs=(1,)) as pool:
                return [result for results in pool.map(fitted, parts, callbacks) for result in results]
        finally:
            torch.set_num_threads(threads)

    def fit(
        self, keypoints: Keypoints, camera: Camera, start: Start | None, on_step: Callable[[], None]
    ) -> list[FitResult]:
        """Fit people in one batch, and find alternatives if more than one hypothesis is wanted.

        Args:
            keypoints: keypoints of at least one person.
            camera: one for each person.
            start: initial bodies instead of the regressor's.
            on_step: called after every step.

        Returns:
            One result for each person.
        """
        models, size = self.models, self.image_size
        problem, estimate = models.solve(keypoints, camera, on_step, start)
        if self.hypotheses == 1:
            return _results(models, keypoints, size, problem, estimate)
        candidates = models.explore(problem, estimate, on_step)
        chosen = candidates.best(self.hypotheses)
        people = [person for person, found in enumerate(chosen) for _ in found]
        rows = torch.tensor([row * len(chosen) + person for person, found in enumerate(chosen) for row, _ in found])
        swapped = np.array([row == candidates.swapped for found in chosen for row, _ in found])
        seen = keypoints[people].exchanged(swapped)
        bodies = _results(models, seen, size, candidates.problem[rows], candidates.estimate[rows])
        shares = [share for found in chosen for _, share in found]
        each = iter(
            dataclasses.replace(body, probability=share, swapped=bool(other))
            for body, share, other in zip(bodies, shares, swapped, strict=True)
        )
        answers = [with_alternatives([next(each) for _ in found]) for found in chosen]
        evidence = candidates.evidence([found[0][0] for found in chosen])
        return [_with_risk(answer, *known) for answer, known in zip(answers, evidence, strict=True)]


def _with_risk(answer: FitResult, spread: float, density: float) -> FitResult:
    """The answer with its risk, for keypoints of a detector with positions in metres."""
    seen = answer.keypoints
    if seen.world is None or answer.joints is None:
        return answer
    disagreement = disagreement_of(answer.joints, seen.world[0], seen.format)
    return dataclasses.replace(answer, risk=risk_of(spread, disagreement, density))


@torch.no_grad()
def _results(
    models: FittingModels, keypoints: Keypoints, image_size: tuple[int, int], problem: Problem, estimate: Estimate
) -> list[FitResult]:
    own_pose = models.body_pose(estimate)
    given = None if problem.start is None else problem.start.hands
    hands = models.fit_hands(
        [] if keypoints.hands is None else [HandsInView(keypoints.hands, problem.camera)], estimate, given
    )
    body_pose = own_pose if hands is None else hands.body_pose
    parameters = estimate.orient, body_pose, estimate.betas, estimate.transl
    if hands is None or models.hand_body is None:
        vertices = models.body(*parameters).vertices
    else:
        vertices = models.hand_body(*parameters, hand_pose=hands.hand_pose).vertices
    landmarks, joints, _ = models.body.posed_landmarks(*parameters, format=keypoints.format)
    check_in_view(landmarks, torch.from_numpy(keypoints.seen).to(landmarks))
    distance = torch.linalg.vector_norm(problem.camera.project(landmarks) - problem.keypoints, dim=-1)
    seen = torch.from_numpy(keypoints.confidence * keypoints.seen).to(distance)  # rejected keypoints included
    error = (distance * seen).sum(-1) / seen.sum(-1)
    height = person_height(problem, landmarks, stature(models.body, estimate.betas), estimate.transl[:, 2])
    arrays = {
        "global_orient": matrix_to_axis_angle(estimate.orient),
        "body_pose": matrix_to_axis_angle(body_pose),
        "betas": estimate.betas,
        "transl": estimate.transl,
        "codes": models.model.encode_latents(models.space.latents(estimate.pose)),
        "centre": problem.camera.centre,
        "vertices": vertices,
        "joints": joints,
        "keypoint_shares": _keypoint_shares(problem, distance),
        "joint_covariance": joint_covariance(models.body, models.space, models.settings, problem, estimate, own_pose),
    }
    numpy = {name: array.cpu().numpy() for name, array in arrays.items()}
    said: list[ShapeEvidence | None] = [None] * len(keypoints)
    if models.settings.shape is not None:
        solver = LevenbergMarquardt(models.body, models.space, models.settings.weights)
        said = [*evidence_of_people(solver, problem, estimate)]
    faces, settings = models.body.faces.cpu().numpy(), models.settings.as_json
    notes = _missed_holds(models, estimate.orient, body_pose)
    moved = moved_degrees(problem.start, estimate.orient, body_pose) or [{}] * len(keypoints)
    return [
        FitResult(
            **{name: array[person] for name, array in numpy.items()},
            focal=problem.camera.focal[person].item(),
            image_size=np.array(image_size),
            keypoints=keypoints[person],
            reprojection_error_px=error[person].item(),
            person_height_px=height[person].item(),
            faces=faces,
            body=models.body.name,
            qposer_version=__version__,
            settings=settings,
            guessed_joints=guessed_joints(problem.init_weight[person]),
            moved=moved[person],
            shape_evidence=said[person],
            notes=(*notes[person], *(hands.warnings(person) if hands else ())),
            hands=hands.poses(person) if hands else None,
        )
        for person in range(len(keypoints))
    ]


def _keypoint_shares(problem: Problem, distance: Float[Tensor, "people joints"]) -> Float[Tensor, "people joints"]:
    """Weights of the keypoints at the end of the fit, with a sum of 1."""
    relative = (distance / problem.height[:, None]).square()
    weight = problem.confidence.square() * gmof_weight(relative, SCHEDULE.settle.rho)
    share: Tensor = weight / weight.sum(-1, keepdim=True)
    return share


def _missed_holds(
    models: FittingModels, orient: Float[Tensor, "people 3 3"], body_pose: Float[Tensor, "people 21 3 3"]
) -> list[tuple[str, ...]]:
    """For each person, a sentence for each hold that the body misses by more than the tolerance."""
    hold = models.settings.hold
    if hold is None:
        return [()] * len(orient)
    return [
        tuple(
            f"{one.text}: missed by {gap:.0f} {one.unit}, because keypoints or other holds contradict it"
            for one, gap in zip(hold.constraints, gaps, strict=True)
            if gap > TOLERANCE[one.unit]
        )
        for gaps in hold.gaps(orient, body_pose).tolist()
    ]


def on_image(keypoints: Keypoints, image_size: tuple[int, int]) -> Keypoints:
    """The keypoints, those outside of the image unseen.

    Args:
        keypoints: keypoints of at least one person.
        image_size: width and height in pixels.

    Returns:
        The same people.

    Raises:
        ValueError: the keypoints belong to another image or are not in pixels.
    """
    width, height = image_size
    inside = (keypoints.xy >= 0).all(-1) & (keypoints.xy <= (width, height)).all(-1)
    share = (inside & keypoints.seen).sum(-1) / keypoints.seen.sum(-1)
    for person in np.flatnonzero(share < 0.5):
        raise ValueError(
            f"most keypoints of person {person} lie outside the {width} x {height} image: "
            "give the keypoints of this image, in its pixels"
        )
    keypoints = dataclasses.replace(keypoints, confidence=np.where(inside, keypoints.confidence, 0.0))
    extent = np.ptp(keypoints.boxes.reshape(-1, 2, 2), axis=1).max(-1)
    for person in np.flatnonzero(extent < MIN_EXTENT):
        raise ValueError(
            f"person {person} is too small: the keypoints lie within {extent[person]:.1f} pixels of each other, and "
            f"{MIN_EXTENT} are needed: give pixels, not parts of the image's size, or a larger picture"
        )
    return keypoints
