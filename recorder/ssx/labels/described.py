"""The triggers of a run, described: what the chains declare and what rows say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from recorder.records import Chain
from recorder.ssx.arrays import Int64Array
from recorder.ssx.chains.pattern import Pattern, pattern
from recorder.ssx.clocks.unknown import NO_ORDINAL
from recorder.ssx.matching.assignment import Assignment
from recorder.ssx.matching.certainty import Facts
from recorder.ssx.triggers.captured import CapturedTriggers
from recorder.ssx.triggers.first_row import (
    lasers_placed,
    possible_places,
    table_of_rows,
)
from recorder.ssx.triggers.laser_labels import FROM_THE_FIRST, light
from recorder.ssx.triggers.trigger_table import TriggerTable, declared_table

_MARGIN = 4096
"""Triggers beyond the last image that are described: the first ones may be missed."""
_SPARE_OF = 16
"""One trigger in so many images more: twice what the matcher looks for. Chosen, not
tuned."""


@dataclass(frozen=True, slots=True, eq=False)
class Described:
    """What is known of the triggers before an image is looked at."""

    declared: Pattern | None
    base: TriggerTable
    """What the declared chains say."""
    rows: CapturedTriggers
    places: Int64Array
    """Ordinals that the first row may have, ascending."""
    agree: bool
    """The rows agree with the chains there."""
    facts: Facts

    @property
    def span(self) -> int:
        """Triggers from the first row to the last."""
        xray = self.rows.xray
        return int(xray[-1] - xray[0]) + 1 if xray.size else 0

    @property
    def most(self) -> int | None:
        """Triggers that there were: as planned, or more if more were captured."""
        planned = self.base.planned
        return self.span if planned is None else max(planned, self.span)

    def table(self) -> TriggerTable:
        """The triggers with all that is known of them."""
        rows = self.rows
        seen = rows.laser.size + rows.laser_off.size > 0
        if not (rows.xray.size or seen) or not lasers_placed(rows, self.base):
            return self.base
        table, present = table_of_rows(rows, self.base, self.places)
        if not seen:
            return table
        lost = self.span - rows.xray.size
        if self.facts.complete and self.base.planned and self.span:
            lost += max(0, self.base.planned - self.span)
        return light(table, rows, present, FROM_THE_FIRST, lost)

    def narrowed(self, ids: Int64Array, assignment: Assignment) -> Described:
        """The same with fewer places for the first row, as images that are sure tell.

        Ordinals grow at least as image_ids, and no trigger is later than the last one.

        Args:
            ids: image_ids, ascending, shape (n,).
            assignment: Against the table of all places.
        """
        sure = np.flatnonzero(assignment.sure & (assignment.ordinal != NO_ORDINAL))
        planned = self.base.planned
        if not sure.size or planned is None:
            return self
        missed = assignment.ordinal[sure] - int(self.places[-1]) - ids[sure]
        made = max(self.facts.made or 0, int(ids[-1]) + 1)
        # Before the first sure image and after the last one no trigger is too many.
        room = planned - made - int(missed[-1])
        fits = (self.places + int(missed[0]) >= 0) & (self.places <= room)
        return replace(self, places=self.places[fits]) if fits.any() else self


def describe(
    chains: Sequence[Chain], rows: CapturedTriggers, facts: Facts, images: int
) -> Described:
    """The declared pattern, and where the rows may have their place in it.

    Args:
        chains: Declared chains.
        rows: Captured and measured events.
        facts: What else is known of the run.
        images: Highest image_id plus one.
    """
    size = images + images // _SPARE_OF + _MARGIN
    total = facts.triggers
    declared = pattern(chains, size)
    if declared is not None and declared.total is not None:
        total = declared.total if total is None else min(total, declared.total)
    if total is not None and not (rows.xray.size or rows.laser.size):
        size = max(images, min(size, total))
    has_laser = declared is not None and declared.has_laser
    seen = rows.laser.size + rows.laser_off.size > 0
    dark = facts.announced and not has_laser and not seen
    base = declared_table(declared, size, total, dark=dark)
    places, agree = possible_places(rows, base, facts.complete)
    return Described(declared, base, rows, places, agree, facts)
