"""From tokens to clauses: what is to be done, with which parts, whereto, and how far."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import Any

from lark import Lark, Token, Transformer, UnexpectedEOF, UnexpectedInput
from lark.lexer import Lexer

from qposer.control.instructions.clauses import (
    PAIRED,
    Again,
    Clause,
    Extent,
    Likewise,
    Mirror,
    Part,
    Relation,
    Saying,
    Side,
    Step,
)
from qposer.control.instructions.vocabulary import NUMBERS
from qposer.control.instructions.words import InstructionError, tokens


def parse(text: str) -> list[Step]:
    """The steps of an instruction, each of clauses that shall hold together.

    Raises:
        InstructionError: a word is not known, or the words do not make an instruction.
    """
    found = list(tokens(text))
    try:
        tree = _grammar().parse(text)
    except UnexpectedEOF:
        start, end = _place(found[-1]) if found else (0, len(text))
        raise InstructionError(
            f"the instruction is not finished: something is missing after {text[start:end]!r}", text, end, end
        ) from None
    except UnexpectedInput as error:
        start, end = _place(getattr(error, "token", found[-1]))
        raise InstructionError(
            f"{text[start:end]!r} is not understood here: say it in the manner of 'raise the left arm'",
            text,
            start,
            end,
        ) from None
    return _resolved(_Reader().transform(tree), text)


class _Words(Lexer):
    def __init__(self, conf: Any) -> None:
        pass

    def lex(self, data: Any) -> Iterator[Token]:  # type: ignore[override]
        return tokens(str(getattr(data, "text", data)))


@cache
def _grammar() -> Lark:
    source = files("qposer.control.instructions").joinpath("grammar.lark").read_text(encoding="utf-8")
    return Lark(source, parser="earley", lexer=_Words)


def _place(item: Any) -> tuple[int, int]:
    return (item.start_pos or 0, item.end_pos or 0) if isinstance(item, Token) else item.span


def _span(items: Sequence[Any]) -> tuple[int, int]:
    flat = [part for item in items for part in (item if type(item) is tuple else (item,))]
    spans = [_place(item) for item in flat if isinstance(item, Token) or hasattr(item, "span")]
    return (min(s for s, _ in spans), max(e for _, e in spans)) if spans else (0, 0)


@dataclass(frozen=True)
class _Word:
    """A modifier of one word."""

    kind: str
    value: str
    span: tuple[int, int]
    diagonal: bool = False


@dataclass(frozen=True)
class _Company:
    parts: tuple[Part, ...]
    more: _Word | None
    span: tuple[int, int]


class _Reader(Transformer[Token, list[Step]]):
    """Turns the tree into clauses, from the leaves up.

    Many methods: lark calls one for each rule of the grammar, by the rule's name.
    """

    def start(self, items: list[Any]) -> list[Step]:
        return [item for item in items if isinstance(item, tuple)]

    def step(self, items: list[Any]) -> Step:
        return tuple(item for item in items if not isinstance(item, Token))

    def command(self, items: list[Any]) -> Clause:
        (verb,) = (str(item) for item in items if isinstance(item, Token))
        return _clause(verb, [item for item in items if not isinstance(item, Token)], _span(items))

    def statement(self, items: list[Any]) -> Clause:
        return _clause("be", [item for item in items if not isinstance(item, Token)], _span(items))

    def deed(self, items: list[Any]) -> Clause:
        (verb,) = (str(item) for item in items if isinstance(item, Token))
        doers, *modifiers = (item for item in items if not isinstance(item, Token))
        if verb in ("touch", "cover"):
            modifiers.append(_Company(doers, None, _span(list(doers))))
            return _clause(verb, modifiers, _span(items))
        return _clause(verb, [doers, *modifiers], _span(items))

    def mirror(self, items: list[Any]) -> Mirror:
        return Mirror(whole=not any(isinstance(item, tuple) for item in items), span=_span(items))

    def again(self, items: list[Any]) -> Again:
        extent = next((item for item in items if isinstance(item, Extent)), Extent())
        less = any(isinstance(item, Token) and item.type == "LESS" for item in items)
        return Again(less, extent, _span(items))

    def likewise(self, items: list[Any]) -> Likewise:
        parts = next((item for item in items if isinstance(item, tuple)), ())
        direction = next((item.value for item in items if isinstance(item, _Word)), "")
        return Likewise(parts, direction, _span(items))

    def parts(self, items: list[Any]) -> tuple[Part, ...]:
        found: list[Part] = []
        for item in items:
            if isinstance(item, list):
                found += item
        sided: list[Part] = []
        for part in found:
            inherits = sided and not part.side and part.name in PAIRED and sided[-1].side in ("left", "right")
            sided.append(replace(part, side=sided[-1].side) if inherits else part)
        return tuple(sided)

    def part(self, items: list[Token]) -> list[Part]:
        span = _span(items)
        kinds = [item.type for item in items]
        if kinds == ["PRONOUN"]:
            return [Part("it", "", span)]
        name = str(next(item for item in items if item.type == "PART"))
        sides = [str(item) for item in items if item.type == "SIDE"]
        if not sides:
            said: Side = next((s for k, s in _SAID.items() if k in kinds), "")
            return [Part(name, said, span)]
        return [Part(name, "left" if side == "left" else "right", span) for side in sides]

    def relation(self, items: list[Any]) -> Relation:
        return Relation(str(items[0]), items[1], _span(items))

    def company(self, items: list[Any]) -> _Company:
        return _Company(items[1], None, _span(items))

    def attached(self, items: list[Any]) -> _Company:
        return _Company(items[1], items[2], _span(items))

    def extent(self, items: list[Any]) -> Extent:
        by = isinstance(items[0], Token) and items[0].type == "PREP" and str(items[0]) == "by"
        last = items[-1]
        extent = Extent(amount=str(last), span=_span(items)) if isinstance(last, Token) else last
        return replace(extent, relative=by)

    def measure(self, items: list[Token]) -> Extent:
        span = _span(items)
        if items[0].type == "RIGHT_ANGLE":
            return Extent(value=90.0, unit="degrees", span=span)
        if items[0].type == "SHOULDER_WIDTH":
            return Extent(value=38.0, unit="cm", span=span)
        word = str(items[0])
        value = NUMBERS.get(word, 0.0) if word in NUMBERS else float(word)
        unit = str(items[1]) if len(items) > 1 else ""
        if unit in _CENTIMETRES:
            return Extent(value=value * _CENTIMETRES[unit], unit="cm", span=span)
        return Extent(value=value, unit="degrees" if unit else "", span=span)

    def direction(self, items: list[Token]) -> _Word:
        return _Word("direction", str(items[-1]), _span(items), any(i.type == "DIAGONAL" for i in items))

    def level(self, items: list[Token]) -> _Word:
        return _Word("level", str(items[-1]), _span(items))

    def state(self, items: list[Token]) -> _Word:
        return _Word("state", str(items[-1]), _span(items))

    def done(self, items: list[Token]) -> _Word:
        return _Word("done", str(items[-1]), _span(items))


_SAID: dict[str, Side] = {"BOTH": "both", "ANY": "any", "OTHER": "other"}

_CENTIMETRES = {"cm": 1.0, "m": 100.0, "mm": 0.1, "inches": 2.54}


def _clause(verb: str, modifiers: list[Any], span: tuple[int, int]) -> Clause:
    words = [m for m in modifiers if isinstance(m, _Word)]
    company = [m for m in modifiers if isinstance(m, _Company)]
    extents = [m for m in modifiers if isinstance(m, Extent)]

    def of(kind: str) -> tuple[str, ...]:
        return tuple(word.value for word in words if word.kind == kind)

    return Clause(
        verb,
        parts=tuple(part for m in modifiers if isinstance(m, tuple) for part in m),
        company=tuple(part for c in company if c.more is None for part in c.parts),
        directions=of("direction"),
        diagonal=any(word.diagonal for word in words),
        level=next(iter(of("level")), ""),
        states=of("state"),
        done=of("done"),
        relations=tuple(m for m in modifiers if isinstance(m, Relation)),
        extent=next((e for e in extents if e.value is not None), extents[0] if extents else Extent()),
        beside=tuple(_clause("be", [c.parts, c.more], c.span) for c in company if c.more is not None),
        span=span,
    )


_OF_THE_SAME = ("raise", "lower", "bend", "straighten", "stretch", "turn", "tilt", "spread", "cross", "point")
"""Verbs that, before one of these and without parts, are said of its parts: "raise and stretch the left arm"."""


def _shared(step: Step) -> Step:
    sayings = list(step)
    for index in reversed(range(len(sayings) - 1)):
        saying, following = sayings[index : index + 2]
        if isinstance(saying, Clause) and isinstance(following, Clause) and following.verb in _OF_THE_SAME:
            bare = saying.verb in _OF_THE_SAME and saying == Clause(saying.verb, span=saying.span)
            sayings[index] = replace(saying, parts=following.parts) if bare else saying
    return tuple(sayings)


def _resolved(steps: list[Step], text: str) -> list[Step]:
    """Pronouns and "the right one" replaced by what was named before."""
    named: tuple[Part, ...] = ()

    def told(part: Part) -> tuple[Part, ...]:
        if part.name not in ("it", "one"):
            return (part,)
        if not named:
            raise InstructionError(f"{text[part.span[0] : part.span[1]]!r}: no part was named before", text, *part.span)
        return named if part.name == "it" else (replace(named[-1], side=part.side, span=part.span),)

    def known(parts: tuple[Part, ...]) -> tuple[Part, ...]:
        return tuple(real for part in parts for real in told(part))

    resolved: list[Step] = []
    for step in steps:
        clauses: list[Saying] = []
        for saying in _shared(step):
            if isinstance(saying, Clause):
                saying = replace(
                    saying,
                    parts=known(saying.parts),
                    company=known(saying.company),
                    relations=tuple(replace(r, parts=known(r.parts)) for r in saying.relations),
                )
                named = saying.parts or saying.company or named
            elif isinstance(saying, Likewise):
                parts = (told(part) if part.name == "it" else (part,) for part in saying.parts)
                saying = replace(saying, parts=tuple(real for found in parts for real in found))
            clauses.append(saying)
        resolved.append(tuple(clauses))
    return resolved
