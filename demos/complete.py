"""Complete a partly known pose: sample several hypotheses for the unknown parts.

    python demos/complete.py --pose out/sample.npz:3 --unknown legs

runs the command ``qposer complete`` from a checkout.
"""

import sys

sys.path.insert(0, __file__.rpartition("demos")[0])

from qposer.io.interrupts import end_on_interrupt

if __name__ == "__main__":
    end_on_interrupt()

    from fitting.commands.run import run

    run("complete")
