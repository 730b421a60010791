"""Export the networks to ONNX or torch.export, for programs without this package.

    python demos/export_model.py onnx --model decode vposer_decode

runs the command ``qposer export`` from a checkout.
"""

import sys

sys.path.insert(0, __file__.rpartition("demos")[0])

from qposer.io.interrupts import end_on_interrupt

if __name__ == "__main__":
    end_on_interrupt()

    from fitting.commands.run import run

    run("export")
