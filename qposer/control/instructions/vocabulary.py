"""Vocabulary of instructions: phrases by meaning.

Each table maps a meaning to its phrases of one or more words, separated by commas. `qposer.control.descriptions` uses
the first phrase of each.
"""

from __future__ import annotations

VERBS: dict[str, str] = {
    "raise": "raise, lift, lift up, raise up, elevate, pull up, draw up, raising, lifting, raises, lifts",
    "lower": "lower, drop, let down, lowering, dropping, lowers, drops, relax",
    "bend": "bend, flex, curl, bending, flexing, bends",
    "straighten": "straighten, unbend, straightening, straighten up, straighten out, straightens",
    "stretch": "stretch, extend, stretch out, extend out, stretching, extending, extends, stretches",
    "reach": "reach, reach out, reaching, reaches",
    "put": "put, place, bring, move, hold, rest, lay, set, get, putting, placing, bringing, moving, holding,"
    " resting, puts, places, holds, rests, shift, slide, press, keep holding",
    "touch": "touch, touching, touches, tap, grab, grasp, hold on to, scratch, feel",
    "cross": "cross, fold, crossing, folding, crosses, folds",
    "lean": "lean, incline, leaning, leans, lean over",
    "bow": "bow, bow down, take a bow, bowing, bows, stoop, bend over, bend down",
    "arch": "arch, arching",
    "turn": "turn, twist, rotate, turning, twisting, rotating, turns, twists, rotates, swivel",
    "tilt": "tilt, cock, tilting, tilts, incline sideways",
    "look": "look, gaze, glance, stare, looking, looks, gazing, facing, faces",
    "nod": "nod, nodding, nods",
    "point": "point, pointing, points, aim",
    "spread": "spread, open, part, separate, spreading, opening, spreads, spread out, open up, widen",
    "close": "close, join, closing, bring together, put together, press together, put back together",
    "step": "step, stride, stepping, steps, take a step, walk",
    "kick": "kick, kicking, kicks",
    "squat": "squat, squat down, squatting, squats, do a squat",
    "crouch": "crouch, crouch down, crouching, crouches, duck, hunker down",
    "sit": "sit, sit down, sit up, sitting, sits, be seated, take a seat",
    "kneel": "kneel, kneel down, kneeling, kneels, genuflect, get down",
    "lunge": "lunge, lunging, lunges, do a lunge, go into a lunge",
    "stand": "stand, stand up, standing, stands, balance, balancing, balances, get up",
    "clasp": "clasp, interlock, clasping, fold together, clap, clapping, claps",
    "pray": "pray, praying, prays",
    "cover": "cover, covering, covers, shield, hide",
    "shrug": "shrug, shrugging, shrugs",
    "salute": "salute, saluting, salutes",
    "wave": "wave, waving, waves",
    "keep": "keep, keeping, keeps, leave, leaving, maintain, maintaining",
    "t-pose": "t-pose, t pose, tpose, do a t-pose, make a t-pose, stand in a t-pose, go into a t-pose, strike a t-pose",
    "a-pose": "a-pose, a pose, apose, do an a-pose, stand in an a-pose",
    "akimbo": "akimbo",
    "hug": "hug yourself, hug, hugging, hugs",
    "tiptoe": "tiptoe, go on tiptoe, stand on tiptoe, stand on tiptoes, stand on your toes, stand on the toes",
}

DONE: dict[str, str] = {
    "raise": "raised, lifted, elevated",
    "lower": "lowered, dropped, relaxed, hanging, hanging down, hang, hang down",
    "bend": "bent, flexed, curled",
    "straighten": "straightened, straight, unbent",
    "stretch": "stretched, extended, stretched out, outstretched",
    "cross": "crossed, folded, cross-legged, cross legged",
    "lean": "leaned, inclined",
    "turn": "turned, twisted, rotated",
    "tilt": "tilted",
    "spread": "spread, opened, parted, spread out",
    "close": "closed",
    "clasp": "clasped, interlocked",
    "point": "pointed",
    "arch": "arched",
}
"""Participles that describe the state of a part, by verb."""

PARTS: dict[str, str] = {
    "arm": "arm, arms",
    "hand": "hand, hands, fist, fists, finger, fingers, fingertips, index finger",
    "palm": "palm, palms",
    "wrist": "wrist, wrists",
    "forearm": "forearm, forearms, lower arm, lower arms",
    "elbow": "elbow, elbows",
    "upper arm": "upper arm, upper arms",
    "shoulder": "shoulder, shoulders",
    "armpit": "armpit, armpits",
    "leg": "leg, legs",
    "thigh": "thigh, thighs, upper leg, upper legs, lap",
    "hip": "hip, hips",
    "waist": "waist",
    "knee": "knee, knees, kneecap, kneecaps",
    "shin": "shin, shins, calf, calves, lower leg, lower legs",
    "ankle": "ankle, ankles",
    "foot": "foot, feet",
    "heel": "heel, heels",
    "toe": "toe, toes",
    "buttock": "bottom, buttock, buttocks, seat, backside",
    "head": "head",
    "neck": "neck, nape",
    "face": "face",
    "chin": "chin",
    "nose": "nose",
    "mouth": "mouth, lips",
    "forehead": "forehead, brow",
    "ear": "ear, ears",
    "eye": "eye, eyes",
    "cheek": "cheek, cheeks",
    "throat": "throat",
    "chest": "chest, breast, heart, sternum",
    "belly": "belly, stomach, tummy, abdomen, navel",
    "back": "the back, your back, his back, her back, spine, lower back, upper back",
    "torso": "torso, trunk, upper body",
    "body": "body, whole body, self, yourself",
    "side": "sides",
    "ground": "ground, floor",
}
"""Body parts. Without a side, a paired part means both, except with verbs that use only one."""

SIDES: dict[str, str] = {"left": "left", "right": "right"}
BOTH = "both, each, both of your, both your, all"
ANY = "one, either"
OTHER = "other, opposite"

DIRECTIONS: dict[str, str] = {
    "up": "up, upward, upwards, high, straight up, up high, into the air, in the air, overhead, towards the sky,"
    " up in the air, skyward, towards the ceiling, to the ceiling, to the sky",
    "down": "down, downward, downwards, straight down, towards the ground, towards the floor, low",
    "left": "leftward, leftwards, to your left, to left",
    "right": "rightward, rightwards, to your right, to right",
    "forward": "forward, forwards, ahead, straight ahead, to the front, in front, in front of you, in front of"
    " the body, in front of your body, out in front, out in front of you, straight forward, out front, frontwards,"
    " to the fore",
    "backward": "back, backward, backwards, to the back, behind you, rearward, to the rear, behind the body",
    "sideways": "sideways, sideward, sidewards, to the side, to the sides, to each side, to either side, out to"
    " the side, out to the sides, laterally, aside, out sideways, to both sides, to its side",
    "outward": "outward, outwards, out",
    "inward": "inward, inwards, in",
}

DIAGONAL = "diagonally, diagonal, at an angle"

LEVELS: dict[str, str] = {
    level: f"{level} height, {level} level, {level}-height, {level}-level, the height of the {level}, {level} high"
    for level in ("shoulder", "chest", "waist", "hip", "head", "eye", "knee", "chin", "belly", "ear", "face")
}

STATES: dict[str, str] = {
    "horizontal": "horizontal, horizontally, level, parallel to the ground, parallel to the floor, flat",
    "vertical": "vertical, vertically, upright, erect",
    "together": "together, side by side, touching each other, to each other",
    "apart": "apart, away from each other, from each other",
    "face to face": "facing each other, face each other, facing one another, towards each other, toward each other,"
    " face to face",
    "still": "still, where it is, where they are, as it is, as they are, in place, unchanged, fixed,"
    " steady, motionless",
    "on one leg": "on one leg, on one foot",
    "with bent knees": "with bent knees, with knees bent",
    "at the sides": "by the sides, at the sides, by your sides, at your sides, by your side, at your side, along"
    " the body, alongside the body, by the side, at the side, next to the body, close to the body, beside the"
    " body, to your sides",
}

AMOUNTS: dict[str, str] = {
    "slightly": "slightly, a bit, a little, a little bit, somewhat, a touch, gently, lightly, a few degrees, just"
    " a bit, small",
    "halfway": "halfway, half way, half, partly, partially, moderately, medium",
    "fully": "fully, completely, as far as possible, as high as possible, as much as possible, as low as"
    " possible, all the way, totally, entirely, deeply, deep, far, wide, widely, very, strongly, a lot, much, as"
    " far as you can, as high as you can, big, large, high up, way, sharply, well, wide open, considerably, far"
    " away, tightly, as wide as possible",
}

RIGHT_ANGLE = "right angle, right angles, a right angle, at a right angle, at right angles, to a right angle"
SHOULDER_WIDTH = "shoulder width, shoulder-width, hip width, hip-width, shoulders width"

PREPOSITIONS: dict[str, str] = {
    "on": "on, onto, upon, on top of, against, on to",
    "at": "at, near, close to, beside, next to, alongside",
    "by": "by",
    "to": "to, towards, toward, into, up to, down to, until, till, back to",
    "in front of": "in front of, before, ahead of, out in front of",
    "behind": "behind, in back of",
    "above": "above, over, higher than",
    "below": "below, under, underneath, beneath, lower than",
    "off": "off, from, off of, away from, clear of",
    "left of": "to the left of, left of",
    "right of": "to the right of, right of",
    "between": "between",
    "level with": "level with, at the height of, as high as, at the level of",
    "around": "around, round",
    "across": "across",
}

UNITS: dict[str, str] = {
    "degrees": "degrees, degree, deg, °",
    "cm": "cm, centimetres, centimeters, centimetre, centimeter",
    "m": "m, metres, meters, metre, meter",
    "mm": "mm, millimetres, millimeters",
    "inches": "inches, inch",
}

MIRROR = "mirror, flip, mirroring"
MORE = "more, further, farther, higher, again, lower still, further still, some more, deeper, wider, even more"
LESS = "less, not so much, not so far, not as much, not as far"
SAME = "do the same, the same, same, likewise, do it, do that, repeat it, repeat that"

AND = "and, as well as, plus, &"
THEN = "then, and then, afterwards, after that, next, followed by"
WHILE = "while, but, yet, whilst"
WITH = "with, using"
BE = "is, are, be, should be, shall be, must be, being, stays, stay, remain, remains"
PRONOUNS = "it, them, that, this, those, these"

FILLERS = (
    "the, a, an, your, my, his, her, their, its, please, now, just, you, he, she, they, the person, person, of,"
    " can you, could you, let, let's, take, make, do, go, quite, own, also, on a chair, on the chair, position,"
    " pose, slowly, carefully, quickly, really, until they are, until it is, so that they are, so that it is, so"
    " they are, so it is, try to, at an angle of, an angle of, such that"
)
"""Ignored words."""

NUMBERS = {
    word: float(value)
    for value, words in {
        5: "five",
        10: "ten",
        15: "fifteen",
        20: "twenty",
        25: "twenty-five",
        30: "thirty",
        40: "forty",
        45: "forty-five",
        50: "fifty",
        60: "sixty",
        70: "seventy",
        75: "seventy-five",
        80: "eighty",
        90: "ninety",
        100: "one hundred, a hundred",
        120: "one hundred twenty, a hundred and twenty",
    }.items()
    for word in words.split(", ")
}
