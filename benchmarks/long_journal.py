"""Fills journals with long runs, and with many: quickly, as no recorder would."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from recorder.journal import Journal, RecordKind
from recorder.journal.event_json import event_to_json
from recorder.journal.records import NewRecord
from recorder.journal.restore import pack_run
from recorder.journal.run_record import run_record
from recorder.records import (
    Classification,
    EventType,
    Evidence,
    ImageClass,
    ImageOutcome,
    Lattice,
    RunState,
    TimedEvent,
)
from recorder.records.outcome_codec import JOURNAL_COLUMNS, encode_row
from recorder.records.report_json import report_to_json
from recorder.reports.run_report import run_report
from recorder.runs.run import Run
from tests.builders import new_run

RUN = "long-run"
OTHERS = 16
"""Runs behind the long one: the latest are never archived."""
T0 = 10**18
PERIOD_NS = 10**6
STEP = 100_000
LATTICE = Lattice(
    (79.1, 79.1, 38.2, 90.0, 90.0, 90.0), (26.36667,) * 9, 25, -31.25, 0.0012345
)
FOUND = (
    Classification(ImageClass.INDEXED, 30, (LATTICE,), 1.9),
    Classification(ImageClass.NON_INDEXED_HIT, 12, (), 2.5),
    *[Classification(ImageClass.NON_HIT, 2)] * 3,
)
"""One image of five is indexed."""


def one_run(path: Path, images: int) -> None:
    """A run that is not sealed yet, with others that are."""
    with closing(Journal(path)) as journal:
        run = new_run(RUN, 1, T0)
        body = run_record(run, "opened")
        journal.write([NewRecord(RecordKind.RUN, RUN, body, T0)])
        for number in range(2, 2 + OTHERS):
            journal.write(_sealed(new_run(f"other-{number}", number, T0)))
    with closing(_quick(path)) as db:
        db.execute("INSERT INTO run_ids VALUES (1, ?)", (RUN,))
        for first in range(0, images, STEP):
            end = min(images, first + STEP)
            _insert(db, _rows(1, first, end), _events(RUN, first, end))
    with closing(Journal(path, synchronous="normal")) as journal:
        pack_run(journal, RUN)


def many_runs(path: Path, runs: int, images: int) -> None:
    """Sealed runs; a twentieth of their images have events."""
    with closing(Journal(path)) as journal:
        for number in range(1, runs + 1):
            journal.write(_sealed(new_run(f"many-{number:06d}", number, T0)))
        journal.advance("results", journal.last_record(), None, None)
    with closing(_quick(path)) as db:
        for number in range(1, runs + 1):
            uid = f"many-{number:06d}"
            db.execute("INSERT INTO run_ids VALUES (?, ?)", (number, uid))
            _insert(db, _rows(number, 0, images), _events(uid, 0, images // 20))


def _sealed(run: Run) -> list[NewRecord]:
    run.state, run.folder = RunState.SEALED, run.uid
    report = {"report": report_to_json(run_report(run)), "revision": 0}
    return [
        NewRecord(RecordKind.RUN, run.uid, run_record(run, "sealed"), T0),
        NewRecord(RecordKind.RUN_SEALED, run.uid, report, T0),
    ]


def _quick(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA synchronous=OFF")
    return db


def _insert(
    db: sqlite3.Connection, images: Iterable[Any], events: Iterable[Any]
) -> None:
    db.execute("BEGIN")
    db.executemany(
        f"INSERT INTO images (run, {', '.join(JOURNAL_COLUMNS)}) "
        f"VALUES (?{', ?' * len(JOURNAL_COLUMNS)})",
        images,
    )
    db.executemany(
        "INSERT INTO records (kind, run, time_ns, body) VALUES ('event', ?, ?, ?)",
        events,
    )
    db.execute("COMMIT")


def _rows(run: int, first: int, end: int) -> Iterator[Any]:
    ready = [encode_row(ImageOutcome(0, found, 0, 0, 0)) for found in FOUND]
    for n in range(first, end):
        _, outcome, _, _, _, *rest = ready[n % len(ready)]
        begun = n * PERIOD_NS
        yield run, n, outcome, begun, begun + 1000, T0 + begun, *rest


def _events(uid: str, first: int, end: int) -> Iterator[Any]:
    body = event_to_json(
        TimedEvent(
            uid="",
            type=EventType.XRAY_DETECTION,
            time_ns=0,
            trigger=0,
            clock="panda",
            evidence=Evidence.CAPTURED,
        )
    )
    dump = json.JSONEncoder(separators=(",", ":")).encode
    for n in range(first, end):
        time_ns = T0 + n * PERIOD_NS
        body.update(time_ns=time_ns, trigger=n, type="XrayDetection", uid=f"x/{n}")
        yield uid, time_ns, dump(body)
        if n % 2 == 0:
            body.update(type="LaserExcitation", uid=f"l/{n}")
            yield uid, time_ns, dump(body)
