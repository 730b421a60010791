import gc
import os
import subprocess
import sys
import time
import weakref
from pathlib import Path

import pytest

from qposer.io import startup
from qposer.io.startup import loading, seconds_since_start


@pytest.fixture(autouse=True)
def thawed():
    yield
    gc.unfreeze()
    gc.enable()


def test_collection_rests_while_modules_load():
    with loading():
        assert not gc.isenabled()
        kept = [[] for _ in range(1000)]
    assert gc.isenabled()
    assert gc.get_freeze_count() >= len(kept)


def test_objects_created_later_are_collected():
    with loading():
        pass

    class Knot:
        pass

    knot = Knot()
    knot.itself = knot
    gone = weakref.ref(knot)
    del knot
    gc.collect()
    assert gone() is None


def test_disabled_garbage_collection_stays_off_and_errors_propagate():
    gc.disable()
    with pytest.raises(ZeroDivisionError), loading():
        1 / 0  # noqa: B018
    assert not gc.isenabled()


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="the system does not report start times of processes")
def test_time_counts_from_the_start_of_the_process():
    tick = 2 / os.sysconf("SC_CLK_TCK")
    program = (
        "import time; begun = time.monotonic(); time.sleep(0.2)\n"
        "from qposer.io.startup import seconds_since_start\n"
        "print(seconds_since_start(), time.monotonic() - begun)"
    )
    before = time.monotonic()
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    whole = time.monotonic() - before
    reported, since_first_line = map(float, done.stdout.split())
    assert since_first_line - tick - 0.1 < reported < whole + tick


@pytest.mark.parametrize("stat", [None, "", "1 (python) S 1", f"1 (python) S{' 0' * 40}", f"1 (py) S{' x' * 40}"])
def test_elsewhere_time_counts_from_loading(tmp_path, monkeypatch, stat):
    path = tmp_path / "stat"
    if stat is not None:
        path.write_text(stat)
    monkeypatch.setattr(startup, "_STAT", path)
    monkeypatch.setattr(startup, "_LOADED", time.monotonic() - 1000)
    assert 1000 <= seconds_since_start() < 2000
