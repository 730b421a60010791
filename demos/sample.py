"""Sample poses from the prior.

    python demos/sample.py --number 24 --seed 1

runs the command ``qposer sample`` from a checkout.
"""

import sys

sys.path.insert(0, __file__.rpartition("demos")[0])

from qposer.io.interrupts import end_on_interrupt

if __name__ == "__main__":
    end_on_interrupt()

    from fitting.commands.run import run

    run("sample")
