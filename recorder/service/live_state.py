"""Builds the live state from all that runs in the daemon."""

from __future__ import annotations

import socket
from collections.abc import Callable

from recorder import __version__
from recorder.live.run_state import run_state
from recorder.live.runs import current_run
from recorder.records.live import (
    LiveJournal,
    LivePool,
    LiveRun,
    LiveSink,
    LiveSource,
    LiveState,
)
from recorder.runtime.status_file import identity
from recorder.service.host import Host
from recorder.sinks.runner import SinkRunner


class LiveView:
    """Looks at the host five times a second.

    Args:
        host: What runs.
    """

    def __init__(self, host: Host) -> None:
        self._host = host
        self.sources: Callable[[], tuple[LiveSource, ...]] = tuple
        """Gives the state of each source."""
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
        run = self._run()
        return LiveState(
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
            previews=host.gallery.previews,
        )

    def _run(self) -> LiveRun | None:
        live = self._host.pipeline.live
        run = current_run(self._host.pipeline.book.active)
        if run is None or (counts := live.of(run)) is None:
            return None
        return run_state(run, counts, live.of_experiment(run))

    def _journal(self) -> LiveJournal:
        writer = self._host.pipeline.writer
        return LiveJournal(
            state="failing" if writer.failing else "ok", unwritten=writer.depth
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
    )


def sink_state(sink: SinkRunner) -> LiveSink:
    """How far a sink is."""
    return LiveSink(
        name=sink.sink.name,
        state="away" if sink.unavailable else "ok",
        pending=sink.backlog,
        problem=sink.unavailable or None,
    )
