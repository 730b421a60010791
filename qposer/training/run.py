"""The training loop: progress, log, validation, checkpoints, and resuming; by one process or several."""

from __future__ import annotations

import csv
import dataclasses
import json
import math
import time
from collections.abc import Callable
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import nn

from qposer.data.dataset import Subjects
from qposer.io.atomic_files import atomic_write
from qposer.io.messages import one_line
from qposer.training.checkpoint import load_checkpoint, save_checkpoint
from qposer.training.config import RunConfig
from qposer.training.distributed import averaged, data_parallel, follow_main_process, is_main, main_process_first

WARM_UP = 500


def run(
    config: RunConfig,
    model: nn.Module,
    generator: torch.Generator,
    loss: Callable[[], dict[str, torch.Tensor]],
    validate: Callable[[], dict[str, float]],
    after_step: Callable[[], None],
    console: Console,
    subjects: Subjects = "train",
) -> Path:
    """Train a model, or resume its training; returns the file with the best weights.

    When training on all subjects, validation poses are training poses and select nothing: the last weights are kept.
    Of several processes (`qposer.training.distributed`) only the main one validates and writes. Checkpoints do not
    depend on the number of processes.

    Args:
        config: settings of the run, stored in the folder ``out``; a folder with other settings is rejected.
        model: model with a method ``save(path, **notes)``.
        generator: random generator of the steps; its state is part of the checkpoints.
        loss: function that returns the loss terms of a batch by name, the total first; means over members chosen by
            `share`.
        validate: function that returns metrics by name, the one to minimise first.
        after_step: function called after each step.
        console: console for the progress.
        subjects: subjects of the training poses, recorded in the weights' notes.

    Returns:
        The file with the best weights.

    Raises:
        ValueError: the folder belongs to a run with other settings, or its checkpoint is damaged.
        OSError: a file cannot be written.
        FloatingPointError: the loss is not finite.
    """
    with main_process_first():
        _claim(config)
    out: Path = config.out
    last, best_file = out / "last.safetensors", out / "best.safetensors"
    optimizer = torch.optim.Adam(model.parameters(), lr=config.learning_rate, betas=(0.9, 0.98))
    step, best = load_checkpoint(last, model, optimizer, generator) if last.exists() else (0, math.inf)
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=console, disable=not is_main()) as progress, data_parallel(model, loss) as shared:
        task = progress.add_task("", total=config.steps, completed=step)
        sums: dict[str, float] = {}
        summed = 0
        started = time.monotonic()
        while step < config.steps:
            for group in optimizer.param_groups:
                group["lr"] = config.learning_rate * warm_up_and_cosine(step, config.steps)
            terms = shared()
            total = next(iter(terms.values()))
            optimizer.zero_grad()
            total.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            after_step()
            step, summed = step + 1, summed + 1
            values = {name: term.item() for name, term in averaged(terms).items()}
            for name, value in values.items():
                sums[name] = sums.get(name, 0.0) + value
            if not math.isfinite(value := next(iter(values.values()))):
                raise FloatingPointError(f"the loss is {value} at step {step}: lower --learning-rate")
            progress.update(task, completed=step)
            if step % config.validate_every and step < config.steps:
                continue
            if is_main():
                model.eval()
                figures = validate()
                model.train()
                terms_mean = {name: value / summed for name, value in sums.items()}
                _log(
                    out / "log.csv",
                    {"step": step, "seconds": time.monotonic() - started, **terms_mean, **figures},
                )
                name, figure = next(iter(figures.items()))
                progress.update(task, description=f"{name} {figure:.3f}")
                if figure < best or subjects == "all":
                    best = figure
                    notes = {"step": str(step), "subjects": subjects, name: f"{figure:.4f}"}
                    model.save(best_file, **notes)  # type: ignore[operator]
                save_checkpoint(last, step, model, optimizer, generator, best)
            sums, summed = {}, 0
            follow_main_process(generator)
    return best_file


def warm_up_and_cosine(step: int, steps: int) -> float:
    """Factor on the learning rate: rising over the first 500 steps, falling to zero along a cosine.

    Args:
        step: number of the step, from 0.
        steps: total number of steps.

    Returns:
        A number from 0 to 1.
    """
    return min(1.0, (step + 1) / WARM_UP) * 0.5 * (1 + math.cos(math.pi * step / steps))


def _claim(config: RunConfig) -> None:
    """Create the run's folder, or check that its settings are the same."""
    config.out.mkdir(parents=True, exist_ok=True)
    settings = json.loads(json.dumps(dataclasses.asdict(config), default=str))
    file = config.out / "config.json"
    if not file.exists():
        with atomic_write(file) as temporary:
            temporary.write_text(json.dumps(settings, indent=2))
        return
    places = ("data", "out", "device")
    try:
        kept = dict(json.loads(file.read_text(encoding="utf-8")))
    except (TypeError, ValueError) as error:
        raise ValueError(f"{file} has no settings of a run ({one_line(error)}): give another --out") from None
    if any(kept.get(name) != value for name, value in settings.items() if name not in places):
        raise ValueError(f"{config.out} contains a run with other settings (see {file}): give another --out")


def _log(file: Path, row: dict[str, float]) -> None:
    """Append a row to a table; the table is unchanged if the disk is full."""
    kept = file.read_text(encoding="utf-8") if file.exists() else ""
    with atomic_write(file) as temporary, temporary.open("w", encoding="utf-8", newline="") as stream:
        stream.write(kept)
        writer = csv.writer(stream, lineterminator="\n")
        if not kept:
            writer.writerow(row)
        writer.writerow(f"{value:.6g}" for value in row.values())
