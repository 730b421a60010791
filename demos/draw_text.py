"""Draw poses of which texts are true.

    python demos/draw_text.py "both hands are on the hips" "lean forward, knees bent" --number 2

writes into OUT: text.png, a sheet of the bodies with their texts and energies, and text.npz: body_pose (poses, 21, 3),
axis-angle in radians, text and energy (poses,), the draws of each text one after the other. Pose 5 of the sheet is then
--pose OUT/text.npz:5 of demos/edit.py and demos/complete.py. The same seed gives the same poses.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from qposer.io.interrupts import end_on_interrupt

if __name__ == "__main__":
    end_on_interrupt()

import tyro

from demos.inputs import shipped_prior
from qposer.io.cli_errors import plain_console


def main(
    texts: Annotated[tuple[str, ...], tyro.conf.Positional],
    number: int = 4,
    guidance: float = 2.0,
    seed: int = 0,
    out: Path = Path("out"),
) -> None:
    """Draw poses of which texts are true.

    Args:
        texts: one or several, each in quotes: sentences about a posture, or orders.
        number: how many poses of each.
        guidance: 0 ignores the texts, 1 draws what people do of whom they are true, and more exaggerates.
        seed: of the random numbers, the same for each text.
        out: folder for the results.

    Raises:
        ValueError: there is no text.
    """
    with shipped_prior("draw_text") as prior:
        import numpy as np
        import torch

        from demos.sheets import Figure, draw_sheet, write_sheet
        from qposer.body_pose.rotations import matrix_to_axis_angle
        from qposer.control.text_prior import generate

        if not texts:
            raise ValueError("say how somebody stands: python demos/draw_text.py 'both hands are on the hips'")
        drawn = [generate(text, number, guidance, seed=seed, prior=prior) for text in texts]
        poses = matrix_to_axis_angle(torch.cat(drawn))
        energy = prior.energy(poses)
        said = [text for text in texts for _ in range(number)]
        figures = [Figure(*each) for each in zip(said, poses, energy.tolist(), strict=True)]
        picture = draw_sheet(figures, f"drawn from texts, seed {seed}, guidance {guidance:g}")
        arrays = {"body_pose": poses.numpy(), "text": np.array(said), "energy": energy.numpy()}
        png, npz = write_sheet(out, "text", picture, arrays)
    console = plain_console()
    console.print(f"{len(said)} poses in {npz}: energy {energy.min():.2f} to {energy.max():.2f}; look at {png}")


if __name__ == "__main__":
    tyro.cli(main, description=__doc__)
