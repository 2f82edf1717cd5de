"""A small cluster on this host, to try things: a scheduler and some dask workers.

Each is a process of its own that goes on when the command ends. Each worker stands for
a host: it has a folder of its own for its node.
"""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from recorder.cluster.dask_process import require_dask
from recorder.cluster.held import (
    STEP_S,
    Program,
    end_holder,
    holder,
    is_held,
    private_folder,
    start_held,
)
from recorder.cluster.scheduler import (
    CA_FILE,
    CERT_FILE,
    KEY_FILE,
    SchedulerAddress,
    probe,
)
from recorder.errors import UsageError
from recorder.foreign_text import plain_text

START_S = 60.0
"""Seconds that a scheduler has to answer: 2 on a quiet host, 10 on a busy one. Chosen,
not tuned."""
STOP_S = 10.0
"""Seconds that a process has to end before it is killed. Chosen, not tuned."""
SCHEDULER = "scheduler"


@dataclass(frozen=True, slots=True)
class Part:
    """A process of the cluster, or a node that it started."""

    name: str
    state: str
    """In one word: started, running, stopped, not running, …"""
    pid: int | None = None
    log: Path | None = None


class Trial:
    """The cluster that lies in a folder.

    Args:
        folder: Of its locks and logs.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def start(
        self, address: SchedulerAddress, workers: int, threads: int
    ) -> Iterator[Part]:
        """Start what does not run yet.

        Args:
            address: Of the scheduler, on this host.
            workers: Dask workers.
            threads: Threads of each: its node starts as many worker processes.

        Raises:
            UsageError: It cannot be started here.
            MissingExtraError: Dask is not installed.
        """
        require_dask()
        if not address.local:
            raise UsageError(
                f"{address.text} is not on this host: `recorder cluster start` is for "
                "one host to try; see docs/how-to/more-hosts-dask.md for more"
            )
        private_folder(self._folder)
        self._require_port(address)
        yield self._start(SCHEDULER, scheduler_command(address))
        self._await(address)
        for number in range(1, workers + 1):
            name = f"worker-{number}"
            yield self._start(name, worker_command(address, name, threads))

    def status(self) -> list[Part]:
        """What is there; empty if nothing was ever started."""
        names = (SCHEDULER, *self._workers())
        parts = [self._part(name, self._lock(name)) for name in names]
        return [p for p in parts if p is not None] + [
            part
            for name, lock in self._nodes()
            if (part := self._part(name, lock)) is not None
        ]

    def stop(self, nodes: bool) -> Iterator[Part]:
        """End what runs: the workers, then the scheduler.

        Args:
            nodes: End the nodes, too, after the workers, which would start them again.
        """
        found = [(name, self._lock(name)) for name in self._workers()]
        if nodes:
            found += self._nodes()
        for name, lock in [*found, (SCHEDULER, self._lock(SCHEDULER))]:
            if not is_held(lock):
                continue
            pid = holder(lock)
            ended = end_holder(lock, STOP_S)
            yield Part(name, "stopped" if ended else "does not end", pid)

    def _lock(self, name: str) -> Path:
        return self._folder / f"{name}.lock"

    def _log(self, name: str) -> Path:
        return self._folder / f"{name}.log"

    def _workers(self) -> list[str]:
        return sorted(path.stem for path in self._folder.glob("worker-*.lock"))

    def _nodes(self) -> list[tuple[str, Path]]:
        found = sorted(self._folder.glob("nodes-*/*.lock"))
        return [(f"node of {p.parent.name.removeprefix('nodes-')}", p) for p in found]

    def _part(self, name: str, lock: Path) -> Part | None:
        if not lock.exists():
            return None
        log = lock.with_suffix(".log")
        if not is_held(lock):
            return Part(name, "not running", None, log)
        return Part(name, "running", holder(lock), log)

    def _start(self, name: str, command: list[str]) -> Part:
        environment = {
            **os.environ,
            "RECORDER_NODE_DIRECTORY": str(self._folder / f"nodes-{name}"),
            "DASK_TEMPORARY_DIRECTORY": str(self._folder),
        }
        program = Program(command, environment, self._log(name))
        try:
            pid = start_held(self._lock(name), program)
        except OSError as error:
            raise UsageError(f"{name} cannot be started: {error}") from error
        if pid is None:
            return Part(name, "runs already", holder(self._lock(name)))
        return Part(name, "started", pid, self._log(name))

    def _require_port(self, address: SchedulerAddress) -> None:
        if is_held(self._lock(SCHEDULER)):
            return
        with socket.socket() as place:
            try:
                place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                place.bind((address.host, address.port))
            except OSError as error:
                raise UsageError(
                    f"port {address.port} cannot be had ({error.strerror}): something "
                    "else listens there; name another one with --port"
                ) from error

    def _await(self, address: SchedulerAddress) -> None:
        """Wait until the scheduler answers.

        Raises:
            UsageError: It does not; the message has the end of its log.
        """
        deadline = time.monotonic() + START_S
        while (problem := probe(address)) is not None:
            if time.monotonic() > deadline or not is_held(self._lock(SCHEDULER)):
                log = self._log(SCHEDULER)
                tail = plain_text("\n".join(log.read_text().splitlines()[-5:]))
                raise UsageError(
                    f"the scheduler does not answer: {problem}; its log, {log}, ends "
                    f"with:\n{tail}"
                )
            time.sleep(STEP_S)


def trial_certificate(folder: Path) -> Path:
    """The folder of this host's certificate for a trial; made where it is missing.

    Args:
        folder: Of the trial.

    Raises:
        UsageError: It cannot be made.
        MissingExtraError: Dask is not installed.
    """
    require_dask()
    from recorder.cluster.certificates import make_certificates

    make_certificates(private_folder(folder) / "tls", ("trial",), renew=False)
    return folder / "tls" / "trial"


def scheduler_command(address: SchedulerAddress) -> list[str]:
    """How the scheduler is started."""
    return [
        *(sys.executable, "-m", "distributed.cli.dask_scheduler"),
        *("--host", address.host, "--port", str(address.port)),
        *("--protocol", "tcp" if address.tls is None else "tls"),
        *("--no-dashboard", "--no-jupyter", *tls_options(address.tls)),
    ]


def worker_command(address: SchedulerAddress, name: str, threads: int) -> list[str]:
    """How a dask worker is started: without a nanny, whoever starts it watches it."""
    return [
        *(sys.executable, "-m", "distributed.cli.dask_worker", address.text),
        *("--name", name, "--nthreads", str(threads), "--memory-limit", "0"),
        *("--no-nanny", "--no-dashboard", *tls_options(address.tls)),
    ]


def tls_options(folder: Path | None) -> list[str]:
    """The options of dask's commands for the certificate of a host."""
    if folder is None:
        return []
    return [
        *("--tls-ca-file", str(folder / CA_FILE)),
        *("--tls-cert", str(folder / CERT_FILE), "--tls-key", str(folder / KEY_FILE)),
    ]
