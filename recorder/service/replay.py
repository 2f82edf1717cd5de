"""A file through the same pipeline, into the configured sinks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from recorder.config import Settings
from recorder.errors import RecorderError
from recorder.records import (
    Announcement,
    ControlRecord,
    Image,
    Json,
    RunState,
)
from recorder.records.run_report import FullReport
from recorder.reports.experiments import by_experiment
from recorder.reports.store import ReportStore
from recorder.runs.run import Run
from recorder.service.cluster import require_engine
from recorder.service.host import Host, hosting
from recorder.service.live_state import LiveView
from recorder.service.live_writer import LiveWriter
from recorder.service.replay_again import done_run, end_runs, go_on, seal_left, uids
from recorder.service.replay_control import (
    ReplayOptions as ReplayOptions,
)
from recorder.service.replay_control import (
    fresh_uids,
    read_control,
    runs_of,
)
from recorder.service.replay_end import (
    INTERRUPTED,
    Stop,
    refusals,
    sinks_away,
    unwritten,
    wait_for_disk,
)
from recorder.service.replay_place import leave_out_earlier, mark
from recorder.service.replay_records import ReplayRecords
from recorder.service.run_settings import book_settings
from recorder.service.sign_of_life import SignOfLife

SINKS_TIMEOUT_S = 60.0
"""Seconds that a replay waits for the sinks to write its run; what they lack then is
written later. Chosen, not tuned."""
STOPPED_SINKS_S = 10.0
"""The same for a replay that was told to end: nobody who pressed Ctrl-C waits longer.
Chosen, not tuned."""
LOOK_S = 0.5
"""Seconds between two looks at a file that is being written: what people wait for, and
some 10 ms of work each. Chosen, not tuned."""
DISK_S = 10.0
"""Seconds that a replay waits for a disk that refuses the journal: longer than a log
rotation or another job's cleaning takes. Chosen, not tuned."""
Progress = Callable[[int, int | None], None]


@dataclass(frozen=True, slots=True)
class ReplayResult:
    """The report of the run, and what was wrong."""

    report: FullReport
    problems: tuple[str, ...]
    sinks_done: bool
    lost: tuple[str, ...] = ()
    """What of the file's images could not be had."""
    failures: tuple[str, ...] = ()
    """What was not written or was refused, and what to do."""
    told: tuple[str, ...] = ()
    """What people should know, that is no failure."""
    signal: int | None = None
    """The signal that ended the replay early, if one did."""


async def replay(
    settings: Settings, options: ReplayOptions, progress: Progress
) -> ReplayResult:
    """Replay one file as one run.

    Ctrl-C or SIGTERM ends it in order: what is with the workers is finished, and the
    run is sealed as aborted. A second one ends the process at once.

    Args:
        settings: The whole configuration.
        options: The file, and how to replay it.
        progress: Told how far the replay is.

    Raises:
        FileFormatError: The file has no images.
        ConfigError: The cluster is to take part, and there is no engine.
        UsageError: The collection or the events cannot be used.
    """
    if options.cluster:
        require_engine(settings)
    records = ReplayRecords(options, settings.replay)
    control = read_control(options)
    book = replace(
        book_settings(settings),
        hold_s=0.0,
        drain_s=0.0,
        announcement_timeout_s=1e9,
        match_window_s=None,
        detectors=(),
        live=False,
        series_timeout_s=1e9,
        new_uid=uids(options.uid),
    )
    stop = Stop()
    async with (
        hosting(
            settings,
            book,
            journal_only=options.journal_only,
            readable=records.readable,
            cluster=options.cluster,
        ) as (host, group),
        SignOfLife(settings, "replay") as life,
        LiveWriter(settings, (view := LiveView(host)).state) as live,
    ):
        life.status = partial(_status, host)
        live.stage = "running"
        tasks = [
            group.create_task(life.run(), name="sign-of-life"),
            group.create_task(live.run(), name="live"),
            group.create_task(view.run(), name="live-view"),
        ]
        try:
            with stop.listening():
                result = await _replayed(
                    host, records, control, options, progress, stop
                )
        finally:
            for task in tasks:
                task.cancel()
    return result


async def _replayed(
    host: Host,
    records: ReplayRecords,
    control: list[ControlRecord],
    options: ReplayOptions,
    progress: Progress,
    stop: Stop,
) -> ReplayResult:
    settings = host.settings
    leave_out_earlier(host.journal, settings.sink_names)  # before a sink begins
    mark(settings, host.journal, into_production=options.into_production)
    known = set(host.journal.run_uids())
    again = runs_of(options.uid, known) if options.uid is not None else []
    done = [done_run(host.journal, uid, records.key) for uid in again]
    if not again:
        await seal_left(host)
        host.pipeline.restore_numbers()
        host.pipeline.feed_control(fresh_uids(control, options, known))
    elif all(run is not None for run in done):
        stop.tell(f"run {options.uid} is in the journal already: nothing is replayed")
        runs = [run for run in done if run is not None]
        return await _result(host, runs, records, stop)
    else:
        records.skip = await go_on(host, again)
        left = host.pipeline.book.active[0].part
        if left is not None and left.count > len(again):  # killed as they were opened
            told = fresh_uids(control, options, known)
            host.pipeline.feed_control([r for r in told if isinstance(r, Announcement)])
    await _feed(host, records, options, progress, stop)
    if stop.reason:
        end_runs(host, stop.reason)
    runs = await _sealed(host)
    return await _result(host, runs, records, stop)


async def _result(
    host: Host, runs: list[Run], records: ReplayRecords, stop: Stop
) -> ReplayResult:
    """What the journal and the sinks have in the end."""
    failures = await unwritten(host, runs, DISK_S)
    timeout = STOPPED_SINKS_S if stop.signal else SINKS_TIMEOUT_S
    done = bool(failures) or await stop.unless(host.sinks_done(timeout))
    if not done:
        failures += sinks_away(host)
    store = ReportStore(host.journal, host.settings.sink_names)
    found = [report for run in runs if (report := store.get(run.uid)) is not None]
    failures += refusals(found)
    return ReplayResult(
        by_experiment(found),
        records.problems,
        done,
        lost=records.lost,
        failures=tuple(failures),
        told=tuple(stop.told),
        signal=stop.signal,
    )


def _status(host: Host) -> Json:
    return {**host.pipeline.status(), "images_seen": host.pipeline.images_seen}


async def _feed(
    host: Host,
    records: ReplayRecords,
    options: ReplayOptions,
    progress: Progress,
    stop: Stop,
) -> None:
    """Hand the records over, as fast as the workers follow or at the rate asked."""
    begun, images = time.monotonic(), 0
    for record in records:
        if record is None:
            await stop.sleep(LOOK_S)
            if stop.reason:
                return
            continue
        if isinstance(record, Image):
            if options.rate_hz:
                due = begun + images / options.rate_hz
                await stop.sleep(due - time.monotonic())
            await host.pool.room()
            if host.pipeline.writer.failing:
                await wait_for_disk(host, stop, DISK_S)
            if stop.reason:
                return
            images += 1
            progress(images, records.total)
        host.pipeline.feed(record, wait=True)
        await asyncio.sleep(0)
    if records.gave_up:
        stop.now(f"{INTERRUPTED}: {records.gave_up}")


async def _sealed(host: Host) -> list[Run]:
    """Wait until all images are classified and the run is sealed."""
    runs = host.pipeline.book.active
    while host.pipeline.book.active:
        host.pipeline.changed.clear()
        for run in host.pipeline.book.active:
            if run.key is None and run.state is RunState.ANNOUNCED:
                raise RecorderError("the file's series was not bound to its collection")
        await host.pipeline.changed.wait()
    return runs
