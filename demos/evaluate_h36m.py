"""Evaluate the fitter on Human3.6M: errors of fits to projected joints against the recorded joints.

    python demos/evaluate_h36m.py h36m --cameras cameras.json

runs the command ``qposer evaluate h36m`` from a checkout.
"""

import sys

sys.path.insert(0, __file__.rpartition("demos")[0])

from qposer.io.interrupts import end_on_interrupt

if __name__ == "__main__":
    end_on_interrupt()

    from fitting.commands.run import run

    run("evaluate h36m")
