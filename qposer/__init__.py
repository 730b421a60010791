"""QPoser: a quantised, explicit, controllable prior of human pose."""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

from qposer.io.interrupts import end_on_interrupt

if TYPE_CHECKING:
    from qposer.body_pose.poses import read_poses
    from qposer.control.descriptions import describe
    from qposer.control.edits import blend, complete, interpolate, mirror, swap, vary
    from qposer.control.instructions import instruct
    from qposer.control.inverse_kinematics import solve_ik
    from qposer.control.text_prior import generate
    from qposer.prior.code_prior import CodePrior, CodePriorConfig
    from qposer.prior.model import QPoser, QPoserConfig

__version__ = "0.1.0"

__all__ = [
    "CodePrior",
    "CodePriorConfig",
    "QPoser",
    "QPoserConfig",
    "__version__",
    "blend",
    "complete",
    "describe",
    "generate",
    "instruct",
    "interpolate",
    "mirror",
    "read_poses",
    "solve_ik",
    "swap",
    "vary",
]

_MODULES = {
    "qposer.prior.code_prior": ("CodePrior", "CodePriorConfig"),
    "qposer.control.edits": ("blend", "complete", "interpolate", "mirror", "swap", "vary"),
    "qposer.control.descriptions": ("describe",),
    "qposer.control.instructions": ("instruct",),
    "qposer.prior.model": ("QPoser", "QPoserConfig"),
    "qposer.body_pose.poses": ("read_poses",),
    "qposer.control.inverse_kinematics": ("solve_ik",),
    "qposer.control.text_prior": ("generate",),
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}

if sys.argv[:1] == ["-m"]:  # so it is while python -m looks for a module: a command of these packages begins
    end_on_interrupt()


def __getattr__(name: str) -> Any:
    """Load what is asked for when it is: PyTorch takes seconds, and `--help` needs none of it."""
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_MODULE_OF[name]), name)
