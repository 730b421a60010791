"""Sampling temperature: ``python -m benchmarks.temperature --data poses.npz --runs runs --out docs/benchmarks``.

Writes ``temperature.md`` and ``images/temperature.png``: precision against recall of samples, and minimum against mean
error of ten completions, for QPoser at several temperatures and for the baselines, which have no temperature.
"""

from __future__ import annotations

from pathlib import Path

import torch
import tyro
from jaxtyping import Bool, Float
from matplotlib.figure import Figure
from rich.console import Console
from rich.progress import track
from torch import Tensor

from benchmarks.baselines.interface import PosePrior
from benchmarks.baselines.no_prior import NoPrior
from benchmarks.cache import Result
from benchmarks.machine import machine
from benchmarks.prior import completion, generation
from benchmarks.prior.contenders import QPOSER, load_baselines
from benchmarks.prior.poses import Poses
from benchmarks.prior.qposer_prior import QPoserPrior
from benchmarks.tables import Table
from qposer.body_pose.rotations import matrix_to_axis_angle
from qposer.io.atomic_files import atomic_write
from qposer.io.cli_errors import cli_errors
from qposer.prior.code_prior import CodePrior

TEMPERATURES = (0.0, 0.25, 0.5, 0.7, 0.85, 1.0, 1.15, 1.3)
SAMPLES = generation.GenerationSettings(samples=4000, nearest_of=10)
COMPLETIONS = completion.CompletionSettings(poses=60)


class AtTemperature(QPoserPrior):
    """QPoser with a fixed sampling temperature."""

    def __init__(self, prior: CodePrior, temperature: float) -> None:
        super().__init__(prior.model, prior)
        self.temperature = temperature

    def sample(self, n: int, generator: torch.Generator) -> Float[Tensor, "n 21 3"]:
        """As `PosePrior.sample`.

        Args:
            n: number of samples.
            generator: random generator.

        Returns:
            Body poses, axis-angle in radians.
        """
        return matrix_to_axis_angle(self.prior.sample(n, self.temperature, generator=generator))

    def complete(
        self, body_pose: Float[Tensor, "poses 21 3"], known: Bool[Tensor, "21"], n: int, generator: torch.Generator
    ) -> Float[Tensor, "n poses 21 3"]:
        """As `PosePrior.complete`.

        Args:
            body_pose: body poses, axis-angle in radians.
            known: mask of the known joints.
            n: number of hypotheses for each pose.
            generator: random generator.

        Returns:
            Body poses, axis-angle in radians.
        """
        return self.prior.complete(body_pose, known, n, self.temperature, generator=generator)


def main(data: Path, runs: Path = Path("runs"), out: Path = Path("docs/benchmarks")) -> None:
    """Measure samples and completions at several temperatures.

    Args:
        data: poses.npz, written by ``python -m qposer.data.build``.
        runs: folder of the baselines' runs.
        out: folder for the page and its picture.
    """
    console = Console()
    with cli_errors("temperature"):
        poses = Poses.load(data)
        prior = CodePrior.from_pretrained()
        rows: dict[str, tuple[Result, Result]] = {}
        draws: dict[str, PosePrior] = {f"{QPOSER}, {t}": AtTemperature(prior, t) for t in TEMPERATURES}
        draws |= {each.name: each.prior for each in load_baselines(runs)[0] if not isinstance(each.prior, NoPrior)}
        for name, each in track(draws.items(), description="drawing", console=console):
            rows[name] = generation.measure(each, poses, SAMPLES), completion.measure(each, poses, COMPLETIONS)
        write(rows, out)
    console.print(f"see {out / 'temperature.md'}")


def write(rows: dict[str, tuple[Result, Result]], out: Path) -> None:
    """Write the page and its picture.

    Args:
        rows: figures by temperature.
        out: folder of the page.
    """
    parts = completion.PARTS
    columns = ["", "FID poses", "FID joints cm", "precision", "recall", *(f"{part}, min / mean mm" for part in parts)]
    cells = []
    for name, (samples, completed) in rows.items():
        figures = [f"{samples['fid_pose']:.2f}", f"{samples['fid_joints_cm']:.0f}"]
        figures += [f"{samples[kind]:.3f}" for kind in ("precision", "recall")]
        figures += [f"{_mean(completed[part]['min_mm'])} / {_mean(completed[part]['mean_mm'])}" for part in parts]
        cells.append([name, *figures])
    text = f"""# Sampling temperature

{SAMPLES.samples} samples against the same number of test poses, and {COMPLETIONS.hypotheses} completions of
{COMPLETIONS.poses} test poses: minimum and mean error, in millimetres, over the joints that the
unknown part moves. Temperature trades precision for recall, and the minimum error of completions for their mean error:
as it approaches 0 all completions become equal. [prior.md](prior.md) explains the columns.

![Precision against recall, and minimum against mean error of completions](images/temperature.png)

{Table(columns, cells).markdown()}

`python -m benchmarks.temperature --data poses.npz --runs runs --out docs/benchmarks`; {machine()}.
"""
    (out / "images").mkdir(parents=True, exist_ok=True)
    with atomic_write(out / "temperature.md") as temporary:
        temporary.write_text(text)
    with atomic_write(out / "images" / "temperature.png") as temporary:
        plot(rows).savefig(temporary, dpi=110, format="png")


def plot(rows: dict[str, tuple[Result, Result]]) -> Figure:
    """A curve over temperatures for QPoser, and a point for each baseline."""
    figure = Figure(figsize=(11, 3.6), layout="constrained")
    panels = figure.subplots(1, 3)
    panels[0].set(xlabel="recall", ylabel="precision", title="samples")
    for axes, part in zip(panels[1:], ("legs", "arms"), strict=True):
        axes.set(xlabel="best of 10, mm", ylabel="mean of 10, mm", title=f"completing {part}")
    for axes, points in zip(panels, _points(rows), strict=True):
        curve = {name: point for name, point in points.items() if name.startswith(QPOSER)}
        axes.plot(*zip(*curve.values(), strict=True), "o-", label=f"{QPOSER}, by temperature")
        for name, point in curve.items():
            axes.annotate(name.partition(", ")[2], point, textcoords="offset points", xytext=(4, 4), fontsize=7)
        for name, point in points.items():
            if name not in curve:
                axes.plot(*point, "s", label=name)
    panels[0].legend(fontsize=7)
    return figure


def _points(rows: dict[str, tuple[Result, Result]]) -> list[dict[str, tuple[float, float]]]:
    """Coordinates of each row in each panel."""
    samples = {name: (drawn["recall"], drawn["precision"]) for name, (drawn, _) in rows.items()}
    completed = [
        {
            name: (float(_mean(result[part]["min_mm"])), float(_mean(result[part]["mean_mm"])))
            for name, (_, result) in rows.items()
        }
        for part in ("legs", "arms")
    ]
    return [samples, *completed]


def _mean(values: list[float]) -> str:
    return f"{sum(values) / len(values):.0f}"


if __name__ == "__main__":
    tyro.cli(main)
