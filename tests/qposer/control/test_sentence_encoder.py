import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from qposer.control.sentence_encoder import LONGEST_TEXT, SentenceEncoder, bags, features_of, sentences_of


@pytest.fixture(scope="module")
def encoder():
    torch.manual_seed(0)
    return SentenceEncoder(buckets=64, embedding=8, width=16, out=4).eval().requires_grad_(False)


def test_a_text_falls_into_sentences():
    text = "Raise the LEFT arm, and bend both knees; then look up. It's done!"
    assert sentences_of(text) == ["raise the left arm", "bend both knees", "look up", "it's done"]
    assert sentences_of(" , and ... ") == []


def test_features_are_words_letters_numbers_and_pairs():
    features = dict(features_of(["knee", "60"]))
    assert features["knee"] == 1.0
    assert {"~<kn", "~kne", "~nee", "~ee>"} <= set(features)
    assert (features["#12"], features["#13"]) == (1.0, 0.0)
    assert features["knee #"] == 1.0


@given(st.floats(0, 400))
def test_a_number_is_between_its_neighbours(number):
    features = [(name, weight) for name, weight in features_of([str(number)]) if name.startswith("#")]
    assert sum(weight for _, weight in features) == pytest.approx(1.0)
    assert sum(5 * int(name[1:]) * weight for name, weight in features) == pytest.approx(number, abs=1e-6)


def test_bags_of_several_sentences_are_the_bags_of_each_one_after_the_other():
    sentences = ["raise the left arm", "sit", "bend the knee 62 degrees"]
    together = bags(sentences, 100)
    for number, sentence in enumerate(sentences):
        alone = bags([sentence], 100)
        start = together.offsets[number]
        torch.testing.assert_close(together.rows[start : start + len(alone.rows)], alone.rows)
        torch.testing.assert_close(together.weights[start : start + len(alone.rows)], alone.weights)


def test_the_order_of_sentences_does_not_matter(encoder):
    one, other = encoder.encode(["raise the left arm. bend the knee", "bend the knee. raise the left arm"])
    torch.testing.assert_close(one, other)


def test_the_order_of_words_matters(encoder):
    one, other = encoder.encode(["left hand on right knee", "right hand on left knee"])
    assert not torch.allclose(one, other, atol=1e-3)


def test_texts_do_not_depend_on_each_other(encoder):
    texts = ["raise the left arm", "sit, and look up", "kneel"]
    torch.testing.assert_close(encoder.encode(texts), torch.cat([encoder.encode([text]) for text in texts]))


def test_invalid_texts_are_rejected(encoder):
    with pytest.raises(ValueError, match="has no words"):
        encoder.encode(["raise the left arm", " . "])
    with pytest.raises(ValueError, match=f"must have at most {LONGEST_TEXT} characters, not 10000"):
        encoder.encode(["a" * 10000])
