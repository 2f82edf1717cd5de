"""What is done to a cluster while it classifies. Each fault heals before it returns."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from tests.chaos.apart import NAME
from tests.chaos.cluster_stage import ClusterStage, workers_of
from tests.dask_cluster import kill

STOPPED_S = 12.0
"""Long enough for a node to be lost, and for a worker to be replaced."""
PLACED = ("worker-1", "worker-2")


@dataclass(frozen=True)
class Dice:
    """What a fault may draw from."""

    random: random.Random

    def node(self) -> str:
        """Any node."""
        return self.random.choice((*PLACED, NAME))

    def placed(self) -> str:
        """A node, or dask worker, that dask has a hand in."""
        return self.random.choice(PLACED)


def _signal(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def _stop(pid: int) -> None:
    _signal(pid, signal.SIGSTOP)
    time.sleep(STOPPED_S)
    _signal(pid, signal.SIGCONT)


def worker_killed(stage: ClusterStage, dice: Dice) -> None:
    """SIGKILL of the worker of the daemon's host"""
    for pid in workers_of(stage.daemon.pid)[:1]:
        _signal(pid, signal.SIGKILL)


def worker_stopped(stage: ClusterStage, dice: Dice) -> None:
    """SIGSTOP of that worker, until it is replaced"""
    for pid in workers_of(stage.daemon.pid)[:1]:
        _stop(pid)


def node_worker_killed(stage: ClusterStage, dice: Dice) -> None:
    """SIGKILL of the worker of a node"""
    for pid in workers_of(stage.node(dice.node()))[:1]:
        _signal(pid, signal.SIGKILL)


def node_killed(stage: ClusterStage, dice: Dice) -> None:
    """SIGKILL of a node; dask, or the supervisor, starts it again"""
    name = dice.node()
    _signal(stage.node(name), signal.SIGKILL)
    if name == NAME:
        assert stage.apart.node is not None
        stage.apart.node.process.wait()
        stage.apart.start()


def node_stopped(stage: ClusterStage, dice: Dice) -> None:
    """SIGSTOP of a node for 12 s: it is lost, and comes back"""
    _stop(stage.node(dice.node()))


def node_leaves(stage: ClusterStage, dice: Dice) -> None:
    """SIGTERM of a node, which is then started again: removed and added in mid-run"""
    stage.apart.leave()
    stage.apart.start()


def engine_worker_killed(stage: ClusterStage, dice: Dice) -> None:
    """SIGKILL of a dask worker; its supervisor starts it again"""
    kill(stage.dask, dice.placed())
    stage.dask.start()


def engine_worker_stopped(stage: ClusterStage, dice: Dice) -> None:
    """SIGSTOP of a dask worker for 12 s"""
    _stop(stage.dask.pid(dice.placed()))


def scheduler_killed(stage: ClusterStage, dice: Dice) -> None:
    """SIGKILL of the scheduler: dask workers end with it; another one is started"""
    kill(stage.dask, "scheduler")
    time.sleep(dice.random.uniform(0.0, 3.0))
    stage.dask.start()


def scheduler_stopped(stage: ClusterStage, dice: Dice) -> None:
    """SIGSTOP of the scheduler for 12 s"""
    _stop(stage.dask.pid("scheduler"))


def link_cut(stage: ClusterStage, dice: Dice) -> None:
    """The link to a node carries nothing for 3 to 15 s"""
    stage.apart.down()
    time.sleep(dice.random.uniform(3.0, 15.0))
    stage.apart.up()


Fault = Callable[[ClusterStage, Dice], None]
FAULTS: tuple[Fault, ...] = (
    worker_killed,
    worker_stopped,
    node_worker_killed,
    node_killed,
    node_stopped,
    node_leaves,
    engine_worker_killed,
    engine_worker_stopped,
    scheduler_killed,
    scheduler_stopped,
    link_cut,
)
"""Each with its meaning for people as its docstring."""
