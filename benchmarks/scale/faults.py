"""Seconds until the images of a worker, or a node, that is gone are with others."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.scale.costs import FOUR
from benchmarks.scale.field import Field, Series, running
from benchmarks.scale.stamps import Found
from benchmarks.soak.proc import children

WORKERS = 2
"""Of this host, and of each of two nodes where there are nodes."""
NODES = 2
IMAGES = 400
SLOWER = 20.0
"""Times that images take longer than in reality, so that two cores suffice."""
HANGS_S = 5.0
"""Setting ``pool.worker_timeout_s`` for the worker that is stopped; 60 by default."""
PATIENCE_S = 90.0
"""Seconds after which the images count as nowhere."""


@dataclass(frozen=True)
class Fault:
    """What happens to whom."""

    name: str
    goal_s: float
    strike: Callable[[Field], set[int]]
    """Does it; gives the process ids of the workers that are gone with it."""
    nodes: int = NODES


def _worker(number: signal.Signals) -> Callable[[Field], set[int]]:
    def strike(field: Field) -> set[int]:
        found = field.found()
        workers = np.unique(found.came["worker"])
        one = max(workers, key=lambda worker: len(held_by(found, {int(worker)})))
        os.kill(int(one), number)
        return {int(one)}

    return strike


def _node(number: signal.Signals) -> Callable[[Field], set[int]]:
    def strike(field: Field) -> set[int]:
        node = field.nodes[0]
        workers = set(children(node.process.pid))
        node.process.send_signal(number)
        return workers

    return strike


def _cut(field: Field) -> set[int]:
    node = field.nodes[0]
    node.relay.cut()
    return set(children(node.process.pid))


FAULTS = (
    Fault("a worker of this host is killed", 1.0, _worker(signal.SIGKILL), 0),
    Fault("a worker of this host is stopped", HANGS_S + 2, _worker(signal.SIGSTOP), 0),
    Fault("a node is killed", 1.0, _node(signal.SIGKILL)),
    Fault("a node is stopped", 10.0, _node(signal.SIGSTOP)),
    Fault("a node's link is cut", 10.0, _cut),
)


@dataclass(frozen=True)
class Taken:
    """What became of its images."""

    held: int
    """Images that its workers had."""
    seconds: float
    """Until the last image that was handed out before was with another worker."""
    lost: int
    """Images of the series that no other worker was done with in the end."""


def held_by(found: Found, workers: set[int]) -> NDArray[np.int64]:
    """Images that workers got and were not done with."""
    came, done = (
        rows["image"][np.isin(rows["worker"], list(workers))]
        for rows in (found.came, found.done)
    )
    return np.setdiff1d(came, done).astype(np.int64)


def elsewhere_s(
    found: Found, before: Found, gone: set[int], since_s: float
) -> float | None:
    """Seconds until the last image of those that were handed out is with others.

    Args:
        found: Stamps of all workers, now.
        before: Those at the moment when some were gone.
        gone: The ones that were.
        since_s: That moment.

    Returns:
        None while some image is not with another worker.
    """
    newest = int(before.came["image"].max())
    open_ones = np.setdiff1d(np.arange(newest + 1), before.done["image"])
    others = found.came[~np.isin(found.came["worker"], list(gone))]
    after = [others["at"][others["image"] == image] for image in open_ones]
    if not all(len(at) for at in after):
        return None
    return max((float(at.min()) - since_s for at in after), default=0.0)


def run(fault: Fault) -> Taken:
    """Do it to workers that are at work."""
    costs = FOUR.slower(SLOWER)
    workers = WORKERS * (1 + fault.nodes) if fault.nodes else 2 * WORKERS
    rate = 0.7 * workers / costs.image_s
    local = WORKERS if fault.nodes else workers
    with running(
        costs,
        Series(IMAGES, rate, 1.0),
        workers=local,
        processes=local,
        nodes=fault.nodes,
        timeout_s=HANGS_S if not fault.nodes else 60.0,
    ) as field:
        field.until(IMAGES // 2)
        since = time.monotonic()
        gone = fault.strike(field)
        struck = time.monotonic()
        before = field.found()  # what was done until then may have been told
        held = len(held_by(before, gone))
        seconds = _wait(field, before, gone, since)
        lost = _finished(field, gone, struck)
    return Taken(held, seconds, lost)


def _wait(field: Field, before: Found, gone: set[int], since_s: float) -> float:
    while time.monotonic() - since_s < PATIENCE_S:
        seconds = elsewhere_s(field.found(), before, gone, since_s)
        if seconds is not None:
            return max(0.0, seconds)
        time.sleep(0.05)
    raise SystemExit("the images of a worker that is gone are nowhere")


def _finished(field: Field, gone: set[int], struck_s: float) -> int:
    """Images that nobody was done with who could still tell it, in the end."""
    lost, last = IMAGES, time.monotonic()
    while time.monotonic() - last < PATIENCE_S / 3:
        done = field.found().done
        told = ~np.isin(done["worker"], list(gone)) | (done["at"] < struck_s)
        now = IMAGES - len(np.unique(done["image"][told]))
        if not now:
            return 0
        if now != lost:
            lost, last = now, time.monotonic()
        time.sleep(0.1)
    return lost
