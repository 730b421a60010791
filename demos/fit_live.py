"""Fit a body to a person in front of a camera, live.

    python demos/fit_live.py 0

runs the command ``qposer live`` from a checkout.
"""

import sys

sys.path.insert(0, __file__.rpartition("demos")[0])

from qposer.io.interrupts import end_on_interrupt

if __name__ == "__main__":
    end_on_interrupt()

    from fitting.commands.run import run

    run("live")
