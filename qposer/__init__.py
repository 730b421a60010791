"""QPoser: a quantised, explicit, controllable prior of human pose."""

__version__ = "0.1.0"

from qposer.codeprior import CodePrior, CodePriorConfig
from qposer.model import QPoser, QPoserConfig

__all__ = ["CodePrior", "CodePriorConfig", "QPoser", "QPoserConfig", "__version__"]
