"""Tasks of a batch on real dask workers, and what becomes of them when these die."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from recorder.cluster.batch import dask_batch
from recorder.cluster.held import holder
from recorder.cluster.plugin import PLUGIN
from recorder.pool.batch_task import STOP, BatchTask
from recorder.pool.protocols import BatchEngine, CheckedEngine
from tests.dask_cluster import WAIT_S, Cluster, dask_cluster, kill
from tests.guards import Event, logged
from tests.hdf5_writer import SwmrWriter

pytestmark = [
    pytest.mark.xdist_group("dask"),
    pytest.mark.slow,
    pytest.mark.allow_error_log("engine_lost"),
]
WORKERS = ("worker-1", "worker-2")
ENVIRONMENT = {
    "RECORDER_MQTT__ENABLED": "false",
    "RECORDER_ISPYB__ENABLED": "false",
    "RECORDER_POOL__WORKERS": "0",
    "RECORDER_CLASSIFY__INDEX": "false",
}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with dask_cluster(tmp_path_factory.mktemp("dask")) as made:
        yield made


@pytest.fixture
def task(tmp_path: Path) -> Callable[..., BatchTask]:
    beat = tmp_path / "beat"
    beat.touch()

    def made(name: str, *options: str) -> BatchTask:
        folder = tmp_path / f"of-{name}"
        folder.mkdir()
        file = str(tmp_path / f"{name}.h5")
        arguments = ("replay", file, "--ends-with-stdin", *options)
        return BatchTask(name, arguments, str(folder), str(beat), ENVIRONMENT)

    return made


@pytest.fixture
def write(tmp_path: Path) -> Iterator[Callable[..., None]]:
    made: list[SwmrWriter] = []

    def start(name: str, images: int, declared: int = 0) -> None:
        """A file; one that declares more than it has is followed for a minute."""
        writer = SwmrWriter(tmp_path / f"{name}.h5", declared=declared)
        writer.write(images)
        made.append(writer)
        if not declared:
            writer.close()

    yield start
    for writer in made:
        writer.kill()


async def until(so: Callable[[], object]) -> None:
    """Wait until something is so on this host: nobody says when a process is there."""

    def look() -> None:
        deadline = time.monotonic() + WAIT_S
        while not so():
            assert time.monotonic() < deadline
            time.sleep(0.05)

    await asyncio.to_thread(look)


async def under_way(task: BatchTask) -> None:
    """Wait until a host does it."""
    await until(lambda: any(Path(task.folder).glob("attempt-*/report.json")))


def children(pid: int) -> set[int]:
    found = Path(f"/proc/{pid}/task").glob("*/children")
    return {int(word) for path in found for word in path.read_text().split()}


def doing(cluster: Cluster) -> list[str]:
    """The workers that do something now."""
    found = {name: holder(cluster.folder / f"{name}.lock") for name in WORKERS}
    return [name for name, pid in found.items() if pid and children(pid)]


def lives(pid: int) -> bool:
    """Whether it runs: who has adopted it may let it lie for a minute after its end."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


def test_the_engine_has_the_optional_members():
    assert isinstance(PLUGIN, BatchEngine)
    assert isinstance(PLUGIN, CheckedEngine)


async def test_tasks_that_are_cancelled_or_lose_their_host(
    cluster: Cluster,
    tmp_path: Path,
    task: Callable[..., BatchTask],
    write: Callable[..., None],
):
    write("a", 3)
    write("long", 1, declared=7)
    long = task("long", "--follow")
    async with dask_batch(cluster.address) as place:
        async with asyncio.timeout(60):
            while place.size < 2:  # noqa: ASYNC110 - one that was killed comes back
                await asyncio.sleep(0.05)
        assert place.size == 2
        doomed = asyncio.create_task(place.do(long))
        await under_way(long)
        (victim,) = doing(cluster)
        (replay,) = children(cluster.pid(victim))

        # the others go on meanwhile, one at a time on the other host
        first, second = task("a"), task("missing")
        ends = await asyncio.gather(place.do(first), place.do(second))
        assert [end.code for end in ends] == [0, 2]
        assert (Path(ends[0].folder) / "journal.sqlite").exists()
        assert "no such file" in ends[1].output

        kill(cluster, victim)
        end = await doomed
        assert end.code is None
        assert "its dask worker is gone" in end.problem
        await until(lambda: not lives(replay))  # it ended with its caller
        assert place.size == 1

        # one that nobody waits for any more is ended by the file
        again = task("again", "--follow")
        (tmp_path / "again.h5").symlink_to(tmp_path / "long.h5")
        waiting = asyncio.create_task(place.do(again))
        await under_way(again)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        (Path(again.folder) / STOP).touch()
        await until(lambda: not doing(cluster))


async def test_a_scheduler_that_is_lost_in_mid_batch(
    cluster: Cluster,
    tmp_path: Path,
    task: Callable[..., BatchTask],
    write: Callable[..., None],
    log_events: list[Event],
):
    cluster.start()
    write("a", 3)
    write("long", 1, declared=7)
    long = task("long", "--follow")
    async with dask_batch(cluster.address) as place:
        done = await place.do(task("a"))
        assert done.code == 0
        doomed = asyncio.create_task(place.do(long))
        await under_way(long)
        os.kill(cluster.pid("scheduler"), signal.SIGKILL)
        end = await doomed
        assert end.code is None
        assert "the scheduler was lost" in end.problem
        await logged(log_events, "engine_lost")
        assert place.size == 0
        assert (Path(done.folder) / "journal.sqlite").exists()  # what is done is kept

        # a new one: the next task waits for it
        (tmp_path / "b.h5").symlink_to(tmp_path / "a.h5")
        waiting = asyncio.create_task(place.do(task("b")))
        await asyncio.to_thread(cluster.start)
        assert (await waiting).code == 0
