"""Event chains in ISPyB: as commanded when a run starts, as measured when it ends.

An event row is never deleted: what was measured replaces the values of the event that
was commanded, so that a run has each event once. The commanded values stay in
``timeline.json``, and the verdict in the run's comments.
"""

from __future__ import annotations

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

MAX_UNDECLARED = 50
"""Events that nobody declared and that are written, at most."""
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
    return ChainEvent(
        type=item.type,
        offset=item.offset,
        name=item.name,
        duration=item.duration,
        period=item.period,
        repetition=item.repetition,
    )


def _overruled(wanted: ChainEvent, item: SeenEvent) -> ChainEvent:
    """What was measured, with what cannot be: names, durations nobody reported."""
    if item.irregular:
        return replace(wanted, offset=item.offset, period=None, repetition=item.seen)
    single = item.period is None
    return replace(
        wanted,
        name=wanted.name or item.name,
        offset=item.offset,
        duration=wanted.duration if item.duration is None else item.duration,
        period=wanted.period if single else item.period,
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
