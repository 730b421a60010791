"""Work on the frames or windows of a video in a few threads."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

AT_ONCE = min(2, os.cpu_count() or 1)
"""Number of threads; PyTorch, OpenCV and MediaPipe release Python's lock while they work."""

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_threads(work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """Apply a function to items, a few at once, so that memory does not grow with their number.

    Args:
        work: the function; what it returns must not depend on the order of calls.
        items: its arguments; they are taken in this thread.

    Yields:
        Results in the order of the items.
    """
    threads, pending = ThreadPoolExecutor(AT_ONCE), deque[Future[Result]]()
    try:
        for item in items:
            pending.append(threads.submit(work, item))
            if len(pending) > AT_ONCE:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        threads.shutdown(cancel_futures=True)
