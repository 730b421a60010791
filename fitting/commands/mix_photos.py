"""Combine parts of several people's poses, from photos or saved poses, into one pose.

    qposer mix A.jpg B.jpg --take arms --from B
    qposer mix A.jpg B.jpg C.jpg --take arms head --from B --take legs --from B:0.7 C:0.3
    qposer mix A.jpg out/sample.npz:3 --take legs --from B

The references are named A, B, C, ... in the given order. The mixture is A, except for the parts whose codes come from
other references; a part with several sources is their weighted mean. For a photo, the largest person is fitted.

writes into OUT: mix.png, a row with the references (the bodies fitted to the photos) and the mixture, each part in the
colour of its reference; and mix.npz with the same poses in the same order: body_pose (poses, 21, 3), axis-angle in
radians, name and energy; and, if a reference has hands, left_hand_pose and right_hand_pose (poses, 15, 3), as files of
fits. To use a mixture of two references in `qposer edit` or `qposer complete`, pass --pose OUT/mix.npz:2.

Parts: left_arm, right_arm, arms, left_leg, right_leg, legs, torso, head, upper_body, lower_body, left_side, right_side,
and the joints: left_elbow, right_knee, spine2, ...
Parts of hands: left_hand, right_hand, left_index, right_thumb, left_fingers, ... and the joints: left_index1, ...; arms
and sides are without fingers.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import tyro

from fitting.commands.inputs import shipped_prior
from qposer.io.cli_errors import plain_console

Said = tyro.conf.UseAppendAction[tuple[tuple[str, ...], ...]]
"""Values of an option that may be repeated."""


def main(
    references: Annotated[tuple[str, ...], tyro.conf.Positional],
    take: Said = (),
    source: Annotated[Said, tyro.conf.arg(name="from")] = (),
    keypoints: tuple[Path, ...] = (),
    out: Path = Path("out"),
) -> None:
    """Combine parts of several people's poses, from photos or saved poses, into one pose.

    Args:
        references: two or more photos or poses, FILE.npz or FILE.npz:INDEX (of a fit, of these commands, of AMASS).
        take: names of parts (arms, left_leg, right_hand, ...); each --take needs a --from after it. Default: arms of B.
        source: reference that provides the parts: B, or B:0.7 C:0.3 for a weighted mean.
        keypoints: OpenPose or COCO JSON, or npz, one file for each photo in order or one for all; default: detect them.
        out: folder for the results.

    Raises:
        ValueError: ``out`` is a file, `takings` refuses the options, or hands are taken from a reference without.
    """
    with shipped_prior() as prior:
        from fitting.commands.references import check_hands, load_references, mix, takings

        what = takings(take or (("arms",),), source or (("B",),), len(references))
        if out.exists() and not out.is_dir():
            raise ValueError(f"{out} is a file: give a folder as --out")
        loaded = load_references(references, keypoints, prior)

        check_hands(what, loaded)

        import numpy as np

        from fitting.body.body import Body
        from fitting.commands.rows import draw_row, mixture_tile, reference_tile
        from fitting.hands.files import hand_arrays
        from fitting.output.sheets import write_sheet
        from qposer.control.whole_pose import stacked

        given = [reference.named.whole for reference in loaded]
        mixed, owner = mix(prior, given, what)
        poses = stacked([*given, mixed])
        energy = prior.energy(poses.body)
        hands = any(reference.named.hands is not None for reference in loaded)
        body = Body.open(hands=hands)
        caption = f"A with {_description(take or (('arms',),), source or (('B',),))}, energy {energy[-1]:.2f}"
        tiles = [reference_tile(index, reference, body) for index, reference in enumerate(loaded)]
        row = draw_row([*tiles, mixture_tile(mixed, owner, loaded[0].fitted, body, caption)])
        names = np.array([*(reference.named.name for reference in loaded), "mixture"])
        arrays = {"body_pose": poses.body.numpy(), "name": names, "energy": energy.numpy()}
        arrays |= hand_arrays(poses.hands) if hands else {}
        png, npz = write_sheet(out, "mix", row, arrays)
    console = plain_console()
    console.print(f"{caption}: pose {len(loaded)} in {npz}; picture: {png}")


def _description(take: tuple[tuple[str, ...], ...], source: tuple[tuple[str, ...], ...]) -> str:
    return "; ".join(
        f"{', '.join(parts)} of {' and '.join(letters)}".replace("_", " ")
        for parts, letters in zip(take, source, strict=True)
    )


def command() -> None:
    """Run the command line."""
    tyro.cli(main, description=__doc__)
