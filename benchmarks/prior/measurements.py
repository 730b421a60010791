"""Run all protocols for all priors."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks.baselines.no_prior import NoPrior
from benchmarks.cache import Cache, Result
from benchmarks.machine import machine
from benchmarks.prior import completion, denoising, edits, generation, negatives, plausibility, reconstruction
from benchmarks.prior import protocol as protocols_share
from benchmarks.prior.completion import CompletionSettings
from benchmarks.prior.contenders import Contender, Reconstructs
from benchmarks.prior.denoising import DenoisingSettings, TuningSettings
from benchmarks.prior.edits import EditsSettings
from benchmarks.prior.generation import GenerationSettings
from benchmarks.prior.plausibility import PlausibilitySettings
from benchmarks.prior.poses import Poses, file_digest
from benchmarks.prior.qposer_prior import QPoserPrior
from benchmarks.prior.reconstruction import ReconstructionSettings, SpeedSettings


@dataclass(frozen=True)
class Sizes:
    """Settings of all protocols: numbers of poses, and seeds."""

    reconstruction: ReconstructionSettings = field(default_factory=ReconstructionSettings)
    speed: SpeedSettings = field(default_factory=SpeedSettings)
    plausibility: PlausibilitySettings = field(default_factory=PlausibilitySettings)
    generation: GenerationSettings = field(default_factory=GenerationSettings)
    completion: CompletionSettings = field(default_factory=CompletionSettings)
    tuning: TuningSettings = field(default_factory=TuningSettings)
    denoising: DenoisingSettings = field(default_factory=DenoisingSettings)
    edits: EditsSettings = field(default_factory=EditsSettings)


QUICK = Sizes(
    ReconstructionSettings(poses=256, meshes=64),
    SpeedSettings(rounds=5),
    PlausibilitySettings(poses=256),
    GenerationSettings(samples=1000, nearest_of=100),
    CompletionSettings(poses=16),
    TuningSettings(poses=8),
    DenoisingSettings(poses=16),
    EditsSettings(pairs=256),
)
"""Sizes for rough figures in about two minutes."""


@dataclass
class Measurements:
    """Results of the protocols by the names of the priors; empty for protocols without a prior."""

    reconstruction: dict[str, Result] = field(default_factory=dict)
    speed: Result = field(default_factory=dict)
    plausibility: dict[str, Result] = field(default_factory=dict)
    generation: dict[str, Result] = field(default_factory=dict)
    completion: dict[str, Result] = field(default_factory=dict)
    tuning: dict[str, Result] = field(default_factory=dict)
    denoising: dict[str, Result] = field(default_factory=dict)
    edits: dict[str, Result] = field(default_factory=dict)


def measure_all(
    contenders: list[Contender], poses: Poses, sizes: Sizes, cache: Cache, console: Console
) -> Measurements:
    """Run all protocols, or read their cached results, and show the progress.

    Args:
        contenders: the priors.
        poses: body poses by split.
        sizes: settings of the protocols.
        cache: cache of the results.
        console: console for progress.

    Returns:
        The results of all protocols.
    """
    found = Measurements()
    todo = jobs(found, contenders, poses, sizes, cache)
    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=console, transient=True) as progress:
        bar = progress.add_task("", total=len(todo))
        for name, job in todo:
            progress.update(bar, description=name)
            job()
            progress.advance(bar)
    return found


def jobs(
    found: Measurements, contenders: list[Contender], poses: Poses, sizes: Sizes, cache: Cache
) -> list[tuple[str, Callable[[], None]]]:
    """List the measurements as functions that store their results in ``found``.

    Args:
        found: results; filled in place.
        contenders: the priors.
        poses: body poses by split.
        sizes: settings of the protocols.
        cache: cache of the results.

    Returns:
        Name and function of each measurement, in order.
    """

    def kept(protocol: ModuleType, who: list[Contender], settings: Any, measure: Callable[[], Result]) -> Result:
        depends_on = {
            "priors": [contender.digests for contender in who],
            "poses": poses.digest,
            "code": [file_digest(Path(str(module.__file__))) for module in (protocol, protocols_share, negatives)],
            "settings": {type(settings).__name__: dataclasses.asdict(settings)},
        }
        name = f"{protocol.__name__.rpartition('.')[2]} {' '.join(contender.name for contender in who)}"
        return cache.result(name, depends_on, measure)

    def one(protocol: ModuleType, results: dict[str, Result], contender: Contender, settings: Any) -> None:
        measure = partial(protocol.measure, contender.prior, poses, settings)
        results[contender.name] = kept(protocol, [contender], settings, measure)

    def tuned(contender: Contender) -> None:
        tune = partial(denoising.tune, contender.prior, poses, sizes.tuning)
        tuning = found.tuning[contender.name] = kept(denoising, [contender], sizes.tuning, tune)
        settings = dataclasses.replace(sizes.denoising, weights=tuple(tuning["weights"]))
        one(denoising, found.denoising, contender, settings)

    def speed() -> None:
        def measure() -> Result:
            return {"machine": machine(), "poses": reconstruction.measure_speed(autoencoders, poses, sizes.speed)}

        found.speed = kept(reconstruction, encoding, sizes.speed, measure)

    def real() -> None:
        measure = partial(generation.measure_real, poses, sizes.generation)
        found.generation |= kept(generation, [], sizes.generation, measure)

    autoencoders: dict[str, Reconstructs] = {
        contender.name: contender.prior for contender in contenders if isinstance(contender.prior, Reconstructs)
    }
    encoding = [contender for contender in contenders if contender.name in autoencoders]
    drawing = [contender for contender in contenders if not isinstance(contender.prior, NoPrior)]
    editing = [contender for contender in contenders if isinstance(contender.prior, QPoserPrior)]
    plan = (
        (reconstruction, found.reconstruction, encoding, sizes.reconstruction),
        (plausibility, found.plausibility, drawing, sizes.plausibility),
        (generation, found.generation, drawing, sizes.generation),
        (completion, found.completion, drawing, sizes.completion),
        (edits, found.edits, editing, sizes.edits),
    )
    todo: list[tuple[str, Callable[[], None]]] = [("speed", speed), ("figures of real poses", real)]
    for protocol, results, who, settings in plan:
        for contender in who:
            name = f"{protocol.__name__.rpartition('.')[2]}: {contender.name}"
            todo.append((name, partial(one, protocol, results, contender, settings)))
    return todo + [(f"denoising: {contender.name}", partial(tuned, contender)) for contender in contenders]
