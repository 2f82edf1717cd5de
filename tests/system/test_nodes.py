"""Nodes as real processes: killed, stopped, restarted; every row as in a local run."""

from __future__ import annotations

import os
import signal
import time

import pytest

from tests.nodes import field, logs, rows

pytestmark = [pytest.mark.slow]


@pytest.fixture(scope="module", autouse=True)
def _rows() -> None:
    rows()  # before a test's own loop is there


async def test_two_nodes_and_local_workers_share_the_images(tmp_path):
    async with field(tmp_path, address="tcp://127.0.0.1:*", workers=1) as made:
        made.node("--workers", "1")
        made.node("--workers", "1")
        await made.ready("node-1", "node-2")
        made.offer(80)
        await made.done()
        made.check()
        done = [node.finished for node in made.live().values()]
        assert min(done) > 0
        assert sum(done) < 80, "the worker of this host had none"


@pytest.mark.allow_error_log("worker_lost")
async def test_a_worker_of_a_node_is_killed(tmp_path):
    async with field(tmp_path) as made:
        node = made.node("--workers", "2")
        await made.ready("node-1", workers=2)
        made.offer(60)
        await made.until(lambda: made.finished >= 10)
        os.kill(next(node.workers()), signal.SIGKILL)
        await made.done()
        made.check()
        assert "worker_lost" in node.text
        assert made.pool.replaced == 0, "the node itself is not lost"


@pytest.mark.allow_error_log("node_lost")
async def test_a_node_is_killed(tmp_path, log_events):
    async with field(tmp_path, address="tcp://127.0.0.1:*") as made:
        first = made.node("--workers", "1")
        made.node("--workers", "1")
        await made.ready("node-1", "node-2")
        made.offer(80)
        await made.until(lambda: made.live()["node-1"].finished >= 5)
        first.process.kill()
        noticed_s = await made.until(lambda: logs(log_events, "node_lost"))
        await made.done()
        made.check()
        assert noticed_s < 1.0
        assert made.live()["node-1"].state == "away"
        assert "connection ended" in (made.live()["node-1"].problem or "")


@pytest.mark.allow_error_log("node_lost")
async def test_a_node_is_stopped_and_comes_back(tmp_path, log_events):
    async with field(tmp_path, address="tcp://127.0.0.1:*") as made:
        first = made.node("--workers", "1")
        made.node("--workers", "1")
        await made.ready("node-1", "node-2")
        made.offer(60)
        await made.until(lambda: made.live()["node-1"].finished >= 3)
        first.send(signal.SIGSTOP)
        stopped = time.monotonic()
        await made.until(lambda: logs(log_events, "node_lost"))
        assert time.monotonic() - stopped < 10.0
        assert logs(log_events, "node_slow"), "it got no more before that"
        await made.done()
        made.check()
        first.send(signal.SIGCONT)
        await made.ready("node-1", "node-2")
        before = made.live()["node-1"].finished
        made.offer(40)
        await made.done()
        made.check()
        assert made.live()["node-1"].finished > before, "it takes part again"


async def test_a_node_is_told_to_stop(tmp_path, log_events):
    """What it has not begun goes back at once, and it ends well."""
    async with field(tmp_path) as made:
        assert not made.pool.staffed
        first = made.node("--workers", "1")
        made.node("--workers", "1")
        await made.ready("node-1", "node-2")
        assert made.pool.staffed
        made.offer(60)
        await made.until(lambda: made.live()["node-1"].finished >= 3)
        first.send(signal.SIGTERM)
        assert await first.ended() == 0
        await made.done()
        made.check()
        assert "node-1" not in made.live()
        assert logs(log_events, "node_left")
        assert made.pool.replaced == 0


async def test_the_daemon_starts_again(tmp_path):
    """Its nodes greet the new one, whose setups have the old numbers."""
    node = None
    for turn in range(2):
        async with field(tmp_path) as made:
            if node is None:
                node = made.node("--workers", "1")
            await made.ready("node-1")
            made.offer(20)
            await made.done()
            made.check()
            if turn == 0:
                made.nodes.clear()  # it outlives its home
            else:
                made.nodes.append(node)
    assert node is not None
    assert node.text.count('"home_found"') == 2
