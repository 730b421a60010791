"""Parser: from tokens to clauses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import Any

from lark import Lark, Token, Transformer, UnexpectedEOF, UnexpectedInput
from lark.lexer import Lexer

from qposer.control.instructions.clauses import (
    OF_ARMS,
    PAIRED,
    Again,
    Clause,
    Element,
    Extent,
    Likewise,
    Mirror,
    Part,
    Relation,
    Side,
    Step,
)
from qposer.control.instructions.vocabulary import NUMBERS
from qposer.control.instructions.words import InstructionError, tokens


def parse(text: str) -> list[Step]:
    """Parse an instruction into steps; the clauses of a step must hold together.

    Raises:
        InstructionError: a word is unknown, or the text does not match the grammar.
    """
    found = list(tokens(text))
    try:
        tree = _grammar().parse(text)
    except UnexpectedEOF:
        start, end = _place(found[-1]) if found else (0, len(text))
        raise InstructionError(
            f"the instruction is incomplete: something is missing after {text[start:end]!r}", text, end, end
        ) from None
    except UnexpectedInput as error:
        start, end = _place(getattr(error, "token", found[-1]))
        raise InstructionError(
            f"{text[start:end]!r} is not understood here: use a form like 'raise the left arm'",
            text,
            start,
            end,
        ) from None
    return _resolve_references(_ClauseTransformer().transform(tree), text)


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
class _Instruments:
    parts: tuple[Part, ...]
    more: _Word | None
    span: tuple[int, int]
    verb: str = "be"


class _ClauseTransformer(Transformer[Token, list[Step]]):
    """Transforms the parse tree into clauses, bottom up.

    Many methods: lark calls the one with the name of each grammar rule.
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
        agents, *modifiers = (item for item in items if not isinstance(item, Token))
        if verb in ("touch", "cover"):
            modifiers.append(_Instruments(agents, None, _span(list(agents))))
            return _clause(verb, modifiers, _span(items))
        return _clause(verb, [agents, *modifiers], _span(items))

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
            side: Side = next((s for k, s in _SIDES.items() if k in kinds), "")
            return [Part(name, side, span)]
        return [Part(name, "left" if side == "left" else "right", span) for side in sides]

    def relation(self, items: list[Any]) -> Relation:
        return Relation(str(items[0]), items[1], _span(items))

    def instruments(self, items: list[Any]) -> _Instruments:
        return _Instruments(items[1], None, _span(items))

    def attached(self, items: list[Any]) -> _Instruments:
        verb = str(items[2]) if len(items) > 3 else "be"
        return _Instruments(items[1], items[-1], _span(items), verb)

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


_SIDES: dict[str, Side] = {"BOTH": "both", "ANY": "any", "OTHER": "other"}

_CENTIMETRES = {"cm": 1.0, "m": 100.0, "mm": 0.1, "inches": 2.54}


def _clause(verb: str, modifiers: list[Any], span: tuple[int, int]) -> Clause:
    words = [m for m in modifiers if isinstance(m, _Word)]
    instruments = [m for m in modifiers if isinstance(m, _Instruments)]
    extents = [m for m in modifiers if isinstance(m, Extent)]

    def of(kind: str) -> tuple[str, ...]:
        return tuple(word.value for word in words if word.kind == kind)

    return Clause(
        verb,
        parts=tuple(part for m in modifiers if isinstance(m, tuple) for part in m),
        instruments=tuple(part for c in instruments if c.more is None for part in c.parts),
        directions=of("direction"),
        diagonal=any(word.diagonal for word in words),
        level=next(iter(of("level")), ""),
        states=of("state"),
        done=of("done"),
        relations=tuple(m for m in modifiers if isinstance(m, Relation)),
        extent=next((e for e in extents if e.value is not None), extents[0] if extents else Extent()),
        attached=tuple(_clause(c.verb, [c.parts, c.more], c.span) for c in instruments if c.more is not None),
        span=span,
    )


_SHARING_VERBS = ("raise", "lower", "bend", "straighten", "stretch", "turn", "tilt", "spread", "cross", "point")
"""Verbs that, without own parts, share those of a following verb of this list: "raise and stretch the left arm"."""


def _share_parts(step: Step) -> Step:
    elements = list(step)
    for index in reversed(range(len(elements) - 1)):
        element, following = elements[index : index + 2]
        if isinstance(element, Clause) and isinstance(following, Clause) and following.verb in _SHARING_VERBS:
            bare = element.verb in _SHARING_VERBS and element == Clause(element.verb, span=element.span)
            elements[index] = replace(element, parts=following.parts) if bare else element
    return tuple(elements)


def _of_the_arm(parts: tuple[Part, ...], named: tuple[Part, ...], text: str) -> tuple[Part, ...]:
    """Parts with the side of the arm named before for a palm without one: "raise the right arm, palm up"."""
    sides = {part.side for part in named if part.name in OF_ARMS}
    if sides not in ({"left"}, {"right"}):
        return parts
    (side,) = sides
    return tuple(replace(part, side=side) if is_one_palm(part, text) else part for part in parts)


def is_one_palm(part: Part, text: str) -> bool:
    """Whether a part is "palm" without a side, in the singular.

    Args:
        part: the body part.
        text: the instruction that names it.

    Returns:
        Whether it is one palm of unknown side.
    """
    return part.name == "palm" and not part.side and not text[: part.span[1]].endswith("s")


def _resolve_references(steps: list[Step], text: str) -> list[Step]:
    """Replace pronouns and "the right one" by the parts named before."""
    named: tuple[Part, ...] = ()

    def antecedent(part: Part) -> tuple[Part, ...]:
        if part.name not in ("it", "one"):
            return (part,)
        if not named:
            raise InstructionError(f"{text[part.span[0] : part.span[1]]!r}: no part was named before", text, *part.span)
        return named if part.name == "it" else (replace(named[-1], side=part.side, span=part.span),)

    def resolve(parts: tuple[Part, ...]) -> tuple[Part, ...]:
        return tuple(real for part in parts for real in antecedent(part))

    resolved: list[Step] = []
    for step in steps:
        clauses: list[Element] = []
        for element in _share_parts(step):
            if isinstance(element, Clause):
                parts = _of_the_arm(resolve(element.parts), named, text)
                element = replace(
                    element,
                    parts=parts,
                    attached=tuple(
                        replace(each, parts=_of_the_arm(each.parts, parts or named, text)) for each in element.attached
                    ),
                    instruments=resolve(element.instruments),
                    relations=tuple(replace(r, parts=resolve(r.parts)) for r in element.relations),
                )
                named = element.parts or element.instruments or named
            elif isinstance(element, Likewise):
                found = (antecedent(part) if part.name == "it" else (part,) for part in element.parts)
                element = replace(element, parts=tuple(real for each in found for real in each))
            clauses.append(element)
        resolved.append(tuple(clauses))
    return resolved
