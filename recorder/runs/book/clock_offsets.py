"""How far the clocks of others are off, as the times of arrival show.

Nothing is decided by it: runs are bound by the recorder's own clock. It is said, so
that somebody mends the clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from recorder.records import Announcement, SeriesStart
from recorder.runs.book.actions import Action, Noticed
from recorder.runs.run import Run

OFFSET_S = 10.0
"""Seconds between a time in a message and its arrival from which on they are said: a
header is never so long under way, and no clock that is kept is so far off. Chosen, not
tuned."""
AGAIN_S = 3600.0
"""Seconds until a clock is named again whose offset has changed. Chosen, not tuned."""
ANNOUNCER = "the host that announces runs"


class ClockOffsets:
    """What was said of each clock.

    Args:
        step_ns: By how much the host's clock was set since the recorder first read it:
            times of arrival do not follow that, others' clocks do.
    """

    def __init__(self, step_ns: Callable[[], int] = lambda: 0) -> None:
        self._step_ns = step_ns
        self._said: dict[str, tuple[float, float]] = {}
        """Offset (s), and when it was said (monotonic s)."""

    def header(self, start: SeriesStart, run: Run, now: float) -> list[Action]:
        """Compare the arming of a detector with the arrival of its header."""
        if start.arm_time_ns is None or not start.received_ns:
            return []
        here_ns = start.received_ns + self._step_ns()
        offset_s = (start.arm_time_ns - here_ns) / 1e9
        return self._look(start.key.source, offset_s, run, now)

    def announcement(self, run: Run, now: float) -> list[Action]:
        """Compare the time of an announcement with its arrival."""
        announced = run.announcement
        if not announced.time_ns or not announced.received_ns:
            return []
        here_ns = announced.received_ns + self._step_ns()
        offset_s = (announced.time_ns - here_ns) / 1e9
        return self._look(ANNOUNCER, offset_s, run, now)

    def _look(self, name: str, offset_s: float, run: Run, now: float) -> list[Action]:
        if abs(offset_s) < OFFSET_S:
            return []
        if name in self._said:
            said, when = self._said[name]
            if abs(offset_s - said) < OFFSET_S or now - when < AGAIN_S:
                return []
        self._said[name] = (offset_s, now)
        way = "behind" if offset_s < 0 else "ahead of"
        text = f"the clock of {name} is {abs(offset_s):.0f} s {way} the recorder's"
        if name == ANNOUNCER and offset_s < 0:
            text += ", or its message waited so long in the broker"
        run.note(f"{text}; runs are bound by the time of arrival all the same")
        fields = (
            ("clock", name),
            ("offset_s", round(offset_s, 3)),
            ("hint", f"{text}: set it by NTP or PTP"),
        )
        return [Noticed("clock_offset", "warning", fields, run)]


def sent_ns(announcement: Announcement, runs: Iterable[Run]) -> int:
    """When an announcement was sent (Unix ns), on the recorder's clock.

    The least difference between arrival and time among the announcements in memory is
    that of the clocks: so a constant offset of the sender's clock changes nothing.
    Without another announcement it is the time of arrival.

    Args:
        announcement: Just came.
        runs: The ones in memory.
    """
    delays = [
        run.announced_ns - run.announcement.time_ns
        for run in runs
        if run.announced and run.announced_ns
    ]
    delays.append(announcement.received_ns - announcement.time_ns)
    return announcement.time_ns + min(delays)
