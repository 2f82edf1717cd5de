"""Runs that are archived: nothing lost, nothing doubled, whatever dies when."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recorder.errors import JournalError, NoSuchRunError
from recorder.journal import Journal
from recorder.journal.archive import choosing, moving, restoring
from recorder.journal.archive.choosing import DAY_NS, Wish, choose
from recorder.journal.archive.moving import archive_run
from recorder.journal.archive.packing import unpacked
from recorder.journal.archive.place import (
    ArchiveBusyError,
    archived,
    file_of,
)
from recorder.journal.archive.place import moving as lock
from recorder.journal.archive.restoring import restore_run
from recorder.journal.event_json import event_to_json
from recorder.journal.file_angles import ANGLES, pack_angles
from recorder.journal.moved_rows import RECORD_COLUMNS
from recorder.journal.pruning import finish_removals, prune
from recorder.journal.records import SINK_KINDS, NewRecord, RecordKind
from recorder.journal.restore import load_run
from recorder.journal.run_index import Headline
from recorder.journal.run_record import run_record
from recorder.records import FileAngles, ImageClass, Lattice, RunState
from recorder.records.outcome_codec import JOURNAL_COLUMNS
from recorder.records.report_json import full_to_json, report_to_json
from recorder.reports.chip import chip_json
from recorder.reports.explain import explain_image
from recorder.reports.run_labels import keep, labels_of
from recorder.reports.run_report import run_report
from recorder.reports.store import ReportStore
from tests.builders import EXAMPLE_CHAINS, collection, event, new_run, outcome, start
from tests.laws import examples

SINKS = ("ispyb", "results")
IMAGES = 12
LATTICE = Lattice((79.1, 79.1, 38.2, 90.0, 90.0, 90.0), (26.4,) * 9, 9, -20.0, 1e-3)
NOW_NS = 10**18 + 1000 * DAY_NS


@pytest.fixture
def few_kept(monkeypatch):
    """Old enough are all but the last run; steps are small."""
    monkeypatch.setattr(choosing, "KEPT_RUNS", 1)
    monkeypatch.setattr(restoring, "STEP", 5)
    monkeypatch.setattr("recorder.journal.pruning.STEP", 5)


def fill(path: Path, runs: int) -> None:
    journal = Journal(path, synchronous="normal")
    for number in range(runs):
        one_run(journal, number)
    deliver(journal)
    journal.close()


def deliver(journal: Journal, *but: str) -> None:
    for sink in SINKS:
        if sink not in but:
            journal.advance(sink, journal.last_record(), None, None)


def one_run(journal: Journal, number: int) -> None:
    uid, time_ns = f"uid-{number:04d}", 10**18 + number * DAY_NS
    announced = collection(uid, images=IMAGES, event_chains=EXAMPLE_CHAINS)
    header = replace(start(), angles=FileAngles("omega", np.arange(IMAGES) * 0.1))
    run = new_run(
        *(uid, number + 1, time_ns),
        announcement=announced,
        start=header,
        key=header.key,
    )
    journal.keep_snapshot(uid, ANGLES, 0, 0, pack_angles(header.angles))
    run.folder = f"f/{uid}"
    journal.write([NewRecord(RecordKind.RUN, uid, run_record(run, "opened"), time_ns)])
    journal.write(
        [
            NewRecord(RecordKind.EVENT, uid, event_to_json(made), time_ns)
            for made in (event("XrayDetection", n) for n in range(IMAGES))
        ],
        [(uid, image_of(n)) for n in range(IMAGES) if n != 4],
    )
    loaded = load_run(journal, uid)
    loaded.state = RunState.SEALED
    keep(journal, loaded, labels_of(loaded))
    report = report_to_json(run_report(loaded))
    update, sealed = {"report": report}, {"report": report, "revision": 0}
    journal.write(
        [
            NewRecord(RecordKind.RUN_UPDATED, uid, update, time_ns),
            NewRecord(RecordKind.RUN, uid, run_record(loaded, "sealed"), time_ns),
            NewRecord(RecordKind.RUN_SEALED, uid, sealed, time_ns),
        ]
    )


def image_of(n: int) -> Any:
    times = n * 10**9, n * 10**9 + 10**6
    if n % 3:
        return outcome(n, ImageClass.NON_HIT, *times, spots=n)
    return outcome(
        n, ImageClass.INDEXED, *times, spots=n, lattices=(LATTICE,), resolution=1.9
    )


@pytest.fixture
def journal(tmp_path, few_kept) -> Iterator[Journal]:
    fill(tmp_path / "journal.sqlite", 4)
    journal = Journal(tmp_path / "journal.sqlite", synchronous="normal")
    yield journal
    journal.close()


def archive_old(
    journal: Journal, folder: Path, step: Callable[[str], None] = lambda _: None
) -> list[str]:
    """All that may go; their uids."""
    with lock(journal.path):
        finish_removals(journal)
        wish = Wish(NOW_NS, older_than_days=1)
        return [
            archive_run(journal, choice, folder, step).uid
            for choice in choose(journal, wish, SINKS)
            if not choice.why_not
        ]


def known(journal: Journal, number: int) -> Headline:
    found = journal.headline(f"uid-{number:04d}")
    assert found is not None
    return found


def told(journal: Journal) -> Any:
    """What programs are told of all runs: their reports, each image, their chips."""
    report = full_to_json(ReportStore(journal, SINKS).full())
    uids, ids = journal.run_uids(), (0, 3, 4, IMAGES - 1)
    why = [explain_image(journal, uid, n) for uid in uids for n in ids]
    return json.loads(
        json.dumps([report, why, [chip_json(journal, uid) for uid in uids]])
    )


def rows_of(path: Path, but: tuple[str, ...] = ()) -> dict[str, list[Any]]:
    """All that a journal says, but for records of some kinds."""
    with sqlite3.connect(path) as db:
        found = {
            table: db.execute(f"SELECT * FROM {table} ORDER BY 1, 2").fetchall()
            for table in ("records", "images", "chunks", "runs", "ids", "cursors")
        }
    db.close()
    found["records"] = [row for row in found["records"] if row[2] not in but]
    return found


def test_an_archived_run_is_told_as_before(journal, tmp_path):
    before, size = told(journal), journal.image_count()
    assert archive_old(journal, tmp_path / "old") == [
        "uid-0000",
        "uid-0001",
        "uid-0002",
    ]
    assert told(journal) == before
    assert journal.image_count() == size // 4
    for number in range(3):
        where = archived(journal, f"uid-{number:04d}")
        assert where.images == IMAGES - 1
        assert Path(where.file).stat().st_size == where.file_bytes
        assert oct(Path(where.file).stat().st_mode & 0o777) == "0o640"
    assert archive_old(journal, tmp_path / "old") == []


def test_a_restored_run_is_as_it_was(journal, tmp_path):
    rows, before = rows_of(journal.path), told(journal)
    assert before[1][0]["angle"]["grade"] == "file"
    archive_old(journal, tmp_path / "old")
    for number in range(3):
        restore_run(journal, known(journal, number))
    assert rows_of(journal.path) == rows
    assert told(journal) == before
    with pytest.raises(JournalError, match="is not archived"):
        restore_run(journal, known(journal, 0))
    archive_old(journal, tmp_path / "old")  # and away again, over the same files
    assert told(journal) == before


@pytest.mark.parametrize("table", ["images", "records"])
def test_a_row_that_is_another_one_is_not_taken_for_the_archived(
    journal, tmp_path, table
):
    """As many rows are not the same rows: the run stays in its file, and is told."""
    archive_old(journal, tmp_path / "old")
    run, before = known(journal, 0), told(journal)
    file = archived(journal, run.uid)
    with unpacked(run.uid, file) as packed:
        if table == "images":
            rows = [*packed.outcome_rows(run.uid)]
            row = list(rows[0])
            place = JOURNAL_COLUMNS.index("received_ns")
        else:
            left = [row[0] for row in journal.record_rows(run.event_names)]
            rows = [*packed.record_rows(run.event_names)]
            row = list(next(row for row in rows if row[0] not in left))
            place = RECORD_COLUMNS.index("time_ns")
    row[place] += 1
    journal.put_back(table, [tuple(row)], run.uid)
    with pytest.raises(JournalError, match=r"(1 images and 0|0 images and 1) records"):
        restore_run(journal, run)
    assert archived(journal, run.uid) == file
    if table == "images":
        assert told(journal) == before


# -- killed ---------------------------------------------------------------------------


def killed_at(place: int, work: Callable[[Callable[[str], None]], Any]) -> bool:
    """Whether a process was killed in its n-th step; it ended before otherwise."""
    child = os.fork()
    if not child:
        left = place

        def step(_: str) -> None:
            nonlocal left
            if not left:
                os.kill(os.getpid(), signal.SIGKILL)
            left -= 1

        try:
            work(step)
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def alone(path: Path, work: Callable[[Journal], Any]) -> Any:
    journal = Journal(path, synchronous="normal")
    try:
        return work(journal)
    finally:
        journal.close()


@settings(max_examples=examples(12), deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 40)), max_size=3))
def test_killed_at_any_moment_it_loses_and_doubles_nothing(tmp_path_factory, kills):
    """``kill -9`` at steps of archiving and of restoring, one after the other."""
    tmp_path = tmp_path_factory.mktemp("killed")
    path, old = tmp_path / "journal.sqlite", tmp_path / "old"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(choosing, "KEPT_RUNS", 1)
        patch.setattr(restoring, "STEP", 5)
        patch.setattr("recorder.journal.pruning.STEP", 5)
        fill(path, 3)
        rows, before = rows_of(path), alone(path, told)
        for back, place in kills:

            def archiving(step: Callable[[str], None]) -> None:
                alone(path, lambda journal: archive_old(journal, old, step))

            def restoring_all(step: Callable[[str], None]) -> None:
                alone(path, lambda journal: restore_all(journal, step))

            killed_at(place, restoring_all if back else archiving)
            assert alone(path, told) == before
        alone(path, lambda journal: restore_all(journal))
        alone(path, lambda journal: archive_old(journal, old))
        assert alone(path, told) == before
        assert alone(path, lambda j: j.image_count()) == IMAGES - 1
        left = [item.name for item in old.rglob("*") if item.is_file()]
        assert len(left) == 2
        assert not [name for name in left if name.startswith(".")]
        alone(path, lambda journal: restore_all(journal))
        assert rows_of(path) == rows


def restore_all(journal: Journal, step: Callable[[str], None] = lambda _: None) -> None:
    for run in journal.headlines():
        if run.pruned:
            restore_run(journal, run, step)


def test_every_step_is_a_place_to_be_killed(tmp_path, few_kept):
    """The law above draws from these."""
    path, steps = tmp_path / "journal.sqlite", []
    fill(path, 2)
    alone(path, lambda j: archive_old(j, tmp_path / "old", steps.append))
    told_first = ["begun", "copied", "packed", "compared", "named", "synced", "marked"]
    assert steps[:7] == told_first
    assert steps[7:] == ["removed"] * len(steps[7:])
    assert len(steps) > 12
    again: list[str] = []
    alone(path, lambda j: restore_all(j, again.append))
    assert again[0] == "begun"
    assert again[-1] == "back"
    assert set(again) == {"begun", "records", "images", "chunks", "back"}


def test_what_a_killed_pruning_left_is_removed(journal):
    """The run counts as removed; its rows took space for ever."""
    journal.write([NewRecord(RecordKind.RUN_PRUNED, "uid-0000", {}, 1)])
    assert journal.image_count("uid-0000")
    assert finish_removals(journal) == ["uid-0000"]
    assert journal.image_count("uid-0000") == 0
    assert finish_removals(journal) == []


# -- what may not go ------------------------------------------------------------------


def reasons(journal: Journal, wish: Wish) -> dict[str, str]:
    return {c.known.uid: c.why_not for c in choose(journal, wish, SINKS)}


def test_what_is_not_delivered_stays(journal, tmp_path):
    sealed = journal.latest(RecordKind.RUN_SEALED, "uid-0001")
    journal.park("ispyb", sealed, "no such visit")
    one_run(journal, 4)
    one_run(journal, 5)
    found = reasons(journal, Wish(NOW_NS, older_than_days=1))
    assert found == {
        "uid-0000": "",
        "uid-0001": "ispyb refused it: no such visit",
        "uid-0002": "",
        "uid-0003": "",
        "uid-0004": "ispyb has not written it yet",
        "uid-0005": "one of the last 1 runs, which something late may reopen",
    }
    archive_old(journal, tmp_path / "old")
    assert journal.image_count("uid-0001") == IMAGES - 1


def test_age_and_size_choose_the_oldest(journal):
    one, two = Wish(NOW_NS - 998 * DAY_NS, older_than_days=1), Wish(NOW_NS)
    assert list(reasons(journal, one)) == ["uid-0000", "uid-0001"]
    assert reasons(journal, two) == {}
    used = journal.used_bytes()
    assert reasons(journal, Wish(NOW_NS, over_bytes=used)) == {}
    assert list(reasons(journal, Wish(NOW_NS, over_bytes=used - 1))) == ["uid-0000"]
    few = reasons(journal, Wish(NOW_NS, over_bytes=used // 2))
    assert list(few) == ["uid-0000", "uid-0001"]
    assert list(reasons(journal, Wish(NOW_NS, uid="uid-0002"))) == ["uid-0002"]


def test_a_run_that_goes_on_stays(journal):
    run = new_run("uid-open", 9, 10**18)
    journal.write([NewRecord(RecordKind.RUN, "uid-open", run_record(run, "opened"), 0)])
    assert reasons(journal, Wish(NOW_NS, uid="uid-open")) == {"uid-open": "it goes on"}


def test_a_run_that_changes_meanwhile_stays(journal, tmp_path):
    (choice, *_) = choose(journal, Wish(NOW_NS, older_than_days=1), SINKS)
    late = Journal(journal.path)

    def step(what: str) -> None:
        if what == "compared":
            late.write(images=[("uid-0000", image_of(4))])

    with pytest.raises(JournalError, match="changed while it was archived"):
        archive_run(journal, choice, tmp_path / "old", step)
    late.close()
    assert journal.image_count("uid-0000") == IMAGES
    assert not known(journal, 0).pruned
    archive_old(journal, tmp_path / "old")
    assert archived(journal, "uid-0000").images == IMAGES


def test_a_copy_that_differs_removes_nothing(journal, tmp_path, monkeypatch):
    real = moving.pack_file

    def spoilt(source: Path, to: Path) -> tuple[str, int]:
        found = real(source, to)
        with to.open("r+b") as file:
            file.seek(-20, os.SEEK_END)
            file.write(b"x" * 8)
        return found

    monkeypatch.setattr(moving, "pack_file", spoilt)
    with pytest.raises(JournalError, match="cannot be read again"):
        archive_old(journal, tmp_path / "old")
    assert journal.image_count("uid-0000") == IMAGES - 1
    assert [p for p in (tmp_path / "old").rglob("*") if p.is_file()] == []


def test_a_place_that_refuses_is_told(journal, tmp_path):
    (tmp_path / "old").write_text("a file")
    with pytest.raises(JournalError, match="cannot archive there"):
        archive_old(journal, tmp_path / "old")
    assert journal.image_count("uid-0000") == IMAGES - 1


def test_two_at_a_time_are_refused(journal):
    with lock(journal.path), pytest.raises(ArchiveBusyError, match="wait until"):
        with lock(journal.path):
            pass
    with lock(journal.path):
        pass


# -- reading --------------------------------------------------------------------------


def test_a_file_that_is_gone_or_changed_says_where_it_was(journal, tmp_path):
    archive_old(journal, tmp_path / "old")
    where = Path(archived(journal, "uid-0000").file)
    moved = where.rename(tmp_path / "away")
    with pytest.raises(NoSuchRunError, match=rf"{where}.*mount the folder"):
        explain_image(journal, "uid-0000", 0)
    shutil.copy(moved, where)
    assert explain_image(journal, "uid-0000", 0)["image_id"] == 0
    with where.open("r+b") as file:
        file.seek(100)
        file.write(b"x")
    with pytest.raises(NoSuchRunError, match="checksum differs"):
        explain_image(journal, "uid-0000", 0)
    with pytest.raises(JournalError, match="checksum differs"):
        restore_run(journal, known(journal, 0))


def test_a_large_one_is_not_unpacked_for_an_image(journal, tmp_path, monkeypatch):
    archive_old(journal, tmp_path / "old")
    monkeypatch.setattr("recorder.reports.which_run.READ_BYTES", 1000)
    with pytest.raises(NoSuchRunError, match="recorder archive restore uid-0000"):
        explain_image(journal, "uid-0000", 0)


def test_a_file_of_another_journal_is_refused(journal, tmp_path):
    archive_old(journal, tmp_path / "old")
    journal.mark("id", "another")
    with pytest.raises(JournalError, match="not of this journal"):
        restore_run(journal, known(journal, 0))


@given(st.text(max_size=300))
def test_names_of_files_stay_in_the_archive(uid):
    path = file_of(Path("/archive"), "id", 7, uid, 10**18)
    assert path.parts[:4] == ("/", "archive", "id", "2001-09")
    assert len(path.parts) == 5
    assert len(path.name.encode()) < 200


def test_pruning_spares_what_an_archive_is_to_get(journal):
    """Where there is an archive, nothing is removed that is not in it."""
    found = prune(journal, 1000, SINKS, SINK_KINDS, archived=True)
    assert found.runs == ()
    assert found.over
    assert journal.image_count("uid-0000") == IMAGES - 1
