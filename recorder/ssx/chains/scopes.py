"""Converts chains between two scopes: the whole run (ESRF), or one position (Diamond).

A repetition counts the pulses of the run in one scope, and those of a position in the
other. A reader that mixes them up sees thousands of shots on a single crystal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from recorder.records import ChainEvent, EventType

COLLECTION, POSITION = "collection", "position"


@dataclass(frozen=True, slots=True)
class PositionSequence:
    """How the positions of a run follow each other."""

    positions: int
    period: float | None
    """s from one position to the next; None if they do not follow evenly."""


NO_SEQUENCE = PositionSequence(0, None)


def to_collection(
    events: Sequence[ChainEvent], sequence: PositionSequence
) -> tuple[ChainEvent, ...]:
    """A chain of one position, unrolled over the run.

    Each shot becomes an event that is repeated with the positions: so the number of
    events does not depend on how evenly positions follow each other. If they do not,
    there is no period to give.
    """
    return tuple(
        replace(
            event,
            offset=event.offset + shot * (event.period or 0.0),
            period=sequence.period,
            repetition=sequence.positions,
        )
        for event in events
        for shot in range(_shots(event))
    )


def to_position(
    events: Sequence[ChainEvent], sequence: PositionSequence
) -> tuple[ChainEvent, ...]:
    """A chain over the run, as one of its positions sees it.

    A position is one cycle of the run; offsets count from its first X-ray detection.
    """
    xray = [e.offset for e in events if e.type is EventType.XRAY_DETECTION]
    start = min(xray, default=0.0)
    found = []
    for event in events:
        shots = 1
        if event.period and sequence.period:
            shots = max(1, round(sequence.period / event.period))
        found.append(
            replace(
                event,
                offset=event.offset - start,
                period=event.period if shots > 1 else None,
                repetition=shots,
            )
        )
    return tuple(found)


def _shots(event: ChainEvent) -> int:
    return max(1, event.repetition or 1) if event.period else 1


def in_scope(
    events: Sequence[ChainEvent], scope: str, wanted: str, sequence: PositionSequence
) -> tuple[ChainEvent, ...]:
    """A chain as a reader of the wanted scope understands it.

    Args:
        events: Events of the chain.
        scope: Its own scope.
        wanted: Scope of the reader.
        sequence: The position sequence, for the conversion.
    """
    if wanted == POSITION:
        found = tuple(events) if scope == wanted else to_position(events, sequence)
        # its readers sum the repetitions: one that is unknown would break the sum
        return tuple(replace(e, repetition=e.repetition or 1) for e in found)
    if scope == wanted:
        return tuple(events)
    return to_collection(events, sequence)
