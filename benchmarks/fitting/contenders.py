"""The compared fits: prior, pose space, and weights of the terms."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from benchmarks.baselines.diffusion import PoseDiffusion
from benchmarks.baselines.mixture import PoseMixture
from benchmarks.baselines.no_prior import NoPrior
from benchmarks.baselines.vposer import VPoser
from benchmarks.fitting import adam
from benchmarks.fitting.adam import AdamSolver, PenalisedCodes, PenalisedSpace
from benchmarks.fitting.spaces import AxisAngle, CodesAlone, DiffusedAxisAngle, VPoserLatents
from fitting.body.body import Body
from fitting.optimise.levenberg_marquardt import LevenbergMarquardt
from fitting.optimise.problem import Weights
from fitting.optimise.schedule import SCHEDULE, Schedule
from qposer.prior.code_prior import CodePrior

QPOSER, QPOSER_ALONE = "QPoser", "QPoser, no guess"
GMM = "GMM"
SHIPPED = Weights(arms=0.0)
"""The shipped weights, without the term that keeps arms out of the body: priors are compared by what they do alone."""


@dataclass(frozen=True)
class Contender:
    """A fitting method, a row of the tables."""

    name: str
    space: PenalisedSpace
    weights: Weights
    first_weight: float | None = None
    """Initial weight of the prior for the search of the best weight; None for no search."""
    from_mean: bool = False
    """Start from the mean training pose, as in SMPLify, instead of the regressor's pose."""
    second_order: bool = False
    """Use Levenberg-Marquardt, which supports only codes, instead of Adam."""

    def solver(self, body: Body, seed: int) -> tuple[AdamSolver | LevenbergMarquardt, Schedule]:
        """Make an optimiser and its schedule.

        Args:
            body: body model to fit.
            seed: seed of the noise added to the prior's input.

        Returns:
            Optimiser and schedule.
        """
        if self.second_order:
            assert isinstance(self.space, PenalisedCodes)
            return LevenbergMarquardt(body, self.space, self.weights, seed), SCHEDULE
        return AdamSolver(body, self.space, self.weights, seed), adam.SCHEDULE

    def weighing(self, prior: float) -> Contender:
        """Copy with another weight of the prior."""
        return dataclasses.replace(self, weights=dataclasses.replace(self.weights, prior=prior), first_weight=None)


def shipped() -> list[Contender]:
    """The shipped fit."""
    return [Contender(QPOSER, PenalisedCodes(CodePrior.from_pretrained()), SHIPPED, second_order=True)]


def load_contenders(runs: Path) -> list[Contender]:
    """Load all fits, QPoser's first, and one VPoser for each of its runs.

    Args:
        runs: folder of the baselines' runs.

    Returns:
        The fits.

    Raises:
        FileNotFoundError: a baseline has not been trained.
        ValueError: a file does not contain the expected weights.
    """
    prior = CodePrior.from_pretrained()
    mixture = AxisAngle(PoseMixture.from_pretrained(runs / "gmm" / "best.safetensors"))
    diffusion = DiffusedAxisAngle(PoseDiffusion.from_pretrained(runs / "diffusion" / "best.safetensors"))
    vposers = [
        (file.parent.name.partition("-")[2], VPoserLatents(VPoser.from_pretrained(file)))
        for file in sorted(runs.glob("vposer-*/best.safetensors"))
    ]
    if not vposers:
        raise FileNotFoundError(f"no {runs}/vposer-*: python -m benchmarks.baselines.train_vposer trains one")
    unguessed = dataclasses.replace(SHIPPED, guess=0.0)
    return [
        *shipped(),
        Contender(QPOSER_ALONE, PenalisedCodes(prior), unguessed, first_weight=10.0, second_order=True),
        Contender("codes alone", CodesAlone(prior), unguessed, first_weight=0.1),
        Contender("none", AxisAngle(NoPrior()), unguessed, first_weight=0.1),
        Contender(GMM, mixture, unguessed, first_weight=0.1),
        *(Contender(f"VPoser {kl}", space, unguessed, first_weight=0.1) for kl, space in vposers),
        Contender("diffusion", diffusion, unguessed, first_weight=1.0),
        Contender(f"{GMM} with the guess", mixture, SHIPPED, first_weight=0.1),
        Contender("none from the mean", AxisAngle(NoPrior()), unguessed, 0.1, from_mean=True),
        Contender(f"{GMM} from the mean", mixture, unguessed, 0.1, from_mean=True),
        *(Contender(f"VPoser {kl} from the mean", space, unguessed, 0.1, from_mean=True) for kl, space in vposers),
        Contender("diffusion from the mean", diffusion, unguessed, 1.0, from_mean=True),
    ]
