"""The index of the runs says what their records say, whoever wrote them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recorder.journal import Journal, NewRecord, RecordKind
from recorder.journal.run_index import Headline
from recorder.journal.run_record import read_run_record, run_record
from recorder.records import RunState
from recorder.reports.which_run import UID_PREFIX
from tests.laws import examples
from tests.unit.test_report_store import described, new_run

WITHOUT_INDEX = """
DROP TRIGGER runs_described; DROP TRIGGER runs_updated; DROP TRIGGER runs_sealed;
DROP TRIGGER runs_pruned; DROP TABLE runs;
"""
"""Makes the file one of a recorder that had no index."""
UIDS = ["uid-0001", "uid-0002", "uid-00", "1", "2", "12"]
Step = tuple[str, int, str, bool]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite"


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    with closing(Journal(path)) as made:
        yield made


def steps() -> st.SearchStrategy[list[Step]]:
    """Kinds of records, whose, the run's state, and whether a uid was announced."""
    return st.lists(
        st.tuples(
            st.sampled_from(["run", "run_updated", "run_sealed", "run_pruned"]),
            st.integers(0, len(UIDS) - 1),
            st.sampled_from(list(RunState)),
            st.booleans(),
        ),
        max_size=12,
    )


def written(step: Step, at_ns: int) -> NewRecord:
    kind, number, state, adopted = step
    run = new_run(number % 3, state=RunState(state))
    body = {**run_record(run, "opened"), "uid": UIDS[number], "folder": f"f{at_ns}"}
    body["collection_uid"] = "announced" if adopted else None
    return NewRecord(
        RecordKind(kind), UIDS[number], body if kind == "run" else {}, at_ns
    )


def looked_up(journal: Journal) -> list[Headline]:
    """The same from the records themselves."""
    found = []
    records = journal.records()
    for uid in dict.fromkeys(r.run for r in records if r.kind == "run"):
        mine = [r for r in records if r.run == uid]
        last = {r.kind: r for r in mine}
        body = last["run"].body
        known = {kind: record.seq for kind, record in last.items()}
        found.append(
            Headline(
                uid=str(uid),
                number=body["run"],
                experiment=read_run_record(body).experiment,
                sealed=body["state"] == "sealed",
                folder=body["folder"],
                collection_uid=body["collection_uid"],
                opened=min(r.seq for r in mine if r.kind == "run"),
                described=last["run"].seq,
                described_ns=last["run"].time_ns,
                updated=known.get("run_updated"),
                reported=known.get("run_sealed"),
                pruned="run_pruned" in known,
            )
        )
    return found


@settings(max_examples=examples(40))
@given(steps(), st.sampled_from([*UIDS, "uid-000", "uid-0", "01", "x", "\udc80"]))
def test_the_index_says_what_the_records_say(drawn: list[Step], name: str):
    """Kept with each record, made later, or looked up by one that may only read."""
    first = {step[1]: n for n, step in reversed(list(enumerate(drawn)))}
    drawn = [("run", *s[1:]) if first[s[1]] == n else s for n, s in enumerate(drawn)]
    with TemporaryDirectory() as folder:
        path = Path(folder) / "journal.sqlite"
        with closing(Journal(path, synchronous="normal")) as journal:
            journal.write([written(step, n) for n, step in enumerate(drawn)])
            true = looked_up(journal)
            assert journal.headlines() == true
        with closing(sqlite3.connect(path)) as db:
            db.executescript(WITHOUT_INDEX)
        for read_only in (True, False):
            with closing(Journal(path, read_only=read_only)) as journal:
                assert journal.headlines() == true
                assert list(journal.headlines_before()) == true[::-1]
                assert journal.unsealed() == [run for run in true if not run.sealed]
                assert journal.named(name, UID_PREFIX) == [
                    run
                    for run in true
                    if name in (str(run.number), run.uid)
                    or (len(name) >= UID_PREFIX and run.uid.startswith(name))
                ]


def test_an_older_recorder_keeps_the_index_with_its_own_inserts(
    journal: Journal, path: Path
):
    """It knows of no index; the database does."""
    run = new_run(1)
    journal.write([described(run)])
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(
            "INSERT INTO records (run, kind, time_ns, body) "
            "SELECT run, kind, 7, replace(body, '\"open\"', '\"sealed\"') FROM records"
        )
    (known,) = journal.headlines()
    assert (known.sealed, known.described, known.described_ns) == (True, 2, 7)


@given(
    st.dictionaries(
        st.sampled_from(["experiment", "images"]),
        st.recursive(
            st.none() | st.booleans() | st.integers(0, 9) | st.text(max_size=5),
            lambda inner: st.lists(inner) | st.dictionaries(st.just("name"), inner),
            max_leaves=4,
        ),
    )
)
def test_an_experiment_is_read_as_from_the_whole_record(message: dict[str, Any]):
    body = {**run_record(new_run(7), "opened"), "body": message}
    with TemporaryDirectory() as folder:
        with closing(
            Journal(Path(folder) / "j.sqlite", synchronous="normal")
        ) as journal:
            journal.write([NewRecord(RecordKind.RUN, "uid-0007", body, 0)])
            (known,) = journal.headlines()
    assert known.experiment == read_run_record(body).experiment


def test_a_record_that_cannot_be_read_costs_its_run_only(journal: Journal, path: Path):
    """An index that is made anew leaves it out."""
    journal.write([described(new_run(1)), described(new_run(2))])
    journal.close()
    with closing(sqlite3.connect(path)) as db:
        db.executescript(WITHOUT_INDEX)
        db.execute("UPDATE records SET body = substr(body, 3) WHERE seq = 1")
        db.commit()
    for read_only in (True, False):
        with closing(Journal(path, read_only=read_only)) as again:
            assert again.run_uids() == ["uid-0002"]
