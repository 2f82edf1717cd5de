"""The triggers of a run in order, and what is known of each of them.

Either as the timing hardware logged them, or as the chains declare them. Images are
matched to these (:mod:`recorder.ssx.matching.matcher`), and take their labels from
them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recorder.records import Evidence, Pump
from recorder.ssx.arrays import Int64Array
from recorder.ssx.chains.pattern import Pattern
from recorder.ssx.clocks.unknown import NO_DARK_N, NO_DELAY
from recorder.ssx.triggers.captured import CapturedTriggers, in_order
from recorder.ssx.triggers.row_times import AS_DECLARED, LOOKED_AT, row_times

PUMPS = (Pump.UNKNOWN, Pump.LIGHT, Pump.DARK)
EVIDENCES = tuple(reversed(Evidence))  # none, commanded, image_id, … measured
UNKNOWN, LIGHT, DARK = range(3)
"""Codes of pumps: their places in PUMPS."""
NONE, COMMANDED, IMAGE_ID, CLOCK, CAPTURED, MEASURED = range(6)
"""Codes of evidence: places in EVIDENCES, better evidence is higher."""
_GARBAGE = 5_000_000
"""Trigger numbers further apart are no count: more than an hour without a row at 1000
triggers a second. Each costs 0.1 kB."""
_FEW_ROWS, _PER_ROW = 100_000, 1000
"""Nor are so many triggers for a few rows, and more for each further one: with 25 rows
the fuzzers had 0.5 GB worked out. Chosen, not tuned."""


@dataclass(frozen=True, slots=True, eq=False)
class TriggerTable:
    """One entry for each trigger, by ordinal; all arrays have length n."""

    time_ns: Int64Array
    """Ascending; empty if the triggers have no times."""
    usable: NDArray[np.bool_]
    """False where a row is missing and its time cannot be told."""
    pump: NDArray[np.uint8]
    dark_n: Int64Array
    delay_ns: Int64Array
    chain: Int64Array
    slot: Int64Array
    cycle: Int64Array
    evidence: NDArray[np.uint8]
    """How good a label is if the image's trigger is certain."""
    declared: NDArray[np.uint8]
    """What the declared chains say of the trigger: UNKNOWN, LIGHT or DARK."""
    triggers: int | None = None
    """How many there were; None if nobody says. May be less than n."""
    clock: str = ""
    """Name of the clock of the times; empty for the declared chains."""
    first_number: int = 0
    """The hardware's number of ordinal 0."""
    by_position: bool = False
    """Pulses light triggers of their own position alone."""
    planned: int | None = None
    """How many were announced; None if nobody says."""
    captured: bool = False
    """The timing hardware logged X-ray rows; these are the triggers."""
    real: NDArray[np.bool_] | None = None
    """Where a row gave the time; None: everywhere. Other times are worked out."""
    floating: bool = False
    """How many triggers came before the first row is not known."""
    lead: int = 0
    """Then: triggers before the first row that the table has room for."""

    @property
    def size(self) -> int:
        """Triggers described."""
        return int(self.pump.size)

    @property
    def uniform(self) -> bool:
        """All triggers say the same, so that it does not matter which is which."""
        most = self.triggers
        if most is not None and self.planned is not None:
            most = max(most, self.planned)
        known = self.pump[:most]
        return known.size > 0 and bool((known == known[0]).all())


def declared_table(
    pattern: Pattern | None, size: int, triggers: int | None, *, dark: bool
) -> TriggerTable:
    """What the declared chains say of the first ``size`` triggers.

    Args:
        pattern: The unrolled chains, None without an X-ray detection.
        size: Triggers to describe.
        triggers: How many triggers the run was announced with.
        dark: The run is announced and without any laser: all is dark.
    """
    known = 0 if pattern is None else min(size, len(pattern.light))
    pump = np.full(size, UNKNOWN, np.uint8)
    dark_n = np.full(size, NO_DARK_N, np.int64)
    delay = np.full(size, NO_DELAY, np.int64)
    chain, slot, cycle = (np.full(size, -1, np.int64) for _ in range(3))
    evidence = np.full(size, NONE, np.uint8)
    if pattern is not None:
        chain[:known], slot[:known] = pattern.chain[:known], pattern.slot[:known]
        cycle[:known] = pattern.cycle[:known]
        if pattern.has_laser:
            pump[:known] = np.where(pattern.light[:known], LIGHT, DARK)
            dark_n[:known] = pattern.dark_n[:known]
            delay[:known] = pattern.delay_ns[:known]
            evidence[:known] = CLOCK
    if dark:
        pump[:], evidence[:] = DARK, COMMANDED
    times = np.empty(0, np.int64)
    if pattern is not None:
        times = pattern.time_ns[:known]
    return TriggerTable(
        time_ns=times,
        usable=np.ones(times.size, np.bool_),
        pump=pump,
        dark_n=dark_n,
        delay_ns=delay,
        chain=chain,
        slot=slot,
        cycle=cycle,
        evidence=evidence,
        declared=pump.copy(),
        triggers=triggers,
        planned=triggers,
        by_position=pattern is not None and pattern.periodic,
    )


def captured_table(
    rows: CapturedTriggers,
    base: TriggerTable,
    first: int | None = None,
) -> tuple[TriggerTable, NDArray[np.bool_] | None]:
    """The triggers as the timing hardware logged them; labels still as declared.

    Args:
        rows: The events.
        base: What the declared chains say.
        first: The hardware's number of the first trigger; None: of the first row.

    Returns:
        The triggers, and which of them have a row; None without any X-ray row.
    """
    if first is None:
        first = int(rows.xray[0]) if rows.xray.size else 0
    elif rows.xray.size:
        rows = rows.since(first)
    count = int(rows.xray[-1]) - first + 1 if rows.xray.size else 0
    missing = min(_GARBAGE, _FEW_ROWS + _PER_ROW * rows.xray.size)
    if count > max(base.size, rows.xray.size + missing):
        return base, None
    # Without X-ray rows the laser's numbers are taken to count from the first trigger.
    size = max(base.size, count)
    times, usable = row_times(rows, first, count, base.time_ns)
    shift = _slot_shift(times[:count], base) if rows.xray.size else 0
    evidence = _grown(base.evidence, size, NONE)
    # The chain still says what a trigger is; that it came is captured.
    present = np.zeros(size, np.bool_)
    present[rows.xray - first] = True
    evidence[present & (evidence >= IMAGE_ID)] = CAPTURED
    real = np.ones(times.size, np.bool_)
    if rows.xray.size and times is not base.time_ns:
        real[:] = False
        real[(rows.xray - first)[in_order(rows.xray_ns)]] = True
    table = TriggerTable(
        time_ns=times,
        usable=usable,
        real=real,
        pump=_grown(base.pump, size, UNKNOWN),
        dark_n=_grown(base.dark_n, size, NO_DARK_N),
        delay_ns=_grown(base.delay_ns, size, NO_DELAY),
        chain=_grown(base.chain[shift:], size, -1),
        slot=_grown(base.slot[shift:], size, -1),
        cycle=_grown(base.cycle, size, -1),
        evidence=evidence,
        declared=_grown(base.declared, size, UNKNOWN),
        triggers=count or base.triggers,
        planned=base.planned,
        captured=rows.xray.size > 0,
        by_position=base.by_position,
        clock=rows.clock,
        first_number=first,
    )
    return table, present if rows.xray.size else None


def _grown(column: NDArray[Any], size: int, fill: int) -> NDArray[Any]:
    """A column of ``size`` entries, continued by what stands for not known."""
    grown = np.full(size, fill, column.dtype)
    part = column[:size]
    grown[: part.size] = part
    return grown


def _slot_shift(times: Int64Array, base: TriggerTable) -> int:
    """By how many slots the first row comes after the first declared detection.

    Only chains with several detections in a cycle tell: by their uneven spacing.
    """
    declared = base.time_ns
    slots = int(base.slot.max(initial=-1)) + 1
    n = min(times.size, declared.size - slots, LOOKED_AT // 2)
    if slots < 2 or n < 2 * slots or base.by_position:
        return 0
    steps = np.diff(times[:n])
    off = [
        float(np.median(np.abs(steps - np.diff(declared[s : s + n]))))
        for s in range(slots)
    ]
    best = int(np.argmin(off))
    return best if off[best] < AS_DECLARED * off[0] else 0
