"""Keeps the journal within its bound, at the cost of the oldest runs.

It removes images, events and snapshots of the oldest runs that are sealed and that
every sink has written. Descriptions and sealed reports stay, so that `recorder report`
is complete and a repeated announcement is known.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from recorder.journal.records import NewRecord, RecordKind
from recorder.journal.restore import event_names
from recorder.journal.store import Journal
from recorder.runtime.host_clock import arrival_ns

KEPT_RUNS = 16
"""The latest sealed runs keep their images: a late image may still reopen one."""
ORPHANS_NS = 3600 * 10**9
"""So long events may wait for the announcement of their run."""
STEP = 20_000
"""Rows that are removed in one transaction, for which the writer waits."""
TARGET = 0.9
"""Share of the bound to come down to."""


REMOVED = (
    RecordKind.EVENT,
    RecordKind.POINTS,
    RecordKind.SPECTRUM,
    RecordKind.ALARM,
    RecordKind.RUN_UPDATED,
)
"""Records of a run that go with its images; the sealed report says what they came to.
"""


@dataclass(frozen=True, slots=True)
class Pruned:
    """What became of the journal's size."""

    runs: tuple[str, ...]
    """Uids of the runs whose images were removed."""
    used: int
    """Bytes in use afterwards."""
    over: bool
    """Still over the bound: nothing more may be removed."""


def prune(
    journal: Journal,
    bound: int,
    sinks: Sequence[str],
    kinds: Sequence[RecordKind],
    *,
    archived: bool = False,
) -> Pruned:
    """Remove images and events of the oldest runs until the bound holds.

    Args:
        journal: A connection of its own.
        bound: Bytes that may be in use.
        sinks: Names of the sinks that must have written a run.
        kinds: Kinds of records that sinks write.
        archived: Old runs are archived: none is removed here.
    """
    removed: list[str] = []
    if journal.used_bytes() > bound:
        _remove_orphans(journal)
    if journal.used_bytes() > bound and not archived:
        for uid in _prunable(journal, sinks, kinds):
            _remove(journal, uid)
            removed.append(uid)
            if journal.used_bytes() <= TARGET * bound:
                break
    journal.give_back()
    used = journal.used_bytes()
    return Pruned(tuple(removed), used, used > bound)


def _prunable(
    journal: Journal, sinks: Sequence[str], kinds: Sequence[RecordKind]
) -> list[str]:
    """Runs that may go, oldest first."""
    sealed = [run for run in journal.headlines() if run.sealed]
    return [
        run.uid
        for run in sealed[:-KEPT_RUNS]
        if not run.pruned
        and all(journal.written(sink, run.uid, kinds) for sink in sinks)
    ]


def _remove_orphans(journal: Journal) -> None:
    """Events that no run claimed: of a free-running capture, of unannounced runs."""
    known = {name for run in journal.headlines() for name in run.event_names}
    now_ns = arrival_ns()
    for name in journal.event_names():
        if name not in known:
            while journal.drop_orphans(name, now_ns - ORPHANS_NS, now_ns, STEP):
                pass


def _remove(journal: Journal, uid: str) -> None:
    journal.write([NewRecord(RecordKind.RUN_PRUNED, uid, {}, arrival_ns())])
    remove_rows(journal, uid)


def remove_rows(
    journal: Journal, uid: str, step: Callable[[], None] = lambda: None
) -> None:
    """Remove images, events and snapshots of a run, of which the journal says so.

    Args:
        journal: A connection of its own.
        uid: The run's.
        step: Called after each transaction.
    """
    for name in event_names(journal, uid):
        journal.drop_snapshots(name)
        step()
        while journal.drop_records(name, REMOVED, STEP):
            step()
    while journal.drop_images(uid, STEP):
        step()


def finish_removals(journal: Journal) -> list[str]:
    """Remove what a recorder that was killed left of runs; their uids.

    A run that is being restored has rows, too: they stay.
    """
    found = []
    for known in journal.headlines():
        if not known.pruned or journal.latest(RecordKind.RUN_RESTORING, known.uid):
            continue
        names = known.event_names
        left = any(journal.last_seq(name, REMOVED) for name in names)
        if left or journal.last_image(known.uid) is not None:
            remove_rows(journal, known.uid)
            found.append(known.uid)
    return found
