"""Feeds the watchdog of systemd, but only while the stages of the daemon move."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from recorder.pool.pool import Pool
from recorder.runtime.log import get_logger
from recorder.runtime.systemd import notify, watchdog_interval_s
from recorder.service.host import Host

log = get_logger("service")

STALLED_S = 20.0
"""Seconds without an answer of the disk, or (on top of `pool.worker_timeout_s`) without
a finished image, after which the watchdog is fed no more. Chosen, not tuned; systemd
restarts 60 s after the last feed (`WatchdogSec`)."""
_NOBODY = (
    "pool.workers is 0 and no node with workers takes part: start one, or let workers "
    "of this host help"
)
_NODES = (
    "the nodes that received these images have no workers that finish any: see "
    "`recorder status`, and their logs"
)


@dataclass(frozen=True, slots=True)
class Standing:
    """How the pool is at one moment."""

    finished: int
    backlog: int
    staffed: bool
    """Anybody is there to classify."""
    waits_for_nodes: bool
    """Nothing is left but what single nodes have, and what needs that."""


def standing(pool: Pool) -> Standing:
    """How a pool is now."""
    return Standing(pool.finished, pool.backlog, pool.staffed, pool.waits_for_nodes)


class Movement:
    """Whether this process does what it has to do.

    Args:
        limit_s: Seconds without a finished image after which it does not.
        now: Monotonic time (s).
    """

    def __init__(self, limit_s: float, now: float) -> None:
        self._limit_s = limit_s
        self._moved = self._finished_at = now
        self._finished = -1
        self._nobody = self._nodes = False
        """What people were told, and is still so."""

    def look(self, now: float, pool: Standing) -> bool:
        """Whether images move, or stand still for what a restart would not mend.

        Args:
            now: Monotonic time (s).
            pool: How it is.
        """
        if pool.finished != self._finished or not pool.backlog:
            self._finished, self._finished_at = pool.finished, now
            self._moved = now
        elif not pool.staffed or pool.waits_for_nodes:
            self._moved = now
        self._tell(now, pool)
        return now - self._moved < self._limit_s

    def _tell(self, now: float, pool: Standing) -> None:
        long = now - self._finished_at >= self._limit_s
        nobody = bool(pool.backlog) and not pool.staffed
        nodes = not nobody and pool.waits_for_nodes and long
        if nobody and not self._nobody:
            log.warning("nobody_classifies", backlog=pool.backlog, hint=_NOBODY)
        if nodes and not self._nodes:
            log.warning("images_wait_for_nodes", backlog=pool.backlog, hint=_NODES)
        self._nobody, self._nodes = nobody, nodes


async def heartbeat(host: Host) -> None:
    """Feed the watchdog, until cancelled."""
    interval = watchdog_interval_s() or 5.0
    limit_s = STALLED_S + host.settings.pool.worker_timeout_s
    movement = Movement(limit_s, time.monotonic())
    while True:
        now = time.monotonic()
        moves = movement.look(now, standing(host.pool))
        if moves and now - host.pipeline.writer.last_commit < STALLED_S:
            status = host.pipeline.status()
            run = status["run"] or {}
            notify(
                f"WATCHDOG=1\nSTATUS={status['state']}, run {run.get('run')}, "
                f"{run.get('received', 0)} images"
            )
        else:
            log.error(
                "recorder_stalled",
                backlog=host.pool.backlog,
                hint="the watchdog is not fed; systemd will restart the daemon",
            )
        await asyncio.sleep(interval)
