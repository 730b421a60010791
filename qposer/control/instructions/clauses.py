"""Parse results of instructions: clauses about body parts, and references to earlier clauses."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Side = Literal["left", "right", "both", "any", "other", ""]

OF_ARMS = ("arm", "hand", "palm", "wrist", "forearm", "elbow", "upper arm", "shoulder", "armpit")

_OF_LEGS = ("leg", "thigh", "hip", "knee", "shin", "ankle", "foot", "heel", "toe", "buttock")

PAIRED = frozenset([*OF_ARMS, *_OF_LEGS, "ear", "eye", "cheek"])
"""Names of parts that come in left and right pairs."""


@dataclass(frozen=True)
class Part:
    """A named body part; ``side`` is empty if the text does not give one."""

    name: str
    side: Side = ""
    span: tuple[int, int] = (0, 0)

    def sides(self, alone: bool = False) -> list[str]:
        """Sides of the part. Without a stated side: both, or the right one if ``alone``."""
        if self.side in ("left", "right"):
            return [self.side]
        return ["right"] if self.side == "any" or (alone and not self.side) else ["left", "right"]


@dataclass(frozen=True)
class Extent:
    """Size of a movement: an amount in words, or a number of degrees or centimetres."""

    amount: str = ""
    value: float | None = None
    unit: Literal["degrees", "cm", ""] = ""
    relative: bool = False
    """Whether the value is a change rather than a target."""
    span: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class Relation:
    """A position relative to body parts."""

    preposition: str
    parts: tuple[Part, ...]
    span: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class Clause:
    """A single requirement. The verb is a key of `vocabulary.VERBS`, or "be" for statements."""

    verb: str
    parts: tuple[Part, ...] = ()
    instruments: tuple[Part, ...] = ()
    """Parts that perform the action: "with the left hand"."""
    directions: tuple[str, ...] = ()
    diagonal: bool = False
    level: str = ""
    states: tuple[str, ...] = ()
    done: tuple[str, ...] = ()
    relations: tuple[Relation, ...] = ()
    extent: Extent = field(default_factory=Extent)
    attached: tuple[Clause, ...] = ()
    """Subordinate clauses: "with the feet together"."""
    span: tuple[int, int] = (0, 0)

    @property
    def direction(self) -> str:
        """The first direction; "out" is used only if there is no other."""
        specific = [d for d in self.directions if d != "outward"] or list(self.directions)
        return specific[0] if specific else ""


@dataclass(frozen=True)
class Again:
    """Repeat the previous edit further, or partly undo it."""

    less: bool
    extent: Extent
    span: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class Likewise:
    """Repeat earlier clauses with other parts or another direction; without either, on the other side."""

    parts: tuple[Part, ...]
    direction: str = ""
    span: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class Mirror:
    """Mirror the posture, with left and right swapped."""

    whole: bool = True
    """False if the text names a part."""
    span: tuple[int, int] = (0, 0)


Element = Clause | Again | Likewise | Mirror

Step = tuple[Element, ...]
