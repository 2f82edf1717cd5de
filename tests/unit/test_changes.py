"""The change feed of image rows: a reader loses nothing and reads nothing twice."""

from __future__ import annotations

import contextlib
import sqlite3

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recorder.journal import Journal, changes
from recorder.journal.changes import pack, unpack
from recorder.records import ImageClass
from tests.builders import outcome

IDS = st.integers(0, 2**62)


@given(st.sets(IDS, min_size=1, max_size=50))
def test_ids_are_packed_and_unpacked(ids):
    assert unpack(*pack(ids)).tolist() == sorted(ids)


@given(st.integers(0, 2**40), st.lists(st.integers(1, 254), max_size=60))
def test_near_ids_cost_a_byte_each(first, steps):
    ids = np.cumsum([first, *steps]).tolist()
    assert len(pack(ids)[1]) == len(steps)


@settings(max_examples=40)
@given(st.data())
def test_a_reader_that_goes_on_from_what_it_saw_knows_every_row(tmp_path_factory, data):
    """Whenever it looks, whatever the order of commits and second looks."""
    path = tmp_path_factory.mktemp("journal") / "journal.sqlite"
    known: dict[tuple[str, int], str] = {}
    truth: dict[tuple[str, int], str] = {}
    seen = 0
    with (
        contextlib.closing(Journal(path)) as writer,
        contextlib.closing(Journal(path, read_only=True)) as reader,
    ):
        for _ in range(data.draw(st.integers(1, 8))):
            runs = st.sampled_from(["a", "b"])
            batch = []
            for uid, n in data.draw(
                st.lists(st.tuples(runs, st.integers(0, 30)), max_size=8)
            ):
                again = (uid, n) in truth
                before = ImageClass.NON_HIT if again else None
                kind = ImageClass.INDEXED if again else ImageClass.NON_HIT
                batch.append((uid, outcome(n, kind, before=before)))
                truth[uid, n] = str(kind)
            writer.write(images=batch)
            if data.draw(st.booleans()):
                seen = look(reader, seen, known)
        look(reader, seen, known)
        assert known == truth
        assert reader.changes_since(reader.last_change()) == []


def look(reader: Journal, seen: int, known: dict[tuple[str, int], str]) -> int:
    found = reader.changes_since(seen)
    assert found is not None
    for change in found:
        for image in reader.images_named(change.run, change.image_ids.tolist()):
            known[change.run, image.image_id] = str(image.outcome)
        seen = change.seq
    return seen


def test_a_reader_that_slept_too_long_is_told_so(tmp_path, monkeypatch):
    monkeypatch.setattr(changes, "KEPT", 10)
    monkeypatch.setattr(changes, "_SWEEP", 20)
    with contextlib.closing(Journal(tmp_path / "journal.sqlite")) as journal:
        for n in range(20):
            journal.write(images=[("a", outcome(n))])
        assert journal.changes_since(3) is None
        assert [c.seq for c in journal.changes_since(10, most=3) or ()] == [11, 12, 13]
        assert journal.last_change() == 20
        assert journal.changes_since(20) == []


def test_a_journal_of_format_3_gets_the_column_and_the_feed(tmp_path):
    path = tmp_path / "journal.sqlite"
    Journal(path).close()
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.executescript(
            "DROP TABLE changes; ALTER TABLE images DROP COLUMN rings;"
            "INSERT INTO run_ids VALUES (1, 'a');"
            "INSERT INTO images VALUES (1, 4, 'non_hit', 5, 6, 7, 2, 1.9, 0.5, 0, "
            "'{\"rings\": 3}', NULL, 0);"
            "INSERT INTO chunks VALUES ('a', 'images', 0, 0, x'00');"
            "UPDATE meta SET value = '3' WHERE key = 'format';"
        )
    with contextlib.closing(Journal(path)) as journal:
        journal.write(images=[("a", outcome(5, rings=2))])
        assert [row.found.rings for row in journal.image_rows("a")] == [3, 2]
        (change,) = journal.changes_since(0) or ()
        assert (change.run, change.image_ids.tolist()) == ("a", [5])
    with contextlib.closing(sqlite3.connect(path)) as db:
        (left,) = db.execute("SELECT COUNT(*) FROM chunks").fetchone()
        assert left == 0, "a snapshot without rings would hide them"


@pytest.mark.parametrize("ids", [[7], [0, 2**62]])
def test_few_ids(ids):
    assert unpack(*pack(ids)).tolist() == ids
