"""Runs pipeline, pool and sinks together, for the daemon and for replay."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from recorder.config import Settings
from recorder.journal import Journal
from recorder.journal.housekeeping import Housekeeping
from recorder.live.gallery import Gallery
from recorder.pool.pool import Pool, default_workers
from recorder.records import Json
from recorder.records.live import INTERVAL_S, LiveState
from recorder.runs.book.endings import BookSettings
from recorder.runtime.boundary import boundary
from recorder.runtime.live_file import live_folder
from recorder.service.alarm_keeper import AlarmKeeper
from recorder.service.alarm_teller import AlarmTeller
from recorder.service.cluster import cluster_of
from recorder.service.pipeline import Pipeline
from recorder.service.sharing import share_with_group
from recorder.sinks.protocols import make_sinks
from recorder.sinks.runner import SinkRunner


class Host:
    """What is running: hand records to ``pipeline``, look at ``sinks``."""

    def __init__(
        self,
        settings: Settings,
        book: BookSettings | None = None,
        *,
        journal_only: bool = False,
        readable: tuple[Path, ...] = (),
        cluster: bool = False,
    ) -> None:
        self.settings = settings
        share_with_group(settings)
        self.journal = _journal(settings, owner=True)
        self.gallery = Gallery(
            live_folder(settings.state_directory), wanted=settings.live.pictures
        )
        workers = settings.pool.workers
        live = book is None or book.live
        kept = 1 + max(1, len(settings.detectors))
        self.pool = Pool(
            default_workers() if workers is None else workers,
            max_backlog=settings.pool.max_backlog_mb << 20,
            timeout_s=settings.pool.worker_timeout_s,
            kept_setups=kept,
            engine=settings.pool.engine,
            cluster=cluster_of(settings, kept, readable, live=live)
            if live or cluster
            else None,
            viewers=self.gallery.viewer,
            readable=readable,
        )
        self.sinks = [
            SinkRunner(sink, _journal(settings), settings.ispyb.retry_max_s)
            for sink in ([] if journal_only else make_sinks(settings))
        ]
        self.pipeline = Pipeline(
            settings, self.journal, self.pool, self.wake_sinks, book
        )
        self.alarms = make_alarms(settings, self.pipeline, live=live)
        self.housekeeping = Housekeeping(
            _journal(settings),
            settings.journal.max_mb << 20,
            tuple(sink.sink.name for sink in self.sinks),
            self.pipeline.book,
            archived=settings.journal.archive_folder is not None,
        )

    async def live_counts(self) -> None:
        """Count what came of the runs that go on, until cancelled."""
        while True:
            with boundary("count what came"):
                self.pipeline.live.look(self.pipeline.book.active)
            if self.alarms is not None:
                with boundary("look at the alarms"):
                    await self.alarms.look()
            await asyncio.sleep(INTERVAL_S)

    def restore(self) -> None:
        """Go on with the runs, and with the alarms, of an earlier recorder."""
        self.pipeline.restore()
        if self.alarms is not None:
            with boundary("go on with the alarms"):
                self.alarms.restore(self.journal)

    def alarms_of(self, moment: Callable[[], LiveState]) -> None:
        """Tell the alarms what is known of sources, sinks and host."""
        if self.alarms is not None:
            self.alarms.moment = moment

    def alarms_status(self) -> list[Json]:
        """Alarms that stand, for the status."""
        return [] if self.alarms is None else self.alarms.status()

    def wake_sinks(self) -> None:
        """There may be new records in the journal."""
        for sink in self.sinks:
            sink.wake()

    async def sinks_done(self, timeout_s: float) -> bool:
        """Wait until the sinks wrote what is journalled; False if they cannot."""
        await self.pipeline.writer.flush()
        self.wake_sinks()
        try:
            async with asyncio.timeout(timeout_s):
                for sink in self.sinks:
                    await sink.idle.wait()
        except TimeoutError:
            return False
        return True


def make_alarms(
    settings: Settings, pipeline: Pipeline, *, live: bool
) -> AlarmKeeper | None:
    """The alarms of a pipeline; None if they are switched off."""
    if not settings.alarms.enabled:
        return None
    teller = AlarmTeller(pipeline.writer, pipeline.changed, settings.alarms.off)
    return AlarmKeeper(teller, pipeline.book, pipeline.live, live=live)


def _journal(settings: Settings, *, owner: bool = False) -> Journal:
    """A connection to the journal."""
    return Journal(
        settings.journal_path,
        owner=owner,
        synchronous=settings.journal.synchronous,
    )


@asynccontextmanager
async def hosting(
    settings: Settings,
    book: BookSettings | None = None,
    *,
    journal_only: bool = False,
    readable: tuple[Path, ...] = (),
    cluster: bool = False,
) -> AsyncIterator[tuple[Host, asyncio.TaskGroup]]:
    """Run everything that works behind the sources; one TaskGroup for all.

    Args:
        settings: The configuration.
        book: When runs begin and end; None takes the configuration's.
        journal_only: Leave the sinks out.
        readable: Folders with files that workers read themselves.
        cluster: Other hosts take part, although no detector is live.

    Yields:
        The host, and the group for the caller's own tasks.
    """
    host = Host(
        settings, book, journal_only=journal_only, readable=readable, cluster=cluster
    )
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(host.pool.run(), name="pool"),
                group.create_task(host.pipeline.writer.run(), name="journal"),
                group.create_task(host.pipeline.tick(), name="tick"),
                group.create_task(host.pipeline.count(), name="count"),
                group.create_task(host.live_counts(), name="live-counts"),
                group.create_task(host.gallery.run(), name="pictures"),
                group.create_task(host.housekeeping.run(), name="housekeeping"),
                *(
                    group.create_task(sink.run(), name=f"sink-{sink.sink.name}")
                    for sink in host.sinks
                ),
            ]
            yield host, group
            await host.pipeline.writer.flush()
            for task in tasks:
                task.cancel()
    finally:
        await host.gallery.close()
        await host.pipeline.reporter.close()
        host.pipeline.writer.close()
        for sink in host.sinks:
            await sink.close()
        await host.housekeeping.close()
        host.journal.close()
