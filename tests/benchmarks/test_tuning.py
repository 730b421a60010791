import pytest

from benchmarks.tuning import FARTHEST, lowest


@pytest.mark.parametrize("valley", [-4, 0, 3, 20])
def test_the_lowest_value_is_found_from_afar(valley):
    best, values = lowest(lambda exponent: abs(exponent - valley), start=-1)
    assert best == min(valley, FARTHEST)
    assert values[best] == min(values.values())
