"""Signs of hands that people make carelessly: which fingers are raised, and which are folded."""

from __future__ import annotations

from qposer.control.hand_measures import ALONG, UP_OF_THUMB, Apart, BoneAngle, PosedHand, finger_joints
from qposer.hands.smplh import FINGER_JOINT_NAMES

RAISED, FOLDED = 100.0, 135.0
"""Largest and least sum of the flexion of a finger's joints, degrees; between the two, the sign is not clear."""

CONTRAST = 40.0
"""Least difference between this sum of folded and of raised fingers, degrees."""

STEEP = (60.0, 45.0)
"""Largest flexion of the knuckle and of the middle joint of a raised finger, degrees."""

THUMB_OUT, THUMB_IN = 30.0, 40.0
"""Largest and least sum of the flexion of the thumb's last two joints if it is stretched out, or laid in, degrees."""

THUMB_UP = 45.0
"""Largest angle of a raised thumb from the direction of its side of the hand, degrees."""

SPREAD = 12.0
"""Least angle between the fingers of a V, degrees."""

BY_FINGERS: dict[tuple[str, ...], str] = {
    (): "the {side} hand makes a fist",
    ("thumb",): "the {side} hand gives a thumbs up",
    ("index",): "the {side} index finger points",
    ("thumb", "index"): "the {side} hand makes a finger gun",
    ("index", "middle"): "the {side} hand shows two fingers",
    ("index", "middle", "ring"): "the {side} hand shows three fingers",
    ALONG: "the {side} hand shows four fingers",
    ("index", "pinky"): "the {side} hand makes the sign of the horns",
    ("thumb", "index", "pinky"): "the {side} hand makes an i love you sign",
    ("thumb", "pinky"): "the {side} hand makes a call me sign",
}
"""Sentences by raised fingers, from the thumb's side."""


def sign_of(hand: PosedHand) -> str:
    """The sign that a hand makes with its raised fingers.

    Args:
        hand: one hand, as a right hand.

    Returns:
        A sentence with ``{side}`` for its side; nothing if some finger is neither raised nor folded, or if the fingers
        make no sign.
    """
    bends = {finger: _flexion(hand, finger) for finger in (*ALONG, "thumb")}
    sums = {finger: sum(bends[finger]) for finger in ALONG}
    steep = {finger: any(bend > most for bend, most in zip(bends[finger], STEEP, strict=False)) for finger in ALONG}
    raised = [finger for finger in ALONG if sums[finger] <= RAISED and not steep[finger]]
    folded = [finger for finger in ALONG if sums[finger] >= FOLDED]
    if len(raised) + len(folded) < len(ALONG):
        return ""
    if raised and folded and min(map(sums.__getitem__, folded)) - max(map(sums.__getitem__, raised)) < CONTRAST:
        return ""
    thumb = sum(bends["thumb"][1:])
    out = thumb <= THUMB_OUT
    if not raised and out and float(BoneAngle("thumb3", UP_OF_THUMB)(hand)) > THUMB_UP:
        return ""
    if not out and thumb < THUMB_IN:
        return ""
    if raised == ["index", "middle"] and not out and float(Apart("index", "middle")(hand)) >= SPREAD:
        return "the {side} hand makes a v sign"
    return BY_FINGERS.get((*(("thumb",) if out else ()), *raised), "")


def _flexion(hand: PosedHand, finger: str) -> list[float]:
    """Flexion of a finger's joints, degrees."""
    found: list[float] = [float(hand.angles[FINGER_JOINT_NAMES.index(joint), 0]) for joint in finger_joints(finger)]
    return found
