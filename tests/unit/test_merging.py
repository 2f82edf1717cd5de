"""Runs of another journal: as they were there, all of them or none."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from recorder.errors import JournalError
from recorder.journal import Journal, NewRecord, Record
from recorder.journal.event_json import event_to_json
from recorder.journal.file_angles import ANGLES, pack_angles
from recorder.journal.restore import load_run, pack_run
from recorder.journal.run_record import run_record
from recorder.journal.snapshots_table import SNAPSHOT_ROWS
from recorder.records import FileAngles, Json
from tests.builders import Driver, collection, end, event, image, outcome, start

MANY = SNAPSHOT_ROWS + 100
ANGLES_OF_FILE = FileAngles("omega", np.arange(4.0))


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """A journal with one run of many events and images, packed in part."""
    path = tmp_path / "other" / "journal.sqlite"
    driver = Driver()
    driver.feed(collection(images=4), start(images=4), image(0), end())
    driver.wait(2.1)
    run = driver.only
    assert run.start is not None
    run.start = replace(run.start, angles=ANGLES_OF_FILE)
    with closing(Journal(path)) as journal:
        journal.write([NewRecord("alarm", None, {}, 1)])  # of the recorder itself
        body = run_record(run, "opened")
        journal.write([NewRecord("run", run.uid, body, 1)])
        journal.keep_snapshot(run.uid, ANGLES, 0, 0, pack_angles(ANGLES_OF_FILE))
        for first in range(0, MANY, 4000):
            ids = range(first, min(MANY, first + 4000))
            events = [event("XrayDetection", n, uid=f"e{n}") for n in ids]
            journal.write(
                [NewRecord("event", run.uid, event_to_json(e), 1) for e in events],
                [(run.uid, outcome(2 * n, start_ns=n)) for n in ids],
            )
        assert pack_run(journal, run.uid) > 1
        report = {"report": {"run": 1, "images": {}}, "revision": 0}
        journal.write([NewRecord("run_sealed", run.uid, report, 2)])
    return path


@pytest.fixture
def journal(tmp_path: Path):
    with closing(Journal(tmp_path / "journal.sqlite")) as journal:
        yield journal


def renumbered(record: Record) -> Json:
    if "report" in record.body:
        return {**record.body, "report": {**record.body["report"], "run": 7}}
    return {**record.body, "run": 7}


def uid_in(path: Path) -> str:
    with closing(Journal(path, read_only=True)) as there:
        (uid,) = there.run_uids()
    return uid


def test_a_run_is_the_same_here(journal, other):
    uid = uid_in(other)
    journal.write([NewRecord("event", "x", {}, 1)], [("x", outcome(1))])
    assert journal.take_over(other, [uid], renumbered, {"a": "b"})
    with closing(Journal(other, read_only=True)) as there:
        mine, theirs = load_run(journal, uid), load_run(there, uid)
        assert list(journal.image_rows(uid)) == list(there.image_rows(uid))
        assert journal.snapshot_ends(uid, "images") == there.snapshot_ends(
            uid, "images"
        )
    assert (mine.number, theirs.number) == (7, 1)
    assert mine.start.angles.start.tolist() == ANGLES_OF_FILE.start.tolist()
    assert mine.images.ids.tolist() == theirs.images.ids.tolist()
    assert mine.events.counts == theirs.events.counts
    assert mine.events.counts.total() == MANY
    assert journal.headline(uid).number == 7
    assert journal.latest("run_sealed", uid).body["report"]["run"] == 7
    assert journal.marked("a") == "b"
    assert journal.count(kinds=("alarm",)) == 0
    changed = [c for c in journal.changes_since(0) if c.run == uid]
    assert [int(i) for c in changed for i in c.image_ids] == list(range(0, 2 * MANY, 2))


def test_what_is_in_the_log_beside_a_journal_is_taken_too(journal, other):
    """Whoever wrote it ended without closing it: the last rows are not in the file."""
    uid = uid_in(other)
    with closing(Journal(other)) as there:
        there.write([NewRecord("event", uid, {}, 3)], [(uid, outcome(2 * MANY))])
        assert there.path.with_name(f"{other.name}-wal").stat().st_size
        assert journal.take_over(other, [uid], renumbered, {})
        assert journal.count(run=uid) == there.count(run=uid)
    assert journal.last_image(uid) == 2 * MANY


def test_a_run_that_is_here_is_not_taken_again(journal, other):
    uid = uid_in(other)
    assert journal.take_over(other, [uid], renumbered, {"a": "1"})
    before = journal.last_record()
    assert not journal.take_over(other, [uid], renumbered, {"a": "2"})
    assert (journal.last_record(), journal.marked("a")) == (before, "1")
    assert journal.image_count(uid) == MANY


def test_nothing_is_taken_where_something_is_wrong(journal, other, tmp_path):
    uid = uid_in(other)

    def wrong(record: Record) -> Json:
        if "report" in record.body:  # the last record of all
            raise JournalError("no such thing")
        return record.body

    with pytest.raises(JournalError, match="no such thing"):
        journal.take_over(other, [uid], wrong, {"a": "b"})
    cut = tmp_path / "cut.sqlite"
    cut.write_bytes(other.read_bytes()[: other.stat().st_size // 2])
    with pytest.raises(JournalError):
        journal.take_over(cut, [uid], renumbered, {"a": "b"})
    none = tmp_path / "none.sqlite"
    with pytest.raises(JournalError, match="none"):
        journal.take_over(none, [uid], renumbered, {"a": "b"})
    older = tmp_path / "older.sqlite"
    older.write_bytes(other.read_bytes())
    with closing(Journal(older)) as old:
        old.mark("format", "3")
    with pytest.raises(JournalError, match="format"):
        journal.take_over(older, [uid], renumbered, {"a": "b"})
    assert journal.run_uids() == []
    assert journal.image_count() == journal.last_record() == 0
    assert journal.marked("a") is None
    assert journal.take_over(other, [uid], renumbered, {})
