"""Ways to relax codes during a fit: ``python -m benchmarks.relaxation --data poses.npz --out docs/benchmarks``.

All are fitted to the same synthetic photos in the same stages by Adam, which needs only gradients. Temperatures fall
geometrically over the steps in which the pose is free.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import torch
import tyro
from jaxtyping import Float
from rich.console import Console
from torch import Tensor

from benchmarks.commands import command
from benchmarks.fitting.adam import SCHEDULE, AdamSolver, PenalisedCodes, PenalisedSpace
from benchmarks.fitting.people import observed, people
from benchmarks.intervals import mean_interval
from benchmarks.machine import machine
from benchmarks.tables import Table
from fitting.body.body import Body
from fitting.inputs.keypoints import Keypoints
from fitting.optimise.initialize import initialize
from fitting.optimise.problem import Stage, Weights
from fitting.optimise.regressor import Regressor
from fitting.optimise.schedule import ROOT_AND_SHAPE, refine
from qposer.body_pose.rotations import axis_angle_to_matrix
from qposer.data.dataset import PoseDataset
from qposer.evaluation.metrics import pa_mpjpe
from qposer.io.atomic_files import atomic_write
from qposer.io.cli_errors import cli_errors
from qposer.prior.code_prior import CodePrior

RESIDUAL = Stage(steps=80, free=(*ROOT_AND_SHAPE, "residual"), rho=0.05)
"""Final stage for small residual rotations after the codes."""

CONDITIONS = ("clean", "noise", "legs missing")
ALONE = 6
"""People who are also fitted one by one."""

PAGE = """# Relaxing codes during a fit

A code is an index, but a fit needs continuous variables. This page compares ways to relax codes on synthetic photos of
{people} {split} poses: PA-MPJPE in millimetres with 95 % intervals. Initialisation, stages, prior and weights are the
same for all. The last column is the largest distance of any vertex between a person's fit in a batch and the same
person's fit alone (the worst of {alone} people with noisy keypoints).

{table}

Command: `{command}`.
Machine: {machine}.

- **Shipped:** continuous values between the codes during the fit, and the nearest codes at the end. With
  one-dimensional codes, a value between two neighbouring codes is a mixture of these two: a point on the simplex over
  the codebook with the smallest possible support. The decoder is smooth between codes because a fifth of each training
  batch was unquantised.
- **Softmax over distances** needs the distances to all codes in every step, and a low temperature turns the codebook
  into a staircase: Adam jumps between its steps, and rounding decides the result, as the last column shows.
- **Straight-through** gradients are less chaotic, but not free of chaos.
- **Free logits**, with or without Gumbel noise, stay too close to their initial values: nearly all of a softmax's 256
  logits have no gradient, and those that have one change the mixture slowly.
- **Residual rotations** after the codes are an option for models with fewer codes; this model's codes are fine enough.
"""


class Annealed(PenalisedCodes):
    """A relaxation that approaches single codes as the temperature falls."""

    def __init__(self, prior: CodePrior, first: float, last: float) -> None:
        super().__init__(prior)
        self.first, self.last, self.step = first, last, 0

    def penalty(
        self, numbers: Float[Tensor, " people *numbers"], noise: float, generator: torch.Generator
    ) -> Float[Tensor, " people"]:
        """Penalty of the code prior; each call lowers the temperature by one step.

        Args:
            numbers: pose parameters.
            noise: standard deviation of the noise added to the prior's input.
            generator: random generator of the noise.

        Returns:
            Penalty for each person.
        """
        self.step += 1
        return super().penalty(numbers, noise, generator)

    def temperature(self) -> float:
        """Temperature at this step."""
        part = min(self.step / sum(stage.steps for stage in SCHEDULE.uncommitted), 1.0)
        temperature: float = self.first ** (1 - part) * self.last**part
        return temperature


class Distances(Annealed):
    """Softmax over distances to all codes."""

    def decode(self, numbers: Float[Tensor, "people 21 latent"]) -> Float[Tensor, "people 21 3 3"]:
        """Decode mixtures of codes during optimisation, and single codes at the end."""
        quantizer, latents = self.model.quantizer, self.latents(numbers)
        if not numbers.requires_grad:
            return self.model.decode_latents(latents)
        return self.model.decode_latents(quantizer.relaxed(quantizer.logits(latents), self.temperature()))


class StraightThrough(PenalisedCodes):
    """The nearest code, with the gradient of the latents (van den Oord et al., 2017)."""

    def decode(self, numbers: Float[Tensor, "people 21 latent"]) -> Float[Tensor, "people 21 3 3"]:
        """Decode the nearest codes."""
        return self.model.decode_latents(self.model.quantizer(self.latents(numbers))[0])


class Logits(Annealed):
    """Free logits over codes, initialised by distances."""

    step_size = 0.5

    def encode(self, body_pose: Float[Tensor, "people 21 3 3"]) -> Float[Tensor, "people 21 heads codes"]:
        """Logits with a mixture close to the latents of the pose."""
        return self.model.quantizer.logits(self.model.latents(body_pose))

    def latents(self, numbers: Float[Tensor, "people 21 heads codes"]) -> Float[Tensor, "people 21 heads dim"]:
        """Mixtures of codes."""
        return self.model.quantizer.relaxed(numbers, self.temperature())

    def commit(self, numbers: Float[Tensor, "people 21 heads codes"]) -> Float[Tensor, "people 21 heads codes"]:
        """Logits that select the most likely code."""
        return 1e4 * torch.nn.functional.one_hot(numbers.argmax(-1), numbers.shape[-1]).to(numbers)


class Gumbel(Logits):
    """Straight-through Gumbel-softmax (Jang et al., ICLR 2017); all people share the random numbers."""

    def __init__(self, prior: CodePrior, first: float, last: float) -> None:
        super().__init__(prior, first, last)
        self.generator = torch.Generator().manual_seed(0)

    def latents(self, numbers: Float[Tensor, "people 21 heads codes"]) -> Float[Tensor, "people 21 heads dim"]:
        """Single codes, sampled during optimisation."""
        quantizer = self.model.quantizer
        if not numbers.requires_grad:
            return quantizer.lookup(numbers.argmax(-1))
        drawn = torch.rand(numbers.shape[1:], generator=self.generator).clamp(1e-6, 1 - 1e-6)
        noisy = numbers - (-drawn.log()).log()
        soft = quantizer.relaxed(noisy, self.temperature())
        return soft + (quantizer.lookup(noisy.argmax(-1)) - soft).detach()


def variants(prior: CodePrior) -> dict[str, tuple[Callable[[], PenalisedSpace], bool]]:
    """Factories of spaces by name, each with a flag for residual rotations after the codes."""
    return {
        "between codes, snapped at the end": (lambda: PenalisedCodes(prior), False),
        "the same, with residual rotations": (lambda: PenalisedCodes(prior), True),
        "softmax over distances, temperature 2 to 0.05": (lambda: Distances(prior, 2.0, 0.05), False),
        "the same, with residual rotations ": (lambda: Distances(prior, 2.0, 0.05), True),
        "softmax over distances, temperature 2 to 0.3": (lambda: Distances(prior, 2.0, 0.3), False),
        "softmax over distances, temperature 1": (lambda: Distances(prior, 1.0, 1.0), False),
        "straight-through nearest code": (lambda: StraightThrough(prior), False),
        "free logits, temperature 2 to 0.3": (lambda: Logits(prior, 2.0, 0.3), False),
        "straight-through Gumbel, temperature 1 to 0.3": (lambda: Gumbel(prior, 1.0, 0.3), False),
    }


def main(
    data: Path, split: Literal["validation", "test"] = "validation", number: int = 64, out: Path | None = None
) -> None:
    """Fit synthetic photos of one split's poses with every relaxation, and print the errors.

    Args:
        data: poses.npz, written by ``python -m qposer.data.build``.
        split: split of the poses; settings are chosen on validation.
        number: number of people.
        out: folder for relaxation.md.
    """
    console = Console(width=150)
    with cli_errors("benchmarks.relaxation"):
        prior, body, regressor = CodePrior.from_pretrained(), Body.open(), Regressor.from_pretrained()
        truth = people(body, PoseDataset.load(data).body_pose(split), number, torch.Generator().manual_seed(0))
        true = body(truth.orient, truth.body_pose, truth.betas).joints[:, :22]

        def fitted(
            make: Callable[[], PenalisedSpace], residual: bool, condition: str, chosen: Tensor
        ) -> tuple[Tensor, Tensor]:
            """Joints and vertices."""
            xy, confidence = observed(truth, condition, torch.Generator().manual_seed(0))
            keypoints = Keypoints(xy.numpy(), confidence.numpy(), "mediapipe", noise_floor=0.0)[chosen.tolist()]
            space = make()
            solver = AdamSolver(body, space, Weights())
            problem, start = initialize(body, space, regressor, keypoints, truth.camera[chosen])
            problem, found = refine(solver, SCHEDULE, problem, start, regressor)
            if residual:
                found = solver.run(RESIDUAL, problem, found, lambda: None)
            pose = space.decode(found.pose) @ axis_angle_to_matrix(found.residual)
            output = body(found.orient, pose, found.betas, found.transl)
            return output.joints[:, :22], output.vertices

        rows = []
        everyone = torch.arange(number)
        for name, (make, residual) in variants(prior).items():
            cells = []
            for condition in CONDITIONS:
                joints, vertices = fitted(make, residual, condition, everyone)
                cells.append(f"{mean_interval(1000 * pa_mpjpe(joints, true)):.1f}")
                if condition == "noise":
                    alone = torch.cat([fitted(make, residual, condition, p)[1] for p in everyone[:ALONE].split(1)])
                    apart = 1000 * (alone - vertices[:ALONE]).norm(dim=-1).max().item()
            rows.append([name.strip(), *cells, f"{apart:.2f}"])
            console.print(*rows[-1])
        table = Table(["", *CONDITIONS, "alone vs. in a batch, mm"], rows)
        console.print(table.for_console(f"{number} {split} poses, PA-MPJPE in mm; {machine()}"))
        if out:
            run = command("benchmarks.relaxation", main, data=data, split=split, number=number, out=out)
            page = PAGE.format(
                people=number, split=split, alone=ALONE, table=table.markdown(), command=run, machine=machine()
            )
            out.mkdir(parents=True, exist_ok=True)
            with atomic_write(out / "relaxation.md") as temporary:
                temporary.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    tyro.cli(main)
