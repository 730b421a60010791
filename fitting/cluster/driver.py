"""The driver: gives batches of photos to workers on many machines with Ray.

Workers, which are Ray actors, load the models once and fit one batch after another. A worker writes the results of a
batch into one Parquet file; then the driver notes the batch as finished. If a worker or its machine is lost, its
batches are given to others, and a new worker starts as soon as there is room for one.
"""

from __future__ import annotations

import collections
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fitting.cluster.batches import Batch, Ledger, Report
from fitting.cluster.worker import Worker
from fitting.folder_request import FolderRequest

ROOT = Path(__file__).parents[2]
"""Folder of the packages."""

QUEUED = 2
"""Batches given to a worker at a time: it never waits for the next one, and few are lost with it."""

_START_FAILURES = 3
"""Workers lost in a row before they were ready, after which the run stops."""


def fit_batches(
    batches: Iterator[Batch], make_worker: Callable[[], Any], workers: int, on_report: Callable[[Report], None]
) -> int:
    """Give batches to workers until all are finished; a lost worker's batches are given to others.

    Args:
        batches: read one after another, only as fast as the workers finish them.
        make_worker: starts a `Worker` as a Ray actor that does not restart by itself.
        workers: number of workers.
        on_report: called for each finished batch, once.

    Returns:
        The number of lost workers.

    Raises:
        OSError: results cannot be written.
        ChildProcessError: workers are lost before they are ready, again and again.
    """
    return _Driver(batches, make_worker, on_report).run(workers)


class _Driver:
    """The state of `fit_batches`: what is in flight, and with whom."""

    def __init__(
        self, batches: Iterator[Batch], make_worker: Callable[[], Any], on_report: Callable[[Report], None]
    ) -> None:
        self._batches, self._make_worker, self._on_report = batches, make_worker, on_report
        self._again: collections.deque[Batch] = collections.deque()
        self._flights: dict[Any, tuple[Any, Batch | None]] = {}  # a worker that is not yet ready has no batch
        self._load: dict[Any, int] = {}  # batches of each worker that is ready
        self._lost = self._start_failures = 0

    def run(self, workers: int) -> int:
        import ray

        try:
            for _ in range(workers):
                self._start()
            while self._feed():
                done, _ = ray.wait(list(self._flights), num_returns=1)
                self._landed(done[0])
        finally:
            for worker in {worker for worker, _ in self._flights.values()} | set(self._load):
                ray.kill(worker)
        return self._lost

    def _start(self) -> None:
        worker = self._make_worker()
        self._flights[worker.ready.remote()] = worker, None

    def _feed(self) -> bool:
        """Give batches to the least loaded workers; whether anything is unfinished."""
        while self._load:
            worker = min(self._load, key=lambda one: self._load[one])
            if self._load[worker] >= QUEUED or (batch := self._next()) is None:
                break
            self._flights[worker.fit.remote(batch)] = worker, batch
            self._load[worker] += 1
        if any(batch is not None for _, batch in self._flights.values()):
            return True
        batch = self._next()
        self._again.extend([] if batch is None else [batch])
        return batch is not None

    def _next(self) -> Batch | None:
        return self._again.popleft() if self._again else next(self._batches, None)

    def _landed(self, flight: Any) -> None:
        import ray

        worker, batch = self._flights.pop(flight)
        try:
            report = ray.get(flight)
        except ray.exceptions.RayTaskError as error:
            raise error.cause from None
        except ray.exceptions.RayError as error:
            self._replace(worker, batch, error)
            return
        if batch is None:
            self._load[worker] = self._start_failures = 0
        else:
            self._load[worker] -= 1
            self._on_report(report)

    def _replace(self, worker: Any, batch: Batch | None, error: Exception) -> None:
        """Start another worker for a lost one, and queue its batches again."""
        import ray

        ray.kill(worker)  # if it is only unreachable
        mine = [flight for flight, (other, _) in self._flights.items() if other is worker]
        self._again.extend(one for one in (batch, *(self._flights.pop(flight)[1] for flight in mine)) if one)
        self._start_failures += worker not in self._load
        self._load.pop(worker, None)
        self._lost += 1
        if self._start_failures > _START_FAILURES:
            raise ChildProcessError(f"workers end before they are ready: {str(error).strip().splitlines()[-1]}")
        self._start()


@contextmanager
def connected(address: str) -> Iterator[None]:
    """Connect to a Ray cluster, or start one on this machine.

    Args:
        address: ``local``, or the address of a cluster, as for ``ray.init``.

    Raises:
        ValueError: Ray is not installed.
        ConnectionError: there is no cluster.
    """
    try:
        import ray
    except ImportError:
        raise ValueError('--ray needs Ray: pip install "qposer[ray]"') from None
    os.environ.setdefault("RAY_worker_niceness", "0")  # Ray's workers give way to all other processes otherwise
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": "error"}
    options["runtime_env"] = {"env_vars": {"PYTHONPATH": path}}  # a script's own folder is not on the workers' path
    if address == "local":
        ray.init(address, include_dashboard=False, **options)
    else:
        ray.init(address, **options)
    try:
        yield
    finally:
        ray.shutdown()


@dataclass
class Totals:
    """Numbers of a run, images of earlier runs included."""

    images: int = 0
    failed: int = 0
    resumed: int = 0
    """Images of the batches that earlier runs finished."""
    lost: int = 0
    """Lost workers."""


class ClusterRun:
    """Fits the photos of batches on the connected cluster, those that an earlier run has not finished."""

    def __init__(self, request: FolderRequest, size: int, folders: bool = True, workers: int | None = None) -> None:
        """Check the request and read the record of an earlier run.

        Args:
            request: models, options, and the output folder, which all machines see under the same path.
            size: photos in a batch.
            folders: whether to write a folder for each photo besides the Parquet files.
            workers: their number; default: as many as the cluster has cores, or GPUs for ``cuda``.

        Raises:
            ValueError: an argument is invalid, the cluster has no room for a worker, or an earlier run in the same
                folder had another request.
        """
        import ray

        with ExitStack() as stack:
            replace(request, device="cpu", detects=False).open(stack)
        on_gpu = request.device == "cuda"
        count = int(ray.cluster_resources().get("GPU" if on_gpu else "CPU", 0)) if workers is None else workers
        if count < 1:
            raise ValueError("the cluster has no room for a worker: give --workers, at least 1, or another --device")
        if not folders:
            request = replace(request, options={**request.options, "exports": (), "pictures": False})
        request = replace(request, out=request.out.resolve())
        actor = ray.remote(Worker).options(num_cpus=1, num_gpus=int(on_gpu), scheduling_strategy="SPREAD")
        self._make_worker = lambda: actor.remote(request.open, request.out, folders)
        self._workers = count
        body = None if request.body is None else str(request.body)
        given = {**request.options, "settings": request.settings.as_json, "body": body}
        self._ledger = Ledger(request.out, {**given, "batch": size, "folders": folders})
        self.totals = Totals()

    def fit(self, batches: Iterator[Batch], on_report: Callable[[Report], None] = lambda report: None) -> None:
        """Fit the photos of the batches.

        Args:
            batches: those of `fitting.batches.batches_of`.
            on_report: called for each finished batch, those of earlier runs included.

        Raises:
            OSError: results cannot be written.
            ChildProcessError: workers are lost before they are ready, again and again.
        """
        count = 0

        def unfinished() -> Iterator[Batch]:
            nonlocal count
            for batch in batches:
                count += 1
                known = self._ledger.report(batch)
                if known is None:
                    yield batch
                else:
                    self.totals.resumed += known.images
                    self._count(known)
                    on_report(known)

        def finished(report: Report) -> None:
            self._ledger.add(report)
            self._count(report)
            on_report(report)

        self.totals.lost = fit_batches(unfinished(), self._make_worker, self._workers, finished)
        self._ledger.drop_from(count)

    def _count(self, report: Report) -> None:
        self.totals.images += report.images
        self.totals.failed += len(report.failures)
