import threading
from itertools import count, islice

import pytest

from fitting.video.in_threads import AT_ONCE, in_threads


def test_results_come_in_the_order_of_the_items():
    first_may_end = threading.Event()

    def work(item):
        if item == 0 and AT_ONCE > 1:
            assert first_may_end.wait(60)
        if item == 1:
            first_may_end.set()
        return -item

    assert [*in_threads(work, range(20))] == [-item for item in range(20)]


def test_few_items_are_taken_in_advance():
    taken = []
    results = in_threads(lambda item: item, (taken.append(item) or item for item in count()))
    assert [*islice(results, 3)] == [0, 1, 2]
    assert len(taken) <= 3 + AT_ONCE
    results.close()


def test_errors_pass_through():
    with pytest.raises(ZeroDivisionError):
        [*in_threads(lambda item: 1 // item, [2, 1, 0, 1])]
