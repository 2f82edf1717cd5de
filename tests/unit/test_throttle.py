"""A storm of messages makes few lines, and each of them is counted."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from recorder.runtime.throttle import BURST, WINDOW_S, Throttle


class Lines:
    """A logger that keeps what it is told."""

    def __init__(self) -> None:
        self.written: list[tuple[str, dict[str, object]]] = []

    def warning(self, event: str, **fields: object) -> None:
        self.written.append((event, fields))


def test_the_rest_is_counted_and_said():
    lines, now = Lines(), [0.0]
    throttle = Throttle(lines, lambda: now[0])
    for n in range(BURST + 1234):
        throttle.write("warning", "events_unclaimed", uid=n)
    assert len(lines.written) == BURST
    now[0] = WINDOW_S
    throttle.look()
    assert lines.written[-1] == (
        "lines_left_out",
        {"of": "events_unclaimed", "more": 1234},
    )
    throttle.write("warning", "events_unclaimed", uid="later")
    assert lines.written[-1] == ("events_unclaimed", {"uid": "later"})


@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.floats(0, WINDOW_S / 4)), max_size=300
    )
)
def test_every_line_is_written_or_counted(storm):
    lines, now = Lines(), [0.0]
    throttle = Throttle(lines, lambda: now[0])
    for event, pause in storm:
        throttle.write("warning", event)
        now[0] += pause
    throttle.end()
    more = sum(int(str(f["more"])) for e, f in lines.written if e == "lines_left_out")
    whole = [e for e, _ in lines.written if e != "lines_left_out"]
    assert len(whole) + more == len(storm)
    assert throttle.left_out.total() == more
    assert len(whole) <= 3 * BURST * (now[0] / WINDOW_S + 1)
