"""A storm of messages makes few lines, and each of them is counted."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from recorder.runtime.throttle import BURST, WINDOW_S, Throttle


def test_the_rest_is_counted_and_said(log_events):
    now = [0.0]
    throttle = Throttle(lambda: now[0])
    passed = sum(throttle.passes("events_unclaimed") for _ in range(BURST + 1234))
    assert passed == BURST
    assert not log_events
    now[0] = WINDOW_S
    throttle.look()
    (told,) = log_events
    assert (told["event"], told["of"], told["more"]) == (
        "lines_left_out",
        "events_unclaimed",
        1234,
    )
    assert throttle.passes("events_unclaimed")


@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.floats(0, WINDOW_S / 4)), max_size=300
    )
)
def test_every_line_is_written_or_counted(storm):
    now, passed = [0.0], 0
    throttle = Throttle(lambda: now[0])
    for event, pause in storm:
        passed += throttle.passes(event)
        now[0] += pause
    assert passed + throttle.left_out.total() == len(storm)
    assert passed <= 3 * BURST * (now[0] / WINDOW_S + 1)
