"""Palms turned in directions, measured on the followed instruction."""

import pytest
import torch

from qposer.body_pose.posed_skeleton import PosedSkeleton, neutral_pose
from qposer.control.instructions import InstructionError, instruct
from qposer.control.instructions.parser import parse
from qposer.control.measures import DIRECTIONS, Facing, FacingPoint, Offset, Supination, WristTwist

NEUTRAL = neutral_pose()
WITHIN = 28.0
"""Degrees to which a palm faces a direction: 18, and the tolerance of 10."""


@pytest.fixture(scope="module")
def instructed(shipped_prior):
    def follow(text, posture=NEUTRAL, previous=None):
        generator = torch.Generator().manual_seed(0)
        (edit,) = instruct(posture, text, generator=generator, previous=previous, prior=shipped_prior)
        return edit

    return follow


def off(edit, side, direction):
    """Degrees between a palm's normal and a direction of the world."""
    normal = -PosedSkeleton.of(edit.posture).world_rotation(f"{side}_wrist")[:, 1]
    return float(torch.rad2deg(torch.acos((normal @ torch.tensor(DIRECTIONS[direction])).clamp(-1, 1))))


@pytest.mark.parametrize("first", ["raise the arms to shoulder height", "bend both elbows 90 degrees"])
@pytest.mark.parametrize(
    ("text", "side", "direction"),
    [
        ("turn the right palm up", "right", "up"),
        ("right palm down", "right", "down"),
        ("turn the left palm inward", "left", "right"),
        ("turn the right palm inwards", "right", "left"),
        ("left palm facing down", "left", "down"),
    ],
)
def test_palms_face_the_named_direction(instructed, first, text, side, direction):
    before = instructed(first)
    edit = instructed(text, before.posture)
    assert off(edit, side, direction) < WITHIN
    figure = PosedSkeleton.of(edit.posture)
    assert -60 <= float(Supination(side)(figure)) <= 120
    assert abs(float(WristTwist(side)(figure))) <= 25
    assert edit.energy < 2
    assert all(joint.startswith(side) for joint in edit.mentioned)


@pytest.mark.parametrize("direction", ["up", "down", "forward", "backward", "inward", "outward"])
def test_palms_of_hanging_arms(instructed, direction):
    edit = instructed(f"turn the right palm {direction}")
    towards = {"inward": "left", "outward": "right"}.get(direction, direction)
    assert off(edit, "right", towards) < WITHIN
    assert all(check.satisfied for check in edit.checks), edit.checks


def test_a_turned_palm_leaves_the_arm_where_it_is(instructed):
    before = instructed("raise the right arm to shoulder height to the side")
    edit = instructed("turn the right palm forward", before.posture)
    was, now = (PosedSkeleton.of(each.posture).point("right_wrist") for each in (before, edit))
    assert 100 * torch.dist(was, now) < 12
    assert off(edit, "right", "forward") < WITHIN


@pytest.mark.parametrize(
    "text",
    [
        "palms facing each other",
        "turn the palms towards each other",
        "raise both arms forward with the palms facing each other",
        "bend both elbows 90 degrees, palms facing one another",
    ],
)
def test_palms_face_each_other(instructed, text):
    figure = PosedSkeleton.of(instructed(text).posture)
    for side, other in (("left", "right"), ("right", "left")):
        assert float(FacingPoint(f"{side}_palm", f"{other}_palm")(figure)) < WITHIN


@pytest.mark.parametrize(
    ("text", "direction"),
    [
        ("raise the right arm, palm forward", "forward"),
        ("raise the right arm with the palm facing up", "up"),
        ("stretch the right arm out to the side with the palm up", "up"),
        ("raise the right arm forward and turn the palm down", "down"),
    ],
)
def test_a_palm_without_a_side_is_that_of_the_arm_before(instructed, text, direction):
    edit = instructed(text)
    figure = PosedSkeleton.of(edit.posture)
    assert off(edit, "right", direction) < WITHIN
    assert Offset("right_wrist", "right_waist", "up")(figure) > 20
    assert not any(joint.startswith("left") for joint in edit.mentioned)


def test_palms_in_the_plural_and_without_an_arm_mean_both():
    for text in ("raise the right arm, palms forward", "palm up", "raise the arms, palm up"):
        clauses = [clause for step in parse(text) for clause in step]
        assert sorted(clauses[-1].parts[0].sides()) == ["left", "right"]


def test_palms_of_people_who_stand(instructed):
    edit = instructed("stand with the palms facing forward")
    assert max(off(edit, side, "forward") for side in ("left", "right")) < WITHIN


def test_a_palm_can_face_a_part_of_the_body(instructed):
    edit = instructed("bend the right elbow 120 degrees and turn the right palm to the face")
    figure = PosedSkeleton.of(edit.posture)
    assert float(FacingPoint("right_palm", "nose")(figure)) < WITHIN
    assert float(Facing("right_palm", "forward")(figure)) > 60


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("turn the right palm", "give the direction of the palms"),
        ("knees facing each other", "the knee cannot face another: palms can"),
    ],
)
def test_palms_without_a_direction_are_rejected(instructed, text, message):
    with pytest.raises(InstructionError, match=message):
        instructed(text)
