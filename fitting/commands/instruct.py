"""Edit a pose by instructions in English.

    qposer instruct "raise the left arm to shoulder height" "look at the left hand" "a bit more"
    qposer instruct "put the right hand on the head" --number 4
    qposer instruct squat "sit on the floor" "kneel on the right knee" --apart
    qposer instruct "raise the right arm, palm forward, and make a fist with the left hand"
    qposer instruct "thumbs up" "touch the left thumb with the little finger" "hold a ball of 7 cm"

follows the instructions in order and writes into OUT: instruct.png, the pose and the result of each instruction, with
the mentioned parts in coral; and instruct.npz: body_pose (poses, 21, 3) and global_orient (poses, 3), axis-angle in
radians, instruction and energy, and hands as in files of fits if there are some. It prints the constraints of each
instruction, by how much each is violated before and after, and a description of the result. Without --pose it starts
from a relaxed standing pose.

Clauses about fingers pose the hands: those of the --pose if it is a fit with hands, otherwise flat ones.
instruct_hands.png shows each instructed hand from two sides; instruct_hands.npz: hand_pose (poses, 30, 3), the left
hand first, zero for flat hands, energy (poses, 2) and instruction.

Verbs: raise, lower, bend, straighten, stretch, put, touch, cross, lean, turn, tilt, look, point, spread, step, kick,
squat, sit, kneel, lunge, stand, ... with parts, sides, degrees, heights and places; "and", "while", "then"; "mirror
that", "a bit more", "do the same with the right arm". See docs/instructions.md.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro
from rich.table import Table

from fitting.commands.inputs import AT_EASE, PoseSource, shipped_prior
from qposer.io.cli_errors import plain_console

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from jaxtyping import Float
    from rich.console import Console
    from torch import Tensor

    from fitting.commands.inputs import NamedPose
    from qposer import CodePrior
    from qposer.body_pose.posed_skeleton import OrientedPose
    from qposer.control.body_and_hands import Kind, SplitInstruction
    from qposer.control.hand_instructions import HandCheck, HandEdit
    from qposer.control.instructions import Check, Edit


def main(
    instructions: Annotated[tuple[str, ...], tyro.conf.Positional],
    start: Annotated[PoseSource, tyro.conf.arg(name="")] = AT_EASE,
    number: int = 1,
    apart: bool = False,
    seed: int = 0,
    out: Path = Path("out"),
) -> None:
    """Edit a pose by instructions in English.

    Args:
        instructions: one or more, each in quotes.
        start: the pose to edit.
        number: number of solutions for the last instruction of the body.
        apart: apply each instruction to the start pose, not to the result of the previous one.
        seed: random seed.
        out: folder for the results.

    Raises:
        ValueError: no instruction is given.
    """
    with shipped_prior() as prior:
        import torch

        from qposer.body_pose.posed_skeleton import OrientedPose
        from qposer.control.hand_instructions import instruct_hands
        from qposer.control.instructions import instruct

        if not instructions:
            raise ValueError("no instruction is given: try qposer instruct 'raise the left arm'")
        console, parts = plain_console(), [*_split(instructions)]
        last = max((place for place, part in enumerate(parts) if part.body), default=0)
        named = start.load("start", prior)
        first, flat = OrientedPose.upright(named.pose), torch.zeros(30, 3)
        edits: list[tuple[str, Edit, Float[Tensor, "30 3"] | None]] = []
        hand_edits: list[tuple[str, HandEdit]] = []
        now: Edit | None = None
        hands: HandEdit | None = None
        for place, (of_body, of_hands) in enumerate(parts):
            now, hands, found = (None, None, []) if apart else (now, hands, [])
            if of_body:
                posture, answers = first if now is None else now.posture, number if place == last else 1
                found = instruct(posture, of_body, answers, seed=seed, previous=now, prior=prior)
                now = found[0]
                console.print(_constraint_table(of_body, now.checks))
            if of_hands:
                pose = hands.hand_pose if hands else flat if named.hands is None else named.hands
                hands = instruct_hands(pose, of_hands, seed=seed, previous=hands)
                hand_edits.append((of_hands, hands))
                console.print(_constraint_table(of_hands, hands.checks))
            edits += [(of_body, edit, hands.hand_pose if hands else named.hands) for edit in found]
        if edits:
            _write_bodies(named, edits, apart, prior, out, console)
        if hand_edits:
            _write_hands(hand_edits, out, console)
        result_hands = hands.hand_pose if hands else named.hands
        if not apart:
            _print_description(now.posture if now else first, result_hands, console)


def _split(instructions: Sequence[str]) -> Iterator[SplitInstruction]:
    """The parts of instructions for the body and for the hands."""
    from qposer.control.body_and_hands import split_instruction

    before: tuple[Kind, ...] = ("body",)
    for text in instructions:
        parts = split_instruction(text, before)
        before = parts.kinds
        yield parts


def _print_description(posture: OrientedPose, hands: Float[Tensor, "30 3"] | None, console: Console) -> None:
    """Print what the result looks like; hands only if they were instructed, or are in the file."""
    from qposer.control.descriptions import describe
    from qposer.control.hand_descriptions import describe_hands

    sentences = describe(posture) + ([] if hands is None else describe_hands(hands))
    console.print(f"result: {'; '.join(sentences) or 'standing at ease'}", highlight=False, soft_wrap=True)


def _write_bodies(
    start: NamedPose,
    edits: list[tuple[str, Edit, Float[Tensor, "30 3"] | None]],
    apart: bool,
    prior: CodePrior,
    out: Path,
    console: Console,
) -> None:
    """Write a sheet of the start pose and the results, with hands if any has some."""
    import numpy as np
    import torch

    from fitting.hands.files import hand_arrays, resting_hands
    from fitting.output.sheets import Figure, draw_sheet, write_sheet
    from qposer.body_pose.posed_skeleton import OrientedPose
    from qposer.body_pose.rotations import matrix_to_axis_angle
    from qposer.body_pose.skeleton import BODY_JOINT_NAMES

    postures = [OrientedPose.upright(start.pose), *(edit.posture for _, edit, _ in edits)]
    poses = torch.stack([matrix_to_axis_angle(posture.body_pose) for posture in postures])
    orients = torch.stack([matrix_to_axis_angle(posture.global_orient) for posture in postures])
    energies = [prior.energy(start.pose).item(), *(edit.energy for _, edit, _ in edits)]
    about = [(), *([BODY_JOINT_NAMES.index(joint) for joint in edit.mentioned] for _, edit, _ in edits)]
    names, hands = [start.name, *(text for text, _, _ in edits)], [start.hands, *(own for _, _, own in edits)]
    figures = [Figure(*row) for row in zip(names, poses, energies, about, orients, hands, strict=True)]
    title = "each from the start" if apart else "one after the other"
    arrays = {"body_pose": poses.numpy(), "global_orient": orients.numpy(), "energy": np.array(energies)}
    arrays["instruction"] = np.array(names)
    if any(own is not None for own in hands):
        arrays |= hand_arrays(torch.stack([resting_hands() if own is None else own for own in hands]))
    png, npz = write_sheet(out, "instruct", draw_sheet(figures, f"instructions, {title}"), arrays)
    console.print(f"{len(poses)} poses in {npz}; picture: {png}")


def _write_hands(edits: list[tuple[str, HandEdit]], out: Path, console: Console) -> None:
    """Write a sheet of the hands that each instruction names."""
    import numpy as np
    import torch

    from fitting.output.hand_sheets import HandFigure, draw_hands
    from fitting.output.sheets import write_sheet
    from qposer.hands.smplh import SIDES

    figures = [
        HandFigure(text, edit.hand_pose, side)
        for text, edit in edits
        for side in SIDES
        if any(joint.startswith(side) for joint in edit.mentioned)
    ]
    arrays = {
        "hand_pose": torch.stack([edit.hand_pose for _, edit in edits]).numpy(),
        "energy": np.array([edit.energy for _, edit in edits]),
        "instruction": np.array([text for text, _ in edits]),
    }
    png, npz = write_sheet(out, "instruct_hands", draw_hands(figures), arrays)
    console.print(f"{len(edits)} poses of hands in {npz}; picture: {png}")


def _constraint_table(text: str, checks: Sequence[Check] | Sequence[HandCheck]) -> Table:
    """The constraints of an instruction, and by how much each is violated before and after."""
    from qposer.control.hand_instructions import HandCheck

    table = Table(title=text, title_justify="left", box=None, pad_edge=False)
    for column in ("constraint", "error before", "after"):
        table.add_column(column, justify="left" if column == "constraint" else "right")
    for check in checks:
        digits = 1 if isinstance(check, HandCheck) else 0
        mark = "" if check.satisfied else "  not satisfied"
        before, after = (f"{gap:.{digits}f} {check.unit}" for gap in (check.before, check.after))
        table.add_row(check.text, before, after + mark)
    return table


def command() -> None:
    """Run the command line."""
    tyro.cli(main, description=__doc__)
