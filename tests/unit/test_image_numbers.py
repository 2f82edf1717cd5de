"""Which image numbers a run has in the database."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from recorder.sinks.ispyb.image_rows import _Numbers

numbers = st.integers(-3, 5000)


@given(st.lists(numbers), st.lists(st.lists(numbers)), st.lists(numbers))
def test_they_are_a_set_of_positive_numbers(first, more, asked):
    found, wanted = _Numbers(first), {n for n in first if n > 0}
    for batch in more:
        found.add(batch)
        wanted |= {n for n in batch if n > 0}
    assert found.largest == max(wanted, default=0)
    assert [n in found for n in asked] == [n in wanted for n in asked]
    assert all(n in found for n in wanted)
