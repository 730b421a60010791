"""From text to tokens: the longest phrases that the vocabulary knows, each with its meaning and its place."""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import get_close_matches
from typing import NamedTuple

from lark import Token

from qposer.control.instructions import vocabulary

LONGEST_TEXT = 1000
"""Characters that an instruction may have."""


class InstructionError(ValueError):
    """An instruction that is not understood, or cannot be followed; the message shows the place in brackets.

    Attributes:
        reason: what is wrong.
        text: the instruction.
        start: where in it the trouble begins.
        end: where it ends.
    """

    def __init__(self, reason: str, text: str, start: int = 0, end: int | None = None) -> None:
        self.reason, self.text, self.start = reason, text, start
        self.end = len(text) if end is None else end
        marked = f"{text[:start]}[{text[start : self.end]}]{text[self.end :]}"
        super().__init__(f"{reason}: {marked}" if 0 < self.end - start < len(text) <= LONGEST_TEXT else reason)


class _Meaning(NamedTuple):
    kind: str
    value: str


def _phrases() -> dict[tuple[str, ...], _Meaning]:
    """All phrases, as words, and what they mean."""
    tables: dict[str, dict[str, str]] = {
        "VERB": vocabulary.VERBS,
        "DONE": vocabulary.DONE,
        "PART": vocabulary.PARTS,
        "SIDE": vocabulary.SIDES,
        "DIRECTION": vocabulary.DIRECTIONS,
        "LEVEL": vocabulary.LEVELS,
        "STATE": vocabulary.STATES,
        "AMOUNT": vocabulary.AMOUNTS,
        "PREP": vocabulary.PREPOSITIONS,
        "UNIT": vocabulary.UNITS,
        "NUMBER": {str(number): word for word, number in vocabulary.NUMBERS.items()},
    }
    single = {
        "BOTH": vocabulary.BOTH,
        "ANY": vocabulary.ANY,
        "OTHER": vocabulary.OTHER,
        "DIAGONAL": vocabulary.DIAGONAL,
        "WITH": vocabulary.WITH,
        "RIGHT_ANGLE": vocabulary.RIGHT_ANGLE,
        "SHOULDER_WIDTH": vocabulary.SHOULDER_WIDTH,
        "MIRROR": vocabulary.MIRROR,
        "MORE": vocabulary.MORE,
        "LESS": vocabulary.LESS,
        "SAME": vocabulary.SAME,
        "AND": vocabulary.AND,
        "THEN": vocabulary.THEN,
        "WHILE": vocabulary.WHILE,
        "BE": vocabulary.BE,
        "PRONOUN": vocabulary.PRONOUNS,
        "FILLER": vocabulary.FILLERS,
    }
    tables |= {kind: {kind.lower(): phrases} for kind, phrases in single.items()}
    found: dict[tuple[str, ...], _Meaning] = {}
    for kind, table in tables.items():
        for value, phrases in table.items():
            for phrase in phrases.split(", "):
                found.setdefault(tuple(phrase.split()), _Meaning(kind, value))
    return found


PHRASES = _phrases()
_MOST_WORDS = max(map(len, PHRASES))
_WORD = re.compile(r"\d+(?:\.\d+)?|°|&|[^\W\d_]+(?:[-'’][^\W\d_]+)*|[.,;:!?]|\S")
_KNOWN_WORDS = sorted(word for word, *more in PHRASES if not more and word.isalpha())


def tokens(text: str) -> Iterator[Token]:
    """The tokens of an instruction, fillers left out.

    Raises:
        InstructionError: the text is empty or too long, or holds a word that the vocabulary does not.
    """
    if not text.strip():
        raise InstructionError(
            "the instruction is empty: say what shall change, 'raise the left arm' for instance", text
        )
    if len(text) > LONGEST_TEXT:
        raise InstructionError(
            f"the instruction has {len(text)} characters, and the most is {LONGEST_TEXT}: say it in several", text
        )
    words = [(match.group().lower().replace("’", "'"), match.start(), match.end()) for match in _WORD.finditer(text)]
    found = list(_matched(text, words))
    while found and found[-1].type in ("SEP", "STOP"):
        found.pop()
    for index, token in enumerate(found):
        yield _in_context(token, found[:index], found[index + 1 :])


def _matched(text: str, words: list[tuple[str, int, int]]) -> Iterator[Token]:
    """Longest phrases first, from left to right."""
    at = 0
    while at < len(words):
        word, start, end = words[at]
        if word[0].isdecimal():
            yield Token("NUMBER", word, start_pos=start, end_pos=end)
            at += 1
            continue
        if word in ".,;:!?":
            if at:
                yield Token("SEP" if word in ",:" else "STOP", word, start_pos=start, end_pos=end)
            at += 1
            continue
        for length in range(min(_MOST_WORDS, len(words) - at), 0, -1):
            meaning = PHRASES.get(tuple(word for word, *_ in words[at : at + length]))
            if meaning:
                break
        else:
            raise InstructionError(_unknown(text[start:end]), text, start, end)
        if meaning.kind != "FILLER":
            yield Token(meaning.kind, meaning.value, start_pos=start, end_pos=words[at + length - 1][2])
        at += length


_AS_DIRECTIONS = {"behind": "backward", "above": "up", "below": "down"}
_OF_PARTS = ("PART", "SIDE", "BOTH", "ANY", "OTHER", "PRONOUN")


def _in_context(token: Token, before: list[Token], after: list[Token]) -> Token:
    """The token as what its neighbours make of it: left and right are sides of parts, or else directions."""
    kind = token.type
    if kind == "SIDE":
        following = [t.type for t in after[:3]]
        of_a_part = following[:1] in (["PART"], ["ANY"]) or following == ["AND", "SIDE", "PART"]
        kind = "SIDE" if of_a_part else "DIRECTION"
    elif kind == "ANY" and before and before[-1].type == "SIDE":
        return Token("PART", "one", start_pos=token.start_pos, end_pos=token.end_pos)
    elif kind == "PREP" and token.value in _AS_DIRECTIONS and not (after and after[0].type in _OF_PARTS):
        return Token("DIRECTION", _AS_DIRECTIONS[token.value], start_pos=token.start_pos, end_pos=token.end_pos)
    elif kind == "VERB" and token in ("spread", "lean") and before and before[-1].type in ("BE", "PART"):
        kind = "DONE"
    return Token(kind, token.value, start_pos=token.start_pos, end_pos=token.end_pos)


def _unknown(word: str) -> str:
    near = get_close_matches(word.lower(), _KNOWN_WORDS, n=3, cutoff=0.7)
    hint = f": did you mean {' or '.join(near)}?" if near else ": use plain English about the body and its parts"
    return f"the word {word!r} is not known{hint}"
