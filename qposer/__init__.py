"""QPoser: a quantised, explicit, controllable prior for human poses."""

from __future__ import annotations

import sys

from qposer.io.interrupts import end_on_interrupt
from qposer.io.lazy_names import lazy_names

TYPE_CHECKING = False  # see qposer.io.lazy_names
if TYPE_CHECKING:
    from qposer.body_pose.poses import read_poses
    from qposer.control.descriptions import describe
    from qposer.control.edits import blend, complete, interpolate, mirror, swap, vary
    from qposer.control.instructions import instruct
    from qposer.control.inverse_kinematics import solve_ik
    from qposer.control.text_prior import generate
    from qposer.hands.prior import HandPrior, load_hand_prior
    from qposer.hands.skeleton import mirror_hand
    from qposer.prior.code_prior import CodePrior
    from qposer.prior.code_prior_network import CodePriorConfig
    from qposer.prior.model import QPoser, QPoserConfig

__version__ = "0.1.0"

__all__ = [
    "CodePrior",
    "CodePriorConfig",
    "HandPrior",
    "QPoser",
    "QPoserConfig",
    "__version__",
    "blend",
    "complete",
    "describe",
    "generate",
    "instruct",
    "interpolate",
    "load_hand_prior",
    "mirror",
    "mirror_hand",
    "read_poses",
    "solve_ik",
    "swap",
    "vary",
]

__getattr__ = lazy_names(
    __name__,
    {
        "qposer.prior.code_prior": ("CodePrior",),
        "qposer.prior.code_prior_network": ("CodePriorConfig",),
        "qposer.control.edits": ("blend", "complete", "interpolate", "mirror", "swap", "vary"),
        "qposer.control.descriptions": ("describe",),
        "qposer.control.instructions": ("instruct",),
        "qposer.prior.model": ("QPoser", "QPoserConfig"),
        "qposer.body_pose.poses": ("read_poses",),
        "qposer.control.inverse_kinematics": ("solve_ik",),
        "qposer.control.text_prior": ("generate",),
        "qposer.hands.prior": ("HandPrior", "load_hand_prior"),
        "qposer.hands.skeleton": ("mirror_hand",),
    },
)

if sys.argv[:1] == ["-m"]:  # python -m is looking for a module: a command of these packages starts
    end_on_interrupt()
