import os
import signal
from contextlib import suppress
from types import SimpleNamespace

import pytest

from fitting.cluster.batches import batches_of
from fitting.cluster.driver import fit_batches
from fitting.cluster.worker import Worker

ray = pytest.importorskip("ray", reason="needs Ray")


@pytest.fixture
def cluster(monkeypatch):
    """Ray with a head that has no room for workers, and two machines with one core each."""
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("RAY_worker_niceness", "0")  # otherwise workers starve on a busy machine
    store = 80 * 2**20
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "object_store_memory": store})
    machines = [cluster.add_node(num_cpus=1, object_store_memory=store) for _ in range(2)]
    ray.init(cluster.address, log_to_driver=False, logging_level="error")
    cluster.wait_for_nodes()
    yield SimpleNamespace(lose=lambda: cluster.remove_node(machines.pop(), allow_graceful=False))
    ray.shutdown()
    cluster.shutdown()


@pytest.fixture
def slow_run(open_run, tmp_path):
    """A run of slow fits, whose workers note their processes."""

    def slow(stack):
        with (tmp_path / "processes").open("a") as file:
            print(os.getpid(), file=file)
        run = open_run(stack)
        run.fitter.seconds = 0.05
        return run

    return slow


def kill_workers(tmp_path):
    for process in (tmp_path / "processes").read_text().split():
        with suppress(ProcessLookupError):
            os.kill(int(process), signal.SIGKILL)


def test_lost_workers_and_machines_lose_no_photo_and_repeat_none(
    cluster, images, out, slow_run, check_complete, tmp_path
):
    actor = ray.remote(Worker).options(num_cpus=1, scheduling_strategy="SPREAD")
    reports = []

    def disturb(report):
        reports.append(report.number)
        if len(reports) == 2:
            cluster.lose()
        elif len(reports) == 5:
            kill_workers(tmp_path)

    lost = fit_batches(batches_of(images, 4)[0], lambda: actor.remote(slow_run, out, False), 2, disturb)
    assert lost >= 2
    assert sorted(reports) == list(range(10))
    check_complete()
