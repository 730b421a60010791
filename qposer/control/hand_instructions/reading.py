"""From a clause about one hand to constraints."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from qposer.control.hand_instructions import finger_states as states
from qposer.control.hand_instructions.finger_states import EVERY, Constraints
from qposer.control.hand_instructions.parser import HandClause
from qposer.control.hand_instructions.shapes import SHAPES, counted, raised
from qposer.control.hand_measures import ALONG, Apart, Flexion, HandConstraint, PosedHand
from qposer.control.instructions.words import InstructionError
from qposer.hands.angles import DIP_PER_PIP

DIAMETERS = {"ball": 7.0, "tennis ball": 6.7, "golf ball": 4.3, "apple": 7.5, "orange": 7.5, "bar": 3.5}
"""Of objects without a size, cm."""
BALLS, BARS = (0.5, 12.0), (1.5, 9.0)
"""Least and largest diameters that a hand holds, cm."""
IN_THE_PALM = 4.0
"""Smallest ball held in the palm instead of by the fingertips, cm."""
LARGEST_GAP = 12.0
"""Between fingertips, cm."""


@dataclass(frozen=True)
class Reading:
    """A clause for one hand."""

    clause: HandClause
    fingers: tuple[str, ...]
    """The named fingers, or nothing."""
    joint: int
    """Number of the named joint in its finger; 0 for none."""
    tips: bool
    """Whether fingertips are named."""
    now: PosedHand
    text: str

    def error(self, reason: str) -> InstructionError:
        """An error that marks the clause."""
        return InstructionError(reason, self.text, *self.clause.span)

    def number(self, unit: str, low: float, high: float, what: str) -> float | None:
        """The clause's number, checked.

        Args:
            unit: ``degrees``, ``cm``, or nothing for counts.
            low: least value.
            high: largest value.
            what: what it measures, for messages.

        Returns:
            The value; None if the clause has no number.

        Raises:
            InstructionError: the number has another unit or is out of range.
        """
        value = self.clause.value
        if value is None:
            return None
        if self.clause.unit not in (unit, ""):
            raise self.error(f"{what} is measured in {unit}, not in {self.clause.unit}")
        if not low <= value <= high:
            raise self.error(f"{value:g} {unit} are out of range: {what} ranges from {low:g} to {high:g}")
        return value


def counts(clause: HandClause) -> bool:
    """Whether a clause shows a number of fingers."""
    return clause.value is not None and not clause.unit and clause.verb in ("", "show", "put", "straighten")


def constraints_for(reading: Reading) -> Constraints:
    """The constraints of a clause on one hand.

    Raises:
        InstructionError: the clause makes no sense, or a number is out of range.
    """
    clause = reading.clause
    if clause.object:
        return _hold(reading)
    if counts(clause) and set(reading.fingers) >= set(ALONG):
        number = reading.number("", 1, 5, "a number of fingers")
        assert number is not None
        return counted(int(number))
    if clause.shape and clause.verb not in ("open", "relax"):
        if clause.value is not None:
            raise reading.error("a shape of the hand has no size: leave out the number")
        return SHAPES[clause.shape]()
    found = ACTIONS[clause.verb](reading) if clause.verb in ACTIONS else []
    if clause.value is not None and clause.verb not in _MEASURED and not set(clause.states) & {"spread", "bent"}:
        raise reading.error("a number makes no sense here: try 'bend the index finger by 30 degrees'")
    return found + [constraint for state in clause.states for constraint in STATES[state](reading)]


def _fist(reading: Reading) -> Constraints:
    if set(reading.fingers) >= set(ALONG) or not reading.fingers:
        return states.fist()
    return [*states.curled(f for f in reading.fingers if f != "thumb")] + (
        states.thumb_across() if "thumb" in reading.fingers else []
    )


def _open(reading: Reading) -> Constraints:
    if reading.clause.shape in ("fist", "loose fist"):
        return states.relaxed(EVERY)
    return states.straight(reading.fingers or EVERY)


def _relax(reading: Reading) -> Constraints:
    return states.relaxed(reading.fingers or EVERY)


def _bend(reading: Reading) -> Constraints:
    if not reading.fingers:
        raise reading.error("bend which finger? for example 'bend the index finger'")
    found: Constraints = []
    amount = reading.clause.amount
    if reading.clause.value is None and not reading.joint and not reading.clause.more:
        return states.bent([f for f in reading.fingers if f != "thumb" or len(reading.fingers) < 5], amount)
    for finger in reading.fingers:
        if finger == "thumb" and len(reading.fingers) == len(EVERY):
            continue
        number = reading.joint or (3 if finger == "thumb" else 2)
        joint = f"{finger}{number}"
        low, high = states.range_of(joint)
        name = {1: "knuckle", 2: "middle joint", 3: "last joint"}[number]
        value = reading.number("degrees", low, high, f"the {name} of the {states.word(finger)}")
        if value is None:
            value = 20.0 if reading.clause.more else states.BENT[amount][number - 1]
        measure = Flexion(joint)
        if reading.clause.more:
            value = min(max(float(measure(reading.now)) + value, low), high)
        text = f"{name} of the {states.word(finger)} at {value:.0f} degrees"
        found.append(HandConstraint(text, measure, value - 2.0, value + 2.0))
        if not reading.joint and finger != "thumb":
            last = DIP_PER_PIP * max(value, 0.0)
            found.append(HandConstraint("its last joint follows", Flexion(f"{finger}3"), last - 8.0, last + 8.0))
    return found


def _straighten(reading: Reading) -> Constraints:
    if reading.clause.only and reading.fingers:
        return raised(list(reading.fingers))
    fingers = reading.fingers or ALONG
    if reading.joint:
        return [
            HandConstraint(
                f"joint of the {states.word(finger)} straight", Flexion(f"{finger}{reading.joint}"), -8.0, 8.0
            )
            for finger in fingers
        ]
    return states.straight(fingers)


def _stick_out(reading: Reading) -> Constraints:
    fingers = reading.fingers or ("thumb",)
    return states.straight(fingers) + (states.thumb_away() if "thumb" in fingers else [])


def _point(reading: Reading) -> Constraints:
    fingers = [finger for finger in reading.fingers if len(reading.fingers) < 4]
    return raised(fingers or ["index"])


def _spread(reading: Reading) -> Constraints:
    fingers, clause = reading.fingers, reading.clause
    if not fingers:
        fingers = ALONG
    if set(fingers) == set(EVERY) and not reading.tips and clause.verb != "open":
        fingers = ALONG
    if clause.unit == "cm" or (clause.value is not None and reading.tips):
        return _gap(reading)
    if len(fingers) < 2:
        if "thumb" in fingers:
            return states.thumb_away()
        raise reading.error("spread which fingers? name two, or say 'spread the fingers'")
    value = reading.number("degrees", 0.0, 30.0, "the angle between two fingers")
    if value is not None:
        pairs = states.neighbours(fingers)
        return [HandConstraint(f"{a} and {b} apart", Apart(a, b), value - 2.0, value + 2.0) for a, b in pairs]
    least = {"slightly": 10.0, "halfway": states.FAN, "": states.FAN, "fully": 16.0}[clause.amount]
    return states.spread(fingers, least, 13.0 if clause.amount == "slightly" else 40.0)


def _gap(reading: Reading) -> Constraints:
    """Two fingertips at a distance."""
    if len(reading.fingers) != 2:
        raise reading.error("name two fingers whose tips are to be apart")
    value = reading.number("cm", 0.0, LARGEST_GAP, "the distance of two fingertips")
    assert value is not None
    first, second = reading.fingers
    return states.touching(first, second, (value - 0.15, value + 0.15))


def _join(reading: Reading) -> Constraints:
    fingers = reading.fingers or ALONG
    if set(fingers) == set(EVERY) and not reading.tips:
        fingers = ALONG
    if reading.tips or "thumb" in fingers:
        return _touch(reading)
    if len(fingers) < 2:
        raise reading.error("join which fingers? name two, or say 'press the fingers together'")
    return states.beside(fingers)


def _touch(reading: Reading) -> Constraints:
    fingers = reading.fingers
    if len(fingers) < 2:
        raise reading.error("name two fingers that shall touch: 'touch the thumb with the little finger'")
    if len(fingers) == 2:
        first, second = sorted(fingers, key=("thumb", *ALONG).index)
        return states.touching(first, second, states.TOUCH if first == "thumb" else (1.0, 1.6))
    found: Constraints = []
    for first, second in states.neighbours(fingers):
        found += states.touching(first, second, (1.0, 1.6))
    middle = [finger for finger in ("middle", "index") if finger in fingers]
    for finger in middle if "thumb" in fingers else ():
        found += states.touching("thumb", finger, (1.0, 1.8))
    return found


def _pinch(reading: Reading) -> Constraints:
    fingers = [finger for finger in reading.fingers if len(reading.fingers) < 4 and finger != "thumb"]
    found: Constraints = []
    for finger in fingers or ["index"]:
        found += states.touching("thumb", finger)
    return found


def _cross(reading: Reading) -> Constraints:
    if len(reading.fingers) == 2 and "thumb" not in reading.fingers:
        first, second = sorted(reading.fingers, key=ALONG.index)
        return states.crossed(first, second)
    return SHAPES["crossed"]()


def _tuck(reading: Reading) -> Constraints:
    return _across(reading) if "thumb" in reading.fingers or not reading.fingers else states.curled(reading.fingers)


def _hook(reading: Reading) -> Constraints:
    named = set(reading.fingers) or set(ALONG)
    return [c for c in SHAPES["claw"]() if c.measure.joints[0][:-1] in named]


def _hold(reading: Reading) -> Constraints:
    kind, fingers = reading.clause.object, reading.fingers
    if kind in ("pen", "paper") and reading.clause.value is not None:
        raise reading.error(f"a {kind} needs no size: leave out the number")
    if kind == "pen":
        tripod = states.flexed("index", "at the pen", (20.0, 60.0), (30.0, 65.0), (5.0, 40.0))
        tips = [*states.touching("thumb", "index", (1.5, 2.1)), *states.touching("thumb", "middle", (1.5, 2.6))]
        return [*tripod, *tips, *states.bent(["ring", "pinky"], "halfway")]
    if kind == "paper":
        return _pinch(reading)
    low, high = BARS if kind == "bar" else BALLS
    value = reading.number("cm", low, high, f"the diameter of a {'bar' if kind == 'bar' else 'ball'} in a hand")
    diameter = DIAMETERS[kind] if value is None else value
    if kind != "bar" and diameter < IN_THE_PALM:
        return states.held_by_tips(diameter)
    return states.held(fingers or EVERY, diameter, kind == "bar")


def _put(reading: Reading) -> Constraints:
    """Where fingers come together without another word, they touch."""
    if reading.clause.states or len(reading.fingers) != 2:
        return []
    return _touch(reading)


def _flat(reading: Reading) -> Constraints:
    return states.straight(reading.fingers or EVERY)


def _kept_straight(reading: Reading) -> Constraints:
    """Straight fingers; with "keep", the knuckles are free."""
    if reading.clause.verb != "put" or "thumb" in reading.fingers:
        return _straighten(reading)
    return [c for c in states.straight(reading.fingers or ALONG) if not c.measure.joints[0].endswith("1")]


def _bent(reading: Reading) -> Constraints:
    return [] if reading.clause.verb == "bend" else _bend(reading)


def _up(reading: Reading) -> Constraints:
    if reading.fingers == ("thumb",):
        return states.thumb_up()
    if len(reading.fingers) == len(EVERY) or not reading.fingers:
        raise reading.error("turning the palm is an instruction for the body: 'turn the right palm up'")
    return states.straight(reading.fingers)


def _away(reading: Reading) -> Constraints:
    if "thumb" in reading.fingers:
        return states.thumb_away()
    return [] if reading.clause.verb == "straighten" else _spread(reading)


def _across(reading: Reading) -> Constraints:
    fingers = [finger for finger in reading.fingers if finger != "thumb"]
    if "thumb" in reading.fingers or not fingers:
        return states.thumb_across()
    return states.curled(fingers)


ACTIONS: dict[str, Callable[[Reading], Constraints]] = {
    "fist": _fist,
    "open": _open,
    "relax": _relax,
    "bend": _bend,
    "straighten": _straighten,
    "stick out": _stick_out,
    "point": _point,
    "spread": _spread,
    "join": _join,
    "touch": _touch,
    "pinch": _pinch,
    "cross": _cross,
    "tuck": _tuck,
    "hook": _hook,
    "put": _put,
}
STATES: dict[str, Callable[[Reading], Constraints]] = {
    "straight": _kept_straight,
    "bent": _bent,
    "flat": _flat,
    "closed": _fist,
    "relaxed": _relax,
    "spread": _spread,
    "together": _join,
    "crossed": _cross,
    "up": _up,
    "away": _away,
    "across": _across,
}
_MEASURED = ("bend", "spread")
