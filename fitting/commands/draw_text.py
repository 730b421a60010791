"""Sample poses that match texts.

    qposer draw "both hands are on the hips" "lean forward, knees bent" --number 2

writes into OUT: text.png, a sheet of the bodies with their texts and energies, and text.npz: body_pose (poses, 21, 3),
axis-angle in radians, text and energy (poses,), grouped by text. To use pose 5 of the sheet in `qposer edit` or
`qposer complete`, pass --pose OUT/text.npz:5. The same seed gives the same poses.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import tyro

from fitting.commands.inputs import shipped_prior
from qposer.io.cli_errors import plain_console


def main(
    texts: Annotated[tuple[str, ...], tyro.conf.Positional],
    number: int = 4,
    guidance: float = 2.0,
    seed: int = 0,
    out: Path = Path("out"),
) -> None:
    """Sample poses that match texts.

    Args:
        texts: one or more quoted texts: descriptions of a pose, or instructions.
        number: number of poses for each text.
        guidance: strength of classifier-free guidance; 0 ignores the text, 1 samples poses that match it, more
            exaggerates.
        seed: random seed, the same for each text.
        out: folder for the results.

    Raises:
        ValueError: no text is given.
    """
    with shipped_prior() as prior:
        import numpy as np
        import torch

        from fitting.output.sheets import Figure, draw_sheet, write_sheet
        from qposer.body_pose.rotations import matrix_to_axis_angle
        from qposer.control.text_prior import generate

        if not texts:
            raise ValueError("no text is given: describe a pose, as in qposer draw 'both hands are on the hips'")
        drawn = [generate(text, number, guidance, seed=seed, prior=prior) for text in texts]
        poses = matrix_to_axis_angle(torch.cat(drawn))
        energy = prior.energy(poses)
        said = [text for text in texts for _ in range(number)]
        figures = [Figure(*each) for each in zip(said, poses, energy.tolist(), strict=True)]
        picture = draw_sheet(figures, f"sampled from texts, seed {seed}, guidance {guidance:g}")
        arrays = {"body_pose": poses.numpy(), "text": np.array(said), "energy": energy.numpy()}
        png, npz = write_sheet(out, "text", picture, arrays)
    console = plain_console()
    console.print(f"{len(said)} poses in {npz}: energy {energy.min():.2f} to {energy.max():.2f}; picture: {png}")


def command() -> None:
    """Run the command line."""
    tyro.cli(main, description=__doc__)
