"""Split instructions into what the body and what the hands shall do.

"raise the right arm, palm forward, and make a fist" is "raise the right arm, palm forward" for
`qposer.control.instructions` and "make a fist with the right hand" for `qposer.control.hand_instructions`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from qposer.control.hand_instructions import mentions_hands
from qposer.control.hand_instructions import parser as hand_parser
from qposer.control.instructions import parser as body_parser
from qposer.control.instructions.clauses import OF_ARMS, Clause, Element, Likewise, Mirror
from qposer.control.instructions.words import LONGEST_TEXT, PHRASES, WORD, InstructionError

Kind = Literal["body", "hands"]

_KINDS: tuple[Kind, Kind] = ("body", "hands")
_JOINS = ("AND", "THEN", "WHILE")
_KNOWN = hand_parser.LEXICON.phrases | PHRASES
_MOST_WORDS = max(map(len, _KNOWN))


class SplitInstruction(NamedTuple):
    """The parts of an instruction; each may be empty."""

    body: str
    hands: str

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """Which parts are not empty."""
        return tuple(kind for kind in _KINDS if getattr(self, kind))


@dataclass(frozen=True)
class _Piece:
    """Words between two conjunctions or marks."""

    text: str
    span: tuple[int, int]
    then: bool
    """Whether it begins a step."""
    kinds: tuple[Kind, ...] = ()


def split_instruction(text: str, before: Sequence[Kind] = ("body",)) -> SplitInstruction:
    """Split an instruction into its parts for the body and for the hands.

    A clause without a side that follows one about an arm or a hand is about that side: "raise the left arm and make a
    fist".

    Args:
        text: instruction in English.
        before: what the previous instruction was for, to which "mirror that" and "do the same" refer.

    Returns:
        The parts. A text that is not understood is for the body.
    """
    if len(text) > LONGEST_TEXT:
        return SplitInstruction(text, "")
    pieces = [*_pieces(text)]
    if mentions_hands(text) and not any(_turns_a_palm(piece.text) for piece in pieces):
        return SplitInstruction("", text)
    pieces = _assigned(pieces, tuple(before))
    if not any("hands" in piece.kinds for piece in pieces):
        return SplitInstruction(text, "")
    return SplitInstruction(*(_joined(_with_sides(pieces), kind, text) for kind in _KINDS))


def _pieces(text: str) -> Iterator[_Piece]:
    """Cut a text at conjunctions and punctuation marks."""
    words = [*WORD.finditer(text)]
    at, start, end, then = 0, -1, 0, False
    while at < len(words):
        phrase = _phrase([word.group().lower().replace("’", "'") for word in words[at : at + _MOST_WORDS]])
        kind = _KNOWN[phrase].kind if phrase in _KNOWN else ""
        if kind in _JOINS or phrase[0] in ".,;:!?":
            if start >= 0:
                yield _Piece(text[start:end], (start, end), then)
                start, then = -1, False
            then |= kind == "THEN"
        else:
            start = words[at].start() if start < 0 else start
            end = words[at + len(phrase) - 1].end()
        at += len(phrase)
    if start >= 0:
        yield _Piece(text[start:end], (start, end), then)


def _phrase(words: Sequence[str]) -> tuple[str, ...]:
    """The longest known phrase at the beginning of some words, or the first word."""
    lengths = range(len(words), 0, -1)
    return next((tuple(words[:length]) for length in lengths if tuple(words[:length]) in _KNOWN), (words[0],))


def _body(text: str) -> list[Element]:
    """Elements of an instruction for the body; none if it is not understood, or points nowhere."""
    try:
        elements = [element for step in body_parser.parse(text) for element in step]
    except InstructionError:
        return []
    nowhere = any(
        isinstance(element, Clause)
        and element.verb == "point"
        and not (element.directions or element.relations or element.diagonal)
        and {part.name for part in (*element.parts, *element.instruments)} <= {"hand"}
        for element in elements
    )
    return [] if nowhere else elements


def _hands(text: str) -> list[hand_parser.Element]:
    """Elements of an instruction for hands; none if it is not understood, or names only parts."""
    try:
        elements = [element for step in hand_parser.parse(text) for element in step]
    except InstructionError:
        return []
    said = [
        e for e in elements if not isinstance(e, hand_parser.HandClause) or e.verb or e.shape or e.object or e.states
    ]
    return elements if len(said) == len(elements) else []


def _is_of_hands(text: str, read: Sequence[hand_parser.Element], of_body: bool) -> bool:
    """Whether fingers do what a text says: it mentions them, or the body does not understand it; without pronouns."""
    clauses = [element for element in read if isinstance(element, hand_parser.HandClause)]
    words = text.lower().split()
    if not clauses or "it" in words or "them" in words:
        return False
    names = all(clause.parts or clause.shape or clause.object or clause.verb == "point" for clause in clauses)
    return mentions_hands(text) or (names and not of_body and words[-1] != "one")


def _turns_a_palm(text: str) -> bool:
    """Whether a text is about where a palm faces, which hands would read as a state of the fingers."""
    parts = [part for element in _body(text) if isinstance(element, Clause) for part in element.parts]
    return any(part.name == "palm" for part in parts) and not mentions_hands(text)


def _assigned(pieces: list[_Piece], before: tuple[Kind, ...]) -> list[_Piece]:
    """The pieces with their kinds; fragments belong to the piece before, references to what they repeat."""
    found: list[_Piece] = []
    for piece in pieces:
        of_hands, of_body = _hands(piece.text), _body(piece.text)
        earlier = found[-1].kinds if found else before
        so_far = tuple(kind for kind in _KINDS if any(kind in other.kinds for other in found)) or before
        kinds: tuple[Kind, ...]
        if any(isinstance(element, Mirror | hand_parser.Mirror) for element in (*of_body, *of_hands)):
            kinds = so_far
        elif any(isinstance(element, Likewise | hand_parser.Likewise) for element in (*of_body, *of_hands)):
            kinds = tuple(k for k, read in zip(_KINDS, (of_body, of_hands), strict=True) if read and k in earlier)
        elif _is_of_hands(piece.text, of_hands, bool(of_body)):
            kinds = ("hands",)
        else:
            kinds = ("body",) if of_body or not found else earlier
        found.append(replace(piece, kinds=kinds or ("body",)))
    return found


def _with_sides(pieces: Sequence[_Piece]) -> list[_Piece]:
    """The pieces with the side that the clause before names, if it is of the other kind."""
    found: list[_Piece] = []
    of: Kind = "body"
    sides: set[str] = set()
    for piece in pieces:
        own = _sides(piece)
        if not own and sides and of not in piece.kinds:
            hand = "both hands" if len(sides) == 2 else f"the {min(sides)} hand"
            if piece.kinds == ("hands",):
                piece = replace(piece, text=f"{piece.text} with {hand}")
            elif len(sides) == 1:
                piece = replace(piece, text=_of_side(piece.text, min(sides)))
        if own:
            of, sides = piece.kinds[0], own
        found.append(piece)
    return found


def _sides(piece: _Piece) -> set[str]:
    """Sides of the arms or hands that a piece names."""
    if piece.kinds == ("hands",):
        clauses = [element for element in _hands(piece.text) if isinstance(element, hand_parser.HandClause)]
        named = {part.side for clause in clauses for part in clause.parts} - {""}
        return {"left", "right"} if "both" in named else named
    parts = [part for e in _body(piece.text) if isinstance(e, Clause) for part in (*e.parts, *e.instruments)]
    return {
        side
        for part in parts
        if part.name in OF_ARMS and not body_parser.is_one_palm(part, piece.text)
        for side in part.sides()
    }


def _of_side(text: str, side: str) -> str:
    """The text with the side before "palm" without one."""
    palms = [
        part for e in _body(text) if isinstance(e, Clause) for part in e.parts if body_parser.is_one_palm(part, text)
    ]
    for part in reversed(palms):
        text = f"{text[: part.span[0]]}{side} {text[part.span[0] :]}"
    return text


def _joined(pieces: Sequence[_Piece], kind: Kind, text: str) -> str:
    """The instruction of one kind; neighbours keep the words between them."""
    joined, last = "", -1
    for number, piece in enumerate(pieces):
        if kind not in piece.kinds:
            continue
        if last >= 0 and last == number - 1:
            joined += text[pieces[last].span[1] : piece.span[0]]
        elif last >= 0:
            joined += ", then " if any(other.then for other in pieces[last + 1 : number + 1]) else ", "
        joined, last = joined + piece.text, number
    return joined
