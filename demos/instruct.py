"""Edit a pose by instructions in English.

    python demos/instruct.py "raise the left arm" "look at the left hand"

runs the command ``qposer instruct`` from a checkout.
"""

import sys

sys.path.insert(0, __file__.rpartition("demos")[0])

from qposer.io.interrupts import end_on_interrupt

if __name__ == "__main__":
    end_on_interrupt()

    from fitting.commands.run import run

    run("instruct")
