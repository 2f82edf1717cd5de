"""Lasers on triggers: which are light, by the rows of timing hardware and sensors."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from recorder.ssx.arrays import Int64Array
from recorder.ssx.chains.pattern import dark_numbers
from recorder.ssx.clocks.nearest import nearest, spacings
from recorder.ssx.clocks.unknown import NO_DARK_N, NO_DELAY, NO_ORDINAL, NO_TIME
from recorder.ssx.triggers.captured import NO_NUMBER, CapturedTriggers
from recorder.ssx.triggers.trigger_table import (
    CAPTURED,
    CLOCK,
    DARK,
    LIGHT,
    MEASURED,
    NONE,
    UNKNOWN,
    TriggerTable,
)

_FEW = 3
"""Pulses at the end that no sensor reported: misfires, or a sensor that stopped."""
_LOST_TOO = 3
"""Laser rows that may be lost for each lost X-ray row. Chosen, not tuned: as many, and
some more by chance."""
_MAX_SLOTS = 1 << 16
"""More than any chain has detections in a cycle: chain and slot make one number."""
_REACH = 0.45
"""Of the spacing of triggers: a pulse further from where the chains have it is not that
one; just less than half way, as when images are matched."""


@dataclass(frozen=True, slots=True)
class Before:
    """What came before the first trigger of a window of a run."""

    ordinal: int = 0
    """Of the window's first trigger."""
    dark_n: int = NO_DARK_N
    """Triggers from the last light one to the window's first; unknown without one."""
    pulse_ns: int = NO_TIME
    """Start of the last laser pulse."""


FROM_THE_FIRST = Before()


def light(
    table: TriggerTable,
    rows: CapturedTriggers,
    present: NDArray[np.bool_] | None,
    before: Before,
    lost: int = 0,
) -> TriggerTable:
    """The triggers with labels overruled where lasers were logged or seen.

    Args:
        table: The triggers, labels as declared.
        rows: The events.
        present: Triggers with an X-ray row: from there, no laser row means no pulse.
            None without any X-ray rows: then the laser rows vouch for themselves.
        before: What came before the first trigger.
        lost: X-ray rows that are known to be missing: laser rows may be, too.
    """
    place = _places(table, rows)
    inside = np.flatnonzero((place >= 0) & (place < table.size))
    inside = inside[np.argsort(rows.laser_measured[inside], kind="stable")]
    place, measured = place[inside], rows.laser_measured[inside]
    watched = _watched(table, rows, place, measured)
    believed = measured | ~watched[place]
    lit = np.zeros(table.size, np.bool_)
    pulse = np.full(table.size, NO_TIME, np.int64)
    unsure = np.zeros(table.size, np.bool_)
    doubtful = _unwatched(place, measured, watched)
    for row, at in next_detections(table, place):
        unsure[at[doubtful[row]]] = True
        good = believed[row]
        lit[at[good]] = True
        pulse[at[good]] = rows.laser_ns[inside[row[good]]]
    if present is None:
        present = np.arange(table.size) <= int(place.max(initial=-1))
    unsure &= ~watched
    silent = _silent(table, rows, lit, lost)
    unsure |= silent & watched
    known = (lit | watched | _told(table, present)) & ~unsure & ~silent
    pump, evidence = table.pump.copy(), table.evidence.copy()
    evidence[silent] = np.minimum(evidence[silent], CLOCK)
    pump[unsure], evidence[unsure] = UNKNOWN, NONE
    pump[known] = np.where(lit[known], LIGHT, DARK)
    evidence[known] = np.where(watched[known], MEASURED, CAPTURED)
    delay_ns = np.where(known & (table.declared != pump), NO_DELAY, table.delay_ns)
    if rows.same_clock and table.time_ns.size:
        _measure_delays(table, delay_ns, pulse, lit, known, before.pulse_ns)
    return replace(
        table,
        pump=pump,
        evidence=evidence,
        dark_n=_dark_n(pump, before.dark_n),
        delay_ns=delay_ns,
    )


def _events(table: TriggerTable) -> Int64Array:
    """Which detection event each trigger is of, -1 where that is not known."""
    known = (table.chain >= 0) & (table.slot >= 0)
    return np.where(known, table.chain * _MAX_SLOTS + table.slot, -1)


def next_detections(
    table: TriggerTable, place: Int64Array
) -> list[tuple[Int64Array, Int64Array]]:
    """What pulses light: the next detection of each event of the pulse's chain.

    Args:
        table: The triggers.
        place: Trigger that each pulse lights first, shape (n,).

    Returns:
        For each event the pulses (indices into ``place``) and the triggers they light.
    """
    event = _events(table)
    mine = event[place]
    alone = np.flatnonzero(mine < 0)
    found = [(alone, place[alone])] if alone.size else []
    for code in np.unique(event[event >= 0]).tolist():
        of_chain = np.flatnonzero(
            (mine >= 0) & (mine // _MAX_SLOTS == code // _MAX_SLOTS)
        )
        triggers = np.flatnonzero(event == code)
        after = np.searchsorted(triggers, place[of_chain])
        here = after < triggers.size
        row, at = of_chain[here], triggers[after[here]]
        if table.by_position:
            same = table.cycle[at] == table.cycle[place[row]]
            row, at = row[same], at[same]
        found.append((row, at))
    return found


def _told(table: TriggerTable, present: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Triggers of which the rows tell that no pulse lit them.

    All rows that could have brought such a pulse must be there: back to the trigger
    before of the same event, or to the start of the position.
    """
    event = _events(table)
    before = np.arange(table.size, dtype=np.int64) - 1
    for code in np.unique(event[event >= 0]).tolist():
        triggers = np.flatnonzero(event == code)
        before[triggers[1:]] = triggers[:-1]
        if triggers.size and triggers[0] < _MAX_SLOTS:
            before[triggers[0]] = -1
    if table.by_position:
        first = np.ones(table.size, np.bool_)
        first[1:] = np.diff(table.cycle) != 0
        start = np.maximum.accumulate(np.where(first, np.arange(table.size), 0))
        before = np.maximum(before, start - 1)
    missing = np.concatenate(([0], np.cumsum(~present)))
    told: NDArray[np.bool_] = missing[1:] == missing[before + 1]
    return told


def _watched(
    table: TriggerTable,
    rows: CapturedTriggers,
    place: Int64Array,
    measured: NDArray[np.bool_],
) -> NDArray[np.bool_]:
    """Triggers at which a sensor looked: between the first and the last it reports.

    A sensor that saw other pulses and not this one says: the laser did not fire.
    """
    watched = np.zeros(table.size, np.bool_)
    off = rows.laser_off - table.first_number
    off = off[(off >= 0) & (off < table.size)]
    seen = np.concatenate((place[measured], off))
    if seen.size:
        watched[int(seen.min()) : int(seen.max()) + 1] = True
    return watched


def _unwatched(
    place: Int64Array, measured: NDArray[np.bool_], watched: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """The last pulses asked for that a sensor did not report.

    A misfire, or did the sensor stop looking? Of a few pulses at the end of what it
    reports nobody can tell.
    """
    doubtful = np.zeros(place.size, np.bool_)
    seen = np.flatnonzero(watched)
    if seen.size:
        for beyond in (place > seen[-1], place < seen[0]):
            beyond &= ~measured
            if np.unique(place[beyond]).size <= _FEW:
                doubtful |= beyond
    return doubtful


def _silent(
    table: TriggerTable, rows: CapturedTriggers, lit: NDArray[np.bool_], lost: int
) -> NDArray[np.bool_]:
    """Triggers whose laser row may be lost like other rows of this run.

    Declared light, and no row says so, nor that there was no pulse. If there are many
    more of these than rows lost, the laser really did not fire. Where the rows begin
    and end, one may be lost and leave no trace.
    """
    silent: NDArray[np.bool_] = (table.declared == LIGHT) & ~lit
    silent[(rows.laser_off - table.first_number).clip(0, table.size - 1)] = False
    if int(silent[: table.triggers].sum()) <= lost_too(lost):
        if lost and table.floating:  # what the chains declare there is not known
            silent |= (table.declared == UNKNOWN) & ~lit
        return silent
    ends: NDArray[np.bool_] = np.zeros(table.size, np.bool_)
    if rows.xray.size:
        ends[rows.xray[[0, -1]] - table.first_number] = True
    return silent & ends


def lost_too(lost: int) -> int:
    """Laser rows that may be missing, if so many X-ray rows are lost."""
    return _LOST_TOO * lost + _FEW if lost else 0


def _dark_n(pump: NDArray[np.uint8], before: int) -> Int64Array:
    """Triggers since the last light one; not known beyond a trigger that is unknown."""
    number = dark_numbers(pump == LIGHT)
    if before != NO_DARK_N:
        early = number == NO_DARK_N
        number[early] = before + np.flatnonzero(early)
    index = np.arange(pump.size, dtype=np.int64)
    gap = np.maximum.accumulate(np.where(pump == UNKNOWN, index, -1))
    known: Int64Array = np.where(index - number > gap, number, NO_DARK_N)
    return known


def _measure_delays(
    table: TriggerTable,
    delay_ns: Int64Array,
    pulse: Int64Array,
    lit: NDArray[np.bool_],
    known: NDArray[np.bool_],
    before_ns: int,
) -> None:
    """Put X-ray start minus the last laser pulse's start, from the rows' own times."""
    size = min(table.size, table.time_ns.size)
    pulse, lit, known = pulse[:size], lit[:size], known[:size]
    timed = pulse != NO_TIME
    last = np.maximum.accumulate(np.where(lit, np.arange(size), -1))
    use = known & (last >= 0) & table.usable[:size] & timed[last]
    delay_ns[:size][use] = table.time_ns[:size][use] - pulse[last[use]]
    if before_ns != NO_TIME:
        early = known & (last < 0) & table.usable[:size]
        delay_ns[:size][early] = table.time_ns[:size][early] - before_ns


def _places(table: TriggerTable, rows: CapturedTriggers) -> Int64Array:
    """Ordinal of the trigger that each laser pulse lights first, NO_ORDINAL if none."""
    place = np.where(
        rows.laser == NO_NUMBER, NO_ORDINAL, rows.laser - table.first_number
    )
    loose = np.flatnonzero((rows.laser == NO_NUMBER) & (rows.laser_ns != NO_TIME))
    if not (loose.size and rows.same_clock and table.time_ns.size):
        return place
    when = rows.laser_ns[loose]
    following = np.searchsorted(table.time_ns, when)
    lit = (table.declared == LIGHT) & (table.delay_ns != NO_DELAY)
    if lit.any():
        # The chains say how far pump and probe are apart; the pump may come second.
        wanted = when + int(table.delay_ns[lit].min())
        near = nearest(table.time_ns, wanted)
        close = (
            np.abs(table.time_ns[near] - wanted)
            <= _REACH * spacings(table.time_ns)[near]
        )
        following = np.where(close, near, following)
    place[loose] = np.where(following < table.size, following, NO_ORDINAL)
    return place
