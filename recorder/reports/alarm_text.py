"""Alarms of a run, for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from recorder.records.alarms import RunAlarm

_SHOWN = 20
"""Alarms that are told one by one; the report has more. Chosen, not tuned."""


def alarm_lines(alarms: Sequence[RunAlarm]) -> Iterator[str]:
    """When, how grave and what; what may be the cause; whether it ended."""
    for alarm in alarms[:_SHOWN]:
        hint = "".join(f" {one.text}" for one in alarm.hints)
        over = f", over {alarm.cleared}" if alarm.cleared else ", not over"
        seen = f", seen by {alarm.seen_by}" if alarm.seen_by else ""
        yield f"{alarm.severity} {alarm.raised}{over}{seen}: {alarm.text}{hint}"
    if len(alarms) > _SHOWN:
        yield f"and {len(alarms) - _SHOWN} more"
