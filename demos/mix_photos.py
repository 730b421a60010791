"""Combine parts of several people's poses, from photos or saved poses, into one pose.

    python demos/mix_photos.py a.jpg b.jpg --take arms --from B

runs the command ``qposer mix`` from a checkout.
"""

import sys

sys.path.insert(0, __file__.rpartition("demos")[0])

from qposer.io.interrupts import end_on_interrupt

if __name__ == "__main__":
    end_on_interrupt()

    from fitting.commands.run import run

    run("mix")
