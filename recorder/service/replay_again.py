"""Runs of earlier replays: done, to go on with, or left open by one that was killed."""

from __future__ import annotations

import itertools
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace

from recorder.errors import UsageError
from recorder.journal import Journal
from recorder.journal.restore import load_run, load_unsealed
from recorder.records import (
    CollectionEnd,
    RunState,
    RunStatus,
    SeriesEnd,
    SeriesKey,
)
from recorder.reports.journal_mark import is_replays
from recorder.runs.book.parts import first_image
from recorder.runs.run import Run
from recorder.runtime.host_clock import arrival_ns
from recorder.service.host import Host
from recorder.service.replay_end import INTERRUPTED


def uids(asked: str | None) -> Callable[[], str]:
    """Gives the uids of runs that are not announced: the one asked for, then ``-2``."""
    if asked is None:
        return lambda: str(uuid.uuid4())
    numbers = itertools.count(2)
    names = itertools.chain([asked], (f"{asked}-{n}" for n in numbers))
    return lambda: next(names)


def done_run(journal: Journal, uid: str, key: SeriesKey | None) -> Run | None:
    """The run of a uid if there is nothing left to replay; None if there is.

    Raises:
        UsageError: It is the run of another file.
    """
    run = load_run(journal, uid)
    if run is None or key is None:
        return run
    if run.key is not None and run.key.unique_id != key.unique_id:
        raise UsageError(
            f"--uid {uid}: the journal has this run of another file "
            f"({run.key.unique_id.rpartition('@')[0] or 'a stream'}), or of an earlier "
            "version of this one; give another uid"
        )
    early = run.status is RunStatus.ABORTED and run.reason.startswith(INTERRUPTED)
    return run if run.state is RunState.SEALED and not early else None


async def go_on(host: Host, uids: Sequence[str]) -> frozenset[int]:
    """Open runs again, all of one series; the images of it that they have already."""
    runs = [run for uid in uids if (run := load_run(host.journal, uid)) is not None]
    for run in runs:
        _open_again(run)
    host.pipeline.restore_numbers()
    host.pipeline.book.restore(runs, {}, ())
    return frozenset(
        number + first_image(run) for run in runs for number in run.images.ids.tolist()
    )


def _open_again(run: Run) -> None:
    run.revision += run.state is RunState.SEALED
    run.state = RunState.ANNOUNCED if run.key is None else RunState.OPEN
    run.status, run.reason, run.decided = RunStatus.RUNNING, "", False
    run.end, run.ended_ns = None, None
    run.last_progress = time.monotonic()
    if run.key is None:  # it is bound by time once more
        now = arrival_ns()
        run.announcement = replace(run.announcement, time_ns=now, received_ns=now)


async def seal_left(host: Host) -> None:
    """Seal what a replay that was killed left open; a daemon's runs are left alone."""
    if not is_replays(host.journal):
        return
    left = load_unsealed(host.journal)
    host.pipeline.book.restore(left, {}, ())
    end_runs(host, f"{INTERRUPTED}: an earlier replay ended without sealing it")
    while host.pipeline.book.active:
        host.pipeline.changed.clear()
        await host.pipeline.changed.wait()


def end_runs(host: Host, reason: str) -> None:
    """End all runs that go on, as aborted."""
    now = arrival_ns()
    for run in host.pipeline.book.active:
        end = CollectionEnd(run.uid, now, RunStatus.ABORTED, reason, now)
        host.pipeline.feed_control([end])
        if run.key is not None:
            host.pipeline.feed(SeriesEnd(run.key, now))
