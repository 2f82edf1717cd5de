"""Builds the live state from all that runs in the daemon."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable

from recorder import __version__
from recorder.live.run_state import open_run, run_state
from recorder.live.runs import current_run
from recorder.records import RunState
from recorder.records.live import (
    LiveJournal,
    LivePool,
    LiveRun,
    LiveSink,
    LiveSource,
    LiveState,
)
from recorder.records.live_open_runs import MOST_OPEN
from recorder.runtime.boundary import boundary
from recorder.runtime.host_clock import arrival_ns
from recorder.runtime.status_file import identity
from recorder.service.disk_watch import DiskWatch
from recorder.service.earlier_runs import earlier_totals
from recorder.service.host import Host
from recorder.sinks.runner import SinkRunner

LOOK_S = 2.0
"""Seconds between two looks at the disk: as fast as people read. Chosen, not tuned."""

RETRY_S = 60.0
"""Seconds until earlier runs that could not be read are tried again: each attempt that
fails is a line of the log. Chosen, not tuned."""


class LiveView:
    """Looks at the host five times a second.

    Args:
        host: What runs.
    """

    def __init__(self, host: Host) -> None:
        self._host = host
        self._next_try = 0.0
        """Monotonic time (s) before which no earlier runs are read."""
        self.disk = DiskWatch(host.settings.state_directory)
        self.sources: Callable[[], tuple[LiveSource, ...]] = tuple
        """Gives the state of each source."""
        self.last = LiveState()
        """The newest one."""
        known = identity()
        self._fixed = LiveState(
            identity=known,
            boot=str(known.get("boot", "")),
            host=socket.gethostname(),
            beamline=host.settings.beamline,
            version=__version__,
            journal_id=host.journal.id,
        )

    def state(self) -> LiveState:
        """The state of the moment; the writer gives it its number and its time."""
        host, fixed = self._host, self._fixed
        run, active = self._run(), self._host.pipeline.book.active
        begun = [one for one in active if one.state is not RunState.ANNOUNCED]
        self.last = LiveState(
            identity=fixed.identity,
            boot=fixed.boot,
            host=fixed.host,
            beamline=fixed.beamline,
            version=fixed.version,
            journal_id=fixed.journal_id,
            state=run.state if run else "idle",
            sources=self.sources(),
            pool=pool_state(host),
            journal=self._journal(),
            sinks=tuple(sink_state(sink) for sink in host.sinks),
            bad_messages=host.pipeline.status()["bad_messages"],
            run=run,
            open_runs=tuple(map(open_run, begun[-MOST_OPEN:])),
            open_runs_left_out=max(0, len(begun) - MOST_OPEN),
            alarms=() if host.alarms is None else host.alarms.alarms(),
            previews=host.gallery.previews,
        )
        return self.last

    async def run(self) -> None:
        """Look at what may not answer at once, until cancelled."""
        while True:
            with boundary("look at the disk"):
                await asyncio.to_thread(self.disk.look)
            with boundary("count the earlier runs"):
                await self.take_over()
            await asyncio.sleep(LOOK_S)

    async def take_over(self) -> None:
        """The earlier runs of an experiment, once they can be read."""
        live = self._host.pipeline.live
        run = current_run(self._host.pipeline.book.active)
        if run is None or live.knows(run):
            return
        if time.monotonic() < self._next_try:
            return
        self._next_try = time.monotonic() + RETRY_S
        path, kind = self._host.journal.path, (run.experiment, run.technique)
        found = await asyncio.to_thread(earlier_totals, path, *kind)
        live.take_over(run, found)
        self._next_try = 0.0

    def _run(self) -> LiveRun | None:
        live = self._host.pipeline.live
        run = current_run(self._host.pipeline.book.active)
        if run is None or (counts := live.of(run)) is None:
            return None
        everything = live.of_experiment(run)
        return run_state(run, counts, everything, run.targets, arrival_ns())

    def _journal(self) -> LiveJournal:
        writer = self._host.pipeline.writer
        return LiveJournal(
            state="failing" if writer.failing else "ok",
            unwritten=writer.depth,
            disk_free=self.disk.free,
            disk_full_s=self.disk.full_s(),
        )


def pool_state(host: Host) -> LivePool:
    """What the workers do."""
    pool = host.pool
    return LivePool(
        workers=pool.workers,
        backlog=pool.backlog,
        backlog_bytes=pool.held_bytes,
        max_bytes=pool.max_bytes,
        finished=pool.finished,
        replaced=pool.replaced,
        nodes=pool.nodes(),
    )


def sink_state(sink: SinkRunner) -> LiveSink:
    """How far a sink is."""
    since_ns = sink.waiting_since_ns
    lag_s = 0.0 if since_ns is None else max(0.0, (arrival_ns() - since_ns) / 1e9)
    return LiveSink(
        name=sink.sink.name,
        state="away" if sink.unavailable else "ok",
        lag_s=round(lag_s, 3),
        pending=sink.backlog,
        parked=sink.parked,
        problem=sink.unavailable or None,
    )
