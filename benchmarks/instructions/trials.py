"""Trials of instructions on start poses, and of descriptions followed from the neutral posture."""

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
"""First seed of the postures to describe, different from all seeds of start poses."""

TEMPERATURE = 1 / DISPERSION
"""Temperature of the start poses, which cancels the dispersion of samples, so that the suite's start poses stay the
same."""


@dataclass(frozen=True)
class Trial:
    """An instruction on some start poses."""

    phrase: Phrase
    instruction: str
    seeds: tuple[int, ...]


def trials(phrases: Sequence[Phrase], seeds: Sequence[int], poses: int, every: int = 1) -> Iterator[Trial]:
    """Generate trials of instructions, each on different start poses.

    Args:
        phrases: the instructions.
        seeds: seeds of the start poses.
        poses: number of start poses for each instruction.
        every: step between instructions; 1 takes all of them.

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
    """Sample a pose with an upright pelvis.

    Args:
        prior: prior to sample from.
        seed: seed of the sample.

    Returns:
        The oriented pose.
    """
    return OrientedPose.upright(prior.sample(1, TEMPERATURE, generator=torch.Generator().manual_seed(seed))[0])


def tried(prior: CodePrior, trial: Trial) -> Result:
    """Follow an instruction from each of its start poses.

    Args:
        prior: prior of the edits.
        trial: instruction and start poses.

    Returns:
        ``outcomes``, the outcome and seconds for each start pose, or ``refused``, the error message; as JSON.
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
    """Measure the outcome of an edit.

    Args:
        prior: prior that gives the energies.
        start: posture before the edit.
        edit: posture after the edit, and its constraints.

    Returns:
        ``checks`` of the constraints (text, unit, violation before and after), ``energy`` and ``energy_before``, and
        ``drift``, the mean rotation of joints without a constraint in degrees; as JSON.
    """
    angles = geodesic_angle(edit.posture.body_pose, start.body_pose).rad2deg()
    # An instruction without mentioned joints, such as "mirror that", may change all joints.
    others = [i for i, name in enumerate(BODY_JOINT_NAMES) if edit.mentioned and name not in edit.mentioned]
    return {
        "checks": [[check.text, check.unit, check.before, check.after] for check in edit.checks],
        "energy": edit.energy,
        "energy_before": prior.energy(start.body_pose).item(),
        "drift": angles[others].mean().item() if others else 0.0,
    }


def description_round_trip(prior: CodePrior, seed: int) -> Result:
    """Describe a sampled posture, follow the description from the neutral posture, and check its sentences.

    Args:
        prior: prior of the sample and of the edits.
        seed: seed of the sample.

    Returns:
        ``sentences`` (text, whether it holds, violations), ``energy`` and ``seconds``, or ``refused``, the error
        message; as JSON.
    """
    start = start_pose(prior, seed)
    (described,) = relations(OrientedPose(*(part[None] for part in start)))
    generator = torch.Generator().manual_seed(0)
    now, began = neutral_pose(), time.perf_counter()
    if not described:
        return {"sentences": []}
    text = ". ".join(relation.text for relation in described)
    try:
        edit = instruct(now, text, generator=generator, prior=prior)[0]
    except InstructionError as error:
        return {"refused": str(error), "sentences": [[relation.text, None] for relation in described]}
    figure = PosedSkeleton.of(edit.posture)
    return {
        "sentences": [
            [relation.text, bool(relation.holds(figure)), [float(c.gap(figure)) for c in relation.constraints]]
            for relation in described
        ],
        "energy": edit.energy,
        "seconds": time.perf_counter() - began,
    }
