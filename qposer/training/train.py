"""Train a QPoser: ``python -m qposer.training.train --data poses.npz --out runs/x``.

Run the same command again to resume from the last checkpoint.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import torch
from jaxtyping import Float
from rich.console import Console
from torch import Tensor, nn

from qposer.body_pose.surface import Surface
from qposer.data.dataset import PoseDataset
from qposer.evaluation.reconstruction import reconstruction, report
from qposer.prior.model import QPoser, QPoserConfig
from qposer.training.batches import jitter
from qposer.training.config import training_command
from qposer.training.discriminator import Discriminator, adversarial_losses
from qposer.training.distributed import gathered, share
from qposer.training.pose_kind import BODY_KIND, PoseKind
from qposer.training.reconstruction import ReconstructionConfig, Surfaces
from qposer.training.rig_variation import STRENGTH
from qposer.training.run import run
from qposer.training.swaps import draw_donated, draw_shuffled


@dataclass(frozen=True)
class TrainConfig(ReconstructionConfig):
    """Settings of a training run."""

    steps: int = 12_000
    learning_rate: float = 2e-3
    """Peak learning rate, between a warm-up and a cosine decay."""
    swap_weight: float = 0.5
    """Weight of the chordal distance after a code swap: of the part to the donor, of the rest to the receiver."""
    adversarial_weight: float = 0.02
    """Weight of the adversarial loss on decoded random combinations of codes."""
    commitment_weight: float = 1.0
    unquantised: float = 0.2
    """Share of each batch decoded from continuous latents, which makes the decoder smooth between codes."""
    jittered: float = 0.125
    """Share of each batch with joints perturbed by about 10 degrees, to generalise to other people."""
    device: str = "cpu"
    model: QPoserConfig = field(default_factory=QPoserConfig)


class AdversarialPair(nn.Module):
    """The model and its discriminator; only the model is saved."""

    def __init__(self, model: QPoser) -> None:
        super().__init__()
        self.model = model
        self.discriminator = Discriminator(articulation=model.articulation)

    def save(self, path: Path, **notes: str) -> None:
        """Write the model.

        Args:
            path: the file to write.
            notes: strings stored in the file with the weights.
        """
        self.model.save(path, **notes)


def train(config: TrainConfig, console: Console) -> QPoser:
    """Start or resume a training run; returns the model with the lowest validation MPJPE.

    Args:
        config: settings of the run.
        console: console for the progress.

    Returns:
        The model.

    Raises:
        FileNotFoundError: the file of poses does not exist.
        ValueError: the file of poses has another layout, or the folder belongs to a run with other settings.
        FloatingPointError: the loss is not finite.
    """
    data, generator = config.begin()
    poses, held_out = data.body_pose(config.subjects), data.body_pose("validation")
    surface = Surface.open().to(config.device)
    return train_on(config, BODY_KIND, surface, poses, held_out, generator, console)


def train_on(
    config: TrainConfig,
    kind: PoseKind,
    surface: Surfaces,
    poses: Float[Tensor, "poses joints 3"],
    held_out: Float[Tensor, "held_out joints 3"],
    generator: torch.Generator,
    console: Console,
) -> QPoser:
    """Train a QPoser, or resume its training, on any kind of poses.

    Args:
        config: settings of the run.
        kind: the poses.
        surface: points whose distances are part of the loss.
        poses: training poses, axis-angle in radians.
        held_out: poses that select the weights.
        generator: random generator of the steps.
        console: console for the progress.

    Returns:
        The model with the lowest validation error.

    Raises:
        ValueError: the folder belongs to a run with other settings.
        FloatingPointError: the loss is not finite.
    """
    pair = AdversarialPair(QPoser(config.model)).to(config.device)
    pair.discriminator.requires_grad_(config.adversarial_weight > 0)
    model = pair.model
    held_out = held_out.to(config.device)
    unquantised, jittered = (round(part * config.batch_size) for part in (config.unquantised, config.jittered))
    swapped = config.batch_size // 2
    assigned: list[Tensor] = []

    def swap_terms(truth: Float[Tensor, "batch joints 3 3"], codes: Tensor) -> dict[str, Float[Tensor, ""]]:
        """Swap consistency and adversarial losses on random combinations of codes."""
        donated = draw_donated(swapped, generator, kind).to(config.device)[..., None]
        mixed = torch.where(donated, codes[-swapped:], codes[:swapped])
        strangers = draw_shuffled(codes[: swapped // 2], generator)
        decoded = model.decode(torch.cat([share(mixed), share(strangers)]))
        wanted = share(torch.where(donated[..., None], truth[-swapped:], truth[:swapped]))
        terms = {"swap": config.swap_weight * torch.linalg.matrix_norm(decoded[: len(wanted)] - wanted).mean()}
        if config.adversarial_weight:
            plausible, adversary = adversarial_losses(pair.discriminator, share(truth), decoded)
            terms |= {"adversarial": config.adversarial_weight * plausible, "adversary": adversary}
        return terms

    def loss() -> dict[str, Tensor]:
        truth = kind.draw(poses, config.batch_size, generator, STRENGTH)
        truth = truth[torch.randperm(len(truth), generator=generator)]
        truth = torch.cat([truth[:-jittered], jitter(truth[-jittered:], generator)]) if jittered else truth
        truth = truth.to(config.device)
        bypassing = sum(member < unquantised for member in share(range(len(truth))))
        decoded, latents, codes, commitment = model(share(truth), bypassing)
        assigned[:] = gathered(latents.detach()), gathered(codes)
        terms = {
            **config.reconstruction_terms(surface, decoded, share(truth)),
            "commitment": config.commitment_weight * commitment,
        }
        if config.swap_weight or config.adversarial_weight:
            terms |= swap_terms(truth, assigned[1])
        return {"loss": torch.stack(list(terms.values())).sum()} | {name: term.detach() for name, term in terms.items()}

    def follow_latents() -> None:
        latents, codes = assigned
        model.quantizer.update(latents, codes, generator)

    def validate() -> dict[str, float]:
        measured = reconstruction(model, held_out)
        return {"validation_mpjpe_mm": measured.mpjpe_mm, "lowest_perplexity": min(measured.perplexity)}

    best = run(config, pair, generator, loss, validate, follow_latents, console, config.subjects)
    return QPoser.from_pretrained(best)


def train_and_report(config: TrainConfig, console: Console) -> None:
    """Train, and print the reconstruction error of the best model.

    Args:
        config: settings of the run.
        console: console for the progress and the table.
    """
    report(train(config, console), PoseDataset.load(config.data), console)


def main() -> None:
    """Command line."""
    training_command(TrainConfig, train_and_report, __doc__)


if __name__ == "__main__":
    main()
