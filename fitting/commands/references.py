"""References (fitted photos or saved poses), and which parts are taken from each."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from string import ascii_uppercase
from typing import TYPE_CHECKING, NamedTuple

from fitting.commands.inputs import NamedPose, PoseSource

if TYPE_CHECKING:
    from fitting import Fitter
    from fitting.inputs.images import Photo
    from fitting.output.fit_result import FitResult
    from qposer import CodePrior
    from qposer.control.whole_pose import WholePose


class Fitted(NamedTuple):
    """A photo and the body of its largest person."""

    photo: Photo
    result: FitResult


class Reference(NamedTuple):
    """A pose that provides parts."""

    named: NamedPose
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
    from qposer.control.whole_pose import parts_of

    if not 2 <= references <= len(ascii_uppercase):
        raise ValueError(f"a mixture needs 2 to {len(ascii_uppercase)} photos or poses, not {references}")
    if len(take) != len(source):
        raise ValueError(f"each --take needs a --from after it: got {len(take)} --take and {len(source)} --from")
    for parts in take:
        parts_of(parts)
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
            references.append(Reference(PoseSource(text).load(letter, prior), None))
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
    from fitting.hands.files import hands_of
    from fitting.inputs.images import read_image

    photo = read_image(path)
    given = read_keypoints(keypoints, str(path), (photo.width, photo.height)) if keypoints else None
    try:
        with torch.enable_grad():
            (result,) = fitter.fit_photo(photo, keypoints=given)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    pose = NamedPose(f"{letter}: {path.stem}", torch.from_numpy(result.body_pose))
    hands = hands_of(result)
    return Reference(pose if hands is None else pose._replace(hands=hands[0]), Fitted(photo, result))


def check_hands(what: Sequence[Taking], references: Sequence[Reference]) -> None:
    """Reject hands of references that have none.

    Args:
        what: the parts to take and their references.
        references: all references.

    Raises:
        ValueError: a part of a hand is taken from a reference without hands.
    """
    from qposer.control.whole_pose import parts_of

    for taking in what:
        _, of_hands = parts_of(taking.parts)
        for index in taking.weights if of_hands else ():
            if references[index].named.hands is None:
                raise ValueError(f"reference {ascii_uppercase[index]} has no hands: omit {', '.join(of_hands)}")


def mix(prior: CodePrior, poses: Sequence[WholePose], what: Sequence[Taking]) -> tuple[WholePose, list[int]]:
    """The first pose with parts of the others, and the main reference of each joint.

    If a part is taken twice, the later taking applies.

    Args:
        prior: of bodies.
        poses: poses of the references.
        what: the parts to take and their references.

    Returns:
        The mixture, and the index of a reference for each joint of the body and, after them, of both hands.
    """
    from qposer.control import whole_pose

    mixed = poses[0]
    owner = [0] * sum(len(part) for part in mixed)
    for taking in what:
        sources, weights = [poses[index] for index in taking.weights], list(taking.weights.values())
        donor = sources[0] if len(sources) == 1 else whole_pose.blend(sources, weights, prior=prior)
        mixed = whole_pose.swap(mixed, donor, taking.parts, prior=prior)
        for joint in whole_pose.joints_of(taking.parts):
            owner[joint] = taking.main_source
    return mixed, owner
