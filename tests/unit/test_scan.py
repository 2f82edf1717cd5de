"""The walk over a chip: each well in its turn, and back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.journal.run_record import read_run_record, run_record
from recorder.records.limits import MAX_SHOTS, MAX_SKIPS, MAX_WELLS
from recorder.records.scan import Along, Corner, Scan, Skip, scan_problems
from recorder.runs.run import Run
from recorder.ssx.clocks.unknown import NO_ORDINAL
from recorder.ssx.scan.placing import PlacedBy, place_images
from recorder.ssx.scan.walk import NOWHERE, Walk, walk_of
from tests.builders import announced, announcement
from tests.unit.test_announcement import JSON

SIDE = st.integers(1, 5)


@st.composite
def scans(draw: st.DrawFn, skips: bool = True) -> Scan:
    rows, columns = draw(SIDE), draw(SIDE)
    blocks = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    optional = [
        st.none() | st.integers(0, top - 1)
        for top in (blocks[0] * blocks[1], rows, columns)
    ]
    skip = st.builds(Skip, *optional).filter(lambda item: item != Skip())
    return Scan(
        rows,
        columns,
        blocks,
        draw(st.sampled_from(Along)),
        draw(st.booleans()),
        draw(st.integers(1, 3)),
        draw(st.sampled_from(Corner)),
        tuple(draw(st.lists(skip, max_size=2))) if skips else (),
        draw(st.sampled_from(Along)),
        draw(st.booleans()),
    )


def reference(scan: Scan) -> list[tuple[int, int, int, int]]:
    """Block, row, column and shot of each trigger, one step at a time."""
    down, across = scan.blocks

    def lines(height: int, width: int, along: Along, snake: bool) -> Any:
        long, short = (height, width) if along is Along.ROWS else (width, height)
        for line in range(long):
            back = snake and line % 2
            for step in reversed(range(short)) if back else range(short):
                yield (line, step) if along is Along.ROWS else (step, line)

    found = []
    for by, bx in lines(down, across, scan.block_order, scan.block_snake):
        for row, column in lines(scan.rows, scan.columns, scan.order, scan.snake):
            if scan.start_corner.startswith("bottom"):
                b_row, row = down - 1 - by, scan.rows - 1 - row
            else:
                b_row = by
            if scan.start_corner.endswith("right"):
                b_column, column = across - 1 - bx, scan.columns - 1 - column
            else:
                b_column = bx
            block = b_row * across + b_column
            if not any(
                skip.block in (None, block)
                and skip.row in (None, row)
                and skip.column in (None, column)
                for skip in scan.skip
            ):
                found += [
                    (block, row, column, shot)
                    for shot in range(scan.shots_per_position)
                ]
    return found


def told(walk: Walk, ordinal: Any) -> list[tuple[int, int, int, int]]:
    at = walk.at(np.asarray(ordinal, np.int64))
    return list(
        zip(*(c.tolist() for c in (at.block, at.row, at.column, at.shot)), strict=True)
    )


@given(scans())
def test_a_walk_goes_as_one_that_is_walked_step_by_step(scan):
    walk = walk_of(scan)
    assert told(walk, np.arange(walk.triggers)) == reference(scan)


@given(scans())
def test_each_well_has_its_shots_and_the_way_back_is_exact(scan):
    walk = walk_of(scan)
    ordinal = np.arange(walk.triggers, dtype=np.int64)
    at = walk.at(ordinal)
    again = walk.trigger(at.block, at.row, at.column, at.shot)
    assert again.tolist() == ordinal.tolist()
    _, visits = np.unique(at.well, return_counts=True)
    assert (visits == scan.shots_per_position).all()
    height, width = scan.grid
    assert visits.size == np.count_nonzero(walk.place >= 0)
    assert visits.size <= height * width
    if not scan.skip:
        assert visits.size == height * width
    for skipped in np.flatnonzero(walk.place.ravel() < 0):
        block, row, column = walk.parts(np.array([skipped]))
        assert walk.trigger(block, row, column, np.zeros(1, np.int64))[0] == NOWHERE


@given(scans(), st.integers(1, 9))
def test_what_is_not_on_the_walk_has_no_well(scan, more):
    walk = walk_of(scan)
    outside = np.array([-1, -more, walk.triggers, walk.triggers + more])
    assert set(told(walk, outside)) == {(NOWHERE,) * 4}


@given(scans(skips=False))
def test_a_start_corner_is_a_reflection(scan):
    first = walk_of(Scan(**{**values(scan), "start_corner": Corner.TOP_LEFT})).wells
    height, width = scan.grid
    down, across = np.divmod(first, width)
    if scan.start_corner.startswith("bottom"):
        down = height - 1 - down
    if scan.start_corner.endswith("right"):
        across = width - 1 - across
    assert walk_of(scan).wells.tolist() == (down * width + across).tolist()


def values(scan: Scan) -> dict[str, Any]:
    return {name: getattr(scan, name) for name in Scan.__slots__}


@given(scans(skips=False))
def test_a_snake_turns_each_second_line_round(scan):
    plain = walk_of(Scan(**{**values(scan), "snake": False}))
    snake = walk_of(Scan(**{**values(scan), "snake": True}))
    length = scan.columns if scan.order is Along.ROWS else scan.rows
    lines = scan.rows if scan.order is Along.ROWS else scan.columns
    shape = (-1, lines, length)
    straight, turned = plain.wells.reshape(shape), snake.wells.reshape(shape)
    assert (turned[:, ::2] == straight[:, ::2]).all()
    assert (turned[:, 1::2] == straight[:, 1::2, ::-1]).all()


def test_an_oxford_chip():
    """Eight by eight blocks of 20 x 20, up and down the columns of blocks."""
    scan = Scan(20, 20, (8, 8), snake=True, block_order=Along.COLUMNS, block_snake=True)
    walk = walk_of(scan)
    assert walk.triggers == 25_600
    assert told(walk, [0, 19, 20, 399, 400, 8 * 400, 25_599]) == [
        (0, 0, 0, 0),
        (0, 0, 19, 0),
        (0, 1, 19, 0),
        (0, 19, 0, 0),
        (8, 0, 0, 0),
        (57, 0, 0, 0),
        (7, 19, 0, 0),
    ]


# -- which trigger ---------------------------------------------------------------------


@given(st.lists(st.sampled_from("imlu"), min_size=1, max_size=60))
def test_an_image_gets_its_trigger_or_none(story):
    """Images, missed triggers, lost images, images whose trigger is unknown."""
    truth, ids, ordinal, image_id = [], [], [], 0
    for trigger, what in enumerate(story):
        if what == "m":
            continue
        if what != "l":
            ids.append(image_id)
            truth.append(trigger)
            ordinal.append(NO_ORDINAL if what == "u" else trigger)
        image_id += 1
    placed = place_images(np.array(ids, np.int64), np.array(ordinal, np.int64), True)
    known = placed.ordinal != NO_ORDINAL
    assert (placed.ordinal[known] == np.array(truth, np.int64)[known]).all()
    if "m" not in story and "i" in story:
        last = max(n for n, o in enumerate(ordinal) if o != NO_ORDINAL)
        assert known[: last + 1].all()


def test_without_triggers_images_are_counted_unless_some_were_missed():
    ids, nothing = np.array([0, 1, 5]), np.full(3, NO_ORDINAL)
    counted = place_images(ids, nothing, False)
    assert (counted.ordinal.tolist(), counted.by) == ([0, 1, 5], PlacedBy.IMAGE_ID)
    unknown = place_images(ids, nothing, True)
    assert (unknown.ordinal == NO_ORDINAL).all() and unknown.by is PlacedBy.NOTHING


# -- announced -------------------------------------------------------------------------

GOOD = {
    "rows": 20,
    "columns": 20,
    "blocks": [8, 8],
    "order": "columns",
    "snake": True,
    "shots_per_position": 2,
    "start_corner": "bottom-right",
    "skip": [{"row": 0, "column": 0}, {"block": 3}],
    "block_order": "columns",
    "block_snake": True,
}


def test_a_good_scan_is_used_and_survives_the_journal():
    found = announced(announcement(scan=GOOD))
    assert found.problems == ()
    assert found.scan is not None
    kept = {name: getattr(found.scan, name) for name in GOOD}
    assert kept == {
        **GOOD,
        "blocks": (8, 8),
        "skip": (Skip(row=0, column=0), Skip(block=3)),
    }
    run = Run("u", 3, 10**18, found, folder="a/b")
    assert read_run_record(run_record(run, "opened")).announcement.scan == found.scan


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        (7, "scan: 7"),
        ([1, 2], "scan: [1, 2]"),
        ({"columns": 3}, "scan.rows: is missing"),
        ({"rows": 0, "columns": 3}, "scan.rows: 0"),
        ({"rows": True, "columns": 3}, "scan.rows: True"),
        ({"rows": "x", "columns": 3}, "scan.rows: 'x'"),
        ({"rows": 1.5, "columns": 3}, "scan.rows: 1.5"),
        ({"rows": MAX_WELLS + 1, "columns": 1}, "scan.rows:"),
        ({"rows": MAX_WELLS, "columns": 2}, "scan: 1000000 x 2 wells"),
        ({"rows": 10**300, "columns": 2}, "scan.rows:"),
        ({"rows": 3, "columns": 3, "blocks": [2]}, "scan.blocks"),
        ({"rows": 3, "columns": 3, "blocks": [2, 0]}, "scan.blocks.1: 0"),
        ({"rows": 3, "columns": 3, "blocks": [2, 2, 2]}, "scan.blocks"),
        ({"rows": 3, "columns": 3, "order": "row"}, "scan.order: 'row'"),
        ({"rows": 3, "columns": 3, "snake": "yes"}, "scan.snake: 'yes'"),
        (
            {"rows": 3, "columns": 3, "start_corner": "left"},
            "scan.start_corner: 'left'",
        ),
        ({"rows": 3, "columns": 3, "shots_per_position": 0}, "scan.shots_per_position"),
        (
            {"rows": 3, "columns": 3, "shots_per_position": MAX_SHOTS + 1},
            "scan.shots_per_position",
        ),
        ({"rows": 3, "columns": 3, "skip": {"row": 1}}, "scan.skip"),
        ({"rows": 3, "columns": 3, "skip": [{}]}, "scan: skip.0: names no"),
        ({"rows": 3, "columns": 3, "skip": [{"row": 3}]}, "scan: skip.0.row: 3"),
        ({"rows": 3, "columns": 3, "skip": [{"block": 1}]}, "scan: skip.0.block: 1"),
        (
            {"rows": 3, "columns": 3, "skip": [{"row": 0, "rov": 1}]},
            "scan: skip.0: 'rov'",
        ),
        (
            {"rows": 3, "columns": 3, "skip": [{"row": 0}] * (MAX_SKIPS + 1)},
            "scan.skip",
        ),
        (
            {"rows": 2, "columns": 3, "skip": [{"row": 0}, {"row": 1}]},
            "scan: skip: leaves no well",
        ),
    ],
)
def test_a_scan_that_cannot_be_used_is_named(wrong, named):
    found = announced(announcement(scan=wrong, images=7))
    assert found.scan is None and found.images == 7
    assert len(found.problems) == 1
    assert found.problems[0].startswith(named)
    assert len(found.problems[0]) < 500


def test_every_wrong_value_is_named():
    wrong = {"rows": "x", "columns": -1, "snake": 2, "order": None}
    found = announced(announcement(scan=wrong))
    keys = {text.split(":")[0] for text in found.problems}
    assert keys == {f"scan.{name}" for name in wrong}


def test_an_unknown_key_is_named_and_costs_nothing():
    found = announced(announcement(scan={**GOOD, "pitch": 0.125}))
    assert found.scan is not None
    assert found.problems == ("scan.'pitch' is no key of a scan and is not used",)


@pytest.mark.parametrize(
    ("shots", "repetition", "told"),
    [(3, 3, False), (1, 3, True), (2, None, False), (1, 1, False)],
)
def test_chains_that_have_another_number_of_shots_are_named(shots, repetition, told):
    detection = {"type": "XrayDetection", "offset": 0.0, "period": 0.01}
    if repetition:
        detection["repetition"] = repetition
    chain = {"name": "a", "scope": "position", "events": [detection]}
    scan = {**GOOD, "shots_per_position": shots}
    found = announced(announcement(scan=scan, event_chains=[chain]))
    assert found.scan is not None
    assert any("X-ray detections" in text for text in found.problems) == told


@given(st.sampled_from(sorted(GOOD)), JSON)
def test_any_value_is_used_or_named(key, value):
    found = announced(announcement(scan={**GOOD, key: value}))
    assert (found.scan is None) == bool(found.problems)
    if found.scan is not None:
        assert scan_problems(found.scan) == ()
        assert walk_of(found.scan).triggers > 0
