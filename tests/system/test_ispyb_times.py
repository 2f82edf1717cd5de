"""When a run is said to have been: it goes on, it ends, and clocks are set back."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from recorder.config import Settings
from recorder.journal import Journal, NewRecord, RecordKind
from recorder.journal.records import SINK_KINDS
from recorder.sinks.ispyb.sink import IspybSink
from tests.ispyb import announcement

MakeSettings = Callable[..., Settings]


# -- a run that goes on ----------------------------------------------------------------


@pytest.mark.parametrize("wanted", [None, False], ids=["flavour", "off"])
async def test_a_run_that_goes_on_has_an_end_that_advances(
    site, settings, record_runs, wanted
):
    await record_runs(announcement())
    configured = settings(
        ispyb={**site.section, "provisional_end": wanted}, timezone="Europe/Paris"
    )
    query = "SELECT startTime, endTime, runStatus FROM DataCollection"
    seen = []
    with closing(Journal(configured.journal_path)) as journal:
        sink = IspybSink(configured)
        sink.open(journal)
        records = list(journal.records(kinds=SINK_KINDS))
        first = next(r for r in records if r.kind == RecordKind.RUN)
        sealed = next(r for r in records if r.kind == RecordKind.RUN_SEALED)
        update = replace(sealed, kind=RecordKind.RUN_UPDATED)
        start = first.body["opened_ns"]
        late = replace(update, time_ns=start + 60 * 10**9)
        for entry in (first, late, first, sealed):
            ids = sink.apply(entry)
            journal.advance(sink.name, entry.seq, entry.run, ids)
            seen.append(site.one(query))
        sink.close()
    ends = [str(row["endTime"])[:19] for row in seen]
    assert [row["runStatus"] for row in seen[:3]] == [None, None, None]
    assert seen[3]["runStatus"] == "DataCollection Successful"
    if wanted is False:
        assert ends[:3] == ["None", "None", "None"]
    else:
        begun = str(seen[0]["startTime"])[:19]
        assert ends[0] == begun < ends[1] == ends[2]
    assert ends[3] < (ends[1] if wanted is None else "9999")


# -- times and order -------------------------------------------------------------------


def moved(journal: Journal, uid: str, start: int, end: int) -> list[Any]:
    """The records of a run, written once more as if it had been made then (Unix ns)."""
    records = list(journal.records(kinds=SINK_KINDS))
    anew = []
    for entry in records:
        body = deepcopy(entry.body)
        if entry.kind == RecordKind.RUN:
            body |= {"opened_ns": start, "ended_ns": body["ended_ns"] and end}
        else:
            body["report"] |= {"started_ns": start, "ended_ns": end}
        if entry.run == uid:
            time_ns = start if entry.kind == RecordKind.RUN else end
            anew.append(NewRecord(entry.kind, entry.run, body, time_ns))
    journal.write(records=anew)
    return list(journal.records(after=records[-1].seq, kinds=SINK_KINDS))


def apply(configured: Settings, journal: Journal, records: list[Any]) -> None:
    sink = IspybSink(configured)
    sink.open(journal)
    for entry in records:
        ids = sink.apply(entry)
        journal.advance(sink.name, entry.seq, entry.run, ids)
    sink.close()


async def test_a_run_across_the_end_of_summer_time(site, settings, record_runs):
    await record_runs(announcement())
    configured = settings(ispyb=site.section, timezone="Europe/Paris")
    start = int(datetime(2026, 10, 25, 0, 50, tzinfo=UTC).timestamp()) * 10**9
    with closing(Journal(configured.journal_path)) as journal:
        (uid,) = journal.run_uids()
        records = moved(journal, uid, start, start + 1200 * 10**9)
        apply(configured, journal, records)
    for table in ("DataCollection", "DataCollectionGroup"):
        row = site.one(f"SELECT startTime, endTime FROM {table}")
        assert [str(value)[:19] for value in row.values()] == [
            "2026-10-25 02:50:00",
            "2026-10-25 03:10:00",
        ]
    row = site.one("SELECT * FROM AutoProcProgram")
    assert str(row["processingStartTime"]) <= str(row["processingEndTime"])


async def test_a_run_that_goes_on_is_the_first_for_py_ispyb(
    site, settings, record_runs
):
    """Its order of the runs: the latest end first, and none is the last."""
    await record_runs(announcement(run=1), announcement(run=2))
    configured = settings(ispyb=site.section, timezone="Europe/Paris")
    start, minute = 1_790_000_000 * 10**9, 60 * 10**9
    query = "SELECT dataCollectionNumber AS n FROM DataCollection ORDER BY endTime DESC"
    with closing(Journal(configured.journal_path)) as journal:
        first, second = journal.run_uids()
        numbers = {
            r.run: r.body["run"]
            for r in journal.records(kinds=SINK_KINDS)
            if r.kind == RecordKind.RUN
        }
        apply(configured, journal, moved(journal, first, start, start + minute))
        going_on = moved(journal, second, start + 2 * minute, start + 9 * minute)
        apply(configured, journal, going_on[:1])
    assert [row["n"] for row in site.rows(query)] == [numbers[second], numbers[first]]
