"""Images reach the alarms in order, once each, however they come and are finished."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from recorder.live.gaps import LONGEST_GAP_S, Gaps
from recorder.live.image_flow import HOLD_NS, LABEL_NS, LOST_NS, ImageFlow
from recorder.live.image_slices import slice_of
from recorder.records import (
    Classification,
    ImageClass,
    ImageOutcome,
    Lattice,
    NotProcessed,
    Unprocessed,
    WorkLevel,
)
from recorder.runs.tables.image_table import ImageTable

TICK_NS = 200_000_000


def outcome(image_id: int, **found) -> ImageOutcome:
    kind = found.pop("kind", ImageClass.NON_HIT)
    return ImageOutcome(
        image_id, Classification(kind, 5, **found), received_ns=10**9 * image_id
    )


def play(ids, lost, later, looks) -> tuple[list[int], list[int], list[int]]:
    """Images in an order, finished some looks later; what was handed over."""
    table, flow = ImageTable(), ImageFlow()
    now, waiting = 0, []
    images, came, missing = [], [], []

    def take(*, last=False) -> None:
        ready, fates = flow.take(table, now, last=last)
        images.extend(one.image_id for one in ready)
        came.extend(fates.image_id[~fates.lost].tolist())
        missing.extend(fates.image_id[fates.lost].tolist())

    for step in range(0, len(ids), looks):
        for n in ids[step : step + looks]:
            if n not in lost:
                table.receive(n, None)
                waiting.append((now + TICK_NS * later[n % len(later)], n))
        ready = [n for due, n in waiting if due <= now]
        waiting = [(due, n) for due, n in waiting if due > now]
        finished = [outcome(n) for n in sorted(ready)]
        for one in finished:
            table.finish(one)
        flow.note(finished, now)
        take()
        now += TICK_NS
    finished = [outcome(n) for _, n in sorted(waiting, key=lambda w: w[1])]
    for one in finished:
        table.finish(one)
    flow.note(finished, now)
    take(last=True)
    return images, came, missing


@given(
    st.integers(1, 120),
    st.sets(st.integers(0, 119), max_size=40),
    st.lists(st.integers(0, 4), min_size=1, max_size=7),
    st.integers(1, 30),
    st.randoms(use_true_random=False),
)
def test_each_image_once_and_in_order(size, lost, later, looks, random):
    """Messages overtake each other by a few; workers by less than the longest wait."""
    ids = sorted(range(size), key=lambda n: n + random.random() * 2)
    images, came, missing = play(ids, lost, later, looks)
    received = sorted(set(range(size)) - lost)
    assert images == sorted(set(images))
    assert sorted(came + missing) == list(range(max(received, default=-1) + 1))
    assert came == sorted(came)
    assert missing == [n for n in sorted(lost) if received and n < received[-1]]
    assert images == received


def test_an_image_that_does_not_come_is_lost_after_a_while():
    table, flow = ImageTable(), ImageFlow()
    for n in (0, 2):
        table.receive(n, None)
        table.finish(outcome(n))
    flow.note([outcome(0), outcome(2)], 0)
    ready, fates = flow.take(table, 0)
    assert [one.image_id for one in ready] == [0]
    assert fates.image_id.tolist() == [0]
    ready, fates = flow.take(table, LOST_NS)
    assert [one.image_id for one in ready] == [2]
    assert fates.image_id.tolist() == [1, 2]
    assert fates.lost.tolist() == [True, False]


def test_nobody_waits_for_ever_for_one_that_hangs():
    table, flow = ImageTable(), ImageFlow()
    for n in range(3):
        table.receive(n, None)
    for n in (1, 2):
        table.finish(outcome(n))
    flow.note([outcome(1), outcome(2)], 0)
    assert flow.take(table, HOLD_NS)[0] == []
    assert [one.image_id for one in flow.take(table, HOLD_NS + 1)[0]] == [1, 2]
    table.finish(outcome(0))
    flow.note([outcome(0)], HOLD_NS + 2)
    assert flow.take(table, HOLD_NS + 3)[0] == []  # it came too late to be told


def test_images_wait_one_look_for_their_label():
    table, flow = ImageTable(), ImageFlow()
    for n in range(3):
        table.receive(n, None)
        table.finish(outcome(n))
    flow.note([outcome(n) for n in range(3)], 0)
    assert [one.image_id for one in flow.take(table, 0, 1)[0]] == [0]
    assert [one.image_id for one in flow.take(table, LABEL_NS, 1)[0]] == [1, 2]


def test_a_slice_says_what_is_known_and_nothing_else():
    lattice = Lattice((10.0, 20.0, 30.0, 90.0, 90.0, 90.0), (0.0,) * 9, 5, -9.0, 0.1)
    every = [
        outcome(0, background=2.0, solvent=3.0, resolution=1.5),
        outcome(1, kind=ImageClass.INDEXED, lattices=(lattice,) * 2, resolution=2.0),
        outcome(2, kind=ImageClass.NON_INDEXED_HIT, effort=WorkLevel.NO_INDEXING),
        outcome(3, kind=ImageClass.NON_INDEXED_HIT, rings=4),
        ImageOutcome(4, NotProcessed(Unprocessed.OVERLOAD, "full")),
    ]
    found = slice_of(every, lambda one: one.received_ns / 1e9)
    assert found.processed.tolist() == [True, True, True, True, False]
    assert found.hit.tolist() == [False, True, True, True, False]
    assert found.tried.tolist() == [False, True, False, True, False]
    assert found.lattices.tolist() == [0, 2, 0, 0, 0]
    assert found.rings.tolist() == [False, False, False, True, False]
    assert found.background[0] == 2.0
    assert np.isnan(found.background[1:]).all()
    assert found.resolution[1] == 2.0
    assert np.isnan(np.delete(found.resolution, 1)).all()  # of hits
    assert found.cell_lengths[1].tolist() == [10.0, 20.0, 30.0]
    assert np.isnan(np.delete(found.cell_lengths, 1, 0)).all()
    assert (found.pump == -1).all()


def test_a_pause_is_usual_once_it_came_twice():
    gaps = Gaps()
    gaps.note([0, 10**8, 2 * 10**8, 2 * 10**9])
    assert gaps.usual_s == 0.1
    gaps.note([4 * 10**9, 100 * 10**9])
    assert gaps.usual_s == 2.0
    gaps.note([300 * 10**9])
    assert gaps.usual_s == LONGEST_GAP_S
