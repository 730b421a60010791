"""Instructions tried on start poses, and descriptions followed from the neutral posture."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from benchmarks.cache import Result
from benchmarks.instructions.suite import Phrase
from qposer.codeprior import DISPERSION, CodePrior
from qposer.descriptions import relations
from qposer.figure import Figure, Posture, neutral_posture
from qposer.instructions import Edit, InstructionError, instruct
from qposer.rotations import geodesic_angle
from qposer.skeleton import BODY_JOINT_NAMES

CIRCLE_SEED = 1000
"""Postures of the circle are drawn with the seeds from this on; no start pose is one of them."""

TEMPERATURE = 1 / DISPERSION
"""Of the draws that are start poses: those of the suite before samples varied as much as recorded poses."""


@dataclass(frozen=True)
class Trial:
    """One instruction on some start poses."""

    phrase: Phrase
    instruction: str
    seeds: tuple[int, ...]


def trials(phrases: Sequence[Phrase], seeds: Sequence[int], poses: int, every: int = 1) -> Iterator[Trial]:
    """Each instruction, or only every so many, on ``poses`` of the start poses, others for each instruction."""
    number = 0
    for phrase in phrases:
        for instruction in phrase.instructions:
            if number % every == 0:
                chosen = tuple(seeds[(3 * number + 7 * place) % len(seeds)] for place in range(poses))
                yield Trial(phrase, instruction, chosen)
            number += 1


def start_pose(prior: CodePrior, seed: int) -> Posture:
    """The pose that a seed stands for, its pelvis upright."""
    return Posture.upright(prior.sample(1, TEMPERATURE, generator=torch.Generator().manual_seed(seed))[0])


def tried(prior: CodePrior, trial: Trial) -> Result:
    """What became of an instruction: by start pose, its checks, energy, drift and seconds; or why it was refused."""
    outcomes = []
    for seed in trial.seeds:
        start = start_pose(prior, seed)
        generator = torch.Generator().manual_seed(0)
        previous = None
        try:
            if trial.phrase.after:
                previous = instruct(prior, start, trial.phrase.after, generator=generator)[0]
                start = previous.posture
            began = time.perf_counter()
            edit = instruct(prior, start, trial.instruction, generator=generator, previous=previous)[0]
            seconds = time.perf_counter() - began
        except InstructionError as error:
            return {"refused": str(error)}
        outcomes.append({"seed": seed, "seconds": seconds, **outcome(prior, start, edit)})
    return {"outcomes": outcomes}


def outcome(prior: CodePrior, start: Posture, edit: Edit) -> Result:
    """The checks of an edit, its energy and that of its start, and how far joints drifted that were not mentioned."""
    angles = geodesic_angle(edit.posture.body_pose, start.body_pose).rad2deg()
    # Where nothing is mentioned, as in "mirror that", all of it was to change.
    others = [i for i, name in enumerate(BODY_JOINT_NAMES) if edit.mentioned and name not in edit.mentioned]
    return {
        "checks": [[check.text, check.unit, check.before, check.after] for check in edit.checks],
        "energy": edit.energy,
        "energy_before": prior.energy(start.body_pose).item(),
        "drift": angles[others].mean().item() if others else 0.0,
    }


def circled(prior: CodePrior, seed: int) -> Result:
    """A drawn posture is described, and the description followed from the neutral posture: which sentences hold."""
    start = start_pose(prior, seed)
    (told,) = relations(Posture(*(part[None] for part in start)))
    generator = torch.Generator().manual_seed(0)
    now, began = neutral_posture(), time.perf_counter()
    if not told:
        return {"sentences": []}
    text = ". ".join(relation.text for relation in told)
    try:
        edit = instruct(prior, now, text, generator=generator)[0]
    except InstructionError as error:
        return {"refused": str(error), "sentences": [[relation.text, None] for relation in told]}
    figure = Figure.of(edit.posture)
    return {
        "sentences": [
            [relation.text, bool(relation.holds(figure)), [float(c.gap(figure)) for c in relation.constraints]]
            for relation in told
        ],
        "energy": edit.energy,
        "seconds": time.perf_counter() - began,
    }
