"""The watchdog acts where a restart helps, and only there."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.service.heartbeat import Movement, Standing

LIMIT_S = 80.0
STEPS = st.lists(
    st.tuples(
        st.floats(0.1, 200.0),
        st.builds(
            Standing, st.integers(0, 2), st.integers(0, 3), st.booleans(), st.booleans()
        ),
    ),
    max_size=30,
)


@given(STEPS)
def test_it_acts_only_after_a_time_in_which_nothing_moves_that_could(steps):
    movement, now = Movement(LIMIT_S, 0.0), 0.0
    finished, excused = None, 0.0
    for wait_s, pool in steps:
        now += wait_s
        idle = not pool.backlog or not pool.staffed or pool.waits_for_nodes
        if idle or pool.finished != finished:
            excused = now
        # what was finished while nobody was expected to is no news
        finished = pool.finished if pool.finished != finished else finished
        assert movement.look(now, pool) == (now - excused < LIMIT_S)


@pytest.mark.parametrize(
    ("pool", "event"),
    [
        (Standing(0, 3, True, True), "images_wait_for_nodes"),
        (Standing(0, 3, False, False), "nobody_classifies"),
        (Standing(0, 3, False, True), "nobody_classifies"),
    ],
)
def test_people_are_told_once_and_again_after_it_was_well(pool, event, log_events):
    movement = Movement(LIMIT_S, 0.0)
    for second in range(0, 400, 5):
        assert movement.look(float(second), pool)
    assert Counter(e["event"] for e in log_events) == {event: 1}
    assert movement.look(400.0, Standing(1, 0, True, False))
    for second in range(405, 800, 5):
        assert movement.look(float(second), pool)
    assert Counter(e["event"] for e in log_events) == {event: 2}


def test_what_this_host_should_do_and_does_not_is_a_reason():
    movement = Movement(LIMIT_S, 0.0)
    pool = Standing(0, 3, True, False)
    found = [movement.look(float(second), pool) for second in (0, 5, 79, 80, 200)]
    assert found == [True, True, True, False, False]
