"""Tokenizer: split a text into the longest phrases of the vocabulary, with meanings and positions."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import NamedTuple

from lark import Token

from qposer.control.instructions import vocabulary

LONGEST_TEXT = 1000
"""Maximum length of an instruction in characters."""


class InstructionError(ValueError):
    """An instruction that cannot be parsed or followed; the message marks the position with brackets.

    Attributes:
        reason: description of the error.
        text: the instruction.
        start: index of the first character at fault.
        end: index after the last character at fault.
    """

    def __init__(self, reason: str, text: str, start: int = 0, end: int | None = None) -> None:
        self.reason, self.text, self.start = reason, text, start
        self.end = len(text) if end is None else end
        marked = f"{text[:start]}[{text[start : self.end]}]{text[self.end :]}"
        super().__init__(f"{reason}: {marked}" if 0 < self.end - start < len(text) <= LONGEST_TEXT else reason)


class _Meaning(NamedTuple):
    kind: str
    value: str


WORD = re.compile(r"\d+(?:\.\d+)?|°|&|[^\W\d_]+(?:[-'’][^\W\d_]+)*|[.,;:!?]|\S")


class Lexicon:
    """Splits texts into the longest of its phrases.

    Attributes:
        phrases: meanings of phrases, which are split into words.
    """

    def __init__(self, tables: Mapping[str, Mapping[str, str]], example: str, subject: str) -> None:
        """Index phrases.

        Args:
            tables: for each type of token, phrases by meaning, separated by commas.
            example: an instruction, for messages.
            subject: what the phrases are about, for messages.
        """
        self.phrases: dict[tuple[str, ...], _Meaning] = {}
        for kind, table in tables.items():
            for value, phrases in table.items():
                for phrase in phrases.split(", "):
                    self.phrases.setdefault(tuple(phrase.split()), _Meaning(kind, value))
        self._most_words = max(map(len, self.phrases))
        self._known = sorted(word for word, *more in self.phrases if not more and word.isalpha())
        self._example, self._subject = example, subject

    def tokens(self, text: str) -> list[Token]:
        """Tokens of an instruction, without filler words and final punctuation.

        Raises:
            InstructionError: the text is empty or too long, or contains an unknown word.
        """
        if not text.strip():
            raise InstructionError(f"the instruction is empty: describe a change, for example '{self._example}'", text)
        if len(text) > LONGEST_TEXT:
            raise InstructionError(
                f"the instruction has {len(text)} characters, but at most {LONGEST_TEXT} are allowed: split it", text
            )
        words = [(match.group().lower().replace("’", "'"), match.start(), match.end()) for match in WORD.finditer(text)]
        found = list(self._matched(text, words))
        while found and found[-1].type in ("SEP", "STOP"):
            found.pop()
        return found

    def _matched(self, text: str, words: list[tuple[str, int, int]]) -> Iterator[Token]:
        """Greedy matching of the longest phrases, from left to right."""
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
            for length in range(min(self._most_words, len(words) - at), 0, -1):
                meaning = self.phrases.get(tuple(word for word, *_ in words[at : at + length]))
                if meaning:
                    break
            else:
                raise InstructionError(self._unknown(text[start:end]), text, start, end)
            if meaning.kind != "FILLER":
                yield Token(meaning.kind, meaning.value, start_pos=start, end_pos=words[at + length - 1][2])
            at += length

    def _unknown(self, word: str) -> str:
        near = get_close_matches(word.lower(), self._known, n=3, cutoff=0.7)
        hint = f": did you mean {' or '.join(near)}?" if near else f": use plain English about {self._subject}"
        return f"the word {word!r} is not known{hint}"


def _tables() -> dict[str, dict[str, str]]:
    """All phrases by type of token and meaning."""
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
    return tables | {kind: {kind.lower(): phrases} for kind, phrases in single.items()}


_LEXICON = Lexicon(_tables(), "raise the left arm", "the body and its parts")
PHRASES = _LEXICON.phrases


def tokens(text: str) -> Iterator[Token]:
    """Tokens of an instruction, without filler words.

    Raises:
        InstructionError: the text is empty or too long, or contains an unknown word.
    """
    found = _LEXICON.tokens(text)
    for index, token in enumerate(found):
        yield _in_context(token, found[:index], found[index + 1 :])


_AS_DIRECTIONS = {"behind": "backward", "above": "up", "below": "down"}
_OF_PARTS = ("PART", "SIDE", "BOTH", "ANY", "OTHER", "PRONOUN")


def _in_context(token: Token, before: list[Token], after: list[Token]) -> Token:
    """Resolve the token's type from its neighbours: "left" and "right" are sides of parts or directions."""
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
