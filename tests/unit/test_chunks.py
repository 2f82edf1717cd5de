"""Packed copies change nothing: a run is the same with them and without."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.journal import ImageRow, Journal
from recorder.journal.chunks import (
    event_arrays,
    image_arrays,
    pack,
    unpack_events,
    unpack_images,
)
from recorder.journal.events import event_from_json, event_to_json
from recorder.journal.packed import CHUNK
from recorder.journal.records import NewRecord
from recorder.journal.restore import load_run, pack_run, run_record
from recorder.records import Effort, EventType, Evidence, ImageClass, Unprocessed
from recorder.runs.events import EventLog
from recorder.runs.images import ImageTable
from recorder.runs.run import Run
from tests.builders import event

CELL = [79.1, 79.1, 38.2, 90.0, 90.0, 90.0]
COLUMNS = ("outcome", "start_time_ns", "exposure_ns", "spots", "lattices",
           "resolution", "solvent")  # fmt: skip


@pytest.fixture
def journal(tmp_path):
    journal = Journal(tmp_path / "journal.sqlite", owner=True)
    run = Run("u", 1, 10**18)
    journal.write([NewRecord("run", "u", run_record(run, "opened"), 1)])
    yield journal
    journal.close()


def detail(n: int) -> str | None:
    lattice = {"cell": [c + n % 7 for c in CELL], "residual": n / 1e6}
    return json.dumps({"lattices": [lattice] * (1 + n % 2)}) if n % 3 == 0 else None


def rows(first: int, end: int) -> list[ImageRow]:
    return [
        ImageRow(
            "u", n, "indexed" if n % 3 == 0 else "non_hit", n * 10**6, n * 10**6 + 500,
            10**18, n % 70_000, 2.0 if n % 3 == 0 else None, detail=detail(n),
        )
        for n in range(first, end)
    ]  # fmt: skip


def events(count: int) -> list[NewRecord]:
    made = (
        replace(event("XrayDetection", n), clock=f"panda-{n % 2}")
        for n in range(count)
    )  # fmt: skip
    return [NewRecord("event", "u", event_to_json(e), 1) for e in made]


def same(one: Run, other: Run) -> None:
    for name in COLUMNS:
        a, b = one.images.column(name), other.images.column(name)
        assert np.array_equal(a, b, equal_nan=True), name
    assert np.array_equal(one.images.cells, other.images.cells)
    assert np.array_equal(one.images.residuals, other.images.residuals)
    assert one.images.outcomes == other.images.outcomes
    assert one.images.stride == other.images.stride
    assert one.ledger() == other.ledger()
    assert one.events.counts == other.events.counts
    for name in ("trigger", "time_ns", "uid"):
        a, b = one.events.column(name), other.events.column(name)
        assert np.array_equal(a, b), name


@pytest.mark.slow
def test_a_long_run_is_the_same_from_its_chunks(journal):
    journal.write(events(2 * CHUNK + 50), rows(0, 3 * CHUNK + 100))
    plain = load_run(journal, "u")
    assert pack_run(journal, "u") == 2 + 2
    assert pack_run(journal, "u") == 0
    packed = load_run(journal, "u")
    assert packed.images.received == 3 * CHUNK + 100
    assert packed.events.size == 2 * CHUNK + 50
    same(plain, packed)


def test_a_late_image_is_not_hidden_by_a_chunk(journal):
    gap = [row for row in rows(0, 2 * CHUNK) if row.image_id != 5]
    journal.write(images=gap)
    assert pack_run(journal, "u") == 1
    journal.write(images=rows(5, 6))
    assert journal.chunk("u", "images", 0) is None
    assert load_run(journal, "u").images.received == 2 * CHUNK
    assert pack_run(journal, "u") == 1
    assert load_run(journal, "u").images.received == 2 * CHUNK


def test_events_after_the_last_chunk_and_repeated_ones(journal):
    first = events(CHUNK)
    journal.write([*first, *first[-3:]])
    assert pack_run(journal, "u") == 1
    journal.write([*first[:2], *events(CHUNK + 4)[CHUNK:]])
    run = load_run(journal, "u")
    assert run.events.size == CHUNK + 4
    assert run.events.counts["XrayDetection"] == CHUNK + 4
    assert not run.events.add(event_from_json(first[0].body))


OUTCOMES = st.sampled_from([*ImageClass, *Unprocessed])
IMAGES = st.lists(
    st.tuples(
        st.integers(0, 60), OUTCOMES, st.none() | st.integers(0, 10**15),
        st.none() | st.integers(0, 10**15), st.integers(0, 10**6),
        st.none() | st.floats(0.5, 50, width=32), st.integers(0, 3), st.integers(0, 3),
        st.booleans(),
    ),
    unique_by=lambda item: item[0],
    max_size=30,
)  # fmt: skip


@given(IMAGES)
def test_images_taken_over_at_once_are_as_one_by_one(found):
    table, stored = ImageTable(), []
    for image_id, outcome, start, stop, spots, resolution, n, effort, up in sorted(
        found, key=lambda item: item[0]
    ):
        lattices = [{"cell": CELL, "residual": 0.5 if k else None} for k in range(n)]
        more = {"lattices": lattices, "effort": effort, "upstream": up}
        stored.append((image_id, outcome, start, stop, spots, resolution, None,
                       json.dumps(more)))  # fmt: skip
        table.receive(image_id, start, stop)
        table.finish(
            image_id, outcome, spots=spots, cells=(tuple(CELL),) * n,
            residuals=(0.5,) * max(0, n - 1), resolution=resolution,
            effort=Effort(effort), upstream=up,
        )  # fmt: skip
    again = ImageTable()
    again.extend(unpack_images(pack(image_arrays(stored))))
    for name in COLUMNS:
        assert np.array_equal(table.column(name), again.column(name), equal_nan=True)
    for name in ("received", "outcomes", "lattice_count", "hits_not_tried", "upstream",
                 "stride", "pending", "size"):  # fmt: skip
        assert getattr(table, name) == getattr(again, name), name
    assert +table.reduced == +again.reduced
    assert np.array_equal(table.residuals, again.residuals)


EVENTS = st.lists(
    st.builds(
        lambda uid, kind, trigger, evidence, clock, value: replace(
            event(kind, 0), uid=uid, trigger=trigger, evidence=evidence, clock=clock,
            value=value,
        ),
        st.sampled_from("abcdefgh"), st.sampled_from(EventType),
        st.none() | st.integers(0, 10**5), st.sampled_from(Evidence),
        st.sampled_from([None, "c", "d"]), st.none() | st.floats(-1, 1),
    ),
    max_size=12,
)  # fmt: skip


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
