"""Fit a body to a person in a video.

    python demos/fit_video.py clip.mp4 --people all --export bvh

runs the command ``qposer video`` from a checkout.
"""

import sys

sys.path.insert(0, __file__.rpartition("demos")[0])

from qposer.io.interrupts import end_on_interrupt

if __name__ == "__main__":
    end_on_interrupt()

    from fitting.commands.run import run

    run("video")
