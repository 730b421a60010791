"""Edit a pose by instructions in English.

    qposer instruct "raise the left arm to shoulder height" "look at the left hand" "a bit more"
    qposer instruct "put the right hand on the head" --number 4
    qposer instruct squat "sit on the floor" "kneel on the right knee" --apart
    qposer instruct "thumbs up" "touch the left thumb with the little finger" "hold a ball of 7 cm"

follows the instructions in order and writes into OUT: instruct.png, the pose and the result of each instruction, with
the mentioned parts in coral; and instruct.npz: body_pose (poses, 21, 3) and global_orient (poses, 3), axis-angle in
radians, instruction and energy. It prints the constraints of each instruction, and by how much each is violated before
and after. Without --pose it starts from a relaxed standing pose.

Instructions for fingers pose flat hands, apart from the body: instruct_hands.png shows each instructed hand from two
sides; instruct_hands.npz: hand_pose (poses, 30, 3), the left hand first, zero for flat hands, energy (poses, 2) and
instruction.

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
    from collections.abc import Sequence

    from rich.console import Console

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
        number: number of solutions for the last instruction.
        apart: apply each instruction to the start pose, not to the result of the previous one.
        seed: random seed.
        out: folder for the results.

    Raises:
        ValueError: no instruction is given.
    """
    with shipped_prior() as prior:
        import numpy as np
        import torch

        from fitting.output.sheets import Figure, draw_sheet, write_sheet
        from qposer.body_pose.posed_skeleton import OrientedPose
        from qposer.body_pose.rotations import matrix_to_axis_angle
        from qposer.body_pose.skeleton import BODY_JOINT_NAMES
        from qposer.control.hand_instructions import mentions_hands
        from qposer.control.instructions import instruct

        if not instructions:
            raise ValueError("no instruction is given: try qposer instruct 'raise the left arm'")
        console = plain_console()
        hands = [text for text in instructions if mentions_hands(text)]
        instructions = tuple(text for text in instructions if text not in hands)
        if hands:
            _instruct_hands(hands, apart, seed, out, console)
        if not instructions:
            return
        name, pose = start.load("start", prior)
        first = OrientedPose.upright(pose)
        edits: list[tuple[str, Edit]] = []
        previous: Edit | None = None
        for count, text in enumerate(instructions, 1):
            answers = number if count == len(instructions) else 1
            posture = first if apart or previous is None else previous.posture
            found = instruct(posture, text, answers, seed=seed, previous=None if apart else previous, prior=prior)
            edits += [(text, edit) for edit in found]
            previous = found[0]
            console.print(_constraint_table(text, found[0].checks))
        postures = [first, *(edit.posture for _, edit in edits)]
        poses = torch.stack([matrix_to_axis_angle(posture.body_pose) for posture in postures])
        orients = torch.stack([matrix_to_axis_angle(posture.global_orient) for posture in postures])
        energies = [prior.energy(pose).item(), *(edit.energy for _, edit in edits)]
        about = [(), *([BODY_JOINT_NAMES.index(joint) for joint in edit.mentioned] for _, edit in edits)]
        names = [name, *(text for text, _ in edits)]
        figures = [Figure(*row) for row in zip(names, poses, energies, about, orients, strict=True)]
        title = "each from the start" if apart else "one after the other"
        arrays = {"body_pose": poses.numpy(), "global_orient": orients.numpy(), "energy": np.array(energies)}
        arrays["instruction"] = np.array(names)
        png, npz = write_sheet(out, "instruct", draw_sheet(figures, f"instructions, {title}"), arrays)
    console.print(f"{len(poses)} poses in {npz}; picture: {png}")


def _instruct_hands(instructions: list[str], apart: bool, seed: int, out: Path, console: Console) -> None:
    """Pose flat hands by instructions, and write a sheet of the hands that each one names."""
    import numpy as np
    import torch

    from fitting.output.hand_sheets import HandFigure, draw_hands
    from fitting.output.sheets import write_sheet
    from qposer.control.hand_instructions import instruct_hands
    from qposer.hands.smplh import SIDES

    flat = torch.zeros(30, 3)
    edits: list[HandEdit] = []
    for text in instructions:
        previous = edits[-1] if edits and not apart else None
        start = previous.hand_pose if previous else flat
        edits.append(instruct_hands(start, text, seed=seed, previous=previous))
        console.print(_constraint_table(text, edits[-1].checks))
    figures = [
        HandFigure(text, edit.hand_pose, side)
        for text, edit in zip(instructions, edits, strict=True)
        for side in SIDES
        if any(joint.startswith(side) for joint in edit.mentioned)
    ]
    arrays = {
        "hand_pose": torch.stack([edit.hand_pose for edit in edits]).numpy(),
        "energy": np.array([edit.energy for edit in edits]),
        "instruction": np.array(instructions),
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
