"""The compared priors, read from their checkpoints."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor

from benchmarks.baselines.diffusion import PoseDiffusion
from benchmarks.baselines.interface import PosePrior
from benchmarks.baselines.mixture import PoseMixture
from benchmarks.baselines.no_prior import NoPrior
from benchmarks.baselines.vposer import VPoser
from benchmarks.prior.poses import file_digest
from benchmarks.prior.qposer_prior import QPoserPrior
from qposer.io.assets import asset

QPOSER, VPOSER, NO_PRIOR = "QPoser", "VPoser", "no prior"

SHARED = (
    "qposer.body_pose.kinematics",
    "qposer.evaluation.metrics",
    "qposer.body_pose.rotations",
    "qposer.body_pose.skeleton",
)
"""Modules that the results of every prior depend on."""


@runtime_checkable
class Reconstructs(Protocol):
    """A prior that is an autoencoder."""

    def reconstruct(self, body_pose: Float[Tensor, "poses 21 3"]) -> Float[Tensor, "poses 21 3"]:
        """Encode and decode poses, axis-angle in radians."""
        ...


@dataclass(frozen=True)
class Contender:
    """A prior and its name in the tables."""

    name: str
    prior: PosePrior | NoPrior
    digests: tuple[str, ...]
    """Digests of the files that its results depend on: weights and code."""


def load_qposer(model: Path | None, codeprior: Path | None) -> Contender:
    """Load QPoser with its code prior.

    Args:
        model: file of the autoencoder; the shipped one if None.
        codeprior: file of the code prior; the shipped one if None.

    Returns:
        The contender.

    Raises:
        FileNotFoundError: a file does not exist.
        ValueError: a file is not of the expected kind.
    """
    files = (model or asset("qposer.safetensors"), codeprior or asset("codeprior.safetensors"))
    modules = ("code_prior", "denoiser", "diffusion", "glif", "classifiers", "model", "quantizer")
    code = ("benchmarks.prior.qposer_prior", *(f"qposer.prior.{module}" for module in modules))
    return Contender(QPOSER, QPoserPrior.from_pretrained(*files), _digests(files, code))


def load_baselines(runs: Path) -> tuple[list[Contender], list[str]]:
    """Load the baselines that have a run in a folder.

    Each folder ``vposer-*`` is a separate row. The row without a prior needs no run.

    Args:
        runs: folder of the runs.

    Returns:
        The baselines, and a message for each missing kind with the command that trains it.

    Raises:
        ValueError: a file does not contain the expected weights.
    """
    kinds: dict[str, tuple[str, Callable[[Path], PosePrior], str]] = {
        "vposer-*": (VPOSER, VPoser.from_pretrained, "vposer"),
        "gmm": ("GMM", PoseMixture.from_pretrained, "mixture"),
        "diffusion": ("diffusion", PoseDiffusion.from_pretrained, "diffusion"),
    }
    found, missing = [Contender(NO_PRIOR, NoPrior(), _digests((), ("benchmarks.baselines.no_prior",)))], []
    for pattern, (name, read, module) in kinds.items():
        files = sorted(runs.glob(f"{pattern}/best.safetensors"))
        if not files:
            missing.append(f"no {runs / pattern}: python -m benchmarks.baselines.train_{module} trains it")
        for file in files:
            setting = file.parent.name.partition("-")[2]
            digests = _digests((file,), (f"benchmarks.baselines.{module}", "benchmarks.baselines.descent"))
            found.append(Contender(f"{name} {setting}".strip(), read(file), digests))
    return found, missing


def _digests(weights: tuple[Path, ...], modules: tuple[str, ...]) -> tuple[str, ...]:
    """Digests of weight files, of the given modules, and of the modules that all priors share."""
    code = (Path(str(sys.modules[module].__file__)) for module in (*modules, *SHARED))
    return tuple(file_digest(file) for file in (*weights, *code))
