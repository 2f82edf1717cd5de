"""One store for reports: as journalled, and worked out only where that is needed."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from recorder.errors import ReportError
from recorder.journal import Journal, NewRecord, RecordKind
from recorder.journal.event_json import event_to_json
from recorder.journal.lock import is_recorded_into
from recorder.journal.run_record import run_record
from recorder.records import ImageOutcome, RunState, RunStatus
from recorder.records.report_json import report_to_json
from recorder.records.times import iso
from recorder.reports.run_report import run_report
from recorder.reports.store import ReportStore
from recorder.runs.run import Run
from tests.builders import SECOND, T0, collection, event, outcome

SINKS = ("ispyb", "results")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite"


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    """Nobody else records."""
    journal = Journal(path)
    yield journal
    journal.close()


@pytest.fixture
def recording(path: Path) -> Iterator[Journal]:
    """A recorder holds it."""
    journal = Journal(path, owner=True)
    yield journal
    journal.close()


def new_run(n: int, images: int = 0, experiment: str = "fvkhb", **more: Any) -> Run:
    uid = f"uid-{n:04}"
    announced = collection(uid, experiment={"name": experiment})
    values = {"state": RunState.OPEN, **more}
    run = Run(uid, n, T0 + n, announced, **values)
    for k in range(images):
        run.images.receive(k, k * SECOND, k * SECOND + 1)
        run.images.finish(outcome(k))
    return run


def described(run: Run, what: str = "opened") -> NewRecord:
    return NewRecord(RecordKind.RUN, run.uid, run_record(run, what), run.opened_ns)


def reported(run: Run, kind: RecordKind = RecordKind.RUN_UPDATED) -> NewRecord:
    body = {"report": report_to_json(run_report(run))}
    return NewRecord(kind, run.uid, body, run.opened_ns + SECOND)


def rows(run: Run, *ids: int) -> list[tuple[str, ImageOutcome]]:
    return [(run.uid, outcome(n, start_ns=n * SECOND)) for n in ids]


def sealed(journal: Journal, n: int, experiment: str = "fvkhb") -> Run:
    run = new_run(n, 2, experiment, state=RunState.SEALED, status=RunStatus.SUCCESS)
    journal.write(
        [described(run, "sealed"), reported(run, RecordKind.RUN_SEALED)],
        rows(run, 0, 1),
    )
    return run


def test_a_sealed_report_is_the_journalled_one(journal: Journal):
    run = sealed(journal, 1)
    journal.advance(
        "ispyb", 2, run.uid, {"data_collection_id": 7, "data_collection_group_id": 3}
    )
    report = ReportStore(journal, SINKS).get(run.uid)
    assert report is not None
    assert report.images == run_report(run).images
    assert report.as_of == iso(run.opened_ns + SECOND)
    assert (report.data_collection_id, report.data_collection_group_id) == (7, 3)
    assert report.sinks == {"ispyb": "written", "results": "pending"}
    journal.drop_images(run.uid, 9)  # not worked out anew
    again = ReportStore(journal, SINKS).get(run.uid)
    assert again is not None and again.images.received == 2


def test_no_such_run(journal: Journal):
    store = ReportStore(journal)
    assert store.get("nobody") is None
    assert store.full().experiments == ()
    assert store.list().runs == ()
    assert store.changes_since(0) == (0, ())


def test_a_run_that_goes_on_is_as_updated_and_as_described(recording: Journal):
    """The update of a recorder that runs counts, though there are more rows."""
    run = new_run(1, 3)
    recording.write([described(run), reported(run)], rows(run, 0, 1, 2))
    run.state, run.reason = RunState.DRAINING, "so it goes"
    recording.write([described(run, "series_ended")], rows(run, 3, 4))
    report = ReportStore(recording).get(run.uid)
    assert report is not None
    assert report.images.received == 3
    assert report.as_of == iso(run.opened_ns + SECOND)
    assert (report.state, report.reason) == (RunState.DRAINING, "so it goes")


@pytest.mark.parametrize("more", ["rows", "events", "pending", "description"])
def test_what_a_recorder_that_died_could_not_report_is_worked_out(
    journal: Journal, more: str
):
    run = new_run(1, 3)
    if more == "pending":
        run.images.receive(3, 3 * SECOND, 3 * SECOND + 1)
    journal.write([described(run), reported(run)], rows(run, 0, 1, 2))
    before = iso(run.opened_ns + SECOND)
    store = ReportStore(journal)
    found = store.get(run.uid)
    assert found is not None and (found.as_of == before) == (more != "pending")
    if more == "rows":
        journal.write(images=rows(run, 3))
    if more == "events":
        laser = event_to_json(event("LaserExcitation", 0, run.uid))
        journal.write([NewRecord(RecordKind.EVENT, run.uid, laser, 1)])
    if more == "description":
        journal.write([described(run, "announced")])
    found = store.get(run.uid)
    assert found is not None and found.as_of != before
    assert found.images.received == (4 if more == "rows" else 3)
    assert found.images.pending == 0
    assert sum(found.events.values()) == (more == "events")


def test_a_run_without_an_update_is_worked_out(recording: Journal):
    run = new_run(1)
    recording.write([described(run)], rows(run, 0, 1))
    found = ReportStore(recording).get(run.uid)
    assert found is not None and found.images.received == 2


def test_a_reopened_run_is_as_sealed_until_it_is_updated(recording: Journal):
    run = sealed(recording, 1)
    run.state, run.revision = RunState.DRAINING, 1
    recording.write([described(run, "reopened")], rows(run, 2))
    store = ReportStore(recording)
    found = store.get(run.uid)
    assert found is not None
    assert (found.state, found.revision, found.images.received) == ("draining", 1, 2)
    run.images.receive(2, 2 * SECOND, 2 * SECOND + 1)
    recording.write([reported(run)])
    found = store.get(run.uid)
    assert found is not None and found.images.received == 3


def test_pages_go_from_the_latest_to_the_oldest(journal: Journal):
    for n in range(7):
        sealed(journal, n, experiment="odd" if n % 2 else "even")
    store = ReportStore(journal)
    seen, before, pages = [], None, 0
    while True:
        page = store.list(limit=3, before=before)
        seen += [run.run for run in page.runs]
        pages += 1
        before = page.next
        if pages == 1:
            sealed(journal, 9)  # comes while someone turns the pages
        if before is None:
            break
    assert (seen, pages) == ([6, 5, 4, 3, 2, 1, 0], 3)
    odd = store.list("odd", limit=2)
    assert [run.run for run in odd.runs] == [5, 3]
    assert [run.run for run in store.list("odd", 2, odd.next).runs] == [1]
    assert store.list("odd", limit=3).next is None


def test_experiments_are_chosen_by_name_run_and_group(journal: Journal):
    for n, name in enumerate(("a", "a", "b")):
        sealed(journal, n, name)
    ids = {"data_collection_id": 1, "data_collection_group_id": 8}
    journal.advance("ispyb", 6, "uid-0002", ids)
    store = ReportStore(journal)
    both = store.full()
    assert [(e.experiment, len(e.runs)) for e in both.experiments] == [
        ("a", 2),
        ("b", 1),
    ]
    assert both.experiments[0].cumulative.images == 4
    assert [run.run for run in store.full(experiment="a").runs] == [0, 1]
    assert [run.run for run in store.full(experiment="8").runs] == [2]
    assert [run.run for run in store.full(run="1").runs] == [1]
    assert [run.run for run in store.full(run="uid-0002").runs] == [2]
    assert store.full(run="uid").experiments == ()


def test_changes_since_a_record(recording: Journal):
    one, two = sealed(recording, 1), new_run(2)
    store = ReportStore(recording)
    seq, found = store.changes_since(0)
    assert ([run.uid for run in found], seq) == ([one.uid], 2)
    assert store.changes_since(seq) == (seq, ())
    recording.write([described(two)])
    laser = event_to_json(event("LaserExcitation", 0, two.uid))
    recording.write([NewRecord(RecordKind.EVENT, two.uid, laser, 1)])
    recording.write([described(two, "series_started")])
    seq, found = store.changes_since(seq)
    assert ([run.uid for run in found], seq) == ([two.uid], 5)


def damage(path: Path, run: Run, report: Any) -> None:
    """Put something else into the journal in place of a run's sealed report."""
    with contextlib.closing(sqlite3.connect(path)) as db, db:
        db.execute(
            "UPDATE records SET body = ? WHERE kind = 'run_sealed' AND run = ?",
            (json.dumps({"report": report}), run.uid),
        )


@pytest.mark.allow_error_log("report_unreadable")
def test_a_report_that_cannot_be_read_is_worked_out_or_named(
    journal: Journal, path: Path, log_events: list[dict[str, Any]]
):
    run, other = sealed(journal, 1), sealed(journal, 2)
    damage(path, run, {"run": "one", "uid": run.uid})
    store = ReportStore(journal)
    found = store.get(run.uid)
    assert found is not None and found.images.received == 2
    journal.write([NewRecord(RecordKind.RUN_PRUNED, run.uid, {}, 1)])
    with pytest.raises(ReportError, match=r"uid-0001.*run: .*'one'.*report\.json"):
        store.get(run.uid)
    assert [r.uid for r in store.full().runs] == [other.uid]
    assert [r.uid for r in store.list().runs] == [other.uid]
    said = [e for e in log_events if e["event"] == "report_unreadable"]
    assert [e["uid"] for e in said] == [run.uid] * 2


def test_whether_a_recorder_runs_is_seen_without_a_lock(path: Path):
    assert not is_recorded_into(path)
    Journal(path).close()
    assert not is_recorded_into(path)
    journal = Journal(path, owner=True)
    assert is_recorded_into(path)
    assert not is_recorded_into(path.with_name("other.sqlite"))
    journal.close()
    assert not is_recorded_into(path)
