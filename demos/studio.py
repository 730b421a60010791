"""Pose a body in the browser by dragging, text instructions and sampling.

    python demos/studio.py --photo photo.jpg

runs the command ``qposer studio`` from a checkout.
"""

import sys

sys.path.insert(0, __file__.rpartition("demos")[0])

from qposer.io.interrupts import end_on_interrupt

if __name__ == "__main__":
    end_on_interrupt()

    from fitting.commands.run import run

    run("studio")
