"""The suite of phrases, phrases to reject, and start poses, read from suite.toml."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

Half = Literal["development", "report"]

FILE = Path(__file__).with_name("suite.toml")


@dataclass(frozen=True)
class Phrase:
    """An instruction with variants of side and number."""

    kind: str
    half: Half
    instructions: tuple[str, ...]
    after: str = ""
    """Instruction that precedes it, if any."""


@dataclass(frozen=True)
class Suite:
    """Phrases to follow, phrases to reject, and seeds of the start poses."""

    phrases: tuple[Phrase, ...]
    refused: tuple[Phrase, ...]
    seeds: tuple[int, ...]

    @classmethod
    def load(cls, file: Path = FILE) -> Suite:
        """Read the file.

        Raises:
            ValueError: an instruction occurs twice, or a half has an unknown name.
        """
        content = tomllib.loads(file.read_text(encoding="utf-8"))
        phrases = tuple(_phrase(entry, "kind") for entry in content["phrase"])
        refused = tuple(_phrase(entry, "why") for entry in content["refused"])
        every = [text for phrase in (*phrases, *refused) for text in phrase.instructions if not phrase.after]
        twice = sorted({text for text in every if every.count(text) > 1})
        if twice:
            raise ValueError(f"{file}: {', '.join(twice)} occur twice")
        return cls(phrases, refused, tuple(start["seed"] for start in content["start"]))


def _phrase(entry: dict[str, object], kind: str) -> Phrase:
    half = str(entry["half"])
    if half not in get_args(Half):
        raise ValueError(f"unknown half {half!r}: use {' or '.join(get_args(Half))}")
    instructions = tuple(map(str, entry["instructions"]))  # type: ignore[call-overload]
    return Phrase(str(entry[kind]), half, instructions, str(entry.get("after", "")))  # type: ignore[arg-type]
