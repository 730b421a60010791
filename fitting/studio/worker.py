"""One thread that runs all jobs in order."""

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
    """Runs jobs one after the other on its own thread.

    It serialises the events of all browser tabs, so that only one at a time changes the session and the websocket
    thread never waits for a solve. A job with a key replaces a job with the same key at the end of the queue, so that
    the targets of a drag do not pile up.
    """

    def __init__(self) -> None:
        self._jobs: deque[_Job] = deque()
        self._changed = threading.Condition()
        self._busy = self._stopped = False
        self._thread = threading.Thread(target=self._run, name="studio", daemon=True)
        self._thread.start()

    def do(self, job: Callable[[], None], key: str | None = None) -> None:
        """Queue ``job``; its exceptions are printed to stderr and do not stop the worker.

        Args:
            job: function to run.
            key: replaces the last waiting job if that has the same key.
        """
        with self._changed:
            if key is not None and self._jobs and self._jobs[-1].key == key:
                self._jobs.pop()
            self._jobs.append(_Job(job, key))
            self._changed.notify_all()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for all jobs; return whether they finished within the timeout in seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._jobs and not self._busy, timeout)

    def stop(self, timeout: float) -> bool:
        """Drop waiting jobs; return whether the running job finished within the timeout in seconds."""
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
