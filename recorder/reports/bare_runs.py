"""Reports of runs of which nothing came: announced, or opened, and no more.

Of such a run all is said by its description. Hundreds may have been announced alike,
and differ by name and time only: what is worked out of one stands for all of them.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace

from recorder.journal import Journal, RecordKind
from recorder.journal.run_index import Headline
from recorder.journal.run_record import read_run_record
from recorder.records import Json
from recorder.records.run_report import RunReport
from recorder.records.times import iso
from recorder.reports.run_report import run_report
from recorder.runs.run import Run

KEPT = 256
"""Descriptions, of about 2 kB, whose report is kept. Chosen, not tuned."""
_OWN = {
    "what",
    "uid",
    "run",
    "folder",
    "opened_ns",
    "collection_uid",
    "collection_time_ns",
    "announced_ns",
}
"""What of a description makes no difference to a report but by name and time."""
_OWN_SENT = {"uid", "time_ns", "run", "directory"}
"""The same of the message that announced it."""


class BareRuns:
    """Keeps the reports of descriptions.

    Args:
        make: Makes the report of a run.
    """

    def __init__(self, make: Callable[[Run], RunReport] = run_report) -> None:
        self._make = make
        self._kept: dict[str, RunReport] = {}

    def report(self, journal: Journal, known: Headline) -> RunReport | None:
        """The report of a run of which nothing came; None of any other."""
        event = (RecordKind.EVENT,)
        if journal.last_image(known.uid) is not None or known.pruned:
            return None
        if any(journal.last_seq(name, event) for name in known.event_names):
            return None
        record = journal.record(known.described)
        if record is None or known.updated is not None:
            return None
        now = iso(time.time_ns())
        return replace(self._described(record.body), as_of=now)

    def _described(self, body: Json) -> RunReport:
        key = _key(body)
        found = self._kept.get(key)
        if found is None:
            if len(self._kept) == KEPT:
                self._kept.clear()
            found = self._kept[key] = self._make(read_run_record(body))
        began = body["opened_ns"]
        return replace(
            found,
            run=body["run"],
            uid=body["uid"],
            start_time=iso(began) or "",
            started_ns=began,
        )


def _key(body: Json) -> str:
    """All of a description that a report depends on, but for name and time."""
    rest = {name: value for name, value in body.items() if name not in _OWN}
    rest["body"] = {k: v for k, v in body["body"].items() if k not in _OWN_SENT}
    return json.dumps(rest)
