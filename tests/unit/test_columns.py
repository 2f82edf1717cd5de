"""Columns that grow, and what is taken of them while they do."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.runs.tables.columns import FIRST, Columns
from recorder.runs.tables.event_log import EventLog
from tests.builders import event

COUNTS = st.lists(st.integers(1, FIRST), min_size=1, max_size=6)


@given(before=COUNTS, after=COUNTS)
def test_what_was_taken_stays_as_it_was_and_costs_no_memory(before, after):
    """Whether the columns had room for more or not."""
    columns, put = Columns({"n": (np.int64, -1)}), 0
    for count in before:
        columns.append(n=np.arange(put, put + count))
        put += count
    taken = columns.snapshot()
    assert np.shares_memory(taken["n"], columns["n"])
    for count in after:
        columns.append(n=np.full(count, -7))
    assert (taken.size, columns.size) == (put, put + sum(after))
    assert taken.view("n").tolist() == list(range(put))
    with pytest.raises(ValueError, match="read-only"):
        taken["n"][0] = 5


def test_the_copy_of_a_log_is_what_it_was():
    log = EventLog()
    for number in range(FIRST - 1):
        log.add(event("XrayDetection", number))
    copy, size = log.copy(), log.size
    before = {name: value.copy() for name, value in copy.arrays().as_dict().items()}
    for number in range(FIRST - 1, FIRST + 10):
        log.add(event("XrayDetection", number))
    assert (copy.size, log.size) == (size, FIRST + 10)
    for name, value in copy.arrays().as_dict().items():
        np.testing.assert_array_equal(value, before[name], name)
