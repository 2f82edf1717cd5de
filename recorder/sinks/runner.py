"""Drives one sink along the journal: in order, for as long as it takes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

from recorder.errors import (
    ConfigError,
    JournalError,
    RecorderError,
    SinkDeniedError,
    SinkError,
    SinkUnavailableError,
)
from recorder.journal import Journal, Record, RecordKind
from recorder.journal.records import SINK_KINDS
from recorder.records import Json
from recorder.runtime.boundary import boundary
from recorder.runtime.log import get_logger
from recorder.runtime.retry import backoff
from recorder.sinks.protocols import Sink
from recorder.sinks.refusals import Refusals

log = get_logger("sinks")
T = TypeVar("T")

BATCH = 200
"""Records that a sink reads at a time, about 0.2 MB. Chosen, not tuned."""
LOOK_S = 5.0
"""How often an idle sink looks whether records are to be tried again."""


class SinkRunner:
    """A sink, its cursor and its thread.

    Args:
        sink: What applies records.
        journal: A connection for this runner alone.
        retry_max_s: Longest wait while the sink is unavailable.
    """

    def __init__(self, sink: Sink, journal: Journal, retry_max_s: float = 5.0) -> None:
        self.sink = sink
        self._journal = journal
        self._retry_max_s = retry_max_s
        self._wake = asyncio.Event()
        self._executor = ThreadPoolExecutor(1, thread_name_prefix=sink.name)
        self._opened = False
        self._failures = 0
        self.refusals = Refusals(sink.name)
        self.idle = asyncio.Event()
        self.backlog = 0
        """Records that it still has to write, as of its last look."""
        self.unavailable = ""
        """Why the sink cannot be reached now; empty if it can."""

    def wake(self) -> None:
        """There may be new records."""
        self.idle.clear()
        self._wake.set()

    async def run(self) -> None:
        """Apply records until cancelled."""
        retried = False
        while True:
            self._wake.clear()
            try:
                if not retried:
                    await self._retry_parked()
                    retried = True
                if not self._opened:
                    await self._call(_open, self.sink, self._journal)
                    self._opened = True
                await self._apply(
                    await self._call(self._journal.retries, self.sink.name)
                )
                while await self._apply_batch():
                    pass
            except (SinkUnavailableError, SinkError, JournalError) as error:
                # A refusal to open is tried again, too: a person may mend it.
                await self._wait_out(error)
                continue
            self._recovered()
            if not self._wake.is_set():
                self.idle.set()
            # `recorder spool retry` of another process has records tried again.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):
                    await self._wake.wait()

    async def _retry_parked(self) -> None:
        """What was refused before the restart may be taken now."""
        count = await self._call(self._journal.unpark, self.sink.name)
        if count:
            log.info("parked_records_retried", sink=self.sink.name, records=count)

    async def _wait_out(self, error: RecorderError) -> None:
        self._failures += 1
        self.unavailable = str(error)
        if isinstance(error, SinkDeniedError):
            self._opened = False  # look again at what is allowed
        with contextlib.suppress(JournalError):
            await self._count()
        if self._failures == 1:
            level = log.error if isinstance(error, SinkError) else log.warning
            level(
                "sink_unavailable",
                sink=self.sink.name,
                error=str(error),
                hint="records stay in the journal and are written when it is back",
            )
        await asyncio.sleep(backoff(self._failures, self._retry_max_s))

    async def _apply_batch(self) -> bool:
        name = self.sink.name
        after = await self._call(self._journal.cursor, name)
        records: list[Record] = await self._call(
            lambda: self._journal.records(after=after, kinds=SINK_KINDS, limit=BATCH)
        )
        await self._count()
        dropped = await self._call(self._journal.dropped, name) if records else set()
        wanted = [r for r in records if r.seq not in dropped]
        await self._apply(_without_superseded(wanted))
        if records:  # those left out, too
            last = records[-1]
            await self._call(self._journal.advance, name, last.seq, None, None)
        return len(records) == BATCH

    async def _apply(self, records: list[Record]) -> None:
        """Apply records in order; each is done with before the next one."""
        name = self.sink.name
        for record in records:
            try:
                ids = await self._call(_apply, self.sink, record)
            except SinkError as error:
                self.refusals.tell(record, error)
                await self._call(self._journal.park, name, record, str(error))
                continue
            await self._call(self._journal.advance, name, record.seq, record.run, ids)
            self.backlog = max(0, self.backlog - 1)
            self._recovered()

    def _recovered(self) -> None:
        if self._failures:
            log.info(
                "sink_recovered", sink=self.sink.name, after_failures=self._failures
            )
            self._failures, self.unavailable = 0, ""

    async def _count(self) -> None:
        self.backlog = await self._call(
            self._journal.backlog, self.sink.name, SINK_KINDS
        )

    async def _call(self, function: Any, *arguments: Any) -> Any:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, function, *arguments)

    async def close(self) -> None:
        """Close the sink in its own thread."""
        await self._call(self.sink.close)
        self._executor.shutdown(wait=True)
        self._journal.close()


def _apply(sink: Sink, record: Record) -> Json | None:
    """Apply a record; what no one foresaw parks it instead of ending the daemon."""
    known = (SinkError, SinkUnavailableError)
    return _guarded(f"write to {sink.name}", known, partial(sink.apply, record))


def _open(sink: Sink, journal: Journal) -> None:
    """Open a sink; what no one foresaw is a refusal, not the daemon's end."""
    try:
        _guarded(f"open {sink.name}", (RecorderError,), partial(sink.open, journal))
    except ConfigError as error:
        raise SinkError(str(error)) from error


def _guarded(
    what: str, known: tuple[type[RecorderError], ...], action: Callable[[], T]
) -> T:
    with boundary(what, known):
        return action()
    raise SinkError("a defect of the recorder; see step_failed in the log")


def _without_superseded(records: list[Record]) -> list[Record]:
    """Leave out what later records of the same run say again, and say better.

    The first description of a run stays: without it there is nothing to update.
    """
    first: dict[str | None, int] = {}
    for record in records:
        if record.kind == RecordKind.RUN:
            first.setdefault(record.run, record.seq)
    last = {(r.run, r.kind): r.seq for r in records}
    return [
        r
        for r in records
        if r.kind == RecordKind.RUN_SEALED
        or r.seq in (last[r.run, r.kind], first.get(r.run))
    ]
