"""Makes the reports of runs in a thread: the event loop goes on meanwhile.

A run of a million images takes seconds. The thread has a copy of the run, so that it
sees one moment of it, whatever comes. If the daemon is killed meanwhile, the journal
says that the run is draining, and the next one seals it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from recorder.records import Json, RunState
from recorder.records.report_json import report_to_json
from recorder.records.run_report import RunReport
from recorder.reports.run_report import report_of, run_report
from recorder.runs.book.endings import decide_status
from recorder.runs.run import Run
from recorder.runs.timeline.live_timeline import LiveTimeline
from recorder.runs.timeline.measurement import measure
from recorder.runs.timeline.of_run import LONG_RUN, timeline_of
from recorder.runtime.boundary import boundary
from recorder.runtime.log import get_logger
from recorder.service.label_keeper import LabelKeeper

log = get_logger("runs")


@dataclass(frozen=True, slots=True)
class Made:
    """A report, and what it was made of."""

    run: Run
    """The copy; sealed and with its status decided, if it was to be sealed."""
    report: RunReport | None = None
    """None: a defect, which is logged."""
    body: Json | None = None
    """The report as the journal has it."""


class Reporter:
    """One thread for all runs.

    Args:
        labels: Keeps the labels of runs that are sealed.
    """

    def __init__(self, labels: LabelKeeper) -> None:
        self._labels = labels
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="reports")
        self._tasks: set[asyncio.Task[None]] = set()

    def seal(self, run: Run, done: Callable[[Run, Made], None]) -> None:
        """Make the report of a run that is due.

        Args:
            run: The run.
            done: Called in the event loop with the run and what was made of its copy.
        """
        if (images := run.images.received) > LONG_RUN:
            log.info("run_sealing", run=run.number, uid=run.uid, images=images)
        task = asyncio.get_running_loop().create_task(self._seal(run, done))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _seal(self, run: Run, done: Callable[[Run, Made], None]) -> None:
        loop = asyncio.get_running_loop()
        copy = run.copy()
        made = await loop.run_in_executor(self._executor, _sealed, copy, self._labels)
        with boundary("seal a run"):
            done(run, made)

    async def report(self, run: Run, live: LiveTimeline) -> Made:
        """The report of a run that goes on.

        Args:
            run: The run.
            live: What is settled of it; nobody else uses it meanwhile.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, _reported, run.copy(), live)

    async def idle(self) -> None:
        """Wait until no run is being sealed."""
        while self._tasks:
            await asyncio.wait(tuple(self._tasks))

    async def close(self) -> None:
        """Give up what is being made: it is made anew at the next start."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._executor.shutdown(wait=True, cancel_futures=True)
        self._labels.close()


def _sealed(copy: Run, labels: LabelKeeper) -> Made:
    with boundary("report a sealed run"):
        decide_status(copy)
        copy.state = RunState.SEALED
        timeline = timeline_of(copy)
        measurement = measure(copy, timeline)
        report = report_of(copy, timeline, measurement)
        labels.keep(copy, timeline, measurement)
        return Made(copy, report, report_to_json(report))
    copy.state = RunState.SEALED
    return Made(copy)


def _reported(copy: Run, live: LiveTimeline) -> Made:
    with boundary("report a run"):
        report = run_report(copy, live)
        return Made(copy, report, report_to_json(report))
    return Made(copy)
