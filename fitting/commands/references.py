"""References (fitted photos or saved poses), and which parts are taken from each."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from string import ascii_uppercase
from typing import TYPE_CHECKING, NamedTuple

from fitting.commands.inputs import PoseSource

if TYPE_CHECKING:
    import torch
    from jaxtyping import Float
    from torch import Tensor

    from fitting import Fitter
    from fitting.inputs.images import Photo
    from fitting.output.fit_result import FitResult
    from qposer import CodePrior, QPoser


class Fitted(NamedTuple):
    """A photo and the body of its largest person."""

    photo: Photo
    result: FitResult


class Reference(NamedTuple):
    """A pose that provides parts."""

    name: str
    pose: Float[Tensor, "21 3"]
    fitted: Fitted | None
    """The fit, if the pose is from a photo."""


class Taking(NamedTuple):
    """Parts, and the indices and weights of the references that provide them."""

    parts: Sequence[str]
    weights: Mapping[int, float]

    @property
    def main_source(self) -> int:
        """The reference with the largest weight; the first if several are equal."""
        return max(self.weights, key=lambda index: self.weights[index])


def takings(take: Sequence[Sequence[str]], source: Sequence[Sequence[str]], references: int) -> list[Taking]:
    """Parse and check pairs of options: parts, and letters (``B``, ``B:0.7``).

    Args:
        take: names of parts, one list for each pair.
        source: letters with or without weights, one list for each pair.
        references: number of references.

    Returns:
        One taking for each pair, in order.

    Raises:
        ValueError: the numbers of ``take`` and ``source`` differ, there are fewer than two references or more than
            letters, or a letter, a weight or a part is invalid.
    """
    from qposer.control.edits import joints_of

    if not 2 <= references <= len(ascii_uppercase):
        raise ValueError(f"a mixture needs 2 to {len(ascii_uppercase)} photos or poses, not {references}")
    if len(take) != len(source):
        raise ValueError(f"each --take needs a --from after it: got {len(take)} --take and {len(source)} --from")
    for parts in take:
        joints_of(parts)
    return [Taking(parts, _weights(said, references)) for parts, said in zip(take, source, strict=True)]


def _weights(said: Sequence[str], references: int) -> dict[int, float]:
    if not said:
        raise ValueError("--from names no reference: give one of the letters, as in --from B")
    weights: dict[int, float] = {}
    known = ascii_uppercase[:references]
    for text in said:
        letter, colon, number = text.partition(":")
        if len(letter) != 1 or letter not in known:
            raise ValueError(
                f"there is no reference {letter!r}: the {references} references are named {', '.join(known)} in order"
            )
        try:
            weight = float(number) if colon else 1.0
        except ValueError:
            weight = math.nan
        if not 0 < weight < math.inf:
            raise ValueError(f"the weight of {text!r} must be a number above 0: write for example {letter}:0.7")
        if known.index(letter) in weights:
            raise ValueError(f"reference {letter} appears twice in one --from: give it one weight")
        weights[known.index(letter)] = weight
    return weights


def load_references(texts: Sequence[str], keypoints: Sequence[Path], prior: CodePrior) -> list[Reference]:
    """Fit the photos and read the saved poses, ``FILE.npz`` or ``FILE.npz:INDEX``.

    Args:
        texts: paths.
        keypoints: one file for each photo in order, or one for all; empty to detect them.
        prior: prior for the fits.

    Returns:
        The references in order.

    Raises:
        FileNotFoundError: a file does not exist.
        ValueError: a file is neither a photo nor poses, no person is found in a photo, or the number of keypoint files
            is wrong.
    """
    photos = [text for text in texts if not _is_pose(text)]
    if len(keypoints) not in (0, 1, len(photos)):
        raise ValueError(
            f"there are {len(photos)} photos and {len(keypoints)} keypoint files: give one for each, or one for all"
        )
    for text in photos:
        if not Path(text).is_file():
            raise FileNotFoundError(f"there is no image file {text}: check the path")
    files = dict(zip(photos, keypoints if len(keypoints) == len(photos) else [*keypoints] * len(photos), strict=False))
    fitter = None
    references = []
    for letter, text in zip(ascii_uppercase, texts, strict=False):
        if _is_pose(text):
            name, pose = PoseSource(text).load(letter, prior)
            references.append(Reference(name, pose, None))
            continue
        if fitter is None:
            from fitting import Fitter

            fitter = Fitter(prior=prior)
        references.append(_fitted(fitter, letter, Path(text), files.get(text)))
    return references


def _is_pose(text: str) -> bool:
    return Path(text).suffix.partition(":")[0].lower() == ".npz"


def _fitted(fitter: Fitter, letter: str, path: Path, keypoints: Path | None) -> Reference:
    import torch

    from fitting import read_keypoints
    from fitting.inputs.images import read_image

    photo = read_image(path)
    given = read_keypoints(keypoints, str(path), (photo.width, photo.height)) if keypoints else None
    try:
        with torch.enable_grad():
            (result,) = fitter.fit_photo(photo, keypoints=given)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    return Reference(f"{letter}: {path.stem}", torch.from_numpy(result.body_pose), Fitted(photo, result))


def mix(
    model: QPoser, poses: Sequence[Float[Tensor, "21 3"]], what: Sequence[Taking]
) -> tuple[Float[torch.Tensor, "21 3"], list[int]]:
    """The first pose with parts of the others, and the main reference of each joint.

    If a part is taken twice, the later taking applies.

    Args:
        model: the autoencoder.
        poses: poses of the references, axis-angle in radians.
        what: the parts to take and their references.

    Returns:
        The mixture, axis-angle in radians, and the index of a reference for each joint.
    """
    from qposer.control import edits

    mixed = poses[0]
    owner = [0] * mixed.shape[-2]
    for taking in what:
        sources = [poses[index] for index in taking.weights]
        donor = sources[0] if len(sources) == 1 else edits.blend(sources, list(taking.weights.values()), model=model)
        mixed = edits.swap(mixed, donor, taking.parts, model=model)
        for joint in edits.joints_of(taking.parts):
            owner[joint] = taking.main_source
    return mixed, owner
