"""Event chains of a run, in their order."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from recorder.ispyb.reading.tables import Tables


@dataclass(frozen=True, slots=True)
class EventTypeRow:
    """Row of ``EventType``."""

    eventTypeId: int | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class ChainEvent:
    """Row of ``Event``; times are seconds."""

    eventId: int | None = None
    eventChainId: int | None = None
    eventTypeId: int | None = None
    componentId: int | None = None
    name: str | None = None
    offset: float | None = None
    duration: float | None = None
    period: float | None = None
    repetition: float | None = None
    EventType: EventTypeRow = field(default_factory=EventTypeRow)


@dataclass(frozen=True, slots=True)
class Chain:
    """Row of ``EventChain``, with its events."""

    eventChainId: int | None = None
    dataCollectionId: int | None = None
    name: str | None = None
    events: tuple[ChainEvent, ...] = ()


def chains(tables: Tables, run_id: int) -> tuple[Chain, ...]:
    """The chains of a run, as written; events by offset. Rights are not looked at.

    Args:
        tables: The database.
        run_id: The run's ``dataCollectionId``.
    """
    found = tables.by_id(Chain, "EventChain", "dataCollectionId", (run_id,))
    known = sorted(found.get(run_id, []), key=lambda chain: chain.eventChainId or 0)
    numbers = [chain.eventChainId for chain in known if chain.eventChainId is not None]
    events = tables.by_id(ChainEvent, "Event", "eventChainId", numbers)
    kinds = tables.by_id(
        EventTypeRow,
        "EventType",
        "eventTypeId",
        (e.eventTypeId for es in events.values() for e in es if e.eventTypeId),
    )
    return tuple(
        replace(
            chain,
            events=tuple(
                replace(event, EventType=kinds.get(event.eventTypeId or -1, [_NONE])[0])
                for event in sorted(
                    events.get(chain.eventChainId or -1, []),
                    key=lambda event: (event.offset or 0.0, event.eventId or 0),
                )
            ),
        )
        for chain in known
    )


_NONE = EventTypeRow()
