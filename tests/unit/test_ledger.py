"""Differences are named, never hidden."""

from __future__ import annotations

import numpy as np

from recorder.records import ImageClass, Lattice, Unprocessed, WorkLevel
from recorder.records.image_outcome import PENDING
from recorder.runs.ledger import Ledger
from recorder.runs.tables.image_table import ImageTable
from tests.builders import outcome


def test_closed_ledger_has_no_differences():
    ledger = Ledger(
        expected=12,
        received=10,
        lost=2,
        classified=9,
        unprocessed={"corrupt": 1},
        indexed=3,
        non_indexed_hits=1,
        non_hits=5,
        light=5,
        dark=4,
        unknown=1,
        triggers=13,
        missed=1,
    )
    assert ledger.closed


def test_every_broken_sum_is_named():
    ledger = Ledger(
        expected=12,
        received=10,
        lost=1,
        classified=8,
        indexed=3,
        non_hits=4,
        light=9,
        triggers=20,
        missed=1,
    )
    assert ledger.differences() == (
        "received = classified + unprocessed + pending: 10 against 8, +2",
        "classified = indexed + non_indexed_hits + non_hits: 8 against 7, +1",
        "received = light + dark + unknown: 10 against 9, +1",
        "expected = received + lost: 12 against 11, +1",
        "triggers = received + lost + missed: 20 against 12, +8",
    )


def test_pending_images_keep_it_open():
    assert not Ledger(received=1, pending=1, unknown=1).closed


def test_table_grows_and_counts():
    table = ImageTable()
    for n in (0, 5000, 2):
        assert table.receive(n, n)
    assert not table.receive(5000, None)
    lattice = Lattice((1.0, 2.0, 3.0, 90.0, 90.0, 90.0), (), 9, -20.0, 0.001)
    assert table.finish(
        outcome(2, ImageClass.INDEXED, spots=70000, lattices=(lattice,), resolution=1.9)
    )
    assert table.finish(outcome(0, Unprocessed.CORRUPT))
    assert not table.finish(outcome(0))
    assert not table.finish(outcome(77))
    assert (table.size, table.received, table.pending) == (5001, 3, 1)
    assert [*np.flatnonzero(table.column("outcome") == PENDING)] == [5000]
    assert table.lost(5001) == 4998
    assert table.lattices.cells.shape == (1, 6)
    assert table.lost_ranges(10**9) == [(1, 1), (3, 4999), (5001, 10**9 - 1)]
    assert table.column("spots")[2] == 65535


def test_hits_not_tried_are_no_failures_of_indexing():
    """Under overload some hits are not indexed: they stay out of that rate."""
    table = ImageTable()
    kinds = (
        (ImageClass.INDEXED, WorkLevel.FULL),
        (ImageClass.NON_INDEXED_HIT, WorkLevel.NO_INDEXING),
        (ImageClass.NON_HIT, WorkLevel.NO_INDEXING),
    )
    for n, (kind, effort) in enumerate(kinds):
        table.receive(n, None)
        table.finish(outcome(n, kind, effort=effort))
    assert table.reduced[WorkLevel.NO_INDEXING] == 2
    assert table.hits_not_tried == 1
