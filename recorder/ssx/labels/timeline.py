"""Label images light, dark or unknown, with their delay and their evidence.

Each image is given its trigger (:mod:`recorder.ssx.matching.assignment`); each trigger
has a label (:mod:`recorder.ssx.triggers.trigger_table`) from the best evidence there
is: what a sensor measured, what the timing hardware captured, the declared chains.
Without enough evidence the label is unknown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recorder.records import Chain, Start
from recorder.ssx.arrays import Int64Array
from recorder.ssx.chains.pattern import Pattern
from recorder.ssx.clocks.unknown import NO_DARK_N, NO_DELAY, NO_ORDINAL, NO_TIME
from recorder.ssx.labels.described import describe
from recorder.ssx.matching.assignment import Assigner, Assignment, place
from recorder.ssx.matching.certainty import Facts
from recorder.ssx.triggers.captured import CapturedTriggers
from recorder.ssx.triggers.trigger_table import (
    CAPTURED,
    CLOCK,
    COMMANDED,
    DARK,
    EVIDENCES,
    IMAGE_ID,
    LIGHT,
    NONE,
    PUMPS,
    UNKNOWN,
    TriggerTable,
)

__all__ = [
    "DARK",
    "EVIDENCES",
    "LIGHT",
    "PUMPS",
    "UNKNOWN",
    "CapturedTriggers",
    "Facts",
    "Labels",
    "Start",
    "Timeline",
    "label_images",
]


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """One entry for each of the given image_ids."""

    pump: NDArray[np.uint8]
    """Index into PUMPS."""
    dark_n: Int64Array
    delay_ns: Int64Array
    """X-ray start minus pump start; NO_DELAY where unknown."""
    chain: Int64Array
    """Index of the declared chain, -1 without one."""
    slot: Int64Array
    """Which detection of its chain; -1 where unknown."""
    cycle: Int64Array
    """How often the chains' pattern had passed before; -1 where unknown."""
    ordinal: Int64Array
    """Trigger, counted from the first of the run; NO_ORDINAL where unknown."""
    residual_ns: Int64Array
    """Trigger time minus the image's time on the fitted clock; NO_TIME without."""
    evidence: NDArray[np.uint8]
    """Index into EVIDENCES."""


@dataclass(frozen=True, slots=True, eq=False)
class Timeline:
    """Labels of a run's images, and what they rest on."""

    labels: Labels
    assignment: Assignment
    table: TriggerTable
    pattern: Pattern | None = None
    contradictions: Mapping[str, int] = field(default_factory=dict)
    """Images by how a better rung differs from the declared chain, such as
    ``captured dark, declared light``."""


def label_images(
    ids: Int64Array,
    chains: Sequence[Chain],
    rows: CapturedTriggers,
    *,
    facts: Facts | None = None,
    start_ns: Int64Array | None = None,
) -> Timeline:
    """Label images by the best evidence there is.

    Args:
        ids: image_ids, ascending, shape (n,).
        chains: Declared chains.
        rows: Captured and measured events.
        facts: What else is known of the run.
        start_ns: Start time of each image on the detector's clock, NO_TIME where
            unknown; None if there are none.
    """
    facts = facts or Facts()
    start_ns = np.full(ids.size, NO_TIME, np.int64) if start_ns is None else start_ns
    top = int(ids[-1]) + 1 if ids.size else 0
    known = describe(chains, rows, facts, top)
    table = known.table()
    assignment = place(ids, start_ns, table, known.declared, facts)
    if table.floating:
        known = known.narrowed(ids, assignment)
        table = known.table()
        if not table.floating:
            assignment = place(ids, start_ns, table, known.declared, facts)
    found = assemble(assignment, table, known.declared)
    if not table.captured or not known.agree or (found.labels.pump != UNKNOWN).all():
        return found
    facts = replace(facts, triggers=known.most)
    bare = describe(chains, CapturedTriggers(), facts, top)
    table = bare.table()
    other = place(ids, start_ns, table, bare.declared, facts)
    return completed(found, assemble(other, table, bare.declared))


def assemble(
    assignment: Assignment, table: TriggerTable, declared: Pattern | None
) -> Timeline:
    """Labels of images from the labels of their triggers.

    Args:
        assignment: Which trigger made each image.
        table: The triggers and their labels.
        declared: The declared chains; None without any.
    """
    known = assignment.known & (assignment.ordinal < table.size)
    if table.uniform:
        # Whichever trigger it was: they are all alike.
        known |= assignment.ordinal < table.size
    at = np.where(known, assignment.ordinal, 0)
    at = np.clip(at, 0, max(0, table.size - 1))
    evidence = np.where(known, _at(table.evidence, at), NONE)
    if not assignment.by_time:
        evidence[evidence == CLOCK] = IMAGE_ID
    if not table.uniform:
        weak = known & ~assignment.sure & (evidence > IMAGE_ID)
        evidence[weak] = IMAGE_ID
    pump = np.where(known, _at(table.pump, at), UNKNOWN)
    if table.size and bool((table.evidence == COMMANDED).all()):
        # No laser is declared and none was seen: that needs no trigger.
        pump[:], evidence[:] = DARK, COMMANDED
    evidence[pump == UNKNOWN] = NONE
    labels = Labels(
        pump=pump.astype(np.uint8),
        dark_n=np.where(known, _at(table.dark_n, at), NO_DARK_N),
        delay_ns=np.where(known, _at(table.delay_ns, at), NO_DELAY),
        chain=np.where(known, _at(table.chain, at), -1),
        slot=np.where(known, _at(table.slot, at), -1),
        cycle=np.where(known, _at(table.cycle, at), -1),
        ordinal=np.where(
            assignment.known & (not table.floating), assignment.ordinal, NO_ORDINAL
        ),
        residual_ns=assignment.residual_ns,
        evidence=evidence.astype(np.uint8),
    )
    differ = contradictions(labels, table, at)
    return Timeline(labels, assignment, table, declared, differ)


def completed(found: Timeline, other: Timeline) -> Timeline:
    """What the rows leave unknown, as it is known without them.

    Rows that got lost at an end of the run, or that come late, must not cost what
    times and chains tell. Where both know triggers they must be the same ones.

    Args:
        found: With all rows.
        other: Without any.
    """
    one, two = found.labels, other.labels
    both = (one.ordinal != NO_ORDINAL) & (two.ordinal != NO_ORDINAL)
    gaps = (one.pump == UNKNOWN) & (two.pump != UNKNOWN)
    if not gaps.any() or (one.ordinal[both] != two.ordinal[both]).any():
        return found
    columns = {
        item.name: np.where(gaps, getattr(two, item.name), getattr(one, item.name))
        for item in fields(Labels)
    }
    if (one.pump != UNKNOWN).any():
        return replace(found, labels=Labels(**columns))
    # Nothing was known with the rows: start and losses are those without them.
    return replace(found, labels=Labels(**columns), assignment=other.assignment)


def _at(column: NDArray[Any], at: Int64Array) -> NDArray[Any]:
    return column[at] if column.size else np.zeros(at.size, column.dtype)


def contradictions(
    labels: Labels, table: TriggerTable, at: Int64Array
) -> dict[str, int]:
    """Images whose captured or measured label differs from the declared one.

    Args:
        labels: Labels of n images.
        table: Their triggers.
        at: Index of each image's trigger in the table, shape (n,).

    Returns:
        Number of images by a text such as ``captured dark, declared light``.
    """
    told = _at(table.declared, at)
    differs = (labels.evidence >= CAPTURED) & (told != UNKNOWN) & (told != labels.pump)
    code = (labels.evidence * 3 + labels.pump) * 3 + told
    counts = np.bincount(code[differs], minlength=1)
    return {
        f"{EVIDENCES[n // 9]} {PUMPS[n // 3 % 3]}, declared {PUMPS[n % 3]}": int(count)
        for n, count in enumerate(counts.tolist())
        if count
    }


__all__ += ["Assigner", "assemble"]
