"""Instructions tried on start poses, and descriptions followed from the neutral posture."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from benchmarks.cache import Result
from benchmarks.instructions.suite import Phrase
from qposer.body_pose.posed_skeleton import OrientedPose, PosedSkeleton, neutral_pose
from qposer.body_pose.rotations import geodesic_angle
from qposer.body_pose.skeleton import BODY_JOINT_NAMES
from qposer.control.descriptions import relations
from qposer.control.instructions import Edit, InstructionError, instruct
from qposer.prior.code_prior import CodePrior
from qposer.prior.code_prior_network import DISPERSION

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
    """Each instruction, or only every so many, on ``poses`` of the start poses, others for each instruction.

    Args:
        phrases: the instructions.
        seeds: seeds of the start poses.
        poses: number of start poses for each instruction.
        every: step between instructions.

    Yields:
        The trials.
    """
    number = 0
    for phrase in phrases:
        for instruction in phrase.instructions:
            if number % every == 0:
                chosen = tuple(seeds[(3 * number + 7 * place) % len(seeds)] for place in range(poses))
                yield Trial(phrase, instruction, chosen)
            number += 1


def start_pose(prior: CodePrior, seed: int) -> OrientedPose:
    """The pose of a seed, with an upright pelvis.

    Args:
        prior: draws the pose.
        seed: seed of the sample.

    Returns:
        The posture.
    """
    return OrientedPose.upright(prior.sample(1, TEMPERATURE, generator=torch.Generator().manual_seed(seed))[0])


def tried(prior: CodePrior, trial: Trial) -> Result:
    """What became of an instruction: by start pose, its checks, energy, drift and seconds; or why it was refused.

    Args:
        prior: prior of the edits.
        trial: instruction and start poses.

    Returns:
        Figures by name, as JSON.
    """
    outcomes = []
    for seed in trial.seeds:
        start = start_pose(prior, seed)
        generator = torch.Generator().manual_seed(0)
        previous = None
        try:
            if trial.phrase.after:
                previous = instruct(start, trial.phrase.after, generator=generator, prior=prior)[0]
                start = previous.posture
            began = time.perf_counter()
            edit = instruct(start, trial.instruction, generator=generator, previous=previous, prior=prior)[0]
            seconds = time.perf_counter() - began
        except InstructionError as error:
            return {"refused": str(error)}
        outcomes.append({"seed": seed, "seconds": seconds, **outcome(prior, start, edit)})
    return {"outcomes": outcomes}


def outcome(prior: CodePrior, start: OrientedPose, edit: Edit) -> Result:
    """The checks of an edit, its energy and that of its start, and how far joints drifted that were not mentioned.

    Args:
        prior: gives the energies.
        start: the posture before.
        edit: posture after, and its constraints.

    Returns:
        Figures by name, as JSON.
    """
    angles = geodesic_angle(edit.posture.body_pose, start.body_pose).rad2deg()
    # Where nothing is mentioned, as in "mirror that", all of it was to change.
    others = [i for i, name in enumerate(BODY_JOINT_NAMES) if edit.mentioned and name not in edit.mentioned]
    return {
        "checks": [[check.text, check.unit, check.before, check.after] for check in edit.checks],
        "energy": edit.energy,
        "energy_before": prior.energy(start.body_pose).item(),
        "drift": angles[others].mean().item() if others else 0.0,
    }


def description_round_trip(prior: CodePrior, seed: int) -> Result:
    """A drawn posture is described, and the description followed from the neutral posture: which sentences hold.

    Args:
        prior: prior of the sample and of the edits.
        seed: seed of the sample.

    Returns:
        Figures by name, as JSON.
    """
    start = start_pose(prior, seed)
    (told,) = relations(OrientedPose(*(part[None] for part in start)))
    generator = torch.Generator().manual_seed(0)
    now, began = neutral_pose(), time.perf_counter()
    if not told:
        return {"sentences": []}
    text = ". ".join(relation.text for relation in told)
    try:
        edit = instruct(now, text, generator=generator, prior=prior)[0]
    except InstructionError as error:
        return {"refused": str(error), "sentences": [[relation.text, None] for relation in told]}
    figure = PosedSkeleton.of(edit.posture)
    return {
        "sentences": [
            [relation.text, bool(relation.holds(figure)), [float(c.gap(figure)) for c in relation.constraints]]
            for relation in told
        ],
        "energy": edit.energy,
        "seconds": time.perf_counter() - began,
    }
