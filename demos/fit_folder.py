"""Fit bodies to all images of a folder.

    python demos/fit_folder.py photos --out out

runs the command ``qposer folder`` from a checkout.
"""

import sys

sys.path.insert(0, __file__.rpartition("demos")[0])

from qposer.io.interrupts import end_on_interrupt

if __name__ == "__main__":
    end_on_interrupt()

    from fitting.commands.run import run

    run("folder")
