"""The walk over a chip: each well in its turn, and back."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from recorder.records.scan import Along, Corner, Scan, Skip
from recorder.ssx.clocks.unknown import NO_ORDINAL
from recorder.ssx.scan.placing import PlacedBy, place_images
from recorder.ssx.scan.walk import NOWHERE, Walk, walk_of

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
