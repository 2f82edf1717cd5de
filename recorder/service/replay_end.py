"""How a replay ends: told to, on a full disk, or with something that was refused."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from recorder.records.run_report import RunReport
from recorder.runs.run import Run
from recorder.service.host import Host

LOOK_S = 0.1
"""How often a replay that waits for the disk looks again. Chosen, not tuned."""
OF_A_RUN = "what is with the workers is finished and the run is sealed as aborted"
"""What becomes of a run that is interrupted."""
INTERRUPTED = "interrupted"
"""Reason of a run whose replay was told to end."""


class Stop:
    """Whether, and why, the replay is to end before its file does.

    Args:
        said: What people are told at the first Ctrl-C.
    """

    def __init__(self, said: str = OF_A_RUN) -> None:
        self._said = said
        self._event = asyncio.Event()
        self.reason = ""
        """Why, as the run has it; empty while it goes on."""
        self.signal: int | None = None
        self.told: list[str] = []
        """What people should know, in order."""

    def tell(self, text: str) -> None:
        """Keep what people should know."""
        self.told.append(text)

    def now(self, reason: str) -> None:
        """End in order."""
        self.reason = self.reason or reason
        self._event.set()

    @contextmanager
    def listening(self) -> Iterator[None]:
        """End in order at the first Ctrl-C or SIGTERM, at once at the second."""
        loop = asyncio.get_running_loop()
        numbers = (signal.SIGINT, signal.SIGTERM)
        with contextlib.suppress(RuntimeError, ValueError):  # not in the main thread
            for number in numbers:
                loop.add_signal_handler(number, self._heard, number)
        try:
            yield
        finally:
            for number in numbers:
                loop.remove_signal_handler(number)

    def _heard(self, number: int) -> None:
        if self.signal is not None:
            print("recorder: ended at once", file=sys.stderr, flush=True)
            os._exit(128 + number)
        self.signal = number
        print(
            f"\nrecorder: interrupted; {self._said} (once more to end at once)",
            file=sys.stderr,
            flush=True,
        )
        self.now(INTERRUPTED)

    async def sleep(self, seconds: float) -> None:
        """Sleep, but no longer than until the replay is to end."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, seconds)):
                await self._event.wait()

    async def unless(self, work: Coroutine[Any, Any, bool]) -> bool:
        """Do what may take long; a Ctrl-C meanwhile is a no, and ends the wait."""
        if self._event.is_set():
            return await work
        task = asyncio.ensure_future(work)
        told = asyncio.ensure_future(self._event.wait())
        try:
            await asyncio.wait((task, told), return_when=asyncio.FIRST_COMPLETED)
            return task.result() if task.done() else False
        finally:
            for one in (task, told):
                one.cancel()
            await asyncio.gather(task, told, return_exceptions=True)


async def wait_for_disk(host: Host, stop: Stop, seconds: float) -> None:
    """Wait until the journal can be written again, or have the replay end."""
    due = time.monotonic() + seconds
    while host.pipeline.writer.failing and not stop.reason:
        if time.monotonic() > due:
            stop.now("the disk refuses the journal")
        await stop.sleep(LOOK_S)


async def unwritten(host: Host, runs: Sequence[Run], seconds: float) -> list[str]:
    """What of the runs the journal does not have in the end, for people.

    Args:
        host: Has the journal.
        runs: The runs of the replay.
        seconds: How long to wait for a disk that refuses.
    """
    writer = host.pipeline.writer
    due = time.monotonic() + seconds
    await writer.flush()
    while writer.depth and time.monotonic() < due:
        await writer.flush()
    if not writer.depth:
        return []
    has = host.journal.image_count
    return [
        f"the disk refuses the journal {host.journal.path}: it has {has(run.uid)} of "
        f"{run.images.received} images of run {run.number}; free space (or set "
        f"RECORDER_STATE_DIRECTORY), then replay the file again with --uid {run.uid}"
        for run in runs
    ]


def sinks_away(host: Host, again: str = "--uid") -> list[str]:
    """Which sinks cannot be reached, and why.

    Args:
        host: Has the sinks.
        again: Option with which what is missing is written later.
    """
    away = [sink for sink in host.sinks if not sink.idle.is_set()]
    return [
        f"sink {sink.sink.name} has {sink.backlog} records still to write"
        + (f": {sink.unavailable}" if sink.unavailable else "")
        + f"; the journal {host.journal.path} keeps them: replay again with {again}"
        for sink in away
    ]


def refusals(reports: Sequence[RunReport]) -> list[str]:
    """Which sinks refused something of the runs, and sums that do not hold."""
    found = [
        f"sink {name} refused run {report.run}: {state.removeprefix('parked: ')}"
        for report in reports
        for name, state in report.sinks.items()
        if state.startswith("parked")
    ]
    return found + [
        f"the sums of run {report.run} do not hold: {difference}"
        for report in reports
        for difference in report.ledger.differences
    ]
