import threading

import pytest

from fitting.studio.worker import Worker


@pytest.fixture
def worker():
    made = Worker()
    yield made
    made.stop(20)


@pytest.fixture
def gate(worker):
    """A gate at which the worker waits."""
    opened = threading.Event()
    worker.do(lambda: opened.wait(20))
    yield opened
    opened.set()


def test_one_after_the_other(worker, gate):
    done = []
    for number in range(20):
        worker.do(lambda number=number: done.append((number, threading.current_thread().name)))
    gate.set()
    assert worker.wait(20)
    assert done == [(number, "studio") for number in range(20)]


def test_the_newest_target_wins(worker, gate):
    done = []
    worker.do(lambda: done.append("grab"))
    for number in range(100):
        worker.do(lambda number=number: done.append(number), key="pull")
    worker.do(lambda: done.append("release"))
    gate.set()
    assert worker.wait(20)
    assert done == ["grab", 99, "release"]


def test_jobs_in_between_are_not_overtaken(worker, gate):
    done = []
    worker.do(lambda: done.append("a1"), key="a")
    worker.do(lambda: done.append("b1"), key="b")
    worker.do(lambda: done.append("a2"), key="a")
    gate.set()
    assert worker.wait(20)
    assert done == ["a1", "b1", "a2"]


def test_a_job_that_fails_stops_nothing(worker, capfd):
    done = []
    worker.do(lambda: 1 / 0)
    worker.do(lambda: done.append("next"))
    assert worker.wait(20)
    assert done == ["next"]
    assert "ZeroDivisionError" in capfd.readouterr().err


def test_stopping_drops_waiting_jobs():
    worker, opened, begun, done = Worker(), threading.Event(), threading.Event(), []
    worker.do(lambda: (begun.set(), opened.wait(20), done.append("first")))
    worker.do(lambda: done.append("second"))
    assert begun.wait(20)
    threading.Timer(0.05, opened.set).start()
    assert worker.stop(20)
    assert done == ["first"]


def test_stopping_leaves_a_stuck_job_behind():
    worker, opened, begun = Worker(), threading.Event(), threading.Event()
    worker.do(lambda: (begun.set(), opened.wait(10)))
    assert begun.wait(20)
    assert not worker.stop(0.05)
    opened.set()
    assert worker.stop(20)
