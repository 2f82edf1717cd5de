"""What a look at the journal costs: work is counted, not timed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.config.recording import RunsSection
from recorder.journal import Journal, NewRecord, RecordKind
from recorder.journal.run_record import read_run_record, run_record
from recorder.records import CollectionEnd, RunState, RunStatus
from recorder.reports import store as store_module
from recorder.reports.bare_runs import BareRuns
from recorder.reports.life import look
from recorder.reports.run_report import run_report
from recorder.reports.store import ReportStore
from recorder.runs.book.book import RunBook
from recorder.runs.book.endings import BookSettings
from recorder.runs.run import Run
from recorder.service.restoring import restore_runs
from tests.builders import EXAMPLE_CHAINS, collection
from tests.unit.test_report_store import SINKS, described, new_run, reported, rows


class Work:
    """What a connection did."""

    def __init__(self) -> None:
        self.steps = 0
        """Instructions of SQLite's machine, in hundreds."""
        self.statements: list[str] = []


@contextmanager
def counted(journal: Journal) -> Iterator[Work]:
    """Count what is done with a journal meanwhile."""
    work, db = Work(), journal._db

    def step() -> int:
        work.steps += 1
        return 0

    db.set_progress_handler(step, 100)
    db.set_trace_callback(work.statements.append)
    try:
        yield work
    finally:
        db.set_progress_handler(None, 0)
        db.set_trace_callback(None)


def sealed(number: int) -> tuple[Run, list[NewRecord]]:
    run = new_run(number, 2, state=RunState.SEALED, status=RunStatus.SUCCESS)
    return run, [described(run, "sealed"), reported(run, RecordKind.RUN_SEALED)]


def going_on(number: int) -> tuple[Run, list[NewRecord]]:
    run = new_run(number, 2)
    return run, [described(run), reported(run)]


def announced(number: int) -> tuple[Run, list[NewRecord]]:
    run = new_run(number, state=RunState.ANNOUNCED)
    return run, [described(run)]


@contextmanager
def journal_of(path: Path, runs: int, make: Any) -> Iterator[Journal]:
    with closing(Journal(path / f"{runs}.sqlite", synchronous="normal")) as journal:
        for number in range(runs):
            run, records = make(number)
            journal.write(records, rows(run, *run.images.ids.tolist()))
        yield journal


@pytest.mark.parametrize("make", [sealed, going_on, announced])
@pytest.mark.parametrize("name", ["7", "uid-0007"])
def test_a_report_of_one_run_costs_one_run(tmp_path: Path, make: Any, name: str):
    """Twenty times as many others: not a statement and hardly a step more."""
    found = []
    for runs in (20, 400):
        with journal_of(tmp_path, runs, make) as journal, counted(journal) as work:
            report = ReportStore(journal, SINKS).full(run=name)
            assert [run.uid for run in report.runs] == ["uid-0007"]
        found.append((len(work.statements), work.steps))
    (few, short), (many, long) = found
    assert many == few
    assert long <= short + 2


@pytest.mark.parametrize("make", [sealed, going_on, announced])
def test_a_list_of_runs_reads_what_it_shows(
    tmp_path: Path, make: Any, monkeypatch: pytest.MonkeyPatch
):
    """Nothing is worked out; never-sealed runs cost as little as sealed ones."""
    monkeypatch.setattr(store_module, "load_run", None)
    with journal_of(tmp_path, 60, make) as journal:
        with counted(journal) as work:
            assert len(ReportStore(journal, SINKS).full().runs) == 60
        assert len(work.statements) <= 60 * (6 + len(SINKS)) + 1
        with counted(journal) as work:
            assert len(ReportStore(journal, SINKS).list(limit=3).runs) == 3
        assert len(work.statements) <= 3 * (6 + len(SINKS)) + 1


def test_a_status_names_open_runs_without_a_look_at_sealed_ones(tmp_path: Path):
    found = []
    for runs in (20, 400):
        with journal_of(tmp_path, runs, sealed) as journal:
            journal.write([described(new_run(999))])
            with counted(journal) as work:
                assert [run.uid for run in journal.unsealed()] == ["uid-0999"]
        found.append(work.steps)
        (tmp_path / f"{runs}.sqlite").rename(tmp_path / "journal.sqlite")
        life = look(tmp_path, ())
        assert [run.uid for run in life.open_runs] == ["uid-0999"]
        (tmp_path / "journal.sqlite").unlink()
    assert found[0] == found[1]


def test_a_start_reads_each_description_once(tmp_path: Path):
    """And none of runs that were sealed long ago, however many they are."""
    found = []
    for runs in (20, 200):
        with journal_of(tmp_path, runs, sealed) as journal:
            going, records = going_on(999)
            journal.write(records, rows(going, 0, 1))
            book, folders = RunBook(BookSettings()), _Folders()
            with counted(journal) as work:
                restore_runs(journal, book, folders, RunsSection())  # type: ignore[arg-type]
        assert [run.uid for run in book.active] == [going.uid]
        assert len(folders.seen) == runs + 1
        found.append(len(work.statements))
        bodies = [s for s in work.statements if "body" in s and "seq > " in s]
        assert len(set(bodies)) == len(bodies)
    assert found[0] == found[1]


class _Folders:
    def __init__(self) -> None:
        self.seen: list[str] = []

    def note(self, folder: str, uid: str) -> None:
        self.seen.append(uid)


def test_runs_announced_alike_are_worked_out_once(tmp_path: Path):
    made: list[str] = []

    def make(run: Run) -> Any:
        made.append(run.uid)
        return run_report(run)

    bare = BareRuns(make)
    with journal_of(tmp_path, 30, announced) as journal:
        other = new_run(99, state=RunState.ANNOUNCED, reason="another one")
        journal.write([described(other)])
        reports = [bare.report(journal, known) for known in journal.headlines()]
    assert made == ["uid-0000", "uid-0099"]
    assert [r.run for r in reports if r] == [*range(30), 99]


@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "experiment": st.sampled_from([{"name": "a"}, {"name": "b"}, "c"]),
                "images": st.none() | st.integers(1, 9),
                "event_chains": st.sampled_from([None, EXAMPLE_CHAINS]),
                "space_group": st.sampled_from([None, "P 1", "P 43 21 2"]),
                "run": st.integers(1, 99),
                "directory": st.sampled_from(["x/y", ""]),
            }
        ),
        min_size=2,
        max_size=4,
    ),
    st.lists(st.sampled_from(list(RunState)), min_size=4, max_size=4),
    st.none() | st.integers(0, 9),
)
def test_the_report_of_a_run_of_which_nothing_came_is_its_own(
    messages: list[dict[str, Any]], states: list[RunState], ended: int | None
):
    """Whatever was worked out before, of runs that are like it or not."""
    bare = BareRuns()
    for number, (message, state) in enumerate(zip(messages, states, strict=False)):
        sent = {name: value for name, value in message.items() if value is not None}
        try:
            announcement = collection(f"uid-{number}", number, **sent)
        except ValueError:  # refused at the door
            continue
        run = Run(f"uid-{number}", number, number, announcement, state=state)
        if ended is not None:
            end = CollectionEnd(run.uid, 0, RunStatus.SUCCESS, "", images=ended)
            run.end = end
        body = json.loads(json.dumps(run_record(run, "opened")))
        assert bare._described(body) == run_report(read_run_record(body))
