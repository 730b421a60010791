"""Sample poses from the prior.

    qposer sample --number 24 --seed 1

writes into OUT: sample.png, a sheet of the bodies with their energies, and sample.npz: body_pose (number, 21, 3),
axis-angle in radians, and energy (number,). To use pose 5 of the sheet in `qposer edit` or `qposer complete`, pass
--pose OUT/sample.npz:5. The same seed gives the same poses.
"""

from __future__ import annotations

from pathlib import Path

import tyro

from fitting.commands.inputs import shipped_prior
from qposer.io.cli_errors import plain_console

MOST_DRAWN = 200
"""Maximum number of bodies on a sheet; the npz file contains all poses."""


def main(number: int = 16, seed: int = 0, temperature: float = 1.0, out: Path = Path("out")) -> None:
    """Sample poses from the prior.

    Args:
        number: number of poses; the sheet shows at most the first 200.
        seed: random seed.
        temperature: 1 for poses as varied as recorded ones, lower for more typical poses, higher for more unusual ones.
        out: folder for the results.
    """
    with shipped_prior() as prior:
        from fitting.output.sheets import Figure, draw_sheet, write_sheet
        from qposer.body_pose.rotations import matrix_to_axis_angle

        poses = matrix_to_axis_angle(prior.sample(number, temperature, seed=seed))
        energy = prior.energy(poses)
        figures = [
            Figure(f"{index}", pose, value)
            for index, (pose, value) in enumerate(zip(poses[:MOST_DRAWN], energy.tolist(), strict=False))
        ]
        picture = draw_sheet(figures, f"{number} samples, seed {seed}, temperature {temperature:g}")
        arrays = {"body_pose": poses.numpy(), "energy": energy.numpy()}
        png, npz = write_sheet(out, "sample", picture, arrays)
    low, middle, high = energy.min(), energy.median(), energy.max()
    console = plain_console()
    console.print(f"{number} poses in {npz}: energy {low:.2f} to {high:.2f}, median {middle:.2f}; picture: {png}")


def command() -> None:
    """Run the command line."""
    tyro.cli(main, description=__doc__)
