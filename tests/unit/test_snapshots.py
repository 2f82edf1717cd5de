"""Packed copies change nothing: a run is the same with them and without."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.journal import Journal
from recorder.journal.event_json import event_from_json, event_to_json
from recorder.journal.records import NewRecord
from recorder.journal.restore import (
    events_of,
    events_of_trigger,
    load_run,
    pack_run,
)
from recorder.journal.run_record import run_record
from recorder.journal.snapshots import (
    event_arrays,
    image_arrays,
    pack,
    unpack_events,
    unpack_images,
)
from recorder.journal.snapshots_table import SNAPSHOT_ROWS
from recorder.records import EventType, Evidence, ImageClass, ImageOutcome, Lattice
from recorder.records.outcome_codec import decode_row, encode_row
from recorder.runs.run import Run
from recorder.runs.tables.event_log import EventLog
from recorder.runs.tables.image_table import ImageTable
from tests.builders import event, ledger_now, new_run, outcome
from tests.drawn import outcomes

CELL = (79.1, 79.1, 38.2, 90.0, 90.0, 90.0)
COLUMNS = (
    "outcome",
    "start_time_ns",
    "exposure_ns",
    "spots",
    "lattices",
    "resolution",
    "solvent",
)


@pytest.fixture
def journal(tmp_path):
    journal = Journal(tmp_path / "journal.sqlite", owner=True)
    run = new_run("u", 1, 10**18)
    journal.write([NewRecord("run", "u", run_record(run, "opened"), 1)])
    yield journal
    journal.close()


def one(n: int) -> ImageOutcome:
    times = n * 10**6, n * 10**6 + 500
    if n % 3:
        return outcome(n, ImageClass.NON_HIT, *times, spots=n % 70_000)
    a, b, c, *angles = CELL
    lattice = Lattice((a + n % 7, b, c, *angles), (), 9, -20.0, n / 1e6)
    return outcome(
        n,
        ImageClass.INDEXED,
        *times,
        spots=n % 70_000,
        resolution=2.0,
        lattices=(lattice,) * (1 + n % 2),
    )


def rows(first: int, end: int) -> list[tuple[str, ImageOutcome]]:
    return [("u", one(n)) for n in range(first, end)]


def events(count: int) -> list[NewRecord]:
    made = (
        replace(event("XrayDetection", n), clock=f"panda-{n % 2}") for n in range(count)
    )
    return [NewRecord("event", "u", event_to_json(e), 1) for e in made]


def same_tables(one: ImageTable, other: ImageTable) -> None:
    for name in COLUMNS:
        a, b = one.column(name), other.column(name)
        assert np.array_equal(a, b, equal_nan=True), name
    assert np.array_equal(one.lattices.cells, other.lattices.cells)
    assert np.array_equal(one.lattices.residuals, other.lattices.residuals)
    for name in (
        "received",
        "outcomes",
        "lattice_count",
        "hits_not_tried",
        "upstream",
        "stride",
        "pending",
        "size",
        "reduced",
    ):
        assert getattr(one, name) == getattr(other, name), name


def same(one: Run, other: Run) -> None:
    same_tables(one.images, other.images)
    assert ledger_now(one) == ledger_now(other)
    assert one.events.counts == other.events.counts
    for name in ("trigger", "time_ns", "uid"):
        a, b = one.events.column(name), other.events.column(name)
        assert np.array_equal(a, b), name


@pytest.mark.slow
def test_a_long_run_is_the_same_from_its_chunks(journal):
    journal.write(events(2 * SNAPSHOT_ROWS + 50), rows(0, 3 * SNAPSHOT_ROWS + 100))
    plain = load_run(journal, "u")
    assert pack_run(journal, "u") == 2 + 2
    assert pack_run(journal, "u") == 0
    packed = load_run(journal, "u")
    assert packed.images.received == 3 * SNAPSHOT_ROWS + 100
    assert packed.events.size == 2 * SNAPSHOT_ROWS + 50
    same(plain, packed)


def test_a_late_image_is_not_hidden_by_a_chunk(journal):
    journal.write(images=[*rows(0, 5), *rows(6, 2 * SNAPSHOT_ROWS)])
    assert pack_run(journal, "u") == 1
    journal.write(images=rows(5, 6))
    assert journal.snapshot("u", "images", 0) is None
    assert load_run(journal, "u").images.received == 2 * SNAPSHOT_ROWS
    assert pack_run(journal, "u") == 1
    assert load_run(journal, "u").images.received == 2 * SNAPSHOT_ROWS


@pytest.mark.parametrize("packed", [False, True])
def test_events_of_a_trigger_are_those_of_all_that_have_it(
    journal, packed, monkeypatch
):
    """In snapshots and behind them, repeated ones once."""
    monkeypatch.setattr("recorder.journal.restore.SNAPSHOT_ROWS", 50)
    first = events(120)
    journal.write(first)
    if packed:
        pack_run(journal, "u")
    journal.write([*first[:60], *events(170)[120:]])
    every = list(events_of(journal, "u"))
    assert len(every) == 170
    for trigger in (0, 49, 50, 119, 120, 169, 170):
        found = list(events_of_trigger(journal, "u", trigger))
        assert found == [one for one in every if one.trigger == trigger]


def test_events_after_the_last_chunk_and_repeated_ones(journal):
    first = events(SNAPSHOT_ROWS)
    journal.write([*first, *first[-3:]])
    assert pack_run(journal, "u") == 1
    journal.write([*first[:2], *events(SNAPSHOT_ROWS + 4)[SNAPSHOT_ROWS:]])
    run = load_run(journal, "u")
    assert run.events.size == SNAPSHOT_ROWS + 4
    assert run.events.counts["XrayDetection"] == SNAPSHOT_ROWS + 4
    assert not run.events.add(event_from_json(first[0].body))


@given(st.lists(outcomes(), unique_by=lambda image: image.image_id, max_size=30))
def test_images_taken_over_at_once_are_as_one_by_one(images):
    """The live table, and the one that is rebuilt from rows or from a packed copy."""
    images.sort(key=lambda image: image.image_id)
    live = ImageTable()
    for image in images:
        live.receive(image.image_id, image.start_time_ns, image.stop_time_ns)
        assert live.finish(image)
    stored = [decode_row(encode_row(image)) for image in images]
    for arrays in (image_arrays(stored), unpack_images(pack(image_arrays(images)))):
        again = ImageTable()
        again.extend(arrays)
        same_tables(live, again)


EVENTS = st.lists(
    st.builds(
        lambda uid, kind, trigger, evidence, clock, value: replace(
            event(kind, 0),
            uid=uid,
            trigger=trigger,
            evidence=evidence,
            clock=clock,
            value=value,
        ),
        st.sampled_from("abcdefgh"),
        st.sampled_from(EventType),
        st.none() | st.integers(0, 10**5),
        st.sampled_from(Evidence),
        st.sampled_from([None, "c", "d"]),
        st.none() | st.floats(-1, 1),
    ),
    max_size=12,
)


@given(EVENTS, EVENTS)
def test_events_taken_over_at_once_are_as_one_by_one(first, second):
    one, other = EventLog(), EventLog()
    for item in (*first, *second):
        one.add(item)
    for part in (first, second):
        arrays = event_arrays(event_to_json(item) for item in part)
        other.extend(unpack_events(pack(arrays)))
    assert one.size == other.size
    for name in ("type", "grade", "trigger", "time_ns", "duration_s", "off", "uid"):
        assert np.array_equal(one.column(name), other.column(name), equal_nan=True)
    for name in ("ordered", "first_number", "highest_number", "triggers"):
        assert getattr(one, name) == getattr(other, name), name
    assert +one.counts == +other.counts
    assert one.rows().clock == other.rows().clock
