"""Which trigger the first captured row is of: all places at once, as one by one."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from recorder.ssx.triggers.first_row import _at_places


@given(
    st.lists(st.booleans(), max_size=40),
    st.lists(st.tuples(st.integers(-30, 60), st.booleans()), max_size=20),
    st.integers(0, 5),
    st.lists(st.integers(0, 20), min_size=1, max_size=8),
)
def test_law_each_place_is_as_if_it_were_looked_at_alone(lit, rows, first, more):
    declared = np.array(lit, np.bool_)
    behind = np.array([at for at, _ in rows], np.int64)
    seen = np.array([has for _, has in rows], np.bool_)
    places = np.unique(np.array(more, np.int64) + first)
    extra, absent = _at_places(declared, behind, seen, places)
    for n, place in enumerate(places.tolist()):
        told = [0 <= place + at < len(lit) and lit[place + at] for at, _ in rows]
        both = list(zip((has for _, has in rows), told, strict=True))
        assert extra[n] == sum(has and not is_told for has, is_told in both)
        assert absent[n] == sum(is_told and not has for has, is_told in both)
