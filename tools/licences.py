"""Check that no installed package has a licence that forbids commercial use.

    python -m tools.licences requirements.txt

reads the licence fields and files of the packages in the file, and of all that they depend on, as installed in this
environment.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement

_FORBIDS = re.compile(
    r"CC[- ]BY[- ]NC|"
    r"(?:for|purpose of)\s+(?:\w+\s+){0,3}non-?\s?commercial\s+(?:\w+\s+){0,3}(?:use|purposes?|research|education)|"
    r"non-?\s?commercial\s+(?:\w+\s+){0,2}(?:use|purposes?)\s+only|"
    r"commercial (?:use|purposes?)[^.]{0,40}(?:prohibited|forbidden|not (?:permitted|allowed))|"
    r"(?:research|academic|educational)\s+(?:use|purposes?)\s+only",
    re.IGNORECASE,
)
_ALSO_COMMERCIAL = re.compile(r"commercial and non-?\s?commercial", re.IGNORECASE)
_FILE = re.compile(r"licen[cs]e|copying", re.IGNORECASE)
_TEXTS = ("", ".md", ".rst", ".txt")


def restriction(text: str) -> str | None:
    """The words by which a licence forbids commercial use, or None."""
    found = _FORBIDS.search(_ALSO_COMMERCIAL.sub("any", text))
    return " ".join(found[0].split()) if found else None


def restrictions(names: list[str]) -> list[str]:
    """The packages, and those that they depend on, whose licence forbids commercial use.

    Args:
        names: requirements, such as ``numpy==2.4``.

    Returns:
        For each of them, a line with the package and the words of its licence.

    Raises:
        ValueError: one of the packages is not installed.
    """
    found = []
    for package in _closure(names):
        for text in _licence_texts(package):
            if words := restriction(text):
                found.append(f"{package.name} {package.version} forbids commercial use: {words}")
                break
    return found


def _required(path: Path) -> Iterator[str]:
    """The requirements in a file, and in those that it names by ``-r``."""
    for line in path.read_text("utf-8").splitlines():
        name = line.partition("#")[0].strip()
        if name.startswith("-r "):
            yield from _required(path.parent / name.removeprefix("-r ").strip())
        elif name:
            yield name


def _closure(names: list[str]) -> list[Distribution]:
    """The installed packages that meet the requirements, and those that they depend on."""
    open_ones, seen = [Requirement(name) for name in names], {}
    while open_ones:
        wanted = open_ones.pop()
        if wanted.name.lower() in seen or (wanted.marker is not None and not wanted.marker.evaluate({"extra": ""})):
            continue
        try:
            seen[wanted.name.lower()] = package = distribution(wanted.name)
        except PackageNotFoundError:
            raise ValueError(f"{wanted.name} is not installed: pip install -r requirements.txt") from None
        open_ones += [Requirement(line) for line in package.requires or ()]
    return list(seen.values())


def _licence_texts(package: Distribution) -> Iterator[str]:
    for field in ("License-Expression", "License", "Classifier"):
        yield from package.metadata.get_all(field) or ()
    for file in package.files or ():
        if _FILE.search(file.name) and file.suffix.lower() in _TEXTS:
            yield Path(str(file.locate())).read_text(encoding="utf-8", errors="replace")


def main(path: str) -> int:
    """Print what forbids commercial use; the exit code is 1 if anything does."""
    found = restrictions(list(_required(Path(path))))
    print("\n".join(found) or f"No package of {path} forbids commercial use.")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
