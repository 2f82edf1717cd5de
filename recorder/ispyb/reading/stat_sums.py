"""Sums over what was done in sessions: how the time was used, and how it ended."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import TypeVar

from recorder.ispyb.reading.stat_records import (
    Action,
    Collected,
    Histogram,
    Hourly,
    SessionOf,
    SessionTimes,
    TimeEntry,
    TypeErrors,
)

Item = TypeVar("Item", Collected, Action)
LONGEST_CENTRING_H = 0.25
"""Hours from the robot's action to the first image beyond which nobody was centring;
py-ISPyB's limit."""
EV_ANGSTROM = 12398.41984
"""Energy of a photon in eV times its wavelength in angstrom: h c."""


def ended(status: str | None) -> str:
    """How a collection ended: success, aborted, cancelled, failed, or it did not.

    Args:
        status: Its ``runStatus``; a collection without one goes on, or nobody said.
    """
    text = (status or "").casefold()
    if not text.strip():
        return "running"
    for word, found in (
        ("success", "success"),
        ("abort", "aborted"),
        ("cancel", "cancelled"),
    ):
        if word in text:
            return found
    return "failed"


def hours(start: datetime | None, end: datetime | None) -> float:
    """Between two times; 0 if one is not known, or they are in disorder."""
    if start is None or end is None:
        return 0.0
    return max(0.0, (end - start).total_seconds() / 3600)


def times(
    sessions: Iterable[SessionOf],
    collected: Sequence[Collected],
    actions: Sequence[Action],
) -> tuple[TimeEntry, tuple[SessionTimes, ...]]:
    """Hours by what they were used for: on average, and of each session.

    Sessions without a collection are left out, as py-ISPyB leaves them out.
    """
    mine, others = _by_session(collected), _by_session(actions)
    found = tuple(
        _times(one, mine[one.key], others.get(one.key, []))
        for one in sessions
        if mine.get(one.key)
    )
    if not found:
        return TimeEntry(), ()
    names = [item.name for item in fields(TimeEntry)]
    mean = {n: math.fsum(getattr(s, n) for s in found) / len(found) for n in names}
    return TimeEntry(**mean), found


def _by_session(items: Iterable[Item]) -> dict[int, list[Item]]:
    found: dict[int, list[Item]] = defaultdict(list)
    for item in items:
        found[item.session].append(item)
    return found


def _times(
    session: SessionOf, collected: Sequence[Collected], actions: Sequence[Action]
) -> SessionTimes:
    first = min((c.start for c in collected if c.start is not None), default=None)
    last = max((c.end for c in collected if c.end is not None), default=None)
    used = {
        "startup": hours(session.start, first),
        "datacollection": math.fsum(hours(c.start, c.end) for c in collected),
        "centring": centring(collected, actions),
        **{
            what: math.fsum(hours(a.start, a.end) for a in actions if a.what == what)
            for what in ("robot", "edge", "xrf", "strategy", "fault")
        },
    }
    whole = hours(session.start, session.end)
    return SessionTimes(
        duration=whole,
        remaining=hours(last, session.end),
        thinking=max(0.0, whole - math.fsum(used.values())),
        sessionId=session.key,
        **used,
    )


def centring(collected: Sequence[Collected], actions: Iterable[Action]) -> float:
    """Hours from actions of the robot to the first collection of the same sample."""
    starts: dict[int, list[datetime]] = defaultdict(list)
    for item in collected:
        if item.sample_id is not None and item.start is not None:
            starts[item.sample_id].append(item.start)
    found = []
    for action in actions:
        if action.what != "robot" or action.end is None or action.sample_id is None:
            continue
        after = [s for s in starts.get(action.sample_id, ()) if s > action.end]
        took = hours(action.end, min(after, default=None))
        if took < LONGEST_CENTRING_H:
            found.append(took)
    return math.fsum(found)


def errors(collected: Iterable[Collected]) -> tuple[TypeErrors, ...]:
    """How collections ended, by type of experiment."""
    ends: dict[str, Counter[str]] = defaultdict(Counter)
    for item in collected:
        ends[item.kind or ""][ended(item.status)] += 1
    return tuple(_errors(kind, found) for kind, found in sorted(ends.items()))


def _errors(kind: str, found: Counter[str]) -> TypeErrors:
    total = found.total()
    return TypeErrors(
        kind,
        total,
        failed=found["failed"],
        failedPercent=round(100 * found["failed"] / total, 1),
        aborted=found["aborted"],
        abortedPercent=round(100 * found["aborted"] / total, 1),
        cancelled=found["cancelled"],
    )


def hourly(moments: Iterable[datetime | None]) -> Hourly:
    """How many there were in each hour of the day, on average of days that had some."""
    counts: Counter[tuple[date, int]] = Counter(
        (when.date(), when.hour) for when in moments if when is not None
    )
    found: dict[int, list[int]] = defaultdict(list)
    for (_, hour), count in counts.items():
        found[hour].append(count)
    means = (sum(found[h]) / len(found[h]) if h in found else 0.0 for h in range(24))
    return Hourly(average=tuple(means))


@dataclass(frozen=True, slots=True)
class Binned:
    """A parameter, and how it is binned."""

    unit: str
    start: int
    end: int
    step: int
    value: Callable[[Collected], float | None]


def energy(wavelength: float | None) -> float | None:
    """Of photons, in eV."""
    return None if not wavelength else EV_ANGSTROM / wavelength


def _times_1000(value: float | None) -> float | None:
    return None if value is None else value * 1000


PARAMETERS: Mapping[str, Binned] = {
    "energy": Binned("eV", 1000, 25000, 200, lambda c: energy(c.wavelength)),
    "beamsizex": Binned("um", 0, 150, 5, lambda c: _times_1000(c.size_x)),
    "beamsizey": Binned("um", 0, 150, 5, lambda c: _times_1000(c.size_y)),
    "exposuretime": Binned("ms", 0, 5000, 50, lambda c: _times_1000(c.exposure)),
}
"""What can be asked for, binned as in py-ISPyB."""


def histograms(
    parameter: str, sessions: Iterable[SessionOf], collected: Iterable[Collected]
) -> tuple[Histogram, ...]:
    """How often a parameter had which value, by beamline; not what is beyond."""
    how = PARAMETERS[parameter]
    edges = tuple(range(how.start, how.end, how.step))
    beamlines = {session.key: session.beamline for session in sessions}
    found: dict[str | None, Counter[int]] = {}
    for item in collected:
        value = how.value(item)
        if value is not None and math.isfinite(value):
            counts = found.setdefault(beamlines.get(item.session), Counter())
            counts[math.floor((value - how.start) / how.step)] += 1
    return tuple(
        Histogram(name, edges, tuple(counts[n] for n in range(len(edges))))
        for name, counts in sorted(found.items(), key=lambda item: item[0] or "")
    )
