"""Event chains as measured: the events that explain the pulses that were seen.

Times come from the timing hardware, X-ray detections without any from the images. All
offsets count from the run's start, which is where the first detection says it is: its
time minus its declared offset.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from recorder.records import Chain, ChainEvent, EventType
from recorder.ssx.arrays import MAD_SIGMA, Int64Array
from recorder.ssx.clocks.nearest import nearest
from recorder.ssx.measured.pulse_trains import Train, find_trains

MAX_PULSES = 2_000_000
"""Pulses that a train is looked for in; of more, the first ones."""
_SAME_PERIOD = 0.02
"""Relative difference of periods up to which a train answers to a declared one; the
audit then says how far it is off. Chosen, not tuned."""
_SAME_PHASE = 0.25
"""Of the period: pulses nearer to their declared place than this are those declared."""
_OTHER_PERIOD, _OTHER_KIND = 10.0, 100.0
"""What another period (for each 100 % of difference), or a pulse where a train is
wanted, adds to a distance that is below 1 for the right one. Chosen, not tuned."""
_REACH = 0.45
"""Of the distance to the next pulse due: just less than half way, as when images are
matched."""
_DIGITS, _MOST_DIGITS = 12, 15
"""Decimals of a value (s) without uncertainty, 1 ps; and at most, what a float64
holds."""
_JITTER_S, _SIGMA_S, _DURATION_S = 1e-10, 1e-11, 1e-12
"""Digits of these (s) that are kept: far below the 8 ns of a tick."""


@dataclass(frozen=True, slots=True, eq=False)
class Pulses:
    """Times of the events of one type and name, in ascending order."""

    type: EventType
    name: str
    clock: str
    time_ns: Int64Array
    duration_s: float | None
    """Median of those that were given."""
    complete: bool = True
    """A pulse that is not here did not come; images may be lost."""


@dataclass(frozen=True, slots=True)
class MeasuredEvent:
    """One event of a chain as it was seen; a pattern, as :class:`ChainEvent`."""

    type: EventType
    name: str | None
    offset: float
    """s from the run's start; in a chain of scope ``position`` from the position's."""
    duration: float | None
    period: float | None
    repetition: int
    """Pulses due, from the first to the last one seen."""
    seen: int
    """Pulses that came."""
    jitter: float = 0.0
    """Standard deviation of the pulses from the places due (s)."""
    offset_sigma: float = 0.0
    """Of the offset (s)."""
    irregular: bool = False
    """No period explains these pulses."""
    complete: bool = True
    """``seen`` counts all that came."""
    declared: int | None = None
    """Index of the declared event that it answers to, in its chain."""


@dataclass(frozen=True, slots=True)
class MeasuredChain:
    """The measured side of a chain."""

    name: str
    scope: str
    events: tuple[MeasuredEvent, ...]
    chain: int | None = None
    """Index of the declared chain; None if none is declared."""


def measure_chains(
    chains: Sequence[Chain], pulses: Sequence[Pulses], first_declared_ns: int
) -> tuple[MeasuredChain, ...]:
    """What was seen, chain by chain.

    Args:
        chains: Declared chains, of scope ``collection``.
        pulses: What was seen, by type and name.
        first_declared_ns: Declared time of the first X-ray detection that was seen.

    Returns:
        One chain for each declared one with what answers to it, and one more with
        what answers to none.
    """
    xray = [p for p in pulses if p.type is EventType.XRAY_DETECTION]
    if not xray:
        return ()
    clock, origin = xray[0].clock, int(xray[0].time_ns[0])
    first = find_trains(xray[0].time_ns[:MAX_PULSES], origin)[0]
    zero = first.first_ns - first_declared_ns
    found: list[MeasuredEvent] = []
    for item in pulses:
        if item.clock != clock:
            continue
        trains = find_trains(item.time_ns[:MAX_PULSES], origin)
        found += [_event(item, train, first, zero) for train in trains]
    return _assign(chains, found)


def _event(pulses: Pulses, train: Train, first: Train, zero_ns: float) -> MeasuredEvent:
    """A train as an event; digits beyond what is known are dropped."""
    # A single pulse scatters as the detections do; the run's start is one of those.
    jitter = max(train.jitter_ns, first.jitter_ns if train.seen < 3 else 0.0)
    sigma = math.hypot(
        2 * jitter / math.sqrt(train.seen), 2 * first.jitter_ns / math.sqrt(first.seen)
    )
    return MeasuredEvent(
        type=pulses.type,
        name=pulses.name or None,
        offset=_known((train.first_ns - zero_ns) / 1e9, sigma / 1e9),
        duration=pulses.duration_s and _known(pulses.duration_s, _DURATION_S),
        period=None
        if train.period_ns is None
        else _known(train.period_ns / 1e9, train.period_sigma_ns / 1e9),
        repetition=train.count,
        seen=train.seen,
        jitter=_known(train.jitter_ns / 1e9, _JITTER_S),
        offset_sigma=_known(sigma / 1e9, _SIGMA_S),
        irregular=train.irregular,
        complete=pulses.complete,
    )


def _known(value: float, sigma: float) -> float:
    """A value without the digits that its uncertainty leaves open."""
    digits = (
        _DIGITS if sigma <= 0 else min(_MOST_DIGITS, -math.floor(math.log10(sigma)))
    )
    return round(value, digits)


def _assign(
    chains: Sequence[Chain], found: list[MeasuredEvent]
) -> tuple[MeasuredChain, ...]:
    """Give every declared event the measured one that comes nearest to it."""
    left = list(found)
    answers: list[MeasuredChain] = []
    for number, chain in enumerate(chains):
        mine: list[MeasuredEvent] = []
        order = sorted(range(len(chain.events)), key=lambda n: chain.events[n].offset)
        for place in order:
            wanted = chain.events[place]
            best = min(left, key=lambda event: _distance(wanted, event), default=None)
            if best is None or math.isinf(_distance(wanted, best)):
                continue
            left.remove(best)
            mine.append(replace(_aligned(wanted, best), declared=place))
        mine.sort(key=lambda event: event.declared or 0)
        answers.append(MeasuredChain(chain.name, chain.scope, tuple(mine), number))
    if left:
        left.sort(key=lambda event: event.offset)
        name = "Detections" if not chains else "Not declared"
        answers.append(MeasuredChain(name, "collection", tuple(left)))
    return tuple(answers)


def _distance(wanted: ChainEvent, event: MeasuredEvent) -> float:
    """How far a measured event is from a declared one; infinite for another thing."""
    if wanted.type is not event.type:
        return math.inf
    if wanted.name and event.name and wanted.name != event.name:
        return math.inf
    off = abs(event.offset - wanted.offset)
    if event.period and wanted.period:
        # Whole periods do not count: the first pulses may be missing.
        off = abs(math.remainder(event.offset - wanted.offset, event.period))
        ratio = event.period / wanted.period
        other = abs(ratio - 1) > _SAME_PERIOD
        return off / wanted.period + (_OTHER_PERIOD * abs(ratio - 1) if other else 0.0)
    if bool(event.period) != bool(wanted.period and (wanted.repetition or 2) > 1):
        return _OTHER_KIND + off
    return off


def _aligned(wanted: ChainEvent, event: MeasuredEvent) -> MeasuredEvent:
    """Count from the declared first pulse, even if that one did not come."""
    if not event.period or event.irregular:
        return event
    whole = round((event.offset - wanted.offset) / event.period)
    near = abs(event.offset - wanted.offset - whole * event.period)
    if whole <= 0 or whole > event.repetition or near > _SAME_PHASE * event.period:
        return event
    return replace(
        event,
        offset=_known(event.offset - whole * event.period, event.offset_sigma),
        repetition=event.repetition + whole,
    )


def measure_positions(
    number: int, chain: Chain, pulses: Sequence[Pulses], shots: int
) -> MeasuredChain:
    """The measured side of a chain of scope ``position``.

    Positions need not follow each other evenly: every time is taken from the start of
    its own position, which is its first X-ray detection.

    Args:
        number: Index of the chain among the declared ones.
        chain: As declared.
        pulses: What was seen.
        shots: X-ray detections of one position.
    """
    xray = [p for p in pulses if p.type is EventType.XRAY_DETECTION]
    if not xray or not shots:
        return MeasuredChain(chain.name, chain.scope, (), number)
    times, clock = xray[0].time_ns, xray[0].clock
    starts = times[::shots]
    declared_x = sorted(
        e.offset for e in chain.events if e.type is EventType.XRAY_DETECTION
    )
    first = round(declared_x[0] * 1e9)
    events = []
    for place, wanted in enumerate(chain.events):
        name = wanted.name or ""
        mine = [
            p
            for p in pulses
            if p.type is wanted.type
            and p.clock == clock
            and (not name or not p.name or p.name == name)
        ]
        if not mine:
            continue
        count = max(1, wanted.repetition or 1) if wanted.period else 1
        due = np.rint(
            (wanted.offset + np.arange(count) * (wanted.period or 0.0)) * 1e9
        ).astype(np.int64)
        event = _in_position(wanted, mine[0], starts, due - first, first)
        if event is not None:
            events.append(replace(event, declared=place))
    return MeasuredChain(chain.name, chain.scope, tuple(events), number)


def _in_position(
    wanted: ChainEvent, pulses: Pulses, starts: Int64Array, due: Int64Array, first: int
) -> MeasuredEvent | None:
    """One declared event, from the pulses next to where each position has it due."""
    seen, offsets = 0, []
    limit = _reach(starts, due)
    for after in due.tolist():
        wanted_ns = starts + after
        off = pulses.time_ns[nearest(pulses.time_ns, wanted_ns)] - wanted_ns
        here = off[np.abs(off) <= limit]
        seen += int(here.size)
        if here.size:
            offsets.append((after + float(np.median(here)), _scatter(here)))
    if not offsets:
        return None
    place = np.array([o for o, _ in offsets])
    jitter = max(j for _, j in offsets)
    sigma = jitter / math.sqrt(max(1, seen))
    step = float(np.mean(np.diff(place))) if place.size > 1 else None
    return MeasuredEvent(
        type=wanted.type,
        name=pulses.name or wanted.name,
        offset=_known((float(place[0]) + first) / 1e9, sigma / 1e9),
        duration=pulses.duration_s,
        period=None if step is None else _known(step / 1e9, sigma / 1e9),
        repetition=len(due),
        seen=seen,
        jitter=_known(jitter / 1e9, _JITTER_S),
        offset_sigma=_known(sigma / 1e9, _SIGMA_S),
        complete=pulses.complete,
    )


def _reach(starts: Int64Array, due: Int64Array) -> float:
    """Half way to the next pulse due: nearer ones are meant."""
    every = np.diff(np.sort(due)) if due.size > 1 else np.diff(starts)
    smallest = float(every.min()) if every.size else 1e9
    return _REACH * smallest


def _scatter(values: NDArray[np.int64]) -> float:
    return MAD_SIGMA * float(np.median(np.abs(values - np.median(values))))
