import os
import threading

from fitting.inputs.quiet import native_stderr_silenced


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
