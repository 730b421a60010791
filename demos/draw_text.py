"""Sample poses that match texts.

    python demos/draw_text.py "both hands are on the hips"

runs the command ``qposer draw`` from a checkout.
"""

import sys

sys.path.insert(0, __file__.rpartition("demos")[0])

from qposer.io.interrupts import end_on_interrupt

if __name__ == "__main__":
    end_on_interrupt()

    from fitting.commands.run import run

    run("draw")
