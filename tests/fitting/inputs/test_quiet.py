import os
import signal
import threading
import time

import pytest

from fitting.inputs.quiet import native_stderr_silenced
from qposer.io.interrupts import raise_on_interrupt


def test_stderr_is_back_when_the_last_of_several_threads_has_ended(capfd):
    begun, go_on = threading.Event(), threading.Event()

    def other():
        with native_stderr_silenced():
            begun.set()
            go_on.wait()

    thread = threading.Thread(target=other)
    with native_stderr_silenced():
        thread.start()
        begun.wait()
        os.write(2, b"unheard")
    os.write(2, b"unheard as well")
    go_on.set()
    thread.join()
    os.write(2, b"heard")
    assert capfd.readouterr().err == "heard"


def test_ctrl_c_while_stderr_is_redirected_waits(capfd, monkeypatch):
    redirect = os.dup2

    def interrupted(source, target):
        redirect(source, target)
        signal.raise_signal(signal.SIGINT)

    def work():
        with native_stderr_silenced():
            monkeypatch.undo()
            time.sleep(5)

    before = signal.getsignal(signal.SIGINT)
    raise_on_interrupt()
    monkeypatch.setattr(os, "dup2", interrupted)
    try:
        with pytest.raises(KeyboardInterrupt):
            work()
    finally:
        signal.signal(signal.SIGINT, before)
    os.write(2, b"heard")
    assert capfd.readouterr().err == "heard"
