"""Parser: from the words of an instruction for hands to clauses.

The words of a clause may come in any order, and prepositions are ignored: "touch the thumb with the little finger"
names an action and two fingers. A clause begins at its verb, at a shape ("thumbs up"), or at a part that "is"
something.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile

from lark import Token

from qposer.control.hand_instructions import vocabulary
from qposer.control.instructions.words import InstructionError, Lexicon

Span = tuple[int, int]


@dataclass(frozen=True)
class Named:
    """A finger, a group of fingers or a hand, as named."""

    name: str
    """A key of `vocabulary.FINGERS`, or "others"."""
    side: str = ""
    """Left, right, both, or nothing."""
    joint: str = ""
    """A key of `vocabulary.JOINTS`, or nothing."""
    span: Span = (0, 0)


@dataclass(frozen=True)
class HandClause:
    """A single requirement."""

    verb: str = ""
    """A key of `vocabulary.VERBS`."""
    shape: str = ""
    """A key of `vocabulary.SHAPES`."""
    object: str = ""
    """A key of `vocabulary.OBJECTS`."""
    parts: tuple[Named, ...] = ()
    states: tuple[str, ...] = ()
    amount: str = ""
    value: float | None = None
    unit: str = ""
    only: bool = False
    more: bool = False
    span: Span = (0, 0)


@dataclass(frozen=True)
class Mirror:
    """The hands shall exchange their poses."""

    span: Span


@dataclass(frozen=True)
class Likewise:
    """The earlier clauses, with another hand or finger."""

    part: Named
    span: Span


Element = HandClause | Mirror | Likewise

_SINGLE = {
    "ALL": vocabulary.ALL,
    "BOTH": vocabulary.BOTH,
    "OTHERS": vocabulary.OTHERS,
    "ONLY": vocabulary.ONLY,
    "MORE": vocabulary.MORE,
    "MIRROR": vocabulary.MIRROR,
    "SAME": vocabulary.SAME,
    "BE": vocabulary.BE,
    "AND": vocabulary.AND,
    "THEN": vocabulary.THEN,
    "WHILE": vocabulary.WHILE,
    "FILLER": vocabulary.FILLERS,
}
LEXICON = Lexicon(
    {
        "VERB": vocabulary.VERBS,
        "SHAPE": vocabulary.SHAPES,
        "OBJECT": vocabulary.OBJECTS,
        "FINGER": vocabulary.FINGERS,
        "JOINT": vocabulary.JOINTS,
        "SIDE": vocabulary.SIDES,
        "STATE": vocabulary.STATES,
        "AMOUNT": vocabulary.AMOUNTS,
        "UNIT": vocabulary.UNITS,
        "NUMBER": vocabulary.NUMBERS,
        **{kind: {kind.lower(): phrases} for kind, phrases in _SINGLE.items()},
    },
    "make a fist with the right hand",
    "hands and fingers",
)

_JOINS = ("AND", "WHILE", "SEP", "STOP")
_ACTS = ("VERB", "SHAPE", "BE")
"""Words with which a clause says what shall happen."""
_EMPTY = ("show", "put")
"""Verbs that leave it to the other words what happens."""
_AS_STATES = {"spread": "spread", "open": "flat", "fist": "closed", "cross": "crossed"}
"""States that have the same words as verbs: "with the fingers spread"."""
_CENTIMETRES = {"cm": 1.0, "mm": 0.1, "inches": 2.54}


def parse(text: str) -> list[list[Element]]:
    """Parse an instruction into steps; the clauses of a step must hold together.

    Raises:
        InstructionError: a word is unknown, or a clause says nothing about hands.
    """
    steps: list[list[Element]] = []
    for words in _split(LEXICON.tokens(text), lambda before, after: after[0].type == "THEN"):
        clauses = _split(words, lambda before, after: before[-1].type in _JOINS and _begins(before, after))
        found = [_element([word for word in clause if word.type != "THEN"], text) for clause in clauses]
        steps.append([element for element in found if element is not None])
    if not any(steps):
        raise InstructionError("this says nothing about hands: try 'make a fist with the right hand'", text)
    return [step for step in steps if step]


def _split(words: list[Token], at: Callable[[list[Token], list[Token]], bool]) -> list[list[Token]]:
    """Cut before each word where ``at(words since the last cut, words from there on)``."""
    parts: list[list[Token]] = [[]]
    for index, word in enumerate(words):
        if parts[-1] and at(parts[-1], words[index:]):
            parts.append([])
        parts[-1].append(word)
    return parts


def _begins(before: Sequence[Token], after: Sequence[Token]) -> bool:
    """Whether words after "and" begin a clause instead of continuing a list of fingers."""
    complete = any(word.type in _ACTS for word in before)
    if before[-1].type == "STOP" and complete:
        sentence = takewhile(lambda word: word.type != "STOP", after)
        return any(word.type in (*_ACTS, "MIRROR", "SAME") for word in sentence)
    for index, word in enumerate(after):
        if word.type in ("MIRROR", "SAME") or (word.type in _ACTS and (complete or not index)):
            return True
        if word.type in _JOINS:
            return False
    return False


def _element(words: list[Token], text: str) -> Element | None:
    """The element of some words; None if there are only conjunctions."""
    words = [word for word in words if word.type not in ("WHILE", "SEP", "STOP")]
    while words and words[-1].type == "AND":
        words.pop()
    while words and words[0].type == "AND":
        words.pop(0)
    if not words:
        return None
    span = _place(words[0])[0], _place(words[-1])[1]
    if words[0].type == "MIRROR":
        return Mirror(span)
    parts = _parts(words)
    if words[0].type == "SAME":
        if len(parts) != 1:
            raise InstructionError("say with which hand or finger: 'do the same with the left hand'", text, *span)
        return Likewise(parts[0], span)
    clause = HandClause(parts=parts, span=span)
    for word in words:
        clause = _with_word(clause, word, text)
    sides = [str(word) if word.type == "SIDE" else "both" for word in words if word.type in ("SIDE", "BOTH")]
    if sides and not parts:
        both = len(set(sides)) > 1
        clause = replace(clause, parts=(Named("hand", "both" if both else sides[0], span=span),))
    return clause


def _with_word(clause: HandClause, word: Token, text: str) -> HandClause:
    """The clause with the meaning of a word."""
    kind, value = word.type, str(word)
    if kind == "VERB":
        if not clause.verb or (clause.verb in _EMPTY and value not in _AS_STATES):
            return replace(clause, verb=value)
        if value in _AS_STATES:
            return replace(clause, states=(*clause.states, _AS_STATES[value]))
        if value not in _EMPTY:
            raise InstructionError("one action at a time: join two with 'and'", text, *_place(word))
        return clause
    if kind == "NUMBER":
        if clause.value is not None:
            raise InstructionError("one number is enough here", text, *_place(word))
        return replace(clause, value=float(value))
    if kind == "UNIT":
        if clause.value is None:
            raise InstructionError("a number is missing before the unit", text, *_place(word))
        unit = "cm" if value in _CENTIMETRES else value
        return replace(clause, unit=unit, value=clause.value * _CENTIMETRES.get(value, 1.0))
    if kind == "STATE":
        return replace(clause, states=(*clause.states, value))
    if kind == "SHAPE":
        return replace(clause, shape=value)
    if kind == "OBJECT":
        return replace(clause, object=value)
    if kind == "AMOUNT":
        return replace(clause, amount=value)
    if kind in ("ONLY", "MORE"):
        return replace(clause, only=clause.only or kind == "ONLY", more=clause.more or kind == "MORE")
    return clause


def _parts(words: Sequence[Token]) -> tuple[Named, ...]:
    """The named parts; a hand after fingers gives them its side, and sides and joints hold for a whole list."""
    found: list[Named] = []
    side = joint = ""
    together = False
    for word in words:
        if word.type == "SIDE":
            side = "both" if side not in ("", str(word)) and not together else str(word)
            together = False
        elif word.type == "BOTH":
            side = "both"
        elif word.type == "JOINT":
            joint = str(word)
        elif word.type in ("FINGER", "OTHERS"):
            name = "others" if word.type == "OTHERS" else str(word)
            if name == "hand" and found and found[-1].name != "hand":
                found = [replace(part, side=part.side or side) for part in found]
            elif name in ("fingers", "fingertips") and found and found[-1].name == "others":
                found[-1] = replace(found[-1], side=found[-1].side or side)
            elif not (found and found[0].name == "hand" and name == "fingers"):
                found.append(Named(name, side, joint, _place(word)))
            together = True
    return tuple(found)


def _place(word: Token) -> Span:
    return (word.start_pos or 0, word.end_pos or 0)
