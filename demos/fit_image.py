"""Fit bodies to the people in a photo, the largest first.

    python demos/fit_image.py photo.jpg --people 3

runs the command ``qposer fit`` from a checkout.
"""

import sys

sys.path.insert(0, __file__.rpartition("demos")[0])

from qposer.io.interrupts import end_on_interrupt

if __name__ == "__main__":
    end_on_interrupt()

    from fitting.commands.run import run

    run("fit")
