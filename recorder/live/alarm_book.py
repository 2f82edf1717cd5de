"""The alarms that stand and those that ended lately, as all others are told of them."""

from __future__ import annotations

import zlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import TypeAdapter, ValidationError

from recorder.records.alarms import AlarmEvidence, AlarmHint, RunAlarm, Severity
from recorder.records.live import LiveAlarm
from recorder.records.live_alarms import live_alarm
from recorder.records.times import iso
from recorder.runs.run import Run
from recorder.ssx.alarms.events import AlarmCleared, AlarmRaised, Event, Evidence

KEPT_NS = 600 * 10**9
"""Time (ns) that an alarm is shown after its end: ten minutes, for whoever comes back
to the screen."""

_GRAVE: dict[Severity, int] = {"info": 0, "amber": 1, "red": 2}


@dataclass(frozen=True, slots=True)
class Noted:
    """One alarm with its times."""

    told_id: str
    """As the alarms of its run call it."""
    alarm: RunAlarm
    uid: str | None
    """Of its run, or of the run that went on when it was raised."""
    run: int | None
    clock_step_ns: int
    """What is to be added to times of arrival to show them."""
    since_ns: int
    raised_ns: int
    cleared_ns: int | None = None
    of: str = ""
    """Uid of the run that tells it; empty: it is about no run."""


_ADAPTER = TypeAdapter(tuple[Noted, ...])


class AlarmBook:
    """All alarms that are shown, oldest first."""

    def __init__(self, noted: tuple[Noted, ...] = ()) -> None:
        self.noted = noted

    def raised(self, event: AlarmRaised, run: Run | None) -> Noted:
        """An alarm is raised, or raised again with more words.

        Args:
            event: What is told.
            run: The run that it is about, or that goes on.
        """
        since_ns = round(event.since_time_s * 1e9)
        known = self._standing(event)
        step = run.clock_step_ns if run else 0
        uid = event.run_uid or (run.uid if run else None)
        new = Noted(
            event.id,
            _alarm(event, uid, step),
            uid,
            run.number if run else None,
            step,
            since_ns,
            round(event.at_time_s * 1e9),
            of=event.run_uid or "",
        )
        if known is not None:
            same = replace(
                new.alarm,
                id=known.alarm.id,
                raised=known.alarm.raised,
                raised_image=known.alarm.raised_image,
                seen_by=_still_seen_by(known.alarm, new.alarm),
            )
            new = replace(known, alarm=same, since_ns=since_ns)
        rest = tuple(one for one in self.noted if one is not known)
        self.noted = (*rest, new)
        return new

    def cleared(self, event: AlarmCleared) -> Noted | None:
        """An alarm is over; None if it was not told."""
        known = self._standing(event)
        if known is None:
            return None
        at_ns = round(event.at_time_s * 1e9)
        time = iso(at_ns + known.clock_step_ns)
        over = replace(known.alarm, cleared=time, cleared_because=event.reason)
        return self._put(known, replace(known, alarm=over, cleared_ns=at_ns))

    def seen(self, alarm: str, by: str) -> Noted | None:
        """Somebody saw an alarm; None if there is no such one."""
        known = self.find(alarm)
        if known is None:
            return None
        return self._put(known, replace(known, alarm=replace(known.alarm, seen_by=by)))

    def find(self, alarm: str) -> Noted | None:
        """An alarm by its id."""
        return next((one for one in self.noted if one.alarm.id == alarm), None)

    def forget(self, now_ns: int) -> None:
        """Leave out what ended long ago."""
        self.noted = tuple(
            one
            for one in self.noted
            if one.cleared_ns is None or 0 <= now_ns - one.cleared_ns < KEPT_NS
        )

    def _standing(self, event: Event) -> Noted | None:
        meant = event.id, event.run_uid or ""
        standing = (one for one in self.noted if one.cleared_ns is None)
        return next((one for one in standing if (one.told_id, one.of) == meant), None)

    def _put(self, old: Noted, new: Noted) -> Noted:
        self.noted = tuple(new if one is old else one for one in self.noted)
        return new

    def to_json(self) -> Any:
        """Plain JSON."""
        return _ADAPTER.dump_python(self.noted, mode="json")

    @classmethod
    def from_json(cls, body: Any) -> AlarmBook:
        """The reverse of :meth:`to_json`.

        Raises:
            ValueError: It is none.
        """
        try:
            return cls(_ADAPTER.validate_python(body))
        except ValidationError as error:
            raise ValueError("no alarms") from error


def live_alarms(
    noted: Sequence[Noted], can_be_normal: Collection[tuple[str, str]] = ()
) -> tuple[LiveAlarm, ...]:
    """Alarms as the live state has them.

    Args:
        noted: Oldest first.
        can_be_normal: Those whose level may be taken as normal: uid of the run that
            tells it, and what its alarms call it.
    """
    return tuple(
        replace(
            live_alarm(one.alarm, one.run, one.uid),
            since_ns=one.since_ns + one.clock_step_ns,
            raised_ns=one.raised_ns + one.clock_step_ns,
            cleared_ns=one.cleared_ns and one.cleared_ns + one.clock_step_ns,
            can_be_normal=one.cleared_ns is None
            and (one.of, one.told_id) in can_be_normal,
        )
        for one in noted
    )


def _alarm(event: AlarmRaised, uid: str | None, step_ns: int) -> RunAlarm:
    raised_ns = round(event.at_time_s * 1e9)
    mark = zlib.crc32(f"{uid}/{raised_ns}".encode()) & 0xFFFF
    return RunAlarm(
        id=f"{event.id}/{mark:04x}",
        kind=event.kind,
        level=event.level,
        severity=event.severity.value,
        subject=event.subject,
        text=event.text,
        since_image=event.since_image,
        since=iso(round(event.since_time_s * 1e9) + step_ns) or "",
        raised_image=event.at_image,
        raised=iso(raised_ns + step_ns) or "",
        evidence=_evidence(event.evidence),
        hints=tuple(
            AlarmHint(one.cause, one.text, _evidence(one.evidence))
            for one in event.hints
        ),
    )


def _evidence(found: Sequence[Evidence]) -> tuple[AlarmEvidence, ...]:
    return tuple(
        AlarmEvidence(one.name, *map(_number, (one.before, one.after, one.z)))
        for one in found
    )


def _number(value: float) -> float | None:
    """JSON knows no NaN; four digits are what evidence has."""
    rounded = float(f"{value:.4g}")
    return rounded if abs(rounded) < float("inf") else None


def _still_seen_by(known: RunAlarm, new: RunAlarm) -> str | None:
    """Who saw it, unless it got worse: that nobody has seen."""
    worse = _GRAVE[new.severity] > _GRAVE[known.severity]
    return None if worse else known.seen_by
