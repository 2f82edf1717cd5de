"""What the numbers of images and triggers prove of the first image, and what not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recorder.records import Start
from recorder.ssx.arrays import BoolArray, Int64Array
from recorder.ssx.clocks.unknown import NO_ORDINAL
from recorder.ssx.triggers.trigger_table import TriggerTable


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a run besides images and events."""

    announced: bool = True
    header: bool = True
    """The series was followed from its beginning."""
    ended: bool = False
    success: bool = False
    """Nobody cut it short: all triggers may have been given."""
    made: int | None = None
    """Images that the detector made, where somebody says so."""
    triggers: int | None = None
    """Triggers that the run was announced with."""
    going_on: bool = False
    """More images and rows may come: what is there is not all of it."""

    @property
    def complete(self) -> bool:
        """It ended, and nobody cut it short."""
        return self.ended and self.success


@dataclass(frozen=True, slots=True)
class Sums:
    """Images, missed triggers and triggers of a run."""

    made: int
    """Images that the detector made, at least."""
    missed: int
    """Triggers before the last matched image that made none."""
    total: int | None
    """Triggers that there were; None if nobody says."""
    limit: int | None
    """Triggers that there were at most."""
    planned: int | None
    """Triggers that were announced."""

    @property
    def used(self) -> int:
        """Triggers that the images and the gaps between them take."""
        return self.made + self.missed

    @property
    def tail(self) -> int:
        """Triggers after the last image, or before the first."""
        return 0 if self.total is None else self.total - self.used

    @property
    def exceeded(self) -> bool:
        """Some step of time was taken for missed triggers that never were planned."""
        over = self.planned is not None and self.used > self.planned
        return over and self.missed > 0


def sums(
    ids: Int64Array, ordinal: Int64Array, table: TriggerTable, facts: Facts
) -> Sums:
    """Count what is there.

    Args:
        ids: image_ids, ascending, shape (n,).
        ordinal: Their triggers, NO_ORDINAL where unknown, shape (n,).
        table: The triggers.
        facts: What else is known.
    """
    matched = np.flatnonzero(ordinal != NO_ORDINAL)
    last = int(matched[-1]) if matched.size else -1
    missed = int(ordinal[last] - ids[last]) if matched.size else 0
    if table.floating:  # those before the first row may be none at all
        missed = max(0, missed - table.lead)
    made = max(facts.made or 0, int(ids[-1]) + 1 if ids.size else 0)
    total, limit = _triggers(table, facts)
    return Sums(made, missed, total, limit, table.planned)


def _triggers(table: TriggerTable, facts: Facts) -> tuple[int | None, int | None]:
    """How many triggers there were, and how many at most.

    Rows may be lost, at either end of a run, too. So fewer rows than planned are all
    there were only if the run was cut short; and while it goes on, more may come.
    """
    planned, seen = table.planned, table.triggers
    if not table.captured:
        return seen, seen
    if table.floating:
        return None, planned
    if planned is None or seen is None:
        known = None if facts.going_on else seen
        return known, known
    if seen >= planned:
        return seen, seen
    return (planned if facts.going_on or facts.complete else seen), planned


def certainty(
    certain: list[bool],
    ids: Int64Array,
    ordinal: Int64Array,
    segment: Int64Array,
    counted: Sums,
    table: TriggerTable,
    facts: Facts,
) -> tuple[Start, BoolArray]:
    """How sure the start is, and which segments are certain.

    A segment has the lowest ordinals that it can have. It cannot have higher ones if
    there is no room before what follows: a certain segment, or the end of the triggers.
    So certainty goes back from there.

    Args:
        certain: By segment, whether times alone told which trigger came first.
        ids: image_ids, ascending, shape (n,).
        ordinal: Their triggers, NO_ORDINAL where unknown, shape (n,).
        segment: Their segments, shape (n,).
        counted: Sums of the run.
        table: The triggers.
        facts: What else is known.
    """
    flags = np.array(certain, np.bool_)
    matched = np.flatnonzero(ordinal != NO_ORDINAL)
    over = counted.limit is not None and counted.used > counted.limit
    if over and (table.captured or counted.missed > 0):
        # More triggers used than there were: some jump was taken for missed triggers.
        return Start.UNCERTAIN, np.zeros(flags.size, np.bool_)
    follows = counted.total == counted.used and not counted.exceeded
    missed = ordinal - ids
    for number in range(flags.size - 1, -1, -1):
        mine = matched[segment[matched] == number]
        if not mine.size:
            continue
        after = matched[matched > mine[-1]]
        room = missed[after[0]] - missed[mine[-1]] if after.size else 0
        flags[number] = flags[number] or (follows and room == 0)
        follows = bool(flags[number])
    if flags.size and flags[0]:
        return Start.PROVEN, flags
    return open_start(counted, table, facts), flags


def open_start(counted: Sums, table: TriggerTable, facts: Facts) -> Start:
    """What may be said of a start that is not proven.

    Args:
        counted: Sums of the run.
        table: The triggers.
        facts: What else is known.
    """
    if not facts.header or counted.exceeded or (table.floating and facts.complete):
        return Start.UNCERTAIN
    if table.captured and counted.limit is not None and counted.used > counted.limit:
        return Start.UNCERTAIN
    if facts.complete and counted.total is not None:
        beyond = not table.captured and counted.used > counted.total
        return Start.ASSUMED if beyond else Start.UNCERTAIN
    return Start.ASSUMED


def conflict_of(counted: Sums) -> str:
    """How the numbers contradict the plan, for people; empty if they do not."""
    if not counted.exceeded:
        return ""
    return (
        f"{counted.made} images and {counted.missed} triggers without an image between "
        f"them are more than the {counted.planned} triggers planned"
    )
