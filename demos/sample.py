"""Draw poses from the prior.

    python demos/sample.py --number 24 --seed 1

writes into OUT: sample.png, a sheet of the bodies with their energies, and sample.npz: body_pose (number, 21, 3),
axis-angle in radians, and energy (number,). Pose 5 of the sheet is then --pose OUT/sample.npz:5 of demos/edit.py and
demos/complete.py. The same seed gives the same poses.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from qposer.io.interrupts import end_on_interrupt

if __name__ == "__main__":
    end_on_interrupt()

import tyro

from demos.inputs import shipped_prior
from qposer.io.cli_errors import plain_console

MOST_DRAWN = 200
"""Bodies on a sheet; more poses than that are in the npz file only."""


def main(number: int = 16, seed: int = 0, temperature: float = 1.0, out: Path = Path("out")) -> None:
    """Draw poses from the prior.

    Args:
        number: how many poses; the sheet shows the first 200 at most.
        seed: of the random numbers.
        temperature: 1 for poses as varied as recorded ones; lower ones are closer to the usual, higher ones wilder.
        out: folder for the results.
    """
    with shipped_prior("sample") as prior:
        from demos.sheets import Figure, draw_sheet, write_sheet
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
    console.print(f"{number} poses in {npz}: energy {low:.2f} to {high:.2f}, median {middle:.2f}; look at {png}")


if __name__ == "__main__":
    tyro.cli(main, description=__doc__)
