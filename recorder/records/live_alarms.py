"""Alarms of a run as the live state and the read API have them."""

from __future__ import annotations

from collections.abc import Sequence

from recorder.records.alarms import AlarmEvidence, RunAlarm
from recorder.records.live import Hint, LiveAlarm
from recorder.records.times import parse_time


def live_alarm(alarm: RunAlarm, run: int | None, uid: str | None) -> LiveAlarm:
    """An alarm of the journal; times that cannot be read are 0.

    Args:
        alarm: It.
        run: Number of its run; None for one that is about no run.
        uid: Of its run.
    """
    return LiveAlarm(
        id=alarm.id,
        kind=alarm.kind,
        severity=alarm.severity,
        text=alarm.text,
        run=run,
        since_image=alarm.since_image,
        since_ns=_ns(alarm.since),
        raised_ns=_ns(alarm.raised),
        cleared_ns=None if alarm.cleared is None else _ns(alarm.cleared),
        evidence=_flat(alarm.evidence),
        hints=tuple(Hint(h.text, _flat(h.evidence)) for h in alarm.hints),
        seen_by=alarm.seen_by,
        uid=uid,
    )


def _ns(text: str) -> int:
    try:
        return parse_time(text)
    except ValueError:
        return 0


def _flat(evidence: Sequence[AlarmEvidence]) -> dict[str, float]:
    return {
        f"{one.name} {what}": value
        for one in evidence
        for what, value in (("before", one.before), ("since", one.since), ("z", one.z))
        if value is not None
    }
