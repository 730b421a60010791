"""Paraphrases of the sentences of descriptions, as data augmentation."""

from __future__ import annotations

import random

_IMPERATIVES = {
    "is bent": "bend",
    "are bent": "bend",
    "is raised": "raise",
    "are raised": "raise",
    "is turned": "turn",
    "is tilted": "tilt",
    "is on": "put {} on",
    "are on": "put {} on",
    "is in front of": "put {} in front of",
    "are in front of": "hold {} in front of",
    "is behind": "put {} behind",
    "are behind": "put {} behind",
    "is above": "hold {} above",
    "are above": "hold {} above",
    "is at": "hold {} at",
    "are at": "hold {} at",
    "are together": "put {} together",
    "leans": "lean",
}
"""Statements about a part, and the equivalent commands; {} is the part, by default appended."""

_SYNONYMS: dict[str, tuple[str, ...]] = {
    "is bent": ("is flexed", "bends", "is bent by"),
    "are bent": ("are flexed", "bend"),
    "bend": ("flex",),
    "is raised": ("is lifted", "is held up", "goes up"),
    "are raised": ("are lifted", "are held up"),
    "raise": ("lift",),
    "is turned": ("is rotated", "turns", "is twisted"),
    "turn": ("rotate", "twist"),
    "is tilted": ("tilts", "is inclined"),
    "tilt": ("incline",),
    "leans": ("is leaning", "bends"),
    "put": ("place", "bring", "lay"),
    "is off the ground": ("is lifted", "is in the air", "does not touch the ground"),
    "forward": ("forwards", "to the front"),
    "backward": ("backwards", "back"),
    "to the side": ("sideways", "outward", "out to the side"),
    "torso": ("upper body", "trunk", "body"),
    "head height": ("the height of the head",),
    "shoulder height": ("the height of the shoulder", "shoulder level"),
    "chest height": ("the height of the chest", "chest level"),
    "waist height": ("the height of the waist", "hip height", "waist level"),
    "in front of": ("before",),
    "both": ("the two", "the"),
    "belly": ("stomach", "abdomen"),
    "lower back": ("small of the back",),
    "on the hips": ("at the waist", "akimbo on the hips"),
    "together": ("close together", "next to each other"),
    "the left": ("left", "your left", "the person's left"),
    "the right": ("right", "your right", "the person's right"),
    "degrees": ("deg",),
}

_VAGUE = ((20, ("slightly", "a bit", "a little")), (70, ("halfway", "")), (999, ("far", "strongly", "very much")))
"""Words for numbers up to a limit."""


def paraphrase(sentence: str, rng: random.Random) -> str:
    """A paraphrase of the sentence, which may be vaguer by omitting its number.

    Args:
        sentence: a sentence of `qposer.control.descriptions.describe`.
        rng: random generator.

    Returns:
        The paraphrase.
    """
    words = _as_order(sentence) if rng.random() < 0.4 else sentence
    if "degrees" in words and rng.random() < 0.25:
        words = _vaguely(words, rng)
    for phrase, others in _SYNONYMS.items():
        if f" {phrase} " in f" {words} " and rng.random() < 0.45:
            words = f" {words} ".replace(f" {phrase} ", f" {rng.choice(others)} ").strip()
    return words


def _as_order(sentence: str) -> str:
    for statement, order in _IMPERATIVES.items():
        part, found, rest = f" {sentence} ".partition(f" {statement} ")
        if found:
            said = order.format(part.strip()) if "{}" in order else f"{order} {part.strip()}"
            return f"{said} {rest}".strip()
    return sentence


def _vaguely(sentence: str, rng: random.Random) -> str:
    words = sentence.split()
    place = words.index("degrees")
    number = float(words[place - 1])
    vague = next(choices for limit, choices in _VAGUE if number <= limit)
    return " ".join([*words[: place - 1], *words[place + 1 :], rng.choice(vague)]).strip()


def mirrored(sentence: str) -> str:
    """The sentence with left and right swapped."""
    other = {"left": "right", "right": "left"}
    return " ".join(other.get(word, word) for word in sentence.split())
