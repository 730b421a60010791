import re

import pytest

from qposer.control.instructions import vocabulary

TABLES = {name: table for name, table in vars(vocabulary).items() if isinstance(table, dict) and name != "__builtins__"}


@pytest.mark.parametrize("name", [name for name in TABLES if name != "NUMBERS" and name.isupper()])
def test_phrases_of_a_table_are_in_lower_case_and_occur_once(name):
    phrases = [phrase for entry in TABLES[name].values() for phrase in entry.split(", ")]
    assert len(set(phrases)) == len(phrases)
    assert all(re.fullmatch(r"[a-z°'-]+( [a-z°'-]+)*", phrase) for phrase in phrases)


def test_states_of_parts_are_verbs():
    assert vocabulary.DONE.keys() <= vocabulary.VERBS.keys()


def test_numbers_in_words():
    assert vocabulary.NUMBERS["forty-five"] == 45
    assert vocabulary.NUMBERS["a hundred"] == vocabulary.NUMBERS["one hundred"] == 100
