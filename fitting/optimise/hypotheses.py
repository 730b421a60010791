"""Several bodies that explain the same keypoints, and how probable each of them is.

Starts are drawn with the pose sampler from the keypoints that the fit accepted, refined with the fit's own stages,
merged where they end at the same body, and scored. The score is linear in a few features of a body; its weights are
learned (`benchmarks.evidence.calibration`) so that probabilities match how often a hypothesis is the closest one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from fitting.body.body import Body
from fitting.inputs.keypoints import FormatName
from fitting.optimise.balance import off_balance
from fitting.optimise.levenberg_marquardt import LevenbergMarquardt
from fitting.optimise.placement import place
from fitting.optimise.pose_sampler import PoseSampler
from fitting.optimise.pose_space import RelaxedCodes, body_pose_of
from fitting.optimise.problem import Estimate, Problem
from fitting.optimise.regressor import Regressor
from fitting.optimise.schedule import SCHEDULE, refine
from fitting.optimise.settings import FitSettings
from fitting.terms.depth import Depth
from fitting.terms.reprojection import Reprojection, shares
from fitting.terms.term import Posed
from qposer.body_pose.rotations import nearest_rotation
from qposer.least_squares import where

DRAWS = 48
"""Bodies drawn from the sampler for each person, as a sample of the distribution."""

REFINED = 24
"""Draws that are refined, besides the fit itself."""

OUTLYING = 0.05
"""Scale of the robust 2D error of the score, as a fraction of the person's height."""

EXACT = 0.003
"""2D errors well below this fraction of the person's height do not distinguish hypotheses."""

MOST_ENERGY = 5.0
"""Higher energies do not count against a hypothesis."""

KERNEL = 0.1
"""Width of the kernel that estimates the density of the sampler's draws, in metres per joint."""

OFF_BALANCE = 0.6
"""Metres; people whose centre of mass is farther from their feet fall, jump or hold on to something."""

WEIGHTS = {
    "residual": 0.029,
    "energy": 0.969,
    "depth": 2.918,
    "shape": 0.059,
    "density": 0.295,
    "balance": 3.309,
    "fit": 0.539,
    "swapped": 0.237,
}
"""Weights of the score's features: the 2D error (the logarithm of its likelihood with unknown noise), the prior's
energy, the error of the detector's depths, the squared shape, the density of the sampler's draws, the distance of the
centre of mass from the feet, and 1 for the fit from the regressor's prediction and for the body with swapped
keypoints."""

ANSWER_WEIGHTS = {"residual": 0.089, "energy": 2.255, "shape": 0.027, "balance": 10.421, "fit": 4.163}
"""Weights of the features for the answer: with these, the weighted mean of the candidates' joints has the least error
(`benchmarks.evidence.calibration`). The density does not count, since the candidates are draws themselves, nor do the
depths, which the candidates are fitted to."""

EXACT_SCALE = 0.1
"""Prior scale below which keypoints are so exact that a body between all candidates replaces the fit, unless that
started from a given body."""

DISTINCT = 0.02
"""Bodies whose joints are closer than this on average, in metres, are one hypothesis."""


@dataclass(frozen=True)
class Candidates:
    """Refined bodies of people: the fit itself first, then refined draws, then a fit to swapped keypoints."""

    problem: Problem
    estimate: Estimate
    """Of all candidates and people, candidates first."""
    joints: Float[Tensor, "candidates people 22 3"]
    """Relative to the pelvis, in camera axes, metres."""
    features: Float[Tensor, "candidates people features"]
    """Evidence for each candidate, in the order of `WEIGHTS`."""

    @property
    def swapped(self) -> int:
        """Index of the candidate for which left and right keypoints are swapped."""
        return len(self.joints) - 1

    @property
    def probability(self) -> Float[Tensor, "candidates people"]:
        """How probable each candidate is the closest one to the truth."""
        weights = self.features.new_tensor(list(WEIGHTS.values()))
        return (self.features @ weights).softmax(0)

    @property
    def share(self) -> Float[Tensor, "candidates people"]:
        """Weight of each candidate in the answer, with a sum of 1; that of the swapped candidate is its probability."""
        swapped = self.probability[-1:]
        weights = self.features.new_tensor([ANSWER_WEIGHTS.get(name, 0.0) for name in WEIGHTS])
        return torch.cat([(1 - swapped) * (self.features[:-1] @ weights).softmax(0), swapped])

    def evidence(self, rows: Sequence[int]) -> list[tuple[float, float]]:
        """Evidence on the error of one candidate of each person (`fitting.optimise.risk`).

        Args:
            rows: index of a candidate for each person.

        Returns:
            For each person, the expected distance from the other candidates in metres, and the density of the draws.
        """
        person = torch.arange(len(rows))
        spread = (distances(self.joints)[rows, :, person] * self.probability.T).sum(-1)
        density = self.features[rows, person, list(WEIGHTS).index("density")]
        return list(zip(spread.tolist(), density.tolist(), strict=True))

    def best(self, number: int) -> list[list[tuple[int, float]]]:
        """Hypotheses of each person, as `choose` returns them.

        Args:
            number: maximum number of hypotheses.

        Returns:
            Candidates and their probabilities for each person.
        """
        apart, probability, share = distances(self.joints), self.probability, self.share
        people = range(probability.shape[1])
        return [choose(apart[..., person], probability[:, person], share[:, person], number) for person in people]


@torch.no_grad()
def explore(
    body: Body,
    space: RelaxedCodes,
    sampler: PoseSampler,
    regressor: Regressor,
    settings: FitSettings,
    problem: Problem,
    fitted: Estimate,
    on_step: Callable[[], None] = lambda: None,
) -> Candidates:
    """Refine bodies that are drawn from the keypoints of a finished fit, and one for left and right swapped.

    Args:
        body: body model.
        space: pose space.
        sampler: draws bodies.
        regressor: its prediction is a part of the sampler's condition.
        settings: settings of the fit.
        problem: keypoints and camera at the end of the fit.
        fitted: the fit.
        on_step: called after every step.

    Returns:
        The fit, the refined draws, and last the body for swapped keypoints.
    """
    people = len(fitted.transl)
    generator = torch.Generator().manual_seed(settings.seed)
    seen = problem.keypoints, problem.confidence, problem.format, problem.camera
    orient, body_pose = (part.flatten(0, 1) for part in sampler.sample(regressor, *seen, DRAWS, generator))
    person = torch.arange(DRAWS * people, device=orient.device) % people
    drawn = _placed(body, space, problem[person], fitted[person], orient, body_pose)
    sample = _posed(body, space, drawn, problem.format)[1].unflatten(0, (DRAWS, people))

    every = torch.arange((2 + REFINED) * people, device=orient.device)
    problems = problem[every % people].exchanged(every >= (1 + REFINED) * people)
    refined = problems[every[people:]]
    last = refined[every[REFINED * people : (1 + REFINED) * people]]
    predicted = regressor.predict_with_flip(last.keypoints, last.confidence, problem.format, problem.camera)
    orient, body_pose = (
        torch.cat([draws[: REFINED * people], swapped])
        for draws, swapped in zip((orient, body_pose), predicted, strict=True)
    )
    refined = dataclasses.replace(refined, guess=body_pose)
    starts = _placed(body, space, refined, fitted[every[people:] % people], orient, body_pose)
    solver = LevenbergMarquardt(body, space, settings.weights, settings.seed, settings.all_terms(body, problem.format))
    _, found = refine(solver, SCHEDULE, refined, starts, on_step=on_step)
    estimate = Estimate(**{name: torch.cat([value, getattr(found, name)]) for name, value in vars(fitted).items()})

    def scored(estimate: Estimate) -> Candidates:
        at, joints = _posed(body, space, estimate, problem.format)
        joints = joints.unflatten(0, (2 + REFINED, people))
        return Candidates(problems, estimate, joints, _features(space, problems, at, joints, sample))

    candidates = scored(estimate)
    exact = problem.prior_scale < EXACT_SCALE
    if problem.start is not None or not exact.any():
        return candidates
    between = vars(_between(body, space, solver, candidates, problem, fitted))
    return scored(
        Estimate(
            **{
                name: torch.cat([where(exact, between[name], value[:people]), value[people:]])
                for name, value in vars(estimate).items()
            }
        )
    )


def _between(
    body: Body,
    space: RelaxedCodes,
    solver: LevenbergMarquardt,
    candidates: Candidates,
    problem: Problem,
    fitted: Estimate,
) -> Estimate:
    """Fit bodies that start between all candidates, weighted by their shares."""
    estimate, weight = candidates.estimate, candidates.share
    orient, body_pose = (
        nearest_rotation(torch.einsum("cp,cp...->p...", weight, rotations.unflatten(0, weight.shape)))
        for rotations in (estimate.orient, body_pose_of(space, estimate))
    )
    problem = dataclasses.replace(problem, guess=body_pose)
    start = _placed(body, space, problem, fitted, orient, body_pose)
    return refine(solver, SCHEDULE, problem, start)[1]


def _placed(
    body: Body,
    space: RelaxedCodes,
    problem: Problem,
    fitted: Estimate,
    orient: Float[Tensor, "bodies 3 3"],
    body_pose: Float[Tensor, "bodies 21 3 3"],
) -> Estimate:
    """Bodies of the fitted shapes, aligned with the keypoints."""
    numbers = space.encode(body_pose)
    landmarks, joints, _ = body.posed_landmarks(orient, space.decode(numbers), fitted.betas, format=problem.format)
    root = joints[:, 0]
    weight = problem.confidence.square()
    roll, transl, _ = place(landmarks - root[:, None], problem.keypoints, weight, problem.camera)
    return Estimate(roll @ orient, transl - root, fitted.betas, numbers, torch.zeros_like(fitted.residual))


def _posed(
    body: Body, space: RelaxedCodes, estimate: Estimate, format: FormatName
) -> tuple[Posed, Float[Tensor, "bodies 22 3"]]:
    """The bodies in camera axes, and their joints relative to the pelvis."""
    pose = body_pose_of(space, estimate)
    found = body.posed_landmarks(estimate.orient, pose, estimate.betas, estimate.transl, format=format)
    at = Posed(**vars(estimate), body_pose=pose, landmarks=found.landmarks, world=found.world)
    return at, found.joints[:, :22] - found.joints[:, :1]


def distances(joints: Float[Tensor, "candidates people 22 3"]) -> Float[Tensor, "candidates candidates people"]:
    """Mean distances between the joints of each two candidates, in metres."""
    apart: Tensor = torch.linalg.vector_norm(joints[:, None] - joints[None], dim=-1).mean(-1)
    return apart


def choose(
    apart: Float[Tensor, "candidates candidates"],
    probability: Float[Tensor, " candidates"],
    share: Float[Tensor, " candidates"],
    number: int,
) -> list[tuple[int, float]]:
    """Hypotheses of one person: the answer first, then others that differ, the most probable first.

    The answer is the candidate with the smallest expected distance to the truth. Every further one reduces the
    expected distance to the closest hypothesis most. A candidate's probability counts for the closest hypothesis.

    Args:
        apart: mean distances between the candidates' joints, in metres.
        probability: of each candidate, with a sum of 1.
        share: weight of each candidate in the answer's expected distance, with a sum of 1.
        number: number of hypotheses; fewer are returned if the others are the same bodies.

    Returns:
        Indices of the candidates, and probabilities with a sum of 1.
    """
    chosen = [int((apart @ share).argmin())]
    while len(chosen) < number:
        closest = apart[chosen].amin(0)
        left_over = torch.minimum(apart, closest) @ probability
        left_over[closest < DISTINCT] = torch.inf
        best = int(left_over.argmin())
        if left_over[best].isinf():
            break
        chosen.append(best)
    owner = apart[chosen].argmin(0)
    mass = [float(probability[owner == index].sum()) for index in range(len(chosen))]
    others = sorted(range(1, len(chosen)), key=lambda index: -mass[index])
    return [(chosen[index], mass[index]) for index in (0, *others)]


def _features(
    space: RelaxedCodes,
    problem: Problem,
    at: Posed,
    joints: Float[Tensor, "candidates people 22 3"],
    sample: Float[Tensor, "draws people 22 3"],
) -> Float[Tensor, "candidates people features"]:
    """Evidence for each candidate, in the order of `WEIGHTS`."""
    seen = problem.keypoints, problem.confidence, problem.height, problem.camera
    residual = Reprojection(1.0, OUTLYING, *seen).residual(at).cost.sqrt()
    independent = 1 / shares(problem.confidence).square().sum(-1).clamp(min=1e-9)
    depth = torch.zeros_like(residual)
    if problem.depths is not None:
        depth = Depth(1.0, problem.depths, problem.confidence).residual(at).cost.sqrt()
    squared = (joints[:, None] - sample[None]).square().sum(-1).mean(-1)
    features = {
        "residual": -independent * (residual + EXACT).log(),
        "energy": -space.prior.energy_of_latents(space.latents(at.pose)).clamp(max=MOST_ENERGY),
        "depth": -depth,
        "shape": -at.betas.square().sum(-1),
        "density": (-squared / (2 * KERNEL**2)).logsumexp(1),
        "balance": torch.zeros_like(residual),
        "fit": torch.zeros_like(residual),
        "swapped": torch.zeros_like(residual),
    }
    if problem.up is not None:
        features["balance"] = -off_balance(joints.flatten(0, 1), problem.up).clamp(max=OFF_BALANCE)
    features["fit"][: joints.shape[1]] = 1.0
    features["swapped"][-joints.shape[1] :] = 1.0
    shape = joints.shape[:2]
    return torch.stack([features[name].reshape(shape) for name in WEIGHTS], dim=-1)
