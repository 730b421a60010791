"""Readings of clauses about trunk and head: lean, bow, arch, turn, tilt, straighten, look, nod, shrug."""

from __future__ import annotations

from qposer.control.constraints import Constraint, about, at_least, at_most
from qposer.control.instructions.clauses import Part
from qposer.control.instructions.meaning import LOOSE, NECK, SPINE, Meaning, Reading, asks, small
from qposer.control.measures import FacingElevation, FacingHeading, Gaze, JointAngle, Lean

TRUNK_PARTS = ("torso", "body", "back", "chest", "waist", "belly", "side", "hip", "shoulder")
HEAD_PARTS = ("head", "neck", "face", "chin", "nose", "eye", "forehead")


def lean(reading: Reading, default: float = 25.0) -> Meaning:
    """Lean the trunk, the hips giving way, the legs staying as they are in space.

    Args:
        reading: the clause with the figure that it is said of.
        default: degrees where the clause names no extent.

    Returns:
        The constraints of the clause, and the joints that may move for them.

    Raises:
        InstructionError: a body does not lean in the direction of the clause.
    """
    direction = reading.clause.direction or "forward"
    if direction not in ("forward", "backward", "left", "right"):
        if direction != "down":
            raise reading.refuse("a body leans forward, backward, to the left or to the right")
        direction = "forward"
    most = {"forward": 60.0, "backward": 25.0}.get(direction, 30.0)
    usual = {"forward": default, "backward": 15.0}.get(direction, 18.0)
    value = reading.amount(usual, 10.0, most, "degrees", 110.0)
    measure = Lean(direction)
    if reading.clause.extent.relative or (small(reading.clause.extent) and reading.value(measure) > 5):
        value += reading.value(measure)
    held = about(f"leaning {direction}", measure, value, "degrees", SPINE, _slack(reading))
    return asks(held, pelvis=True)


def bow(reading: Reading) -> Meaning:
    """Bow with the trunk, or with the head alone."""
    if any(part.name in HEAD_PARTS for part in reading.clause.parts):
        return tilt_head(reading, "forward")
    return lean(reading, 40.0)


def arch(reading: Reading) -> Meaning:
    """Arch the back: hollow, or round where it goes forward."""
    sign = 1.0 if reading.clause.direction == "forward" else -1.0
    return asks(reading.bent("trunk_bend", "back arched", 18, 10, 15, 25, sign), pelvis=True)


def turn_trunk(reading: Reading) -> Meaning:
    """Turn the shoulders against the pelvis."""
    direction = reading.clause.direction
    if direction not in ("left", "right"):
        raise reading.refuse("say whereto the body turns: to the left or to the right")
    sign = 1.0 if direction == "left" else -1.0
    return asks(reading.bent("trunk_turn", f"trunk turned {direction}", 30, 15, 25, 42, sign))


def tilt_trunk(reading: Reading) -> Meaning:
    """Tilt the shoulders sideways against the pelvis; other ways the trunk leans."""
    direction = reading.clause.direction
    if direction not in ("left", "right"):
        return lean(reading)
    sign = 1.0 if direction == "left" else -1.0
    return asks(reading.bent("trunk_tilt", f"trunk tilted {direction}", 18, 8, 15, 28, sign))


def straighten_trunk(reading: Reading) -> Meaning:
    """An upright trunk whose shoulders are over the pelvis."""
    held: list[Constraint] = [
        about("back straight", JointAngle("trunk_bend"), 0.0, "degrees", SPINE, 8.0),
        about("back not tilted", JointAngle("trunk_tilt"), 0.0, "degrees", SPINE, 6.0),
    ]
    if reading.clause.verb != "keep":
        held.append(about("trunk upright", Lean("forward"), 0.0, "degrees", SPINE, 6.0))
        held.append(about("trunk upright sideways", Lean("left"), 0.0, "degrees", SPINE, 6.0))
    return asks(*held, pelvis=reading.clause.verb != "keep")


def tilt_head(reading: Reading, direction: str = "") -> Meaning:
    """Tilt or bend the head.

    Args:
        reading: the clause with the figure that it is said of.
        direction: where to; that of the clause if left out.

    Returns:
        The constraints of the clause, and the joints that may move for them.
    """
    direction = direction or reading.clause.direction or "forward"
    if direction in ("left", "right"):
        sign = 1.0 if direction == "left" else -1.0
        return asks(reading.bent("head_tilt", f"head tilted {direction}", 20, 10, 18, 30, sign))
    sign = -1.0 if direction in ("backward", "up") else 1.0
    words = "head bent back" if sign < 0 else "head bent forward"
    return asks(reading.bent("head_bend", words, 28, 12, 20, 42, sign))


def turn_head(reading: Reading) -> Meaning:
    """Turn the head against the chest, or, up and down, bend it."""
    direction = reading.clause.direction
    if direction not in ("left", "right"):
        if not direction:
            raise reading.refuse("say whereto the head turns: to the left, up, ...")
        return look(reading)
    sign = 1.0 if direction == "left" else -1.0
    return asks(reading.bent("head_turn", f"head turned {direction}", 42, 18, 30, 62, sign))


def straighten_head(reading: Reading) -> Meaning:
    """The head in line with the trunk."""
    measures = {"head_bend": 8.0, "head_tilt": 5.0}
    return asks(
        *(
            about(f"{name.replace('_', ' ')} none", JointAngle(name), 0.0, "degrees", NECK, s)
            for name, s in measures.items()
        )
    )


def look(reading: Reading) -> Meaning:
    """Look in a direction, at a part of the body, or over a shoulder; the trunk helps."""
    clause, direction = reading.clause, reading.clause.direction
    for relation in clause.relations:
        part = relation.parts[0]
        if part.name == "shoulder" and relation.preposition in ("above", "across", "to", "at"):
            side = part.sides(alone=True)[0]
            sign = 1.0 if side == "left" else -1.0
            heading = FacingHeading("face")
            over = at_least if sign > 0 else at_most
            return asks(
                over(f"looking over the {side} shoulder", heading, 75.0 * sign, "degrees", (*NECK, *SPINE)),
                about("the gaze level", FacingElevation("face"), 0.0, "degrees", NECK, 15.0),
            )
        if part.name == "ground":
            direction = "down"
            continue
        point = _looked_at(part)
        return asks(
            at_most(f"looking at the {part.side} {part.name}".replace("  ", " "), Gaze(point), 10.0, "degrees", NECK),
            helping=SPINE,
        )
    level = FacingElevation("face")
    if direction in ("up", "down"):
        slope = reading.amount(30.0, 15.0, 45.0, "degrees", 90.0)
        return asks(
            about(
                f"looking {direction}", level, slope if direction == "up" else -slope, "degrees", NECK, _slack(reading)
            ),
            helping=SPINE,
        )
    if direction in ("left", "right", "sideways"):
        sign = -1.0 if direction == "right" else 1.0
        far = sign * reading.amount(50.0, 25.0, 80.0, "degrees", 135.0)
        return asks(
            about(f"looking to the {direction}", FacingHeading("face"), far, "degrees", NECK, _slack(reading)),
            about("the gaze level", level, 0.0, "degrees", NECK, 20.0),
            helping=SPINE,
        )
    if direction == "backward":
        return asks(at_least("looking back", FacingHeading("face"), 80.0, "degrees", (*NECK, *SPINE)))
    return asks(
        about("looking ahead", FacingHeading("face"), 0.0, "degrees", NECK, LOOSE),
        about("the gaze level", level, 0.0, "degrees", NECK, 8.0),
        helping=SPINE,
    )


def raise_head(reading: Reading, up: bool) -> Meaning:
    """Lift the chin, or drop it.

    Args:
        reading: the clause with the figure that it is said of.
        up: lift it, or else drop it.

    Returns:
        The constraints of the clause, and the joints that may move for them.
    """
    if reading.clause.verb == "keep":
        return asks(about("head up", FacingElevation("face"), 0.0, "degrees", NECK, 10.0))
    slope = reading.amount(20.0, 10.0, 35.0, "degrees", 90.0)
    level = about(
        "head up" if up else "head down", FacingElevation("face"), slope if up else -slope, "degrees", NECK, LOOSE
    )
    return asks(level, helping=SPINE[2:])


def shrug(reading: Reading, side: str) -> Meaning:
    """Raise a shoulder to the ear, or lower it.

    Args:
        reading: the clause with the figure that it is said of.
        side: ``left`` or ``right``.

    Returns:
        The constraints of the clause, and the joints that may move for them.
    """
    down = reading.clause.verb == "lower" or reading.clause.direction == "down"
    measure, joints = JointAngle(f"{side}_shrug"), (f"{side}_collar",)
    if down:
        return asks(at_most(f"{side} shoulder down", measure, 0.0, "degrees", joints))
    return asks(
        at_least(f"{side} shoulder up", measure, 6.0 if small(reading.clause.extent) else 10.0, "degrees", joints)
    )


def draw_shoulder(reading: Reading, side: str) -> Meaning:
    """Draw a shoulder back or forward.

    Args:
        reading: the clause with the figure that it is said of.
        side: ``left`` or ``right``.

    Returns:
        The constraints of the clause, and the joints that may move for them.
    """
    if reading.clause.direction not in ("backward", "forward"):
        return shrug(reading, side)
    sign = 1.0 if reading.clause.direction == "backward" else -1.0
    words = f"{side} shoulder {reading.clause.direction}"
    return asks(reading.bent(f"{side}_shoulder_retraction", words, 7, 4, 6, 12, sign))


def _looked_at(part: Part) -> str:
    side = part.sides(alone=True)[0]
    points = {"foot": "sole", "toe": "toes", "hand": "palm", "palm": "palm", "arm": "forearm", "leg": "kneecap"}
    points |= {"knee": "kneecap", "shin": "shin", "thigh": "thigh", "forearm": "forearm", "upper arm": "upper_arm"}
    if part.name in points:
        return f"{side}_{points[part.name]}"
    if part.name in ("elbow", "wrist", "ankle", "hip"):
        return f"{side}_{part.name}"
    return part.name if part.name in ("belly", "chest") else f"{side}_sole"


def _slack(reading: Reading) -> float:
    return 0.0 if reading.clause.extent.value is not None else LOOSE
