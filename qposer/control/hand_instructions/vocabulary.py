"""Vocabulary of instructions for hands: phrases by meaning, separated by commas; see `instructions.vocabulary`."""

from __future__ import annotations

VERBS: dict[str, str] = {
    "fist": "clench, close, shut, curl up, make a fist of, clenching, closing, clenches, closes, squeeze",
    "open": "open, unclench, open up, flatten, unfold, opening, opens, uncurl",
    "relax": "relax, loosen, relaxing, relaxes, hang, go limp",
    "bend": "bend, flex, curl, bending, flexing, bends, flexes, curls, fold, crook",
    "straighten": "straighten, stretch, extend, stretch out, straighten out, extend out, straightening, stretches,"
    " raise, lift, raise up, lift up, stick up, put up, unbend",
    "stick out": "stick out, poke out, put out",
    "point": "point, pointing, points, aim",
    "spread": "spread, fan out, spread out, part, separate, splay, fan, spreading, spreads, widen",
    "join": "press together, close the gap between, bring together, put together, join, hold together, press, unite,"
    " close up",
    "touch": "touch, touches, touching, tap, meet, meets",
    "pinch": "pinch, pinches, pinching",
    "cross": "cross, crosses, crossing",
    "tuck": "tuck, tuck in, hide, tucks",
    "hook": "hook, claw",
    "hold": "hold, grasp, grip, grab, clutch, holding, holds, grasps, grips, keep hold of, clasp",
    "put": "put, place, bring, move, keep, set, lay, moves, puts, leave, hold up",
    "show": "show, give, make, do, form, sign, count, signal, shows, makes, gives, display, flash, throw",
}
"""Actions on fingers and hands."""

SHAPES: dict[str, str] = {
    "fist": "fist, fists, closed fist, closed fists",
    "loose fist": "loose fist, loose fists, half-closed fist",
    "flat": "flat hand, flat hands, open hand, open hands, high five",
    "pointing": "pointing hand, pointing finger",
    "thumbs up": "thumbs up, thumbs-up, thumb-up, thumbs down, thumbs-down, like sign",
    "ok": "ok sign, ok gesture, okay sign, ok, okay, a-ok, ring sign, okay gesture",
    "victory": "victory sign, v sign, peace sign, victory, peace gesture, letter v, v shape, v",
    "horns": "sign of the horns, horns, rock sign, rock gesture, devil horns, rock and roll sign, metal sign",
    "call me": "call me sign, call me gesture, call sign, shaka, shaka sign, phone sign, call me, telephone sign",
    "gun": "finger gun, gun sign, gun, pistol, finger pistol",
    "claw": "claw, claws, hook shape",
    "vulcan": "vulcan salute, vulcan greeting, vulcan sign",
    "l": "letter l, l sign, l shape",
    "i love you": "i love you sign, ily sign, i love you",
    "crossed": "crossed fingers",
}
"""Shapes of the whole hand."""

OBJECTS: dict[str, str] = {
    "ball": "ball, sphere, orb, globe, round fruit",
    "tennis ball": "tennis ball",
    "golf ball": "golf ball",
    "apple": "apple",
    "orange": "orange",
    "bar": "bar, rod, stick, pole, cylinder, tube, pipe, rail, railing, handle, bottle, glass, can, cup, mug, hammer",
    "pen": "pen, pencil, brush, stylus, chalk",
    "paper": "sheet of paper, paper, card, coin, key, ticket, sheet, needle, note",
}
"""What a hand can hold."""

FINGERS: dict[str, str] = {
    "thumb": "thumb, thumbs",
    "index": "index finger, index fingers, index, forefinger, forefingers, pointer finger, first finger",
    "middle": "middle finger, middle fingers, middle, long finger, second finger",
    "ring": "ring finger, ring fingers, ring, third finger",
    "pinky": "little finger, little fingers, pinky, pinkies, little, pinky finger, pinkie, small finger, fourth finger,"
    " pinky fingers",
    "fingers": "fingers, finger, four fingers each",
    "fingertips": "fingertips, all fingertips, tips of the fingers, finger tips, tips of all fingers",
    "hand": "hand, hands, palm, palms",
}
"""Fingers; "fingers" are the four without the thumb, "fingertips" all five."""

JOINTS: dict[str, str] = {
    "knuckle": "knuckle, knuckles, base joint, base joints, first joint, base, mcp, mcp joint",
    "middle joint": "middle joint, middle joints, second joint, pip, pip joint",
    "last joint": "last joint, last joints, end joint, dip, dip joint, third joint, top joint",
    "tip": "tip, tips, pad, pads, end, ends",
}

SIDES: dict[str, str] = {"left": "left", "right": "right"}

STATES: dict[str, str] = {
    "straight": "straight, stretched, extended, outstretched, stretched out, straightened",
    "bent": "bent, curled, flexed, folded, hooked",
    "flat": "flat, open",
    "closed": "closed, clenched, shut",
    "relaxed": "relaxed, loose, limp, loosely, at rest",
    "spread": "spread, apart, spread out, splayed, away from each other, spread apart, from each other",
    "together": "together, side by side, closed together, touching, against each other, next to each other, in contact",
    "crossed": "crossed",
    "up": "up, upwards, upward, raised",
    "away": "away, away from the hand, out, to the side, sideways, outward, outwards, away from the palm, abducted,"
    " away from the fingers, away from the index finger",
    "across": "across the palm, into the palm, in the palm, across, over the fingers, inside the fist, over the palm,"
    " inside the hand, in front of the palm",
}

AMOUNTS: dict[str, str] = {
    "slightly": "slightly, a bit, a little, a little bit, somewhat, gently, lightly, loosely",
    "halfway": "halfway, half way, half, partly, partially, moderately",
    "fully": "fully, completely, as far as possible, as much as possible, all the way, totally, entirely, wide, widely,"
    " far, strongly, tightly, firmly, tight, wide open, as wide as possible, hard",
}

UNITS: dict[str, str] = {
    "degrees": "degrees, degree, deg, °",
    "cm": "cm, centimetres, centimeters, centimetre, centimeter",
    "mm": "mm, millimetres, millimeters",
    "inches": "inches, inch",
}

NUMBERS: dict[str, str] = {
    str(number): word
    for number, word in enumerate(
        ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
    )
    if number
}

ALL = "all, every, each"
BOTH = "both"
OTHERS = "others, other, remaining, rest, rest of the"
ONLY = "only, just"
MORE = "more, further, farther"
MIRROR = "mirror that, mirror it, mirror this, flip that, flip it, mirror, mirror the hands"
SAME = "do the same with, the same with, same with, do that with, do it with, repeat that with, repeat it with"
BE = "is, are, be, should be, shall be, must be, stay, stays"
AND = "and, as well as, plus, &"
THEN = "then, and then, afterwards, after that, next, followed by"
WHILE = "while, but, whilst"

FILLERS = (
    "the, a, an, your, my, his, her, their, its, please, now, you, of, can you, could you, let, let's, take, go, with,"
    " using, in, into, to, at, on, onto, by, from, between, around, against, like, so that, it, them, gesture, pose,"
    " position, shape, quite, own, slowly, carefully, diameter, size, about, thick, wide across, until they are,"
    " that is, that are, joint of the, over, for"
)
"""Ignored words."""
