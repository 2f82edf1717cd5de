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
from recorder.journal.records import SINK_KINDS, Seq
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
SLICE = 20
"""Records that are applied before it is looked again whether a run goes on: with a
database that takes 50 ms for each, its own wait a second. Chosen, not tuned."""
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
        self._ahead: set[Seq] = set()
        """Records beyond the cursor that are done with."""
        self.idle = asyncio.Event()
        self.backlog = 0
        """Records that it still has to write, as of its last look."""
        self.waiting_since_ns: int | None = None
        """When the oldest of these was made (Unix ns); None if there is none."""
        self.parked = 0
        """Records that it refused, as of its last look."""
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
        """Apply the next records; whether there may be more.

        Those of runs that go on come first: whoever looks at one does not wait behind
        hundreds that are only announced. Of each run they stay in order.
        """
        name = self.sink.name
        after = await self._call(self._journal.cursor, name)
        await self._apply_urgent(after)
        records: list[Record] = await self._call(
            lambda: self._journal.records(after=after, kinds=SINK_KINDS, limit=BATCH)
        )
        await self._count()
        wanted = _without_superseded(await self._wanted(records))
        await self._apply(wanted[:SLICE])
        if wanted[SLICE:]:
            return True
        if records:  # those left out, too
            last = records[-1].seq
            await self._call(self._journal.advance, name, last, None, None)
            self._ahead = {seq for seq in self._ahead if seq > last}
        return len(records) == BATCH

    async def _apply_urgent(self, after: Seq) -> None:
        """Apply records of runs that go on; the cursor stays where it is."""
        urgent: list[Record] = await self._call(
            self._journal.urgent_records, after, SINK_KINDS
        )
        wanted = await self._wanted(urgent)
        kept = _without_superseded(wanted)
        self._ahead |= {r.seq for r in wanted} - {r.seq for r in kept}
        await self._apply(kept, after)

    async def _wanted(self, records: list[Record]) -> list[Record]:
        """Without those that are done with, or given up."""
        if not records:
            return []
        dropped = await self._call(self._journal.dropped, self.sink.name)
        return [r for r in records if r.seq not in dropped | self._ahead]

    async def _apply(self, records: list[Record], upto: Seq | None = None) -> None:
        """Apply records in order; each is done with before the next one.

        Args:
            records: The records.
            upto: Where the cursor stays; None has it follow them.
        """
        name = self.sink.name
        for record in records:
            try:
                ids = await self._call(_apply, self.sink, record)
            except SinkError as error:
                self.refusals.tell(record, error)
                await self._call(self._journal.park, name, record, str(error), upto)
                self._is_done(record, upto)
                continue
            await self._call(
                self._journal.advance, name, record.seq, record.run, ids, upto
            )
            self._is_done(record, upto)
            self.backlog = max(0, self.backlog - 1)
            if not self.backlog:
                self.waiting_since_ns = None
            self._recovered()

    def _is_done(self, record: Record, upto: Seq | None) -> None:
        """A record is done with; if the cursor stays, it is to be left out later."""
        if upto is not None:
            self._ahead.add(record.seq)

    def _recovered(self) -> None:
        if self._failures:
            log.info(
                "sink_recovered", sink=self.sink.name, after_failures=self._failures
            )
            self._failures, self.unavailable = 0, ""

    async def _count(self) -> None:
        waiting = await self._call(self._journal.backlog, self.sink.name, SINK_KINDS)
        self.backlog = max(0, waiting - len(self._ahead))
        oldest = await self._call(
            self._journal.waiting_since, self.sink.name, SINK_KINDS
        )
        self.waiting_since_ns = oldest if self.backlog else None
        self.parked = await self._call(self._journal.parked_count, self.sink.name)

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
