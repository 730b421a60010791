"""Errors of fits to synthetic photos, and the choice of each prior's weight."""

from __future__ import annotations

import dataclasses
import math
import time
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from benchmarks.cache import Result
from benchmarks.fitting.contenders import Contender
from benchmarks.fitting.people import CONDITIONS, People, observed
from benchmarks.tuning import lowest
from fitting.body.body import Body
from fitting.inputs.keypoints import Keypoints
from fitting.optimise.initialize import initialize
from fitting.optimise.pose_space import PoseSpace
from fitting.optimise.problem import Estimate
from fitting.optimise.regressor import Regressor
from fitting.optimise.schedule import refine
from qposer.body_pose.rotations import axis_angle_to_matrix
from qposer.evaluation.metrics import mpjpe, pa_mpjpe

GOOD_START = "good start"
"""Noisy keypoints, and a start from the truth with every joint rotated by 5 degrees instead of the regressor's pose."""

ALL_CONDITIONS = (*CONDITIONS, GOOD_START)
TUNED_ON = ("clean", "noise", "legs missing", "outliers")
BATCH = 64


@dataclass(frozen=True)
class Bench:
    """Common inputs of all fits."""

    body: Body
    regressor: Regressor
    truth: People
    mean_pose: Float[Tensor, "21 3 3"]
    """Mean training pose as rotation matrices."""
    seed: int = 0


def measure(bench: Bench, contender: Contender, condition: str) -> Result:
    """Fit all people under one condition, and measure the errors.

    Args:
        bench: people and body model.
        contender: fitting method.
        condition: name of the condition.

    Returns:
        ``pa_mpjpe``, ``mpjpe`` and ``mpvpe`` of each person in millimetres, ``percent_2d`` in percent of the person's
        height, ``start``, the PA-MPJPE of the starts in millimetres, and ``seconds`` per fit.
    """
    started = time.perf_counter()
    parts: list[tuple[Estimate, Estimate]] = []
    for chunk in torch.arange(len(bench.truth.xy)).split(BATCH):
        parts.append(_fitted(bench, contender, condition, chunk))
    seconds = (time.perf_counter() - started) / len(bench.truth.xy)
    start, end = (_joined([part[side] for part in parts]) for side in (0, 1))
    return {**_errors(bench, contender.space, end), "start": _pa(bench, contender.space, start), "seconds": seconds}


def tuned(bench: Bench, contender: Contender) -> Result:
    """Choose the prior weight, in half decades, with the lowest mean PA-MPJPE over the conditions `TUNED_ON`.

    Args:
        bench: validation people and the body model.
        contender: fitting method.

    Returns:
        ``weight``, and ``tried_mm``, the mean PA-MPJPE of each weight tried in millimetres.
    """
    if contender.first_weight is None:
        return {"weight": contender.weights.prior, "tried_mm": {}}

    def error(exponent: int) -> float:
        candidate = contender.weighing(10 ** (exponent / 2))
        return sum(mean(measure(bench, candidate, condition)["pa_mpjpe"]) for condition in TUNED_ON) / len(TUNED_ON)

    best, tried = lowest(error, round(2 * math.log10(contender.first_weight)))
    return {"weight": 10 ** (best / 2), "tried_mm": {f"{10 ** (e / 2):.3g}": v for e, v in sorted(tried.items())}}


def mean(values: list[float]) -> float:
    """Mean of values."""
    return sum(values) / len(values)


def _fitted(bench: Bench, contender: Contender, condition: str, chunk: Tensor) -> tuple[Estimate, Estimate]:
    """Starts and results of the fits of some people."""
    seen_as = "noise" if condition == GOOD_START else condition
    xy, confidence = observed(bench.truth, seen_as, torch.Generator().manual_seed(bench.seed))
    keypoints = Keypoints(xy.numpy(), confidence.numpy(), "mediapipe", noise_floor=0.0)[chunk.tolist()]
    space = contender.space
    problem, start = initialize(bench.body, space, bench.regressor, keypoints, bench.truth.camera[chunk])
    if contender.from_mean:
        start = dataclasses.replace(start, pose=space.encode(bench.mean_pose.expand(len(chunk), -1, -1, -1)))
    if condition == GOOD_START:
        turned = _turned(bench, chunk)
        orient, transl = bench.truth.orient[chunk], bench.truth.transl[chunk]
        start = dataclasses.replace(start, orient=orient, transl=transl, pose=space.encode(turned))
        problem = dataclasses.replace(problem, guess=turned)
    guesses_again = contender.weights.guess > 0 and condition != GOOD_START
    solver, schedule = contender.solver(bench.body, bench.seed)
    return start, refine(solver, schedule, problem, start, bench.regressor if guesses_again else None)[1]


def _turned(bench: Bench, chunk: Tensor) -> Float[Tensor, "people 21 3 3"]:
    """True poses with each joint rotated by 5 degrees about a random axis."""
    generator = torch.Generator().manual_seed(bench.seed)
    axes = torch.nn.functional.normalize(torch.randn(len(bench.truth.xy), 21, 3, generator=generator), dim=-1)
    return bench.truth.body_pose[chunk] @ axis_angle_to_matrix(math.radians(5) * axes[chunk])


def _joined(parts: list[Estimate]) -> Estimate:
    return Estimate(**{name: torch.cat([vars(part)[name] for part in parts]) for name in vars(parts[0])})


@torch.no_grad()
def _errors(bench: Bench, space: PoseSpace, found: Estimate) -> Result:
    truth = bench.truth
    body_pose = space.decode(found.pose)
    ours, true = (
        bench.body(found.orient, body_pose, found.betas),
        bench.body(truth.orient, truth.body_pose, truth.betas),
    )
    joints, true_joints = (output.joints[:, :22] - output.joints[:, :1] for output in (ours, true))
    vertices, true_vertices = (output.vertices - output.joints[:, :1] for output in (ours, true))
    xy = truth.camera.project(bench.body.landmarks(found.orient, body_pose, found.betas, found.transl))
    return {
        "pa_mpjpe": (1000 * pa_mpjpe(joints, true_joints)).tolist(),
        "mpjpe": (1000 * mpjpe(joints, true_joints)).tolist(),
        "mpvpe": (1000 * mpjpe(vertices, true_vertices)).tolist(),
        "percent_2d": (100 * mpjpe(xy, truth.xy) / truth.height).tolist(),
    }


@torch.no_grad()
def _pa(bench: Bench, space: PoseSpace, found: Estimate) -> list[float]:
    truth = bench.truth
    ours = bench.body(found.orient, space.decode(found.pose), found.betas).joints[:, :22]
    true = bench.body(truth.orient, truth.body_pose, truth.betas).joints[:, :22]
    return (1000 * pa_mpjpe(ours, true)).tolist()
