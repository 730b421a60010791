import random

import pytest

from qposer.training.paraphrases import mirrored, paraphrase

SENTENCES = [
    "the left knee is bent 60 degrees",
    "both hands are on the hips",
    "the torso leans to the left 15 degrees",
    "the right foot is in front of the left foot",
    "the feet are 60 cm apart",
]


@pytest.mark.parametrize("sentence", SENTENCES)
def test_other_words_keep_sides_and_numbers_or_drop_the_number_for_a_vague_one(sentence):
    rng = random.Random(0)
    said = {paraphrase(sentence, rng) for _ in range(200)}
    assert len(said) > 2 or "apart" in sentence
    sides = [word for word in sentence.split() if word in ("left", "right")]
    numbers = [word for word in sentence.split() if word.isdecimal()]
    for other in said:
        assert sorted(word for word in other.split() if word in ("left", "right")) == sorted(sides)
        assert [word for word in other.split() if word.isdecimal()] in (numbers, [])
        assert "  " not in other
        assert "{" not in other


def test_equal_seeds_give_equal_words():
    one, other = ([paraphrase(s, random.Random(3)) for s in SENTENCES] for _ in range(2))
    assert one == other


def test_orders_begin_with_a_verb():
    said = {paraphrase("the left arm is raised 90 degrees forward", random.Random(seed)) for seed in range(100)}
    assert any(text.startswith("raise the left arm 90 degrees") for text in said)


@pytest.mark.parametrize("sentence", SENTENCES)
def test_a_mirror_exchanges_sides_and_nothing_else(sentence):
    assert mirrored(mirrored(sentence)) == sentence
    assert mirrored(sentence).replace("right", "left") == sentence.replace("right", "left")
