"""Labels of some images of a run, from what the matcher found of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recorder.records import Start
from recorder.ssx.arrays import BoolArray, Int64Array
from recorder.ssx.clocks.unknown import NO_DARK_N, NO_DELAY, NO_ORDINAL, NO_TIME
from recorder.ssx.labels.timeline import assemble
from recorder.ssx.matching.assignment import Assignment
from recorder.ssx.matching.matcher import Matcher
from recorder.ssx.triggers.trigger_table import UNKNOWN, TriggerTable

COLUMNS: dict[str, tuple[Any, Any]] = {
    "pump": (np.uint8, 0),
    "evidence": (np.uint8, 0),
    "declared": (np.uint8, 0),
    "known": (np.bool_, False),
    "sure": (np.bool_, False),
    "dark_n": (np.int64, NO_DARK_N),
    "delay_ns": (np.int64, NO_DELAY),
    "chain": (np.int64, -1),
    "slot": (np.int64, -1),
    "cycle": (np.int64, -1),
    "ordinal": (np.int64, NO_ORDINAL),
    "residual_ns": (np.int64, NO_TIME),
}
"""dtype and value of an image of which nothing is known."""
_FROM_LABELS = ("pump", "evidence", "dark_n", "delay_ns", "chain", "slot", "cycle")


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Labels of n images."""

    ids: Int64Array
    columns: Mapping[str, NDArray[Any]]
    """As ``COLUMNS``, shape (n,) each."""
    contradictions: Mapping[str, int]


@dataclass(frozen=True, slots=True, eq=False)
class Ahead:
    """Labels of n images that are not settled."""

    ids: Int64Array
    told: BoolArray
    """Of these the label is certain."""
    placed: BoolArray
    """Of these the trigger is certain."""
    columns: Mapping[str, NDArray[Any]]
    """As ``COLUMNS``, shape (n,) each."""


NOTHING_AHEAD = Ahead(
    np.empty(0, np.int64),
    np.empty(0, np.bool_),
    np.empty(0, np.bool_),
    {name: np.empty(0, dtype) for name, (dtype, _) in COLUMNS.items()},
)


def labelled(
    matcher: Matcher,
    ids: Int64Array,
    table: TriggerTable,
    window: int,
    conflict: str,
) -> Part:
    """Labels of the images that the matcher is done with; it forgets them.

    Args:
        matcher: What matched them.
        ids: What it was fed and has not told yet, ascending.
        table: The triggers.
        window: Ordinal of the first of these.
        conflict: How the images contradict the plan; then nothing is known.
    """
    ordinal, residual, segment = matcher.take()
    found = ordinal != NO_ORDINAL
    sure = np.array([*matcher.certain, False])[segment] & found
    part = assemble(
        Assignment(
            ordinal=np.where(found, ordinal - window, NO_ORDINAL),
            residual_ns=residual,
            sure=sure,
            known=(sure | (found & (segment == 0))) & (not conflict),
            start=Start.ASSUMED,
            by_time=True,
            missed=0,
            tail=0,
        ),
        table,
        None,
    )
    columns = {name: getattr(part.labels, name) for name in _FROM_LABELS}
    place = np.clip(part.labels.ordinal, 0, max(0, table.size - 1))
    told = (part.labels.ordinal != NO_ORDINAL) & (table.size > 0)
    declared = table.declared[place] if table.size else np.zeros(place.size, np.uint8)
    return Part(
        ids[: ordinal.size],
        {
            **columns,
            "declared": np.where(told, declared, UNKNOWN),
            "known": found & (not conflict),
            "sure": sure,
            "ordinal": ordinal,
            "residual_ns": residual,
        },
        dict(part.contradictions),
    )


def missed_before(ids: Int64Array, known: BoolArray, ordinal: Int64Array) -> int | None:
    """Triggers without an image before the last image whose trigger is known.

    Args:
        ids: image_ids, ascending, shape (n,).
        known: Whether their trigger is known, shape (n,).
        ordinal: Their trigger, shape (n,).

    Returns:
        None: none is known.
    """
    found = np.flatnonzero(known)
    if not found.size:
        return None
    return max(0, int(ordinal[found[-1]] - ids[found[-1]]))


def placed(matcher: Matcher, columns: Mapping[str, NDArray[Any]]) -> BoolArray:
    """Images whose trigger is known: behind a break only where it is proven.

    Args:
        matcher: What matched them.
        columns: As ``COLUMNS``, shape (n,) each.
    """
    return np.asarray(columns["sure" if matcher.breaks else "known"], np.bool_)
