"""The priors that are compared, read from their checkpoints."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor

from benchmarks.prior.poses import file_digest
from benchmarks.prior.qposer_prior import QPoserPrior
from qposer.baselines.diffusion import PoseDiffusion
from qposer.baselines.interface import PosePrior
from qposer.baselines.mixture import PoseMixture
from qposer.baselines.no_prior import NoPrior
from qposer.baselines.vposer import VPoser
from qposer.io.assets import asset

QPOSER, VPOSER, NO_PRIOR = "QPoser", "VPoser", "no prior"

SHARED = (
    "qposer.body_pose.kinematics",
    "qposer.evaluation.metrics",
    "qposer.body_pose.rotations",
    "qposer.body_pose.skeleton",
)
"""Modules that every prior's results follow from."""


@runtime_checkable
class Reconstructs(Protocol):
    """A prior that is an autoencoder."""

    def reconstruct(self, body_pose: Float[Tensor, "poses 21 3"]) -> Float[Tensor, "poses 21 3"]:
        """The poses after a way through the latents."""
        ...


@dataclass(frozen=True)
class Contender:
    """A prior, and what tables call it."""

    name: str
    prior: PosePrior | NoPrior
    digests: tuple[str, ...]
    """Of the files that its results follow from: weights and code."""


def load_qposer(model: Path | None, codeprior: Path | None) -> Contender:
    """QPoser with its code prior; the shipped files where none are given.

    Args:
        model: file of the autoencoder.
        codeprior: file of the code prior.

    Returns:
        The contender.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: a file holds something else.
    """
    files = (model or asset("qposer.safetensors"), codeprior or asset("codeprior.safetensors"))
    modules = ("code_prior", "denoiser", "diffusion", "glif", "classifiers", "model", "quantizer")
    code = ("benchmarks.prior.qposer_prior", *(f"qposer.prior.{module}" for module in modules))
    return Contender(QPOSER, QPoserPrior.from_pretrained(*files), _digests(files, code))


def load_baselines(runs: Path) -> tuple[list[Contender], list[str]]:
    """The baselines whose runs are in a folder, and, for each kind that is not, a line that says what makes it.

    Each folder ``vposer-*`` is a row of its own. That no prior is known needs no run.

    Raises:
        ValueError: a file holds something else.
    """
    kinds: dict[str, tuple[str, Callable[[Path], PosePrior], str]] = {
        "vposer-*": (VPOSER, VPoser.from_pretrained, "vposer"),
        "gmm": ("GMM", PoseMixture.from_pretrained, "mixture"),
        "diffusion": ("diffusion", PoseDiffusion.from_pretrained, "diffusion"),
    }
    found, missing = [Contender(NO_PRIOR, NoPrior(), _digests((), ("qposer.baselines.no_prior",)))], []
    for pattern, (name, read, module) in kinds.items():
        files = sorted(runs.glob(f"{pattern}/best.safetensors"))
        if not files:
            missing.append(f"no {runs / pattern}: python -m qposer.baselines.train_{module} trains it")
        for file in files:
            setting = file.parent.name.partition("-")[2]
            digests = _digests((file,), (f"qposer.baselines.{module}", "qposer.baselines.descent"))
            found.append(Contender(f"{name} {setting}".strip(), read(file), digests))
    return found, missing


def _digests(weights: tuple[Path, ...], modules: tuple[str, ...]) -> tuple[str, ...]:
    """Digests of files of weights, and of modules that are imported, those that all priors share among them."""
    code = (Path(str(sys.modules[module].__file__)) for module in (*modules, *SHARED))
    return tuple(file_digest(file) for file in (*weights, *code))
