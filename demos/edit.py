"""Edit a pose by its codes.

    python demos/edit.py swap --parts left_arm head --pose out/sample.npz:3 --donor.sample 2

runs the command ``qposer edit`` from a checkout.
"""

import sys

sys.path.insert(0, __file__.rpartition("demos")[0])

from qposer.io.interrupts import end_on_interrupt

if __name__ == "__main__":
    end_on_interrupt()

    from fitting.commands.run import run

    run("edit")
