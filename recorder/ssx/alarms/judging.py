"""Alarms of the moment: something is bad now, or it is good again."""

from __future__ import annotations

from dataclasses import dataclass, replace

from recorder.ssx.alarms.events import AlarmCleared, AlarmRaised, Event, Severity


@dataclass(frozen=True, slots=True)
class Judged:
    """What is thought of one thing now. Neither bad nor good: it stays as it is."""

    kind: str
    severity: Severity
    bad: bool
    good: bool
    text: str
    """What is wrong and what to do, with the numbers of now."""
    subject: str = ""
    after_s: float = 0.0
    """How long it must be bad before it is told."""
    holds_s: float = 0.0
    """How long it stands at least: what is over at once would not be read."""
    recovered: str = "It is well again."


@dataclass(frozen=True, slots=True)
class Watched:
    """One thing that is bad, told or not yet."""

    kind: str
    subject: str
    since_s: float
    number: int = 0
    """0: not told yet."""
    told_s: float = 0.0


@dataclass(frozen=True, slots=True)
class JudgeState:
    """All things that are bad, and how many alarms there were of each kind."""

    watched: tuple[Watched, ...] = ()
    numbers: tuple[tuple[str, int], ...] = ()


def judge(
    state: JudgeState, judged: tuple[Judged, ...], time_s: float, run_uid: str | None
) -> tuple[JudgeState, tuple[Event, ...]]:
    """Tells what got bad, clears what is good or no longer judged.

    Args:
        state: Before.
        judged: All that can be said at this time; a thing that is left out is gone.
        time_s: Unix time.
        run_uid: The run that goes on.
    """
    numbers = dict(state.numbers)
    events: list[Event] = []
    old = {(one.kind, one.subject): one for one in state.watched}
    watched = []
    for one in judged:
        was = old.pop((one.kind, one.subject), None)
        if one.bad and was is None:
            was = Watched(one.kind, one.subject, time_s)
        if was is None:
            continue
        if time_s < was.since_s:  # the host's clock was set back
            was = replace(was, since_s=time_s)
        held = was.number and 0 <= time_s - was.told_s < one.holds_s
        if one.good and not one.bad and not held:
            if was.number:
                events.append(_cleared(was, one.recovered, time_s, run_uid))
            continue
        if one.bad and not was.number and time_s - was.since_s >= one.after_s:
            numbers[one.kind] = numbers.get(one.kind, 0) + 1
            was = replace(was, number=numbers[one.kind], told_s=time_s)
            events.append(_raised(was, one, time_s, run_uid))
        watched.append(was)
    events += [
        _cleared(was, "It is no longer watched.", time_s, run_uid)
        for was in old.values()
        if was.number
    ]
    return JudgeState(tuple(watched), tuple(numbers.items())), tuple(events)


def _raised(
    was: Watched, one: Judged, time_s: float, run_uid: str | None
) -> AlarmRaised:
    return AlarmRaised(
        id=f"{was.kind}/{was.number}",
        kind=was.kind,
        level="",
        severity=one.severity,
        run_uid=run_uid,
        subject=was.subject,
        since_image=None,
        since_time_s=was.since_s,
        at_image=None,
        at_time_s=time_s,
        text=one.text,
        evidence=(),
        hints=(),
    )


def _cleared(
    was: Watched, reason: str, time_s: float, run_uid: str | None
) -> AlarmCleared:
    return AlarmCleared(
        f"{was.kind}/{was.number}", was.kind, run_uid, None, time_s, reason
    )
