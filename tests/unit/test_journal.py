"""The journal: one writer, one row for each image, nothing lost by a kill."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from recorder.errors import JournalError
from recorder.journal import Journal
from recorder.journal.event_json import event_from_json, event_to_json
from recorder.journal.records import NewRecord
from recorder.journal.restore import load_last_sealed, load_run, load_unsealed
from recorder.journal.run_record import run_record
from recorder.records import (
    Classification,
    ImageClass,
    ImageOutcome,
    RunState,
    RunStatus,
    Unprocessed,
)
from recorder.runs.book.endings import decide_status
from tests.builders import (
    Driver,
    collection,
    collection_end,
    end,
    event,
    image,
    ledger_now,
    new_run,
    non_hits,
    outcome,
    start,
)


@pytest.fixture
def journal(tmp_path):
    journal = Journal(tmp_path / "journal.sqlite", owner=True)
    yield journal
    journal.close()


def test_records_come_back_in_order(journal):
    journal.write([NewRecord("run", "a", {"n": n}, n) for n in range(5)])
    assert [r.body["n"] for r in journal.records(after=2, kinds=("run",))] == [2, 3, 4]
    assert journal.latest("run", "a").body == {"n": 4}
    assert journal.last_seq("a", ("run",)) == 5


def test_an_image_stays_one_row(journal):
    first = outcome(7, ImageClass.INDEXED)
    journal.write(images=[("a", first), ("a", outcome(7, Unprocessed.CORRUPT))])
    journal.write(images=[("a", outcome(7)), ("a", outcome(8)), ("b", outcome(7))])
    assert list(journal.image_rows("a", 7, 8)) == [first]


def test_transactions_are_whole(journal):
    with pytest.raises(KeyboardInterrupt), journal._transaction() as db:
        journal._append(db, [NewRecord("run", "a", {}, 1)], [("a", outcome(1))])
        raise KeyboardInterrupt
    assert (journal.records(), list(journal.image_rows("a"))) == ([], [])


UNWRITABLE = {
    "not JSON compliant": float("nan"),
    "a set cannot be journalled": {1},
    "surrogates not allowed": None,
}


@pytest.mark.parametrize("why", UNWRITABLE)
@pytest.mark.parametrize("place", range(3))
def test_what_no_journal_can_hold_costs_only_itself(journal, why, place):
    run = "\ud800" if UNWRITABLE[why] is None else "a"
    records = [NewRecord("run", "a", {"n": n}, n) for n in range(2)]
    records.insert(place, NewRecord("run", run, {"n": UNWRITABLE[why]}, 9))
    late = replace(outcome(7), start_time_ns=2**63)
    images = [("a", outcome(1)), ("a", late), ("a", outcome(2))]
    refused = journal.write(records, images)
    assert [r.body for r in journal.records()] == [{"n": 0}, {"n": 1}]
    assert [row.image_id for row in journal.image_rows("a")] == [1, 2]
    assert len(refused) == 2
    assert why in refused[0] and refused[1].startswith("image 7 of run a: ")


def test_numbers_of_numpy_and_paths_come_back_plain(journal):
    body = {"n": np.int64(3), "x": np.float32(0.5), "b": np.True_, "p": Path("/a")}
    assert journal.write([NewRecord("run", "a", body, 1)]) == []
    (found,) = journal.records()
    assert found.body == {"n": 3, "x": 0.5, "b": True, "p": "/a"}


def test_second_owner_is_refused(journal, tmp_path):
    with pytest.raises(JournalError, match="another recorder uses this journal"):
        Journal(tmp_path / "journal.sqlite", owner=True)


def test_readers_are_welcome(journal, tmp_path):
    journal.write([NewRecord("run", "a", {}, 1)])
    reader = Journal(tmp_path / "journal.sqlite", read_only=True)
    assert reader.run_uids() == ["a"]
    with pytest.raises(JournalError):
        reader.write([NewRecord("run", "b", {}, 1)])
    reader.close()


def test_nothing_recorded_yet_is_said(tmp_path):
    with pytest.raises(JournalError, match="nothing has been recorded"):
        Journal(tmp_path / "absent.sqlite", read_only=True)


def test_other_formats_and_garbage_are_refused(tmp_path):
    path = tmp_path / "journal.sqlite"
    Journal(path).close()
    with sqlite3.connect(path) as db:
        db.execute("UPDATE meta SET value = '99'")
    db.close()
    with pytest.raises(JournalError, match="format 99"):
        Journal(path)
    path.write_bytes(b"garbage" * 1000)
    with pytest.raises(JournalError, match="cannot open"):
        Journal(path)


def test_parking_and_cursors(journal):
    journal.write([NewRecord("run", "a", {}, 1), NewRecord("run", "b", {}, 2)])
    first, second = journal.records()
    journal.park("ispyb", first, "too long")
    journal.advance("ispyb", second.seq, "b", {"data_collection_id": 17})
    assert journal.sink_state("ispyb", "a")[1] == "too long"
    assert journal.ids("ispyb", "b") == {"data_collection_id": 17}
    assert journal.backlog("ispyb", ("run",)) == 0
    assert journal.unpark("ispyb") == 1
    assert journal.backlog("ispyb", ("run",)) == 1


WRITER = """
import sys
from pathlib import Path
from recorder.journal import Journal
from recorder.records import Classification, ImageClass, ImageOutcome
journal = Journal(Path(sys.argv[1]), owner=True)
dark = Classification(ImageClass.NON_HIT, 0)
n = 0
while True:
    journal.write(images=[("a", ImageOutcome(n * 10 + k, dark)) for k in range(10)])
    n += 1
    print(n * 10, flush=True)
"""


def test_what_was_acknowledged_survives_kill(tmp_path):
    path = tmp_path / "journal.sqlite"
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True
    )
    said = 0
    while said < 200:
        said = int(process.stdout.readline())
    os.kill(process.pid, signal.SIGKILL)
    rest = process.stdout.read().split()
    process.stdout.close()
    process.wait()
    said = max([said, *map(int, rest)])
    journal = Journal(path, owner=True)
    rows = [row.image_id for row in journal.image_rows("a")]
    assert rows[:said] == list(range(said))
    assert len(rows) % 10 == 0
    journal.close()


def test_a_run_is_rebuilt_as_it_was(journal):
    driver = Driver()
    laser, xray = event("LaserExcitation", 0), event("XrayDetection", 0)
    header = start(images=4, recorder_uid="uid-1")
    driver.feed(collection(images=4), laser, xray, header)
    driver.feed(image(0), image(1), image(3), end())
    driver.feed(collection_end(status=RunStatus.ABORTED, reason="no beam"))
    driver.wait(2.1)
    run = driver.only
    journal.write(
        [
            NewRecord("run", run.uid, run_record(run, "sealed"), 1),
            *(NewRecord("event", "uid-1", event_to_json(e), 1) for e in (laser, xray)),
        ],
        [(run.uid, outcome(n, start_ns=n)) for n in (0, 1, 3)],
    )
    again = load_run(journal, run.uid)
    assert ledger_now(again) == ledger_now(run)
    assert (again.status, again.reason, again.notes) == (
        run.status,
        run.reason,
        run.notes,
    )
    assert again.key == run.key
    assert again.start.info == run.start.info
    assert again.start.recorder_uid == run.start.recorder_uid == "uid-1"
    assert again.events.counts == run.events.counts


def test_events_survive_as_json():
    original = event("LaserExcitation", 5, value=0.9, body={"extra": [1]})
    assert event_from_json(event_to_json(original)) == original


def test_a_journal_of_the_first_format_is_brought_up_to_date(tmp_path):
    path = tmp_path / "journal.sqlite"
    Journal(path).close()
    db = sqlite3.connect(path)
    db.executescript(
        "DROP TABLE images;"
        "CREATE TABLE images (run INTEGER NOT NULL, image_id INTEGER NOT NULL,"
        " outcome TEXT NOT NULL, start_time_ns INTEGER, stop_time_ns INTEGER,"
        " received_ns INTEGER NOT NULL, spots INTEGER NOT NULL, resolution REAL,"
        " background REAL, saturated INTEGER NOT NULL, detail TEXT,"
        " PRIMARY KEY (run, image_id)) WITHOUT ROWID;"
        "INSERT INTO run_ids VALUES (1, 'a');"
        "INSERT INTO images VALUES (1, 4, 'non_hit', 5, 6, 7, 2, 1.9, 0.5, 0, NULL);"
        "UPDATE meta SET value = '1' WHERE key = 'format';"
    )
    db.close()
    journal = Journal(path)
    written = outcome(5, solvent=1.4, learned=3)
    journal.write(images=[("a", written)])
    old, new = journal.image_rows("a")
    assert old == ImageOutcome(
        4, Classification(ImageClass.NON_HIT, 2, (), 1.9, 0.5), 5, 6, 7
    )
    assert new == written
    journal.close()
    Journal(path, read_only=True).close()


@pytest.mark.parametrize("damage", ["outcome = 'x'", "detail = '{'"])
def test_an_image_row_that_cannot_be_read_is_an_error_of_ours(tmp_path, damage):
    path = tmp_path / "journal.sqlite"
    with contextlib.closing(Journal(path)) as journal:
        journal.write(images=[("a", outcome(1))])
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute(f"UPDATE images SET {damage}")
        db.commit()
    with (
        contextlib.closing(Journal(path)) as journal,
        pytest.raises(JournalError, match=r"cannot be read.*move it away"),
    ):
        list(journal.image_rows("a"))


def test_an_announced_end_and_a_reopened_run_survive_a_kill(journal):
    """They are in the record that is written with them."""
    driver = Driver()
    driver.feed(collection(images=4), start(images=4), image(0), end())
    driver.wait(2.1)
    run = driver.only
    driver.feed(collection_end(status=RunStatus.FAILED, reason="no beam"))
    journal.write([NewRecord("run", run.uid, run_record(run, "reopened"), 1)])
    (again,) = load_unsealed(journal)
    assert (again.revision, again.end.status) == (1, RunStatus.FAILED)
    decide_status(again)
    assert (again.status, again.reason) == (RunStatus.FAILED, "no beam")


def test_the_last_sealed_runs_are_restored_as_far_as_that_is_quick(journal):
    for number, images in enumerate((5, 500, 20, 10)):
        uid = f"r{number}"
        run = new_run(uid, number, 1, state=RunState.SEALED)
        record = NewRecord("run", uid, run_record(run, "sealed"), number)
        journal.write([record], non_hits(uid, range(images)))
    going = new_run("going", 9, 1, state=RunState.OPEN)
    journal.write([NewRecord("run", "going", run_record(going, "opened"), 9)])

    def restored(most, rows, since_ns=0):
        found = load_last_sealed(journal, most, rows, since_ns)
        return [run.uid for run in found]

    assert restored(8, 1000) == ["r0", "r1", "r2", "r3"]
    assert restored(2, 1000) == ["r2", "r3"]
    assert restored(8, 100) == ["r2", "r3"]
    assert restored(8, 5) == []
    assert restored(8, 1000, since_ns=3) == ["r3"]
    assert load_last_sealed(journal, 1, 10, 0)[0].images.received == 10
    events = [
        NewRecord("event", "r3", event_to_json(event("XrayDetection", n)), n)
        for n in range(50)
    ]
    journal.write(events)
    assert restored(8, 59) == []
    assert restored(8, 60) == ["r3"]


def test_what_was_counted_since_the_last_description_is_not_forgotten(journal):
    driver = Driver()
    driver.feed(collection(images=4), start(images=4), image(0), image(0))
    run = driver.book.active[0]
    record = run_record(run, "opened")
    record["counts"] = {}
    report = {"report": {"counts": {"duplicate_images": 1}}}
    journal.write(
        [
            NewRecord("run", run.uid, record, 1),
            NewRecord("run_updated", run.uid, report, 1),
        ]
    )
    assert load_run(journal, run.uid).counts["duplicate_images"] == 1


def locks_of(path: Path) -> int:
    """How many locks of this process the kernel lists on a file."""
    place, pid = f":{path.stat().st_ino}", str(os.getpid())
    lines = Path("/proc/locks").read_text("ascii").splitlines()
    words = [line.split() for line in lines if " POSIX " in line]
    return sum(pid in found and found[-3].endswith(place) for found in words)


def test_another_connection_drops_no_lock(tmp_path):
    """Closing any descriptor of a file drops all locks that the process has on it."""
    path = tmp_path / "journal.sqlite"
    with closing(Journal(path, owner=True)):
        before = locks_of(path)
        assert before > 0
        with closing(Journal(path)), closing(Journal(path, read_only=True)):
            assert locks_of(path) >= before
