from collections import Counter

import pytest

from benchmarks.instructions.suite import Suite


@pytest.fixture(scope="module")
def suite():
    return Suite.load()


def normalised(text):
    """An instruction without its sides and numbers."""
    words = text.lower().replace("left", "right").split()
    return " ".join("#" if word.isdecimal() else word for word in words)


def test_it_is_large_and_its_halves_are_about_equal(suite):
    texts = [text for phrase in suite.phrases for text in phrase.instructions]
    assert len(set(texts)) == len(texts) >= 220
    counts = Counter(phrase.half for phrase in suite.phrases for _ in phrase.instructions)
    assert abs(counts["development"] - counts["report"]) < 0.1 * len(texts)
    assert all(len(text.split()) <= 14 for text in texts)


def test_every_kind_is_in_both_halves_about_as_often(suite):
    by_kind = Counter((phrase.kind, phrase.half) for phrase in suite.phrases)
    for kind in {phrase.kind for phrase in suite.phrases}:
        assert abs(by_kind[kind, "development"] - by_kind[kind, "report"]) <= 1


def test_variants_of_a_phrase_are_in_one_half(suite):
    halves = {}
    for phrase in suite.phrases:
        for text in phrase.instructions:
            halves.setdefault((phrase.after, normalised(text)), set()).add(phrase.half)
    assert all(len(found) == 1 for found in halves.values())


def test_there_are_20_start_poses(suite):
    assert len(set(suite.seeds)) == 20


def test_duplicates_and_unknown_halves_are_rejected(tmp_path):
    entry = '[[phrase]]\nkind = "raise"\nhalf = "{}"\ninstructions = ["raise the left arm"]\n'
    rest = '[[refused]]\nwhy = "x"\nhalf = "report"\ninstructions = [""]\n[[start]]\nseed = 1\n'
    file = tmp_path / "suite.toml"
    file.write_text(entry.format("report") * 2 + rest)
    with pytest.raises(ValueError, match="raise the left arm occur twice"):
        Suite.load(file)
    file.write_text(entry.format("third") + rest)
    with pytest.raises(ValueError, match="unknown half 'third'"):
        Suite.load(file)
