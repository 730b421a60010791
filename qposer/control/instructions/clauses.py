"""What instructions are parsed into: clauses about parts of the body, and references to what was said before."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Side = Literal["left", "right", "both", "any", "other", ""]

_OF_ARMS = ("arm", "hand", "palm", "wrist", "forearm", "elbow", "upper arm", "shoulder", "armpit")

_OF_LEGS = ("leg", "thigh", "hip", "knee", "shin", "ankle", "foot", "heel", "toe", "buttock")

PAIRED = frozenset([*_OF_ARMS, *_OF_LEGS, "ear", "eye", "cheek"])
"""Parts that have a left and a right one."""


@dataclass(frozen=True)
class Part:
    """A part of the body, as named; ``side`` is empty where none was said."""

    name: str
    side: Side = ""
    span: tuple[int, int] = (0, 0)

    def sides(self, alone: bool = False) -> list[str]:
        """The sides meant: both where none is said, or, if one alone makes sense, the right."""
        if self.side in ("left", "right"):
            return [self.side]
        return ["right"] if self.side == "any" or (alone and not self.side) else ["left", "right"]


@dataclass(frozen=True)
class Extent:
    """How far: an amount in words, or a number of degrees or centimetres."""

    amount: str = ""
    value: float | None = None
    unit: Literal["degrees", "cm", ""] = ""
    relative: bool = False
    """By so much, rather than to it."""
    span: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class Relation:
    """A place relative to parts of the body."""

    preposition: str
    parts: tuple[Part, ...]
    span: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class Clause:
    """One thing that shall be so. Verbs are keys of `vocabulary.VERBS`, or "be" for statements."""

    verb: str
    parts: tuple[Part, ...] = ()
    company: tuple[Part, ...] = ()
    """What it is done with."""
    directions: tuple[str, ...] = ()
    diagonal: bool = False
    level: str = ""
    states: tuple[str, ...] = ()
    done: tuple[str, ...] = ()
    relations: tuple[Relation, ...] = ()
    extent: Extent = field(default_factory=Extent)
    beside: tuple[Clause, ...] = ()
    """Clauses that hang on this one: "with the feet together"."""
    span: tuple[int, int] = (0, 0)

    @property
    def direction(self) -> str:
        """The direction; "out" counts only where no other is named."""
        telling = [d for d in self.directions if d != "outward"] or list(self.directions)
        return telling[0] if telling else ""


@dataclass(frozen=True)
class Again:
    """More, or less, of what was done before."""

    less: bool
    extent: Extent
    span: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class Likewise:
    """The same, with other parts, or to another direction; of the other side where neither is told."""

    parts: tuple[Part, ...]
    direction: str = ""
    span: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class Mirror:
    """The whole posture seen in a mirror."""

    whole: bool = True
    """Whether no part of it is named."""
    span: tuple[int, int] = (0, 0)


Saying = Clause | Again | Likewise | Mirror

Step = tuple[Saying, ...]
