"""One thread that does everything, one thing at a time, in the order in which it was asked for."""

from __future__ import annotations

import threading
import traceback
from collections import deque
from collections.abc import Callable
from typing import NamedTuple


class _Job(NamedTuple):
    run: Callable[[], None]
    key: str | None


class Worker:
    """Runs jobs one after the other on a thread of its own.

    Events of several browser tabs come in here, so that no two of them are ever at the session at the same time, and so
    that the thread of the websockets never waits for a solve. A job with a key takes the place of one with the same key
    that waits at the end of the queue: of the targets of a drag, the newest wins, and they never pile up.
    """

    def __init__(self) -> None:
        self._jobs: deque[_Job] = deque()
        self._changed = threading.Condition()
        self._busy = self._stopped = False
        self._thread = threading.Thread(target=self._run, name="studio", daemon=True)
        self._thread.start()

    def do(self, job: Callable[[], None], key: str | None = None) -> None:
        """Run ``job`` when all that was asked for earlier is done; what it raises goes to stderr, and ends nothing.

        Args:
            job: what is run.
            key: a waiting job of the same key, if it is the last one, is replaced.
        """
        with self._changed:
            if key is not None and self._jobs and self._jobs[-1].key == key:
                self._jobs.pop()
            self._jobs.append(_Job(job, key))
            self._changed.notify_all()

    def wait(self, timeout: float | None = None) -> bool:
        """Whether everything was done within that many seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._jobs and not self._busy, timeout)

    def stop(self, timeout: float) -> bool:
        """Drop what was not begun; whether the job at hand ended within that many seconds, else it is left."""
        with self._changed:
            self._stopped = True
            self._jobs.clear()
            self._changed.notify_all()
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._jobs or self._stopped)
                if self._stopped:
                    return
                job = self._jobs.popleft()
                self._busy = True
            try:
                job.run()
            except Exception:
                traceback.print_exc()
            finally:
                with self._changed:
                    self._busy = False
                    self._changed.notify_all()
