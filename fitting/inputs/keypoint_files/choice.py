"""Select the people of an image from a file: by its name, and by numbers only if they are unambiguous."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from fitting.inputs.keypoint_files.content import Content, Entry, ImageId

_EXTENSION = re.compile(r"\.[A-Za-z][A-Za-z0-9]{1,4}$")
_NUMBER = re.compile(r"(\d+)$")
_COCO_NUMBER = re.compile(r"(?:^|_)(\d{12})$")


def of_image(content: Content, image: ImageId | None, folder: Sequence[str] = ()) -> list[Entry]:
    """The entries that belong to an image.

    A table of images in the file has priority, then names in entries, then numbers in file names as ids.

    Args:
        content: content of the file.
        image: file name (with its path if names repeat or numbers count differently from the file's) or id; None for
            the only image of the file.
        folder: names of all images of the file, if there are several.

    Returns:
        The entries, in the file's order.

    Raises:
        ValueError: the file has no person for the image, or is ambiguous.
    """
    entries = content.entries
    if image is None:
        covered = _distinct(entry.image[-1] for entry in entries if entry.image)
        if len(covered) > 1:
            raise ValueError(f"the file covers {len(covered)} images with ids {_some(covered)}: select one")
        return entries
    if content.file_names:
        wanted = _by_table(content.file_names, image)
        chosen = [entry for entry in entries if entry.image and str(entry.image[-1]) == wanted]
    else:
        named = [entry for entry in entries if entry.image]
        if len(folder) > 1 and len(named) < len(entries):
            raise ValueError(
                f"the file does not specify to which of the {len(folder)} images its people belong: "
                "give a folder with a file for each image"
            )
        if not named:
            return entries
        references = _distinct(reference for entry in named for reference in entry.image)
        found = _by_name(references, image)
        if found is None:
            found = _by_number(references, image, folder)
        chosen = [entry for entry in named if found in entry.image]
    if not chosen:
        raise ValueError(f"the file contains no person for the image {_shown(image)}")
    return chosen


def _by_table(file_names: Sequence[tuple[ImageId, str]], image: ImageId) -> str:
    """The id of an image, as text."""
    name = _by_name([name for _, name in file_names], image)
    ids = {str(id) for id, file_name in file_names if (str(id) == str(image) if name is None else file_name == name)}
    if len(ids) > 1:
        raise ValueError(f"the file has several ids for the image {_shown(image)}: {_some(sorted(ids))}")
    if not ids:
        names = _some([file_name for _, file_name in file_names])
        raise ValueError(f"the file contains no person for the image {_shown(image)}: its images are {names}")
    return ids.pop()


def _by_name(references: Collection[ImageId], image: ImageId) -> ImageId | None:
    """The reference to an image by name: with most folders in common, or else the same name with another extension."""
    names = [reference for reference in references if isinstance(reference, str)]
    ranks = {name: _common(name, str(image)) for name in names}
    best = max(ranks.values(), default=0.0)
    if best == 0:
        return next((reference for reference in references if str(reference) == str(image)), None)
    matches = _distinct(name for name in names if ranks[name] == best)
    if len(matches) > 1:
        raise ValueError(f"the image {_shown(image)} may be {' or '.join(map(str, matches))}: rename one of them")
    return matches[0]


def _common(name: str, image: str) -> float:
    """Number of equal parts of two paths from the end; one half if the file names differ only in the extension."""
    count = 0
    parts, others = (re.split(r"[/\\]", path) for path in (name, image))
    for part, other in zip(reversed(parts), reversed(others), strict=False):
        if part != other:
            break
        count += 1
    same = _EXTENSION.sub("", parts[-1]) == _EXTENSION.sub("", others[-1])
    return count or (0.5 if same else 0.0)


def _by_number(references: Sequence[ImageId], image: ImageId, folder: Sequence[str]) -> ImageId:
    """The reference with an image's number, or the only reference if nothing contradicts it."""
    numbers = {_own_number(reference): reference for reference in references}
    stem = _EXTENSION.sub("", re.split(r"[/\\]", str(image))[-1])
    wanted = _last_number(stem)
    if None in numbers or (wanted is None and len(folder) > 1):
        found = f"its people are on {_some(references)}"
        raise ValueError(f"the file contains no person for the image {_shown(image)}: {found}")
    if len(folder) <= 1 and len(numbers) == 1 and not (stem.isdigit() or _COCO_NUMBER.search(stem)):
        return references[0]
    _check_start(numbers.keys(), folder or _neighbours(image))
    if wanted not in numbers:
        raise ValueError(f"the file contains no person for the image {_shown(image)}: its ids are {_some(references)}")
    return numbers[wanted]


def _check_start(ids: Iterable[int | None], folder: Sequence[str]) -> None:
    """Reject ids that count from 1 while file names count from 0, and vice versa."""
    names = {_last_number(_EXTENSION.sub("", re.split(r"[/\\]", name)[-1])): name for name in folder}
    first = min(id for id in ids if id is not None)
    lowest = min((number for number in names if number is not None), default=first)
    if {first, lowest} == {0, 1}:
        same = f"or {names[1]} (of the same number)" if first == 1 and 1 in names else "or a missing one"
        raise ValueError(
            f"ids count from {first} and file names from {lowest}: id {first} may mean {names[lowest]} (the first) "
            f"{same}: add a table of images with ids and file names, as in COCO's annotation files"
        )


def _neighbours(image: ImageId) -> list[str]:
    """Names of the images in the same folder, which show how frames are counted."""
    path = Path(str(image))
    if not path.is_file():
        return []
    return [other.name for other in path.parent.iterdir() if other.suffix == path.suffix]


def _own_number(reference: ImageId) -> int | None:
    """The number of a reference without an extension such as .jpg."""
    digits = _EXTENSION.sub("", str(reference))
    return int(digits) if re.fullmatch(r"\d{1,18}", digits) else None


def _last_number(stem: str) -> int | None:
    match = _NUMBER.search(stem)
    return int(match[1]) if match and len(match[1]) <= 18 else None


def _distinct(references: Iterable[ImageId]) -> list[ImageId]:
    return list(dict.fromkeys(references))


def _some(references: Sequence[ImageId]) -> str:
    return ", ".join(map(str, references[:5])) + (", ..." if len(references) > 5 else "")


def _shown(image: ImageId) -> str:
    return repr(re.split(r"[/\\]", image)[-1] if isinstance(image, str) else image)
