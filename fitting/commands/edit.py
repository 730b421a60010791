"""Edit a pose by its codes.

    qposer edit swap --parts left_arm head --pose out/walk/person0/fit.npz --donor.sample 3
    qposer edit mirror --pose out/sample.npz:5
    qposer edit interpolate --sample 1 --donor.sample 2 --steps 5
    qposer edit vary --parts arms --amount 0.5
    qposer edit swap --parts left_hand right_index --pose A/person0/fit.npz --donor.pose B/person0/fit.npz

writes into OUT a picture named after the edit (swap.png): the pose, the donor and the result side by side, the edited
parts in coral; and swap.npz with the same poses in the same order: body_pose (poses, 21, 3), axis-angle in radians,
name and energy. Without --pose the prior samples a pose (--sample).

Hands of the poses go along: the bodies have fingers, and swap.npz has left_hand_pose and right_hand_pose (poses, 15,
3), as files of fits. swap_hands.png shows the hands of named parts closely, from two sides.

Parts: left_arm, right_arm, arms, left_leg, right_leg, legs, torso, head, upper_body, lower_body, left_side, right_side,
and the joints: left_elbow, right_knee, spine2, ...
Parts of hands: left_hand, right_hand, left_index, right_thumb, left_fingers, ... and the joints: left_index1, ...; arms
and sides are without fingers.
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
        parts: names of the parts to replace: arms, left_leg, head, left_elbow, left_hand, ...; see qposer edit --help.
        out: folder for the results.

    Raises:
        ValueError: parts of hands are named, and the donor has none.
    """
    with shipped_prior() as prior:
        from qposer.control import whole_pose

        _, of_hands = whole_pose.parts_of(parts)
        first, second = start.load("pose", prior), donor.load("donor", prior)
        if of_hands and second.hands is None:
            raise ValueError("the donor has no hands: give a file with hands as --donor.pose")
        swapped = whole_pose.swap(first.whole, second.whole, parts, prior=prior)
        title = f"{', '.join(parts)} (coral) of the donor"
        row = (first, second, NamedPose("result", *swapped))
        _write(out / "swap", prior, title, row, (first, second), parts)


def mirror(start: Start = FIRST, out: Path = Path("out")) -> None:
    """Mirror the pose: swap left and right.

    Args:
        start: the pose to edit.
        out: folder for the results.
    """
    with shipped_prior() as prior:
        from qposer.control import whole_pose

        first = start.load("pose", prior)
        result = NamedPose("result", *whole_pose.mirror(first.whole))
        _write(out / "mirror", prior, "mirrored", (first, result), (first,))


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
        from qposer.control import whole_pose

        first, last = start.load("start", prior), donor.load("end", prior)
        way = whole_pose.interpolate(first.whole, last.whole, steps, prior=prior)
        between = [NamedPose(f"{100 * step / (steps - 1):.0f} %", *pose) for step, pose in enumerate(way)]
        row = (first, *between, last)
        _write(out / "interpolate", prior, "from the start to the end", row, (first, last))


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
        parts: names of the parts to vary: arms, left_leg, head, left_elbow, left_hand, ...; see qposer edit --help.
        amount: from 0 (almost the same pose) to 1 (as if the parts were unknown).
        number: number of variations.
        seed: random seed.
        out: folder for the results.
    """
    with shipped_prior() as prior:
        from qposer.control import whole_pose

        whole_pose.parts_of(parts)
        first = start.load("pose", prior)
        varied = whole_pose.vary(first.whole, parts, amount, number, seed=seed, prior=prior)
        results = [NamedPose(f"variation {index}", *pose) for index, pose in enumerate(zip(*varied, strict=True), 1)]
        title = f"{', '.join(parts)} (coral) varied by {amount:g}, seed {seed}"
        _write(out / "vary", prior, title, (first, *results), (first,), parts)


def _write(
    stem: Path,
    prior: CodePrior,
    title: str,
    row: Sequence[NamedPose],
    sources: Sequence[NamedPose],
    parts: Sequence[str] = (),
) -> None:
    """Draw a row of poses, with the edited parts of all but the first tinted; write ``stem``.png and ``stem``.npz.

    Hands are drawn and written if a source has some or parts of hands are edited; edited ones also closely.
    """
    import numpy as np

    from fitting.hands.files import hand_arrays
    from fitting.output.hand_sheets import HandFigure, draw_hands
    from fitting.output.sheets import Figure, draw_sheet, write_picture, write_sheet
    from qposer.control import whole_pose
    from qposer.hands.smplh import HAND_JOINTS, SIDES

    joints = whole_pose.joints_of(parts) if parts else []
    edited = {1 + joint for joint in joints}
    sides = [side for side, hand in zip(SIDES, HAND_JOINTS, strict=True) if edited & set(hand)]
    poses = whole_pose.stacked([named.whole for named in row])
    fingers = bool(sides) or any(source.hands is not None for source in sources)
    energy = prior.energy(poses.body)
    arrays = {"body_pose": poses.body.numpy(), "name": np.array([named.name for named in row])}
    arrays |= {"energy": energy.numpy(), **(hand_arrays(poses.hands) if fingers else {})}
    figures = [
        Figure(named.name, named.pose, value, joints if index else (), hand_pose=named.whole.hands if fingers else None)
        for index, (named, value) in enumerate(zip(row, energy.tolist(), strict=True))
    ]
    png, npz = write_sheet(stem.parent, stem.name, draw_sheet(figures, title), arrays)
    console = plain_console()
    console.print(f"{len(row)} poses in {npz}; picture: {png}")
    if sides:
        shown = [HandFigure(named.name, named.whole.hands, side) for side in sides for named in row]
        closely = write_picture(stem.with_name(f"{stem.name}_hands.png"), draw_hands(shown))
        console.print(f"the edited hands closely: {closely}")


def command() -> None:
    """Run the command line."""
    tyro.extras.subcommand_cli_from_dict(
        {"swap": swap, "mirror": mirror, "interpolate": interpolate, "vary": vary}, description=__doc__
    )
