"""Build the recorded hand poses: ``python -m qposer.hands.build ../shared/data/hands --out hands.npz``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
import torch
import tyro

from qposer.body_pose.rotations import matrix_to_axis_angle
from qposer.hands.angles import rotations_of
from qposer.hands.dataset import HELD_OUT_LETTERS, HandDataset, split_of_clip, split_of_poses
from qposer.hands.landmarks import (
    Landmarks,
    as_right_hands,
    read_godot_hands,
    read_handpose,
    read_image_landmarks,
    read_makehuman_hands,
    read_offset_matrices,
    read_pickled_landmarks,
)
from qposer.hands.lifting import lift
from qposer.hands.proportions import estimate_proportions
from qposer.io.cli_errors import cli_errors, plain_console

LARGEST_ERROR = 0.01
"""Mean distance in metres of landmarks from the lifted hand above which it is left out."""

EVERY = 2
"""Frames of the signer from one to the next that is kept; neighbours hardly differ."""

GUESSED_DEPTH = 0.5
"""Weight of depths that an image network guessed."""


class Source(NamedTuple):
    """Recorded hands of one kind."""

    name: str
    landmarks: Landmarks
    label: np.ndarray
    split: np.ndarray
    depth_weight: float = 1.0


def read_sources(folder: Path) -> list[Source]:
    """The recordings in a folder with ``asl_hands.npz``, ``xr`` and ``makehuman_poses``.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: a file is damaged.
    """
    clip = read_pickled_landmarks(folder / "xr/dex-retargeting/human_joint_right.pkl")
    godot = folder / "xr/godot-xr-tools"
    animations = sorted(path for path in (godot / "animations/right").glob("*.res"))
    posed = read_godot_hands(animations, godot / "model/hand_r.gltf")
    names = np.array([path.stem for path in animations])
    headset, headset_names = _joined(
        {path: read_handpose(path) for path in sorted((folder / "xr/handy-work/poses").glob("*.handpose"))}
        | {path: read_offset_matrices(path) for path in sorted((folder / "xr/iwer").rglob("*.ts"))}
    )
    drawn, drawn_names = _joined(
        {path: read_makehuman_hands(path) for path in sorted((folder / "makehuman_poses/poses").glob("*.bvh"))}
    )
    names_of_headset = np.unique(headset_names, return_inverse=True)
    return [
        _signer(folder / "asl_hands.npz"),
        Source("moving hand", clip, np.full(len(clip), "clip"), split_of_clip(len(clip))),
        Source("godot-xr-tools", posed, names, split_of_poses(len(posed))),
        Source("headset", headset, headset_names, split_of_poses(len(names_of_headset[0]))[names_of_headset[1]]),
        Source("makehuman", drawn, drawn_names, np.full(len(drawn), "train")),
    ]


def _signer(path: Path) -> Source:
    """The signer's letters; the images are mirrored, so that hands look like left ones."""
    fractions, letter = (column[::EVERY] for column in read_image_landmarks(path))
    landmarks = as_right_hands(estimate_proportions(fractions).applied(fractions))
    split = np.concatenate([split_of_clip(int((letter == name).sum())) for name in dict.fromkeys(letter.tolist())])
    split[np.isin(letter, HELD_OUT_LETTERS)] = "test"
    return Source("signer", landmarks, letter, split, GUESSED_DEPTH)


def _joined(hands: dict[Path, Landmarks]) -> tuple[Landmarks, np.ndarray]:
    """All hands, and the name of the file of each."""
    names = [path.stem for path, found in hands.items() for _ in found]
    return np.concatenate(list(hands.values())), np.array(names)


def main(
    folder: Annotated[Path, tyro.conf.Positional],
    out: Path,
) -> None:
    """Lift recorded landmarks to joint angles, and write those that fit.

    Args:
        folder: folder with asl_hands.npz, xr and makehuman_poses.
        out: the npz file to write.
    """
    console = plain_console(soft_wrap=False)
    with cli_errors("hands.build"):
        kept: list[tuple[Source, torch.Tensor, np.ndarray]] = []
        for source in read_sources(folder):
            lifted = lift(torch.from_numpy(source.landmarks), source.depth_weight)
            good = lifted.error.numpy() <= LARGEST_ERROR
            error = 1000 * lifted.error
            console.print(
                f"{source.name}: {len(good)} hands, {good.sum()} kept, landmarks off by {error.mean():.1f} mm "
                f"(95 %: {error.quantile(0.95):.1f})"
            )
            kept.append((source, matrix_to_axis_angle(rotations_of(lifted.angles))[good], good))
        HandDataset(
            pose=torch.cat([pose for _, pose, _ in kept]),
            source=np.concatenate([np.full(good.sum(), source.name) for source, _, good in kept]),
            label=np.concatenate([source.label[good] for source, _, good in kept]),
            split=np.concatenate([source.split[good] for source, _, good in kept]),
        ).save(out)
        console.print(f"{out}: {sum(len(pose) for _, pose, _ in kept)} poses")


if __name__ == "__main__":
    tyro.cli(main)
