"""Fits of one person through the frames of a clip: smooth in time, of one shape, seen by one camera."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from fitting.fit import Fitter
from fitting.inputs.camera import Camera
from fitting.inputs.keypoints import FormatName, Keypoints
from fitting.optimise.adam import Estimate, Problem, Solver, Stage
from fitting.optimise.agreement import check_in_view, person_height
from fitting.optimise.objective import roughness
from fitting.optimise.schedule import ADAM_SCHEDULE, initialize, relative_residual, stature, update_prior_scale
from fitting.video.clip_result import ClipResult
from qposer import __version__
from qposer.body_pose.rotations import axis_angle_to_matrix, matrix_to_axis_angle

CHUNK = 300
"""About how many frames are fitted at once."""

OVERLAP = 24
"""Frames at least that a chunk shares with the next; one fades into the other."""

SHAPE_FRAMES = 48
"""Frames, evenly spread, that tell the shape."""

GUESS_SIGHTINGS = 7
"""So many sightings before and after have a say in the first guess of a frame."""

POSE_ROUGHNESS, ORIENT_ROUGHNESS, TRANSL_ROUGHNESS = 30.0, 300.0, 300.0
"""Weights of squared accelerations, in units a squared frame at 30 frames a second: of the numbers of the pose's space,
of the entries of the rotation matrix, of metres."""


@dataclass(frozen=True)
class TrackedKeypoints:
    """What was seen of a person in a clip: keypoints, those of one frame that shows the person after the other."""

    keypoints: Keypoints
    frames: Int[np.ndarray, " seen"]
    """Numbers of these frames, ascending."""
    fps: float

    def __post_init__(self) -> None:
        """Refuse what is no clip.

        Raises:
            ValueError: not as many numbers as keypoints, numbers that do not rise, or no frames a second.
        """
        frames = np.asarray(self.frames)
        if frames.shape != (len(self.keypoints),) or (np.diff(frames) <= 0).any():
            raise ValueError(f"a clip of {len(self.keypoints)} sightings needs as many rising frame numbers")
        if not 0 < self.fps < math.inf:
            raise ValueError(f"frames a second must be a positive number, not {self.fps}")

    def around(self, first: int, last: int) -> TrackedKeypoints:
        """Those of the frames from ``first`` to ``last``, and where these were not seen, the next ones outside.

        Args:
            first: number of a frame.
            last: number of a frame, not before the first.

        Returns:
            The sightings.
        """
        begin = int(np.searchsorted(self.frames, first, side="right")) - 1
        end = int(np.searchsorted(self.frames, last)) + 1
        return self[np.arange(max(begin, 0), min(end, len(self.frames)))]

    def __getitem__(self, chosen: Int[np.ndarray, " chosen"]) -> TrackedKeypoints:
        """Some of them, by their indices."""
        return dataclasses.replace(self, keypoints=self.keypoints[chosen.tolist()], frames=self.frames[chosen])


class ClipSolver(Solver):
    """A solver whose people are consecutive frames of one person; it couples what they have to themselves."""

    def __init__(self, fitter: Fitter, fps: float, smoothness: float) -> None:
        super().__init__(fitter.body, fitter.space, fitter.settings.weights, fitter.settings.seed)
        self.factor = smoothness * (fps / 30.0) ** 4

    def objective(self, stage: Stage, problem: Problem, estimate: Estimate, part: float) -> Float[Tensor, " frames"]:
        """That of each frame, and how the motion jerks at it.

        Args:
            stage: what is minimised.
            problem: keypoints and camera of each frame.
            estimate: where the fit stands.
            part: part of the stage's steps that is done, from 0 to 1.

        Returns:
            One number for each frame.
        """
        rough = (
            POSE_ROUGHNESS * roughness(estimate.pose)
            + ORIENT_ROUGHNESS * roughness(estimate.orient)
            + TRANSL_ROUGHNESS * roughness(estimate.transl)
        )
        return super().objective(stage, problem, estimate, part) + self.factor * rough


Arrays = dict[str, np.ndarray]
Keep = Callable[[str, Callable[[], Arrays]], Arrays]
"""Arrays by a name, which are either kept from before or made now."""


def fit_clip(
    fitter: Fitter,
    seen: TrackedKeypoints,
    image_size: tuple[int, int],
    focal: float | None = None,
    smoothness: float = 1.0,
    *,
    keep: Keep = lambda name, make: make(),
    on_step: Callable[[], None] = lambda: None,
) -> ClipResult:
    """Fit one body to all frames from the first to the last that shows the person.

    The shape is fitted first, to frames spread over the clip; then the motion, some hundred frames at once. Frames in
    between that do not show the person are filled in as smoothly as the prior allows. Residual rotations are not used.

    Args:
        fitter: body, prior and settings.
        seen: where the keypoints are.
        image_size: width and height in pixels.
        focal: focal length in pixels; assumed from the image's size if left out.
        smoothness: factor on the weight of accelerations; zero fits each frame for itself.
        keep: called for each part of the work, so that it can be kept.
        on_step: called after every step of the optimiser, `clip_steps` times if nothing was kept.

    Returns:
        Parameters of every frame, with one shape.

    Raises:
        ValueError: the focal length or the smoothness is no such number.
    """
    if focal is not None and not 0 < focal < math.inf:
        raise ValueError(f"a focal length is a positive number of pixels, not {focal}: leave it out if unknown")
    if not 0 <= smoothness < math.inf:
        raise ValueError(f"smoothness is a factor, 1 as usual or 0 for none, not {smoothness}")
    camera = Camera.for_image(*image_size, focal, device=fitter.device, dtype=fitter.dtype)
    betas = torch.from_numpy(keep("shape", lambda: {"betas": _shape(fitter, seen, camera, on_step)})["betas"])
    first, last = int(seen.frames[0]), int(seen.frames[-1])

    def motion(begin: int, end: int) -> Arrays:
        around = seen.around(begin, end)
        problem, start = _initialize(fitter, around, camera)
        inside = torch.arange(begin, end + 1, device=fitter.device) - int(around.frames[0])
        start = dataclasses.replace(start[inside], betas=betas.to(fitter.device))
        end_estimate = _improved(fitter, problem[inside], start, ("betas",), seen.fps, smoothness, on_step)
        return {name: getattr(end_estimate, name).cpu().numpy() for name in _MOTION}

    motions = [
        (begin, keep(f"motion-{begin:06d}-{end:06d}", lambda begin=begin, end=end: motion(begin, end)))  # type: ignore[misc]
        for begin, end in _chunks(first, last)
    ]
    joined = {name: torch.from_numpy(value) for name, value in _joined(motions).items()}
    return _result(fitter, seen, image_size, camera, betas, joined, smoothness)


_MOTION = ("orient", "transl", "pose")


def clip_steps(seen: TrackedKeypoints) -> int:
    """How often ``on_step`` is called in a fit."""
    chunks = len(list(_chunks(int(seen.frames[0]), int(seen.frames[-1]))))
    return (1 + chunks) * sum(stage.steps for stage in ADAM_SCHEDULE.uncommitted)


def _chunks(first: int, last: int) -> Iterator[tuple[int, int]]:
    """First and last frames of stretches of equal length that overlap."""
    frames = last - first + 1
    number = max(1, math.ceil((frames - OVERLAP) / (CHUNK - OVERLAP)))
    length = math.ceil((frames + (number - 1) * OVERLAP) / number)
    for begin in np.linspace(first, last + 1 - length, number).astype(int).tolist():
        yield begin, begin + length - 1


def _shape(
    fitter: Fitter, seen: TrackedKeypoints, camera: Camera, on_step: Callable[[], None]
) -> Float[np.ndarray, "1 shapes"]:
    """One shape for frames that are spread over the clip and fitted each for itself otherwise."""
    spread = np.unique(np.linspace(0, len(seen.frames) - 1, SHAPE_FRAMES).round().astype(int))
    some = seen[spread]
    cameras = camera[torch.zeros(len(spread), dtype=torch.long)]
    problem, start = initialize(fitter.body, fitter.space, fitter.regressor, some.keypoints, cameras)
    if not fitter.settings.depth_cue:
        problem = dataclasses.replace(problem, depths=None)
    start = dataclasses.replace(start, betas=start.betas[:1])  # one row, which all share
    return _improved(fitter, problem, start, (), seen.fps, 0.0, on_step).betas.cpu().numpy()


def _initialize(fitter: Fitter, seen: TrackedKeypoints, camera: Camera) -> tuple[Problem, Estimate]:
    """Of all frames from the first seen to the last: what is known of them, and the regressor's bodies."""
    cameras = camera[torch.zeros(len(seen.frames), dtype=torch.long)]
    problem, estimate = initialize(fitter.body, fitter.space, fitter.regressor, seen.keypoints, cameras)
    if not fitter.settings.depth_cue:
        problem = dataclasses.replace(problem, depths=None)
    guess = rotation_median(problem.guess)
    estimate = dataclasses.replace(
        estimate, orient=rotation_median(estimate.orient[:, None])[:, 0], pose=fitter.space.encode(guess)
    )
    frames = torch.from_numpy(seen.frames - seen.frames[0]).to(fitter.device)
    return interpolate_gaps(dataclasses.replace(problem, guess=guess), estimate, frames)


def _improved(
    fitter: Fitter,
    problem: Problem,
    estimate: Estimate,
    fixed: tuple[str, ...],
    fps: float,
    smoothness: float,
    on_step: Callable[[], None],
) -> Estimate:
    """Through the stages before codes, with keypoints doubted as much in all frames alike after the first of them."""
    solver = ClipSolver(fitter, fps, smoothness)
    for number, stage in enumerate(ADAM_SCHEDULE.uncommitted):
        if number:
            error = relative_residual(solver.landmarks(problem, estimate), problem).nanmedian(0, keepdim=True).values
            problem = update_prior_scale(problem, error, ADAM_SCHEDULE.prior_scale)
        free = tuple(name for name in stage.free if name not in fixed)
        estimate = solver.run(dataclasses.replace(stage, free=free), problem, estimate, on_step)
    return estimate


def rotation_median(rotations: Float[Tensor, "frames joints 3 3"]) -> Float[Tensor, "frames joints 3 3"]:
    """For each frame and joint, that rotation of the frames around which is nearest to all of them.

    What is turned the wrong way in a few frames only becomes right.
    """
    reach = torch.arange(-GUESS_SIGHTINGS, GUESS_SIGHTINGS + 1, device=rotations.device)
    every = torch.arange(len(rotations), device=rotations.device)
    near = rotations[(every[:, None] + reach).clamp(0, len(rotations) - 1)].transpose(1, 2)
    apart = torch.linalg.matrix_norm(near[:, :, :, None] - near[:, :, None]).sum(-1)
    best = apart.argmin(-1)[..., None, None, None].expand(-1, -1, 1, 3, 3)
    return near.gather(2, best)[:, :, 0]


def interpolate_gaps(problem: Problem, estimate: Estimate, frames: Int[Tensor, " seen"]) -> tuple[Problem, Estimate]:
    """From the frames that were seen, the first numbered 0, to all: estimates between them are interpolated.

    Args:
        problem: of the frames that were seen.
        estimate: of the same frames.
        frames: their numbers, rising.

    Returns:
        The same of all frames; those that were not seen have keypoints of confidence zero.
    """
    every = torch.arange(int(frames[-1]) + 1, device=frames.device)
    after = torch.searchsorted(frames, every)
    before = torch.where(frames[after] == every, after, after - 1)
    part = ((every - frames[before]) / (frames[after] - frames[before]).clamp(min=1)).to(estimate.transl)
    seen = (frames[before] == every).to(estimate.transl)[:, None]

    def mixed(values: Tensor) -> Tensor:
        return torch.lerp(values[before], values[after], part.view(-1, *[1] * (values.ndim - 1)))

    nearest = problem[torch.where(part < 0.5, before, after)]
    problem = dataclasses.replace(
        nearest,
        confidence=nearest.confidence * seen,
        init_weight=nearest.init_weight * seen,
        height=mixed(problem.height),
    )
    return problem, Estimate(
        orient=_turned(estimate.orient[before], estimate.orient[after], part),
        **{name: mixed(value) for name, value in vars(estimate).items() if name != "orient"},
    )


def _turned(
    begin: Float[Tensor, "frames 3 3"], end: Float[Tensor, "frames 3 3"], part: Float[Tensor, " frames"]
) -> Float[Tensor, "frames 3 3"]:
    """Rotations on the shortest way from one to another."""
    return begin @ axis_angle_to_matrix(part[:, None] * matrix_to_axis_angle(begin.mT @ end))


def _joined(motions: list[tuple[int, Arrays]]) -> Arrays:
    """One motion of several with the numbers of their first frames; where two overlap, one fades into the other."""
    origin, joined = motions[0]
    for begin, motion in motions[1:]:
        common = origin + len(joined["transl"]) - begin
        part = torch.linspace(0, 1, common + 2)[1:-1].to(torch.from_numpy(motion["transl"]))
        ends = {name: torch.from_numpy(joined[name][-common:]) for name in _MOTION}
        starts = {name: torch.from_numpy(motion[name][:common]) for name in _MOTION}
        between = {
            "orient": _turned(ends["orient"], starts["orient"], part),
            "transl": torch.lerp(ends["transl"], starts["transl"], part[:, None]),
            "pose": torch.lerp(ends["pose"], starts["pose"], part[:, None, None]),
        }
        joined = {
            name: np.concatenate([joined[name][:-common], between[name].numpy(), motion[name][common:]])
            for name in _MOTION
        }
    return joined


@dataclass(frozen=True)
class _Shown:
    """A `fitting.optimise.agreement.Sight` of some frames."""

    keypoints: Float[Tensor, "frames joints 2"]
    confidence: Float[Tensor, "frames joints"]
    format: FormatName
    camera: Camera


@torch.no_grad()
def _result(
    fitter: Fitter,
    seen: TrackedKeypoints,
    image_size: tuple[int, int],
    camera: Camera,
    betas: Float[Tensor, "1 shapes"],
    motion: dict[str, Tensor],
    smoothness: float,
) -> ClipResult:
    body, space, format = fitter.body, fitter.space, seen.keypoints.format
    frames = np.arange(seen.frames[0], seen.frames[-1] + 1)
    rows = seen.frames - seen.frames[0]
    xy = np.zeros((len(frames), *seen.keypoints.xy.shape[1:]), np.float32)
    confidence = np.zeros(xy.shape[:2], np.float32)
    xy[rows] = seen.keypoints.xy
    confidence[rows] = seen.keypoints.confidence * seen.keypoints.seen
    shape = betas.to(fitter.device)
    rest = shape.new_zeros(1, 22, 3)
    parts: list[Arrays] = []
    for chunk in torch.arange(len(frames)).split(CHUNK):
        orient, transl, pose = (motion[name][chunk].to(fitter.device) for name in _MOTION)
        codes = fitter.model.encode_latents(space.latents(pose))
        body_pose = space.decode(space.commit(pose))
        landmarks, joints = body.landmarks_and_joints(
            orient, body_pose, shape.expand(len(chunk), -1), transl, format=format
        )
        points, weights = (torch.from_numpy(part)[chunk].to(landmarks) for part in (xy, confidence))
        check_in_view(landmarks, weights, "frame", int(frames[chunk[0]]))
        shown = _Shown(points, weights, format, camera)
        distance = torch.linalg.vector_norm(camera.project(landmarks) - points, dim=-1)
        error = (distance * weights).sum(-1) / weights.sum(-1)  # NaN where nobody is seen
        parts.append(
            {
                "global_orient": matrix_to_axis_angle(orient).cpu().numpy(),
                "body_pose": matrix_to_axis_angle(body_pose).cpu().numpy(),
                "transl": transl.cpu().numpy(),
                "codes": codes.cpu().numpy(),
                "joints": joints.cpu().numpy(),
                "reprojection_error_px": error.cpu().numpy(),
                "person_height_px": person_height(shown, landmarks, stature(body, shape), transl[:, 2]).cpu().numpy(),
            }
        )
    return ClipResult(
        **{name: np.concatenate([part[name] for part in parts]) for name in parts[0]},
        frames=frames,
        detected=np.isin(frames, seen.frames),
        fps=seen.fps,
        betas=betas[0].numpy(),
        pelvis=body.landmarks_and_joints(rest[:, 0], rest[:, 1:], shape)[1][0, 0].cpu().numpy(),
        focal=camera.focal.item(),
        centre=camera.centre[0].cpu().numpy(),
        image_size=np.array(image_size),
        keypoints_xy=xy,
        keypoints_confidence=confidence,
        keypoints_format=format,
        body=body.name,
        qposer_version=__version__,
        settings=dataclasses.asdict(fitter.settings) | {"smoothness": smoothness},
    )
