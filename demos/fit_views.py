"""Fit bodies to people seen by several calibrated cameras at the same moment.

    python demos/fit_views.py Calib.toml a.jpg b.jpg

runs the command ``qposer views`` from a checkout.
"""

import sys

sys.path.insert(0, __file__.rpartition("demos")[0])

from qposer.io.interrupts import end_on_interrupt

if __name__ == "__main__":
    end_on_interrupt()

    from fitting.commands.run import run

    run("views")
