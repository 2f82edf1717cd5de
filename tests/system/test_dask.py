"""Engine ``dask`` with a real scheduler and real dask workers, all with TLS.

One cluster for the module: a dask worker takes seconds to start. Each of them stands
for a host.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from recorder.cluster.batch import dask_batch
from recorder.cluster.certificates import make_certificates
from recorder.cluster.checking import cluster_lines
from recorder.cluster.held import end_holder
from recorder.cluster.plugin import PLUGIN, DaskHands
from recorder.cluster.scheduler import probe
from recorder.errors import ConfigError
from recorder.pool.backlog import Backlog
from recorder.pool.pool import Pool
from recorder.pool.share import Share
from recorder.testing import EngineConformance
from tests.dask_cluster import (
    WAIT_S,
    Cluster,
    dask_cluster,
    kill,
    start_worker,
    wait_for_end,
)
from tests.guards import Event, logged
from tests.servers import free_port

pytestmark = [
    pytest.mark.xdist_group("dask"),
    pytest.mark.slow,
    pytest.mark.allow_error_log("engine_lost", "node_lost"),
]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with dask_cluster(tmp_path_factory.mktemp("dask")) as made:
        yield made


@asynccontextmanager
async def recorder(cluster: Cluster) -> AsyncIterator[DaskHands]:
    """What the daemon has of the engine; nothing is classified."""
    hands = PLUGIN.make(Share(Backlog(1 << 30), nodes=True), cluster.options())
    task = asyncio.create_task(hands.run())
    try:
        yield hands
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def until(events: list[Event], name: str, happened: Callable[[], bool]) -> None:
    """Wait for events of a name until something is so; those seen are taken away."""
    async with asyncio.timeout(WAIT_S):
        while not happened():
            events.remove(await logged(events, name, WAIT_S))


def there(hands: DaskHands, number: int) -> Callable[[], bool]:
    """Whether so many nodes take part."""
    return lambda: sum(node.state == "ok" for node in hands.nodes()) == number


async def settled(cluster: Cluster, hands: DaskHands, events: list[Event]) -> int:
    """Wait until all nodes that run take part: how many; a test before made some."""
    await until(
        events,
        "node_ready",
        lambda: (
            {"worker-1", "worker-2"} <= set(cluster.nodes())
            and there(hands, len(cluster.nodes()))()
        ),
    )
    return len(cluster.nodes())


async def placed(events: list[Event], worker: str, how: str) -> None:
    """Wait until a node was started, or found again, for a dask worker."""
    async with asyncio.timeout(WAIT_S):
        while True:
            event = await logged(events, "node_placed", WAIT_S)
            events.remove(event)
            if (event["dask_worker"], event["how"]) == (worker, how):
                return


class TestDask(EngineConformance):
    """Images on nodes that dask placed; one that is killed is placed again."""

    name = "dask"

    @pytest.fixture(autouse=True)
    def _cluster(self, cluster: Cluster) -> None:
        self.cluster = cluster

    def make_pool(self) -> Pool:
        options = self.cluster.options()
        return Pool(0, cluster=lambda work: PLUGIN.make(work, options))

    def kill_worker(self) -> bool:
        os.kill(self.cluster.nodes()["worker-1"] or 0, signal.SIGKILL)
        return True


async def test_nodes_come_with_hosts_and_outlive_what_placed_them(
    cluster: Cluster, log_events: list[Event]
):
    async with recorder(cluster) as hands:
        count = await settled(cluster, hands, log_events)
        nodes = cluster.nodes()
        assert {node.name for node in hands.nodes()} == set(nodes)

        # a host that comes late gets one, too
        start_worker(cluster, "late")
        await until(log_events, "node_ready", there(hands, count + 1))

        # a dask worker that is killed leaves its node, and the next one finds it
        kill(cluster, "worker-1")
        assert cluster.nodes()["worker-1"] == nodes["worker-1"]
        assert cluster.start() == ["runs already", "started", "runs already"]
        await placed(log_events, "worker-1", "found")
        assert cluster.nodes()["worker-1"] == nodes["worker-1"]

        # a node that is killed is started again
        os.kill(nodes["worker-2"] or 0, signal.SIGKILL)
        await placed(log_events, "worker-2", "started")
        await until(log_events, "node_ready", there(hands, count + 1))
        assert cluster.nodes()["worker-2"] != nodes["worker-2"]


async def test_the_scheduler_may_be_lost_and_another_one_come(
    cluster: Cluster, log_events: list[Event]
):
    async with recorder(cluster) as hands:
        await logged(log_events, "engine_ready")
        count = await settled(cluster, hands, log_events)
        nodes = cluster.nodes()
        kill(cluster, "scheduler")
        lost = await logged(log_events, "engine_lost")
        assert "nodes that run go on" in lost["hint"]
        for name in ("worker-1", "worker-2"):
            await asyncio.to_thread(wait_for_end, cluster, name)
        assert cluster.nodes() == nodes
        assert there(hands, count)()

    # it is down when the recorder starts, and comes late
    log_events.clear()
    async with recorder(cluster) as hands:
        late = await logged(log_events, "engine_lost")
        assert "is the scheduler running?" in late["error"]
        await until(log_events, "node_ready", there(hands, count))  # they greet again
        assert cluster.start() == ["started"] * 3
        await logged(log_events, "engine_ready")
        await placed(log_events, "worker-2", "found")
        assert cluster.nodes() == nodes  # no second one on any host


async def test_who_has_no_certificate_of_the_authority_is_refused(
    cluster: Cluster, tmp_path: Path
):
    make_certificates(tmp_path, ("stranger",), renew=False)
    stranger = replace(cluster.address, tls=tmp_path / "stranger")
    assert probe(cluster.address) is None
    problem = probe(stranger)
    assert problem is not None
    assert "not of our authority" in problem
    lines = await cluster_lines(stranger)
    assert "not of our authority" in next(x.text for x in lines if not x.ok)
    # our authority, but its certificate
    mixed = tmp_path / "mixed"
    mixed.mkdir()
    (mixed / "ca.pem").symlink_to(cluster.address.tls / "ca.pem")  # type: ignore[operator]
    for name in ("cert.pem", "key.pem"):
        (mixed / name).symlink_to(tmp_path / "stranger" / name)
    problem = probe(replace(cluster.address, tls=mixed))
    assert problem is not None
    assert "refuses our certificate" in problem
    with pytest.raises(ConfigError, match="not of our authority"):
        async with dask_batch(stranger):
            pass


async def test_the_check_says_what_there_is(cluster: Cluster):
    lines = await cluster_lines(cluster.address)
    assert all(line.ok for line in lines), lines
    found = {line.what: line.text for line in lines}
    assert re.search("dask workers: [23], threads: [23]", found["dask"]), found
    assert "valid until" in found["dask certificate"]
    gone = await cluster_lines(replace(cluster.address, port=free_port()))
    assert "is the scheduler running?" in next(x.text for x in gone if not x.ok)


async def test_a_host_without_the_recorder_is_named_and_left_alone(
    cluster: Cluster, log_events: list[Event]
):
    before = "import sys; sys.modules['recorder'] = None"
    start_worker(cluster, "bare", before)
    try:
        async with recorder(cluster) as hands:
            event = await logged(log_events, "node_not_placed")
            assert event["dask_worker"] == "bare"
            assert "install ssx-recorder[cluster]" in event["hint"]
            (missing,) = [n for n in hands.nodes() if n.name == "bare"]
            assert missing.state == "failing"
        cluster.pid("bare")  # it goes on: it may have other work
    finally:
        assert end_holder(cluster.folder / "bare.lock", WAIT_S)
