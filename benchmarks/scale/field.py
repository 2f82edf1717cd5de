"""The real daemon, nodes if there are any, workers that sleep, and a detector."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.scale.costs import Costs
from benchmarks.scale.relay import Relay
from benchmarks.scale.stamps import Found, images_done, read_stamps
from benchmarks.scale.worker import Orders
from recorder.simulate.stream.broker import free_port

ROOT = Path(__file__).parents[2]
PATIENCE_S = 120.0
"""Seconds without a further image after which something is wrong."""
END_S = 20.0
"""Seconds that the daemon has to end."""
CONFIG = """
state_directory = "{folder}"
[[detector]]
endpoint = "{endpoint}"
[mqtt]
enabled = false
[pool]
workers = {processes}
worker_timeout_s = {timeout_s}
second_look_mb = 0
[classify]
upstream = "ignore"
"""
CLUSTER = """
[cluster]
listen = "tcp://127.0.0.1:{port}"
"""
_HOST = (sys.executable, "-m", "benchmarks.scale.host")


@dataclass(frozen=True)
class Series:
    """What is sent."""

    images: int
    rate_hz: float
    header_hz: float


@dataclass(frozen=True)
class NodeHere:
    """A node on this host, and its cable."""

    process: subprocess.Popen[bytes]
    relay: Relay


@dataclass(frozen=True)
class Field:
    """All of them while a series is received."""

    daemon: subprocess.Popen[str]
    stamps: Path
    nodes: list[NodeHere] = field(default_factory=list)

    def done(self) -> int:
        """How many images are done."""
        return images_done(self.stamps)

    def found(self) -> Found:
        """The stamps of all workers."""
        return read_stamps(self.stamps)

    def until(self, images: int) -> None:
        """Wait until so many are done.

        Raises:
            SystemExit: Nothing goes on any more.
        """
        last, changed = self.done(), time.monotonic()
        while (now := self.done()) < images:
            if now != last:
                last, changed = now, time.monotonic()
            still = time.monotonic() - changed > PATIENCE_S
            if still or self.daemon.poll() is not None:
                raise SystemExit(f"the daemon stands still after {now} images")
            time.sleep(0.02)


@contextlib.contextmanager
def running(
    costs: Costs,
    series: Series,
    *,
    workers: int,
    processes: int = 1,
    nodes: int = 0,
    timeout_s: float = 60.0,
) -> Iterator[Field]:
    """All of them, while they run.

    Args:
        costs: Of images and lessons, here.
        series: What the detector sends.
        workers: Of the daemon's host.
        processes: That hold them; a node has as many, each with as many workers.
        nodes: That help.
        timeout_s: Setting ``pool.worker_timeout_s``.
    """
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        stamps = folder / "stamps"
        stamps.mkdir()
        endpoint, port = f"tcp://127.0.0.1:{free_port()}", free_port()
        config = folder / "recorder.toml"
        config.write_text(
            CONFIG.format(
                folder=folder,
                endpoint=endpoint,
                processes=processes,
                timeout_s=timeout_s,
            )
            + (CLUSTER.format(port=port) if nodes else "")
        )
        orders = Orders(
            str(stamps),
            workers // processes,
            costs.image_s,
            costs.lesson_s,
            costs.take_s,
        )
        environment = {**os.environ, **orders.to_environment()}
        made = Field(_daemon(stack, config, environment), stamps)
        log = _Log(made.daemon)
        log.until("worker_ready", workers)
        for number in range(nodes):
            made.nodes.append(_node(stack, number, port, processes, environment))
        log.until("node_ready", nodes)
        log.drain()
        _sender(stack, endpoint, series)
        yield made


def _daemon(
    stack: contextlib.ExitStack, config: Path, environment: dict[str, str]
) -> subprocess.Popen[str]:
    daemon = subprocess.Popen(
        [*_HOST, "run", "-c", str(config)],
        cwd=ROOT,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    )

    def end() -> None:
        daemon.terminate()
        try:
            daemon.wait(END_S)
        except subprocess.TimeoutExpired:
            daemon.kill()
            daemon.wait()

    stack.callback(end)
    return daemon


def _node(
    stack: contextlib.ExitStack,
    number: int,
    port: int,
    processes: int,
    environment: dict[str, str],
) -> NodeHere:
    relay = Relay(port)
    stack.callback(relay.close)
    options = (
        *("--connect", f"tcp://127.0.0.1:{relay.port}"),
        *("--name", f"node-{number}", "--workers", str(processes)),
    )
    process = subprocess.Popen(
        [*_HOST, "node", *options],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )

    def end() -> None:
        process.kill()
        process.wait()

    stack.callback(end)
    return NodeHere(process, relay)


def _sender(stack: contextlib.ExitStack, endpoint: str, series: Series) -> None:
    options = (
        *("--to", endpoint, "--images", str(series.images)),
        *("--rate", str(series.rate_hz), "--header", str(series.header_hz)),
    )
    sender = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.scale.sender", *options],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )

    def end() -> None:
        sender.kill()
        sender.communicate()

    stack.callback(end)
    if sender.stdout is None or not sender.stdout.readline():
        raise SystemExit("the sender did not begin")


class _Log:
    """What the daemon says while it starts."""

    def __init__(self, daemon: subprocess.Popen[str]) -> None:
        if daemon.stderr is None:
            raise SystemExit("the daemon has no log")
        self._lines = daemon.stderr

    def until(self, event: str, times: int) -> None:
        """Read on until an event came so many times."""
        while times:
            line = self._lines.readline()
            if not line:
                raise SystemExit(f"the daemon ended before {event}")
            times -= f'"{event}"' in line

    def drain(self) -> None:
        """From now on nobody reads it, and the daemon must not wait for that."""

        def read() -> None:
            with contextlib.suppress(ValueError):  # it is closed
                while self._lines.readline():
                    pass

        threading.Thread(target=read, daemon=True).start()
