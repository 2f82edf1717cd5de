"""Which trigger of the run the first captured row is of, if rows got lost.

The hardware's counter may start anywhere, so its numbers do not say how many triggers
came before the first row. The plan says how many there were in all, and the laser rows
must fit to the light triggers that the chains declare.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recorder.ssx.arrays import BoolArray, Int64Array
from recorder.ssx.clocks.unknown import NO_DARK_N, NO_DELAY
from recorder.ssx.triggers.captured import NO_NUMBER, CapturedTriggers
from recorder.ssx.triggers.laser_labels import lost_too
from recorder.ssx.triggers.trigger_table import (
    LIGHT,
    NONE,
    UNKNOWN,
    TriggerTable,
    captured_table,
)

MOST_PLACES = 4096
"""Places of the first row that are tried; beyond, its place is not known."""
_COMPARED = 2048
"""Rows that are held against the chains, spread over the run: enough to tell patterns
apart, few enough for thousands of places. Chosen, not tuned."""
_SPARE = 2
"""Rows by which a place may fit less well than the best one and still be possible:
misfires and lost laser rows. Chosen, not tuned."""
_MISFITS = 0.2
"""Share of the rows that may contradict the chains at the best place: more, and the
chains do not describe these rows. Chosen, not tuned."""


def possible_places(
    rows: CapturedTriggers, base: TriggerTable, whole: bool
) -> tuple[Int64Array, bool]:
    """Ordinals that the first row may have.

    Args:
        rows: The rows.
        base: What the declared chains say, and how many triggers were planned.
        whole: All planned triggers were given, so that rows are missing if there are
            fewer. Else the first row is taken for the first trigger where it may be.

    Returns:
        The ordinals, ascending, and whether all rows agree with the chains there.
    """
    places = np.zeros(1, np.int64)
    count = int(rows.xray[-1] - rows.xray[0]) + 1 if rows.xray.size else 0
    room = (base.planned or 0) - count if count else 0
    if room > 0:
        places = np.arange(min(room, MOST_PLACES) + 1, dtype=np.int64)
    extra, absent = _misfits(rows, base, places)
    # Where rows are missing between others laser rows may be, too: those that are there
    # must fit.
    complete = count == rows.xray.size
    misfits = extra + absent if complete else extra
    compared = min(_COMPARED, rows.xray.size if complete else rows.laser.size)
    if int(misfits.min()) <= _MISFITS * compared:
        keep = misfits <= int(misfits.min()) + _SPARE
        places, extra, absent = places[keep], extra[keep], absent[keep]
    lost = count - rows.xray.size + (max(0, room) if whole else 0)
    agree = (extra == 0) & (absent <= lost_too(lost))
    if room > MOST_PLACES and whole:
        places = np.union1d(places, np.arange(MOST_PLACES - 1, MOST_PLACES + 1))
    if not whole:
        places = places[:1]
    return places, bool(agree.any()) and not rows.laser_off.size


def lasers_placed(rows: CapturedTriggers, base: TriggerTable) -> bool:
    """Whether laser rows alone, without any X-ray row, can count from trigger 0.

    Their counter may have started anywhere; where chains are declared, it must fit.
    """
    if rows.xray.size or not (base.declared == LIGHT).any():
        return True
    extra, _ = _misfits(rows, base, np.zeros(1, np.int64))
    loose = (rows.laser == NO_NUMBER).any()
    return bool(loose) or int(extra[0]) <= _MISFITS * rows.laser.size


def _misfits(
    rows: CapturedTriggers, base: TriggerTable, places: Int64Array
) -> tuple[Int64Array, Int64Array]:
    """Rows that contradict the chains, by the place of the first one, shape (n,) each.

    Laser rows where the chains declare none, and declared ones that have no row.
    """
    nothing = np.zeros(places.size, np.int64)
    if not rows.laser.size:
        return nothing, nothing
    if (rows.laser == NO_NUMBER).any():
        return nothing + 1, nothing
    at = np.union1d(_spread(rows.xray), _spread(rows.laser))
    behind = at - (rows.xray[0] if rows.xray.size else 0)
    return _at_places(_first_lit(base), behind, np.isin(at, rows.laser), places)


def _at_places(
    lit: BoolArray, behind: Int64Array, seen: BoolArray, places: Int64Array
) -> tuple[Int64Array, Int64Array]:
    """Rows beside what is declared where they would lie.

    One row is looked at for all places at once, as they follow each other: 8 million
    comparisons, of 4096 places and 2048 rows, take 5 ms, not 150.

    Args:
        lit: Whether a laser row is declared, by ordinal.
        behind: Rows by how many triggers they come after the first one, shape (n,).
        seen: Which of them have a laser row, shape (n,).
        places: Ordinals of the first row, ascending, shape (m,).

    Returns:
        Laser rows where none is declared, and declared ones without a row; (m,) each.
    """
    low, high = int(places[0]), int(places[-1])
    span = high - low + 1
    first = behind + low
    reached = (first + span > 0) & (first < lit.size)
    before = max(0, -int(first[reached].min(initial=0)))
    after = max(0, int(first[reached].max(initial=0)) + span - lit.size)
    padded = np.pad(lit, (before, after)).view(np.uint8)
    declared = np.zeros((2, span), np.int64)
    for has_row in (0, 1):
        for n in (first[reached & (seen == has_row)] + before).tolist():
            declared[has_row] += padded[n : n + span]
    extra: Int64Array = int(seen.sum()) - declared[1, places - low]
    return extra, declared[0, places - low]


def _spread(numbers: Int64Array) -> Int64Array:
    """Some of many numbers, from all over the run."""
    step = max(1, numbers.size // (_COMPARED // 2))
    some: Int64Array = numbers[::step]
    return some


def _first_lit(base: TriggerTable) -> BoolArray:
    """Triggers that are the first after a pulse: those whose number its row has."""
    lit: BoolArray = base.declared == LIGHT
    if int(base.slot.max(initial=0)) == 0:
        return lit
    # Of several detections after one pulse the first has the shortest delay.
    same = lit[1:] & lit[:-1] & (base.delay_ns[1:] > base.delay_ns[:-1])
    first: BoolArray = lit.copy()
    first[1:] &= ~same
    return first


def table_of_rows(
    rows: CapturedTriggers, base: TriggerTable, places: Int64Array
) -> tuple[TriggerTable, NDArray[np.bool_] | None]:
    """The triggers as logged, where the first row has one of these places.

    Where there are several, the table begins so early that it holds all triggers, and
    the chains say only what is the same at each place.

    Args:
        rows: The rows.
        base: What the declared chains say.
        places: Ordinals that the first row may have, ascending.

    Returns:
        As :func:`captured_table`.
    """
    lead = int(places[-1])
    if places.size > 1:
        base = _same_at_all(base, lead - places)
    first = int(rows.xray[0]) - lead if rows.xray.size else None
    table, present = captured_table(rows, base, first)
    floating = places.size > 1
    return replace(table, floating=floating, lead=lead if floating else 0), present


def _same_at_all(base: TriggerTable, back: Int64Array) -> TriggerTable:
    """What the chains say of triggers that may come so much earlier in the run."""
    step, most = int(np.gcd.reduce(back)), int(back.max())

    def alike(column: NDArray[Any], fill: int) -> NDArray[Any]:
        """Kept where it repeats with the step all the way back, shape (n,)."""
        same = column.copy()
        same[:most] = fill
        if column.size <= most:
            return same
        rounds = -(-column.size // step)
        differs = np.zeros(rounds * step, np.int64)
        differs[step : column.size] = column[step:] != column[:-step]
        upto = np.cumsum(differs.reshape(rounds, step), axis=0).ravel()
        changed = upto[most : column.size] != upto[: column.size - most]
        same[most:][changed] = fill
        return same

    return _each(base, alike)


def _each(
    base: TriggerTable, make: Callable[[NDArray[Any], int], NDArray[Any]]
) -> TriggerTable:
    pump = make(base.pump, UNKNOWN)
    return replace(
        base,
        pump=pump,
        dark_n=make(base.dark_n, NO_DARK_N),
        delay_ns=make(base.delay_ns, NO_DELAY),
        chain=make(base.chain, -1),
        slot=make(base.slot, -1),
        cycle=make(base.cycle, -1),
        evidence=np.where(pump == UNKNOWN, NONE, base.evidence).astype(np.uint8),
        declared=make(base.declared, UNKNOWN),
    )
