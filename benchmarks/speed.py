"""Speed of fits, also compared with an SMPLify-X style loop: ``python -m benchmarks.speed --data poses.npz``."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import torch
import tyro
from rich.console import Console
from torch import Tensor

from benchmarks import smplifyx_loop
from benchmarks.baselines.vposer import VPoser
from benchmarks.commands import command
from benchmarks.fitting.people import People, observed, people
from benchmarks.intervals import mean_interval
from benchmarks.machine import machine
from benchmarks.tables import Table
from fitting.fit import Fitter
from fitting.inputs.keypoints import Keypoints
from fitting.optimise.initialize import initialize
from qposer.data.dataset import PoseDataset
from qposer.evaluation.metrics import pa_mpjpe
from qposer.io.atomic_files import atomic_write
from qposer.io.cli_errors import cli_errors
from qposer.vposer import load_vposer

INTRODUCTION = """\
Fits to synthetic photos of validation poses with noisy keypoints, from keypoints to meshes; medians of three, in
core seconds for runs on one thread. For comparison, an SMPLify-X style loop (`benchmarks/smplifyx_loop.py`) uses
L-BFGS and computes the whole mesh in every evaluation, one person at a time. It optimises the latent of VPoser or of
our drop-in from the same orientation and position, without collisions, hands or face. The weight of its prior is
tested at three scales."""

BATCHES = (1, 8, 64, 512)
SCALES = (0.1, 1.0, 10.0)
"""Factors on the prior's weights in the SMPLify-X style loop."""


def main(
    data: Path,
    runs: Path = Path("runs"),
    batches: tuple[int, ...] = BATCHES,
    loop_people: int = 12,
    threads: int = 1,
    device: Literal["cpu", "cuda"] = "cpu",
    out: Path | None = None,
) -> None:
    """Time fits to noisy keypoints of validation poses, all in one process.

    Args:
        data: poses.npz, written by ``python -m qposer.data.build``.
        runs: folder of the VPoser baselines' runs, vposer-*, for the SMPLify-X style loop.
        batches: batch sizes.
        loop_people: number of people for the comparison with the loop, one at a time.
        threads: number of PyTorch threads.
        device: device of QPoser's fits.
        out: folder for speed.md.
    """
    console = Console(width=120)
    torch.set_num_threads(threads)
    with cli_errors("benchmarks.speed"):
        fitter = Fitter(device=device)
        poses = PoseDataset.load(data).body_pose("validation")
        rows = [_throughput(fitter, poses, size) for size in batches]
        throughput = Table(["batch", "seconds", "fits per second", "relative to batch 1"], _with_ratio(rows))
        tables = {f"Fits per second on {device}": throughput}
        vposers = sorted(runs.glob("vposer-*/best.safetensors"))
        if loop_people and vposers:
            tables["One person at a time, noisy keypoints"] = _against_loop(fitter, poses, vposers, loop_people)
        for title, table in tables.items():
            console.print(table.for_console(title))
        console.print(f"{machine()}", highlight=False)
        if out:
            blocks = [f"## {title}\n\n{table.markdown()}" for title, table in tables.items()]
            given = {"data": data, "runs": runs, "batches": batches, "loop_people": loop_people, "threads": threads}
            run = f"`{command('benchmarks.speed', main, **given, device=device, out=out)}`; {machine()}."
            out.mkdir(parents=True, exist_ok=True)
            with atomic_write(out / "speed.md") as temporary:
                text = "\n\n".join(["# Speed", INTRODUCTION, run, *blocks])
                temporary.write_text(f"{text}\n", encoding="utf-8")


def _drawn(fitter: Fitter, poses: Tensor, count: int) -> tuple[People, Keypoints]:
    truth = people(fitter.body.cpu(), poses, count, torch.Generator().manual_seed(0))
    fitter.body.to(fitter.device)
    xy, confidence = observed(truth, "noise", torch.Generator().manual_seed(0))
    return truth, Keypoints(xy.numpy(), confidence.numpy(), "mediapipe", noise_floor=0.0)


def _throughput(fitter: Fitter, poses: Tensor, size: int) -> tuple[int, float]:
    """Batch size and median seconds of three runs."""
    truth, keypoints = _drawn(fitter, poses, size)
    image = (1000, 1000)
    focal = truth.camera.focal[0].item()
    return size, _median_seconds(lambda: fitter.fit_keypoints(keypoints, image, focal=focal), _clock(fitter))


def _with_ratio(rows: list[tuple[int, float]]) -> list[list[str]]:
    first = rows[0][0] / rows[0][1]
    return [[str(n), f"{s:.2f}", f"{n / s:.1f}", f"{n / s / first:.1f}"] for n, s in rows]


def _median_seconds(work: Callable[[], object], clock: Callable[[], float]) -> float:
    found = []
    for _ in range(3):
        started = clock()
        work()
        found.append(clock() - started)
    return sorted(found)[1]


def _clock(fitter: Fitter) -> Callable[[], float]:
    """Clock of processor time on a CPU, since other processes disturb wall-clock time more."""
    return time.process_time if fitter.device.type == "cpu" and torch.get_num_threads() == 1 else time.perf_counter


def _against_loop(fitter: Fitter, poses: Tensor, vposers: list[Path], count: int) -> Table:
    """Seconds per person and PA-MPJPE of QPoser, single and batched, and of the loop with VPoser and the drop-in."""
    truth, keypoints = _drawn(fitter, poses, count)
    body = fitter.body
    true = body(truth.orient, truth.body_pose, truth.betas).joints[:, :22]
    problem, start = initialize(body, fitter.space, fitter.regressor, keypoints, truth.camera)
    dropin, _ = load_vposer()

    def ours(chosen: Tensor) -> Tensor:
        _, found = fitter.solve(keypoints[chosen.tolist()], truth.camera[chosen])
        joints: Tensor = body(found.orient, fitter.body_pose(found), found.betas).joints[:, :22]
        return joints

    def loop(decode: Callable[[Tensor], Tensor], scale: float) -> Callable[[Tensor], Tensor]:
        def fitted(chosen: Tensor) -> Tensor:
            one, orient, transl = problem[chosen], start.orient[chosen], start.transl[chosen]
            orient, pose, betas, _ = smplifyx_loop.fit(body, decode, one, orient, transl, scale)
            joints: Tensor = body(orient, pose, betas).joints[:, :22]
            return joints

        return fitted

    each = torch.arange(count).split(1)
    contenders: dict[str, tuple[Callable[[Tensor], Tensor], tuple[Tensor, ...]]] = {
        "QPoser": (ours, each),
        "QPoser, all in one batch": (ours, (torch.arange(count),)),
    }
    for file in vposers:
        for scale in SCALES:
            name = f"SMPLify-X style, VPoser {file.parent.name.partition('-')[2]}, weight {scale:g}"
            contenders[name] = loop(VPoser.from_pretrained(file).decode, scale), each
    for scale in SCALES:
        contenders[f"SMPLify-X style, our drop-in, weight {scale:g}"] = loop(dropin.rotations, scale), each
    rows, seconds_of, clock = [], {}, _clock(fitter)
    for name, (fit, chunks) in contenders.items():
        started = clock()
        found = torch.cat([fit(chunk) for chunk in chunks])
        seconds_of[name] = (clock() - started) / count
        error = mean_interval(1000 * pa_mpjpe(found, true))
        times = seconds_of[name] / seconds_of["QPoser"]
        rows.append([name, f"{seconds_of[name]:.2f}", f"{times:.1f}", f"{error:.1f}"])
    return Table(["", "seconds per person", "relative to QPoser", "PA-MPJPE, mm"], rows)


if __name__ == "__main__":
    tyro.cli(main)
