"""Evaluation of the hand prior: ``python -m benchmarks.hands --data hands.npz --out docs/benchmarks``.

Hands that training did not see are encoded and decoded, distinguished from impossible ones, and completed. A normal
distribution of joint angles, fitted to the same training poses, is compared with the prior.
"""

from __future__ import annotations

from pathlib import Path

import torch
import tyro
from matplotlib.figure import Figure
from rich.console import Console

from benchmarks.commands import command
from benchmarks.hands.fits import fits, fits_in_views
from benchmarks.hands.gaussian import GaussianHands
from benchmarks.hands.held_out import HeldOut, held_out
from benchmarks.hands.pictures import draw_hands_sheet, spread_out
from benchmarks.hands.sections import completion, plausibility, reconstruction
from benchmarks.machine import machine
from qposer.body_pose.rotations import axis_angle_to_matrix
from qposer.hands.dataset import HandDataset
from qposer.hands.prior import HandPrior, load_hand_prior
from qposer.hands.train import training_poses
from qposer.hands.variation import HAND_KIND
from qposer.io.atomic_files import atomic_write
from qposer.io.cli_errors import cli_errors

FITTED = 10_000
"""Number of training poses that the normal distribution is fitted to."""

TEXT = """# Hands

The hand prior on hands that its training did not see: letters L and W of the signer and the last frames of every other
letter, the last frames of the moving hand, and every fifth pose of the two collections of XR poses; at most 300 of a
source, evenly spaced. All are joint angles that inverse kinematics found for recorded landmarks, within anatomical
ranges ([model-card.md](../model-card.md#hands)); hands of others may deviate from them.

    {command}

## Reconstruction

Hands are encoded to hard codes and decoded; distances on an adult's right hand, relative to the wrist.

{reconstruction}

![reconstructions](images/hands_reconstruction.png)

Eight held-out hands (black) and their reconstructions, palm above, side below.

## Energy of impossible fingers

Each held-out hand is made impossible in one place, and the energies of both are compared. *Bent backwards*: one finger
bends backwards by 40 to 60 degrees at its first joint and 20 to 40 at the others. *Last joint alone*: the last joint of
one finger bends by 55 to 75 degrees, the middle one is straight. *Crossed*: two neighbours, equally bent, cross each
other, each spread by 20 to 30 degrees. *Impossible fingers*: these three together. *Randomly turned*: three joints turn
by 30 degrees about random axes, which is unusual, and not always impossible. The prior's training had impossible hands
of similar kinds, of other sizes and in other numbers; the normal distribution had not. The last rows are of
hands whose angles are varied first, twice as much as in training: by standard deviations of up to 8 degrees of flexion
and 4 of spreading and twist, at every joint, as hands may be that others fitted.

{plausibility}

The median energy of held-out hands is {median:.2f}; {usual:.0%} are below 1.

## Completion of hidden fingers

Fingers are predicted from the rest of the hand. Mean distance in mm of their points beyond the first joints. The prior
returns one sample (temperature 0.7), the usual answer (temperature 0), or five, where the best counts; the normal
distribution returns its conditional mean.

{completion}

## Fits to landmarks in a picture

Held-out hands in random orientations, 0.6 to 3 m from a camera, are projected to their 21 landmarks with normal noise
(in percent of the hand's length) and fitted from the mean pose and an orientation that is off by 30 degrees. Mean
distances of the landmarks relative to the wrist, in mm. The same solver uses relaxed codes with and without the prior's
pull, or joint angles within their ranges with and without the pull of the normal distribution's denoiser. The number of
steps and the weight of the prior were chosen on validation hands.

{fits}

### In several calibrated views

The same with the prior and several cameras, in random directions from the hand and 0.6 to 3 m away. *Mirrored*: the
last view shows the mirror image of the hand.

{fits_in_views}

## Samples

![samples](images/hands_samples.png)

Sixteen samples (seed 0), palm above, side below.

Square brackets hold bootstrap 95 % intervals over groups (letters, poses, ten frames of the moving hand).
Machine: {machine}.
"""


def main(data: Path, weights: Path | None = None, out: Path | None = None) -> None:
    """Measure the hand prior, print tables, and write document and pictures where ``--out`` says.

    Args:
        data: hands.npz, written by ``python -m qposer.hands.build``.
        weights: file of a hand prior; default: the shipped one.
        out: folder that hands.md and images/hands_*.png are written to; default: nothing is written.
    """
    console = Console(width=120)
    torch.set_num_threads(1)
    with cli_errors("benchmarks.hands"):
        recorded = HandDataset.load(data)
        hands, prior = held_out(recorded), load_hand_prior(path=weights)
        generator = torch.Generator().manual_seed(0)
        poses = training_poses(recorded, FITTED, generator)
        gaussian = GaussianHands(HAND_KIND.draw(poses, FITTED, generator, 1.0))
        tables = {
            "reconstruction": reconstruction(prior, hands),
            "plausibility": plausibility(prior, gaussian, hands),
            "completion": completion(prior, gaussian, hands),
            "fits": fits(prior, gaussian, hands),
            "fits_in_views": fits_in_views(prior, hands),
        }
        for title, table in tables.items():
            console.print(table.for_console(title))
        if out is None:
            return
        energies = prior.energy(hands.pose)
        text = TEXT.format(
            command=command("benchmarks.hands", main, data=data, weights=weights, out=out),
            median=energies.median(),
            usual=(energies < 1).float().mean(),
            machine=machine(),
            **{name: table.markdown() for name, table in tables.items()},
        )
        (out / "images").mkdir(parents=True, exist_ok=True)
        for name, figure in _figures(prior, hands).items():
            with atomic_write(out / "images" / f"hands_{name}.png") as temporary:
                figure.savefig(temporary, dpi=75, format="png")
        with atomic_write(out / "hands.md") as temporary:
            temporary.write_text(text, encoding="utf-8")
        console.print(f"written: {out / 'hands.md'}")


def _figures(prior: HandPrior, hands: HeldOut) -> dict[str, Figure]:
    """Pictures of samples and of reconstructions."""
    truth = axis_angle_to_matrix(hands.pose[spread_out(8, len(hands.pose))])
    pairs = torch.stack([prior.reconstruct(truth), truth], dim=1)
    return {
        "samples": draw_hands_sheet(list(prior.sample(16, seed=0)[:, None])),
        "reconstruction": draw_hands_sheet(list(pairs)),
    }


if __name__ == "__main__":
    tyro.cli(main)
