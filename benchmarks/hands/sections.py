"""Tables of the benchmark: reconstruction, energies of impossible fingers, and completion."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from benchmarks.hands.gaussian import GaussianHands
from benchmarks.hands.held_out import HeldOut
from benchmarks.hands.negatives import NEGATIVES
from benchmarks.intervals import auroc_interval, mean_interval
from benchmarks.tables import Table
from qposer.body_pose.rotations import axis_angle_to_matrix, matrix_to_axis_angle
from qposer.hands.prior import HandPrior
from qposer.hands.skeleton import HAND
from qposer.hands.variation import vary_hands

HIDDEN = (("ring", "pinky"), ("index",), ("thumb",), ("fingers",))
"""Parts that are completed from the rest of the hand."""

VARIATION = 2.0
"""Strength of the variation of angles, twice that of training: standard deviations of up to 8 degrees of flexion and of
4 degrees of spreading and twist, at every joint."""

_FIRST_TIP = 1 + HAND.joints


@torch.no_grad()
def reconstruction(prior: HandPrior, hands: HeldOut) -> Table:
    """Distances of fingertips and of all points after quantisation, in millimetres.

    Args:
        prior: the hand prior.
        hands: held-out hands.

    Returns:
        A row for all hands, and one for each source.
    """
    rows = []
    for source in ("all", *dict.fromkeys(hands.source.tolist())):
        own = hands if source == "all" else hands.of(source)
        truth = axis_angle_to_matrix(own.pose)
        off = 1000 * torch.linalg.vector_norm(HAND.points(prior.reconstruct(truth)) - HAND.points(truth), dim=-1)
        tips = off[:, _FIRST_TIP:]
        rows.append(
            (
                source,
                f"{len(truth)}",
                f"{mean_interval(tips.mean(-1), own.group):.2f}",
                f"{tips.quantile(0.95):.2f}",
                f"{off[:, 1:].mean():.2f}",
            )
        )
    return Table(("held-out hands", "number", "fingertips mm", "95 % of fingertips mm", "all points mm"), rows)


@torch.no_grad()
def plausibility(prior: HandPrior, gaussian: GaussianHands, hands: HeldOut) -> Table:
    """Areas under the ROC curve of impossible fingers against the hands they were made of.

    Args:
        prior: the hand prior.
        gaussian: the normal distribution of angles.
        hands: held-out hands.

    Returns:
        A row for each kind, and one for the three kinds of impossible fingers together; then the same for hands whose
        angles are varied, as other people's and recordings' are.
    """
    energies: dict[str, Callable[[Tensor], Tensor]] = {
        "prior": prior.energy,
        "normal distribution of angles": lambda poses: gaussian.energy(axis_angle_to_matrix(poses)),
    }
    kinds = {"impossible fingers": list(NEGATIVES)[:3], **{name: [name] for name in NEGATIVES}}
    varied = vary_hands(axis_angle_to_matrix(hands.pose), torch.Generator().manual_seed(0), VARIATION)
    rows = []
    for real, suffix in ((hands.pose, ""), (matrix_to_axis_angle(varied), ", angles varied")):
        made = {
            name: way(real, torch.Generator().manual_seed(seed)) for seed, (name, way) in enumerate(NEGATIVES.items())
        }
        found = {
            name: (energy(real), {kind: energy(each) for kind, each in made.items()})
            for name, energy in energies.items()
        }
        for kind, names in kinds.items():
            cells = []
            for usual, impossible in found.values():
                high = torch.cat([impossible[name] for name in names])
                area = auroc_interval(usual.repeat(len(names)), high, hands.group.repeat(len(names)))
                cells.append(f"{area:.3f}")
            rows.append((kind + suffix, *cells))
    return Table(("AUROC", *energies), rows)


@torch.no_grad()
def completion(prior: HandPrior, gaussian: GaussianHands, hands: HeldOut) -> Table:
    """Mean distances of the hidden fingers' points beyond their first joints, in millimetres.

    Args:
        prior: the hand prior.
        gaussian: the normal distribution of angles.
        hands: held-out hands.

    Returns:
        A row for each hidden part.
    """
    truth = axis_angle_to_matrix(hands.pose)
    rows = []
    for parts in HIDDEN:
        joints = HAND.indices(parts)
        known = torch.ones(HAND.joints, dtype=torch.bool)
        known[joints] = False
        moved = _points_beyond(joints)
        found = {
            "prior": prior.complete(truth, parts)[0],
            "prior, temperature 0": prior.complete(truth, parts, temperature=0.0)[0],
            "normal distribution of angles": gaussian.complete(truth, known),
        }
        errors = {name: _errors_mm(each, truth, moved) for name, each in found.items()}
        several = prior.complete(truth, parts, n=5)
        errors["best of 5"] = torch.stack([_errors_mm(each, truth, moved) for each in several]).amin(0)
        rows.append((", ".join(parts), *(f"{mean_interval(error, hands.group):.1f}" for error in errors.values())))
    return Table(("hidden", *errors), rows)


def _points_beyond(joints: list[int]) -> list[int]:
    """Points that move when the joints turn."""
    turned = {joint + 1 for joint in joints}
    return [point for point, parent in enumerate(HAND.parents) if parent in turned]


def _errors_mm(found: Tensor, truth: Tensor, points: list[int]) -> Float[Tensor, " hands"]:
    off: Tensor = torch.linalg.vector_norm(HAND.points(found) - HAND.points(truth), dim=-1)[:, points]
    return 1000 * off.mean(-1)
