"""Event chains in ISPyB: as commanded when a run starts, as measured when it ends.

An event row is never deleted: what was measured replaces the values of the event that
was commanded, so that a run has each event once. The commanded values stay in
``timeline.json``, and the verdict in the run's comments.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from recorder.errors import SinkError
from recorder.ispyb.schema import tables as t
from recorder.ispyb.schema.rows import Rows
from recorder.records import Announcement, Chain, ChainEvent, EventType
from recorder.records.run_report import RunReport
from recorder.records.timeline_report import CommandedEvent, SeenEvent
from recorder.ssx.chains.pattern import cycle_length
from recorder.ssx.chains.scopes import PositionSequence, in_scope
from recorder.ssx.measured.audit import SIGMAS

MAX_UNDECLARED = 50
"""Events that nobody declared and that are written, at most."""
MOST_DIGITS = 12
"""Decimals of a value (s), 1 ps: as the measurement has them."""
_VALUES = ("name", "offset", "duration", "period", "repetition")


@dataclass(frozen=True, slots=True)
class StoredChain:
    """A chain as its readers understand it."""

    name: str | None
    events: tuple[ChainEvent, ...]


def commanded_chains(announcement: Announcement, scope: str) -> list[StoredChain]:
    """The declared chains of a run, in the scope that this ISPyB's readers expect."""
    chains = announcement.chains
    detections, seconds = cycle_length(chains)
    images = announcement.images or 0
    sequences = {
        "collection": PositionSequence(images // max(1, detections), seconds),
        "position": PositionSequence(images // max(1, _shots(chains)) or 1, None),
    }
    return [
        StoredChain(
            chain.name or None,
            in_scope(chain.events, chain.scope, scope, sequences[chain.scope]),
        )
        for chain in chains
    ]


def _shots(chains: Sequence[Chain]) -> int:
    return sum(
        (event.repetition or 1) if event.period else 1
        for chain in chains
        if chain.scope == "position"
        for event in chain.events
        if event.type is EventType.XRAY_DETECTION
    )


def measured_chains(report: RunReport, scope: str) -> list[StoredChain]:
    """The chains of a report: measured where they were, else commanded."""
    sequence = PositionSequence(
        report.timeline.walk.positions, report.timeline.walk.period
    )
    found = []
    for chain in report.event_chains:
        events = [_event(item) for item in chain.commanded]
        if events:
            for item in chain.measured:
                place = item.declared
                if place is not None and place < len(events):
                    events[place] = _overruled(events[place], item)
        else:
            events = [_event(item) for item in chain.measured[:MAX_UNDECLARED]]
        stored = in_scope(events, chain.scope, scope, sequence)
        found.append(StoredChain(chain.name or None, stored))
    return found


def _event(item: CommandedEvent | SeenEvent) -> ChainEvent:
    offset, period = item.offset, item.period
    if isinstance(item, SeenEvent):
        offset = known_part(offset, item.offset_sigma)
        period = None if period is None else known_part(period, period_sigma(item))
    return ChainEvent(
        type=item.type,
        offset=offset,
        name=item.name,
        duration=item.duration,
        period=period,
        repetition=item.repetition,
    )


def known_part(value: float, sigma: float, commanded: float | None = None) -> float:
    """A measured value (s) without the digits that its uncertainty leaves open.

    Within the uncertainty that the audit allows, the measurement is of the commanded
    value; else it is the decimal with the fewest digits that is as good.

    Args:
        value: As measured.
        sigma: Its standard deviation; 0 keeps all digits.
        commanded: What was meant; None is unknown.
    """
    if commanded is not None and abs(value - commanded) <= SIGMAS * sigma:
        return commanded
    rounded = (round(value, digits) for digits in range(MOST_DIGITS))
    return next((r for r in rounded if abs(r - value) <= sigma), value)


def period_sigma(item: SeenEvent) -> float:
    """Standard deviation (s) of a period that was fitted to evenly spaced pulses."""
    return item.jitter * math.sqrt(12 / item.seen**3) if item.seen > 1 else 0.0


def _overruled(wanted: ChainEvent, item: SeenEvent) -> ChainEvent:
    """What was measured, with what cannot be: names, durations nobody reported."""
    offset = known_part(item.offset, item.offset_sigma, wanted.offset)
    if item.irregular:
        return replace(wanted, offset=offset, period=None, repetition=item.seen)
    single = item.period is None
    period = wanted.period
    if item.period is not None:
        period = known_part(item.period, period_sigma(item), wanted.period)
    return replace(
        wanted,
        name=wanted.name or item.name,
        offset=offset,
        duration=wanted.duration if item.duration is None else item.duration,
        period=period,
        repetition=wanted.repetition if single else item.repetition,
    )


def write_chains(
    rows: Rows,
    collection_id: int,
    chains: Sequence[StoredChain],
    components: dict[str, int] | None,
) -> None:
    """Write the chains of a run, or bring the rows that are there up to date.

    Args:
        rows: The database.
        collection_id: The run's row.
        chains: In the order in which they were written first.
        components: Ids of the sample's components by name; None leaves links alone.

    Raises:
        SinkError: The database does not know an event's type.
    """
    there = rows.ids(t.event_chain, dataCollectionId=collection_id)
    kinds = rows.names(t.event_type)
    for number, chain in enumerate(chains):
        if number < len(there):
            chain_id = there[number]
        else:
            row = {"dataCollectionId": collection_id, "name": chain.name}
            chain_id = rows.insert(t.event_chain, row)
        events = rows.ids(t.event, eventChainId=chain_id)
        for place, event in enumerate(chain.events):
            if event.type not in kinds:
                raise SinkError(f"event type {event.type} is not in this ISPyB")
            values: dict[str, Any] = {
                "eventTypeId": kinds[event.type],
                **{name: getattr(event, name) for name in _VALUES},
            }
            if components is not None:
                values["componentId"] = components.get(str(event.name))
            if place < len(events):
                rows.update(t.event, events[place], values)
            else:
                rows.insert(t.event, {"eventChainId": chain_id, **values})


def has_chains(rows: Rows, collection_id: int) -> bool:
    """Whether a run has chains already."""
    return bool(rows.ids(t.event_chain, dataCollectionId=collection_id))
