"""A dask cluster on this host, for tests: a scheduler and two workers, with TLS."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from recorder.cluster.certificates import make_certificates
from recorder.cluster.held import Program, end_holder, holder, is_held, start_held
from recorder.cluster.scheduler import SchedulerAddress
from recorder.cluster.trial import Trial, worker_command
from recorder.pool.protocols import ClusterOptions, EngineOptions
from tests.servers import free_port

WAIT_S = 60.0
"""How long a test waits for what must come; a busy machine is slow."""


@dataclass(frozen=True)
class Cluster:
    folder: Path
    address: SchedulerAddress
    listen: str
    """Where the recorder's home listens."""

    @property
    def trial(self) -> Trial:
        return Trial(self.folder)

    def start(self) -> list[str]:
        """States of scheduler and workers."""
        return [part.state for part in self.trial.start(self.address, 2, 1)]

    def pid(self, name: str) -> int:
        pid = holder(self.folder / f"{name}.lock")
        assert pid is not None, f"{name} does not run"
        return pid

    def nodes(self) -> dict[str, int | None]:
        """Processes of nodes that run, by dask worker."""
        found = {}
        for lock in self.folder.glob("nodes-*/*.lock"):
            if is_held(lock):
                found[lock.parent.name.removeprefix("nodes-")] = holder(lock)
        return found

    def options(self) -> EngineOptions:
        address = self.address
        cluster = ClusterOptions(
            self.listen, None, self.folder, address.text, address.tls
        )
        return EngineOptions(1, 60.0, 2, cluster)


@contextmanager
def dask_cluster(folder: Path) -> Iterator[Cluster]:
    """A cluster that is started and, at the end, stopped with all its nodes."""
    make_certificates(folder / "tls", ("here",), renew=False)
    address = SchedulerAddress("127.0.0.1", free_port(), folder / "tls" / "here")
    made = Cluster(folder / "trial", address, f"tcp://127.0.0.1:{free_port()}")
    try:
        assert made.start() == ["started"] * 3
        yield made
    finally:
        list(made.trial.stop(nodes=True))
    assert {part.state for part in made.trial.status()} == {"not running"}


def start_worker(cluster: Cluster, name: str, before: str = "") -> None:
    """One more dask worker, which stands for one more host.

    Args:
        cluster: Where.
        name: Of the worker.
        before: Python that it runs first.
    """
    command = worker_command(cluster.address, name, 1)
    if before:
        text = f"{before}; from distributed.cli.dask_worker import main; main()"
        command = [sys.executable, "-c", text, *command[3:]]
    folder = cluster.folder
    own = {"RECORDER_NODE_DIRECTORY": str(folder / f"nodes-{name}")}
    program = Program(command, {**os.environ, **own}, folder / f"{name}.log")
    assert start_held(folder / f"{name}.lock", program) is not None


def kill(cluster: Cluster, name: str) -> None:
    os.kill(cluster.pid(name), signal.SIGKILL)
    assert end_holder(cluster.folder / f"{name}.lock", WAIT_S)


def wait_for_end(cluster: Cluster, name: str) -> None:
    deadline = time.monotonic() + WAIT_S
    while is_held(cluster.folder / f"{name}.lock"):
        assert time.monotonic() < deadline, f"{name} goes on"
        time.sleep(0.05)
