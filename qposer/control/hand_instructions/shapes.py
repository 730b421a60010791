"""Shapes of the whole hand as constraints."""

from __future__ import annotations

from collections.abc import Callable

from qposer.control.hand_instructions.finger_states import (
    EVERY,
    Constraints,
    bent,
    beside,
    crossed,
    curled,
    fist,
    flexed,
    spread,
    straight,
    thumb_across,
    thumb_away,
    thumb_beside,
    thumb_over,
    thumb_up,
    touching,
)
from qposer.control.hand_measures import ALONG


def raised(fingers: list[str]) -> Constraints:
    """Some fingers straight and the others closed, the thumb over them unless it is straight, too."""
    closed = [finger for finger in ALONG if finger not in fingers]
    found = [*straight(fingers), *curled(closed)]
    if "thumb" in fingers:
        return [*found, *thumb_away()]
    return found + (thumb_over("middle" if "middle" in closed else closed[0]) if closed else thumb_across())


def counted(number: int) -> Constraints:
    """One to five fingers raised."""
    return [*straight(EVERY), *thumb_away()] if number == 5 else raised(list(ALONG[:number]))


def _ok() -> Constraints:
    ring = flexed("index", "in a ring", (30.0, 75.0), (30.0, 75.0), (10.0, 50.0))
    others = flexed("middle", "straight", (-10.0, 25.0), (-5.0, 15.0), (-5.0, 12.0))
    return [*touching("thumb", "index"), *ring, *others, *straight(["ring", "pinky"])]


def _crossed() -> Constraints:
    others = [*curled(["ring", "pinky"]), *thumb_over("ring")]
    index = flexed("index", "nearly straight", (0.0, 30.0), (-5.0, 20.0), (-5.0, 12.0))
    return [*index, *straight(["middle"]), *crossed("index", "middle"), *others]


def _vulcan() -> Constraints:
    pairs = [*beside(["index", "middle"]), *beside(["ring", "pinky"]), *spread(["middle", "ring"], 16.0)]
    return [*straight(EVERY), *pairs, *thumb_away()]


def _claw() -> Constraints:
    found: Constraints = []
    for finger in ALONG:
        found += flexed(finger, "hooked", (-15.0, 15.0), (60.0, 85.0), (40.0, 65.0))
    return [*found, *bent(["thumb"], "halfway")]


SHAPES: dict[str, Callable[[], Constraints]] = {
    "fist": fist,
    "loose fist": lambda: [*bent(ALONG, "halfway"), *thumb_beside()],
    "flat": lambda: straight(EVERY),
    "pointing": lambda: raised(["index"]),
    "thumbs up": lambda: [*curled(ALONG), *thumb_up()],
    "ok": _ok,
    "victory": lambda: [*raised(["index", "middle"]), *spread(["index", "middle"], 14.0)],
    "horns": lambda: raised(["index", "pinky"]),
    "call me": lambda: raised(["thumb", "pinky"]),
    "gun": lambda: raised(["thumb", "index"]),
    "claw": _claw,
    "vulcan": _vulcan,
    "l": lambda: raised(["thumb", "index"]),
    "i love you": lambda: raised(["thumb", "index", "pinky"]),
    "crossed": _crossed,
}
"""Constraints of the shapes of `vocabulary.SHAPES`."""
