"""Complete a partly known pose: sample several hypotheses for the unknown parts.

    qposer complete --unknown legs --pose out/walk/person0/fit.npz

writes into OUT: complete.png, the pose and the hypotheses with the unknown part in coral, and complete.npz: body_pose
(1 + number, 21, 3), axis-angle in radians, the given pose first, energy (1 + number,), and known_joints (21,). Hands of
the given pose stay as they are. Without --pose the prior samples a pose (--sample).

Parts: left_arm, right_arm, arms, left_leg, right_leg, legs, torso, head, upper_body, lower_body, left_side, right_side,
and the joints: left_elbow, right_knee, spine2, ...
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import tyro

from fitting.commands.inputs import FIRST, PoseSource, shipped_prior
from qposer.io.cli_errors import plain_console


def main(
    start: Annotated[PoseSource, tyro.conf.arg(name="")] = FIRST,
    unknown: tuple[str, ...] = ("legs",),
    number: int = 7,
    seed: int = 0,
    out: Path = Path("out"),
) -> None:
    """Complete a partly known pose: sample several hypotheses for the unknown parts.

    Args:
        start: the pose to complete.
        unknown: names of the parts to replace; their given rotations are ignored.
        number: number of hypotheses.
        seed: random seed.
        out: folder for the results.
    """
    with shipped_prior() as prior:
        import torch

        from fitting.hands.files import hand_arrays
        from fitting.output.sheets import Figure, draw_sheet, write_sheet
        from qposer.control.edits import joints_of

        joints = joints_of(unknown)
        known = torch.ones(21, dtype=torch.bool)
        known[joints] = False
        name, pose, hands = start.load("given", prior)
        poses = torch.cat([pose[None], prior.complete(pose, known, number, seed=seed)])
        energy = prior.energy(poses)
        names = [name, *(f"hypothesis {index}" for index in range(1, number + 1))]
        figures = [
            Figure(name, pose, value, joints, hand_pose=hands)
            for name, pose, value in zip(names, poses, energy.tolist(), strict=True)
        ]
        picture = draw_sheet(figures, f"{', '.join(unknown)} unknown (coral), seed {seed}")
        arrays = {"body_pose": poses.numpy(), "energy": energy.numpy(), "known_joints": known.numpy()}
        arrays |= {} if hands is None else hand_arrays(hands.expand(len(poses), -1, -1))
        png, npz = write_sheet(out, "complete", picture, arrays)
    console = plain_console()
    console.print(f"{number} hypotheses in {npz}, after the given pose; picture: {png}")


def command() -> None:
    """Run the command line."""
    tyro.cli(main, description=__doc__)
