"""Edit a pose by its codes.

    qposer edit swap --parts left_arm head --pose out/walk/person0/fit.npz --donor.sample 3
    qposer edit mirror --pose out/sample.npz:5
    qposer edit interpolate --sample 1 --donor.sample 2 --steps 5
    qposer edit vary --parts arms --amount 0.5

writes into OUT a picture named after the edit (swap.png): the pose, the donor and the result side by side, the edited
parts in coral; and swap.npz with the same poses in the same order: body_pose (poses, 21, 3), axis-angle in radians,
name and energy. Without --pose the prior samples a pose (--sample).

Parts: left_arm, right_arm, arms, left_leg, right_leg, legs, torso, head, upper_body, lower_body, left_side, right_side,
and the joints: left_elbow, right_knee, spine2, ...
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from fitting.commands.inputs import FIRST, SECOND, NamedPose, PoseSource, shipped_prior
from qposer.io.cli_errors import plain_console

if TYPE_CHECKING:
    from qposer import CodePrior

Start = Annotated[PoseSource, tyro.conf.arg(name="")]
"""The pose to edit; its options have no prefix."""


def swap(
    start: Start = FIRST,
    donor: PoseSource = SECOND,
    parts: tuple[str, ...] = ("left_arm",),
    out: Path = Path("out"),
) -> None:
    """Replace the codes of some parts by those of a donor.

    Args:
        start: the pose to edit.
        donor: the pose that provides the parts.
        parts: names of the parts to replace: arms, left_leg, torso, head, left_elbow, ...; see qposer edit --help.
        out: folder for the results.
    """
    with shipped_prior() as prior:
        from qposer.control import edits

        joints = edits.joints_of(parts)
        first, second = start.load("pose", prior), donor.load("donor", prior)
        result = NamedPose("result", edits.swap(first.pose, second.pose, parts, model=prior.model))
        _write(out / "swap", prior, f"{', '.join(parts)} (coral) of the donor", (first, second, result), joints)


def mirror(start: Start = FIRST, out: Path = Path("out")) -> None:
    """Mirror the pose: swap left and right.

    Args:
        start: the pose to edit.
        out: folder for the results.
    """
    with shipped_prior() as prior:
        from qposer.control import edits

        first = start.load("pose", prior)
        _write(out / "mirror", prior, "mirrored", (first, NamedPose("result", edits.mirror(first.pose))))


def interpolate(
    start: Start = FIRST,
    donor: PoseSource = SECOND,
    steps: int = 6,
    out: Path = Path("out"),
) -> None:
    """Interpolate from one pose to another.

    Args:
        start: the first pose.
        donor: the last pose.
        steps: number of interpolated poses, both ends included.
        out: folder for the results.
    """
    with shipped_prior() as prior:
        from qposer.control import edits

        first, last = start.load("start", prior), donor.load("end", prior)
        way = edits.interpolate(first.pose, last.pose, steps, model=prior.model)
        between = [NamedPose(f"{100 * step / (steps - 1):.0f} %", pose) for step, pose in enumerate(way)]
        _write(out / "interpolate", prior, "from the start to the end", (first, *between, last))


def vary(
    start: Start = FIRST,
    parts: tuple[str, ...] = ("arms",),
    amount: float = 0.5,
    number: int = 6,
    seed: int = 0,
    out: Path = Path("out"),
) -> None:
    """Resample some parts, consistent with the other parts.

    Args:
        start: the pose to edit.
        parts: names of the parts to vary: arms, left_leg, torso, head, left_elbow, ...; see qposer edit --help.
        amount: from 0 (almost the same pose) to 1 (as if the parts were unknown).
        number: number of variations.
        seed: random seed.
        out: folder for the results.
    """
    with shipped_prior() as prior:
        from qposer.control import edits

        joints = edits.joints_of(parts)
        first = start.load("pose", prior)
        varied = edits.vary(first.pose, parts, amount, number, seed=seed, prior=prior)
        results = [NamedPose(f"variation {index}", pose) for index, pose in enumerate(varied, 1)]
        title = f"{', '.join(parts)} (coral) varied by {amount:g}, seed {seed}"
        _write(out / "vary", prior, title, (first, *results), joints)


def _write(stem: Path, prior: CodePrior, title: str, row: Sequence[NamedPose], joints: Sequence[int] = ()) -> None:
    """Draw a row of poses, with the edited parts of all but the first tinted; write ``stem``.png and ``stem``.npz."""
    import numpy as np
    import torch

    from fitting.output.sheets import Figure, draw_sheet, write_sheet

    poses = torch.stack([pose for _, pose in row])
    energy = prior.energy(poses)
    figures = [
        Figure(name, pose, value, joints if index else ())
        for index, ((name, pose), value) in enumerate(zip(row, energy.tolist(), strict=True))
    ]
    names = np.array([name for name, _ in row])
    arrays = {"body_pose": poses.numpy(), "name": names, "energy": energy.numpy()}
    png, npz = write_sheet(stem.parent, stem.name, draw_sheet(figures, title), arrays)
    console = plain_console()
    console.print(f"{len(row)} poses in {npz}; picture: {png}")


def command() -> None:
    """Run the command line."""
    tyro.extras.subcommand_cli_from_dict(
        {"swap": swap, "mirror": mirror, "interpolate": interpolate, "vary": vary}, description=__doc__
    )
