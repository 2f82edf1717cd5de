"""Timed events and ends of runs as journal bodies."""

from __future__ import annotations

from recorder.journal.reading_json import facts_to_json
from recorder.records import (
    Capture,
    CollectionEnd,
    EventType,
    Evidence,
    Json,
    TimedEvent,
)


def end_to_json(end: CollectionEnd) -> Json:
    """The announced end of a run as a journal body."""
    return {
        "uid": end.uid,
        "status": end.status,
        "reason": end.reason,
        "time_ns": end.time_ns,
        "images": end.images,
        **facts_to_json(end.facts),
    }


def event_to_json(event: TimedEvent) -> Json:
    """A timed event as a journal body."""
    return {
        "uid": event.uid,
        "type": event.type,
        "time_ns": event.time_ns,
        "collection": event.collection,
        "name": event.name,
        "duration": event.duration_s,
        "trigger": event.trigger,
        "clock": event.clock,
        "evidence": event.evidence,
        "value": event.value,
        "more": dict(event.body),
        "received_ns": event.received_ns,
        **({} if event.capture is None else {"capture": _capture(event.capture)}),
    }


def _capture(capture: Capture) -> list[str | int | None]:
    return [capture.id, capture.begun_ns, capture.detector]


def event_from_json(body: Json) -> TimedEvent:
    """The reverse of :func:`event_to_json`."""
    return TimedEvent(
        uid=body["uid"],
        type=EventType(body["type"]),
        time_ns=body["time_ns"],
        collection=body["collection"],
        name=body["name"],
        duration_s=body["duration"],
        trigger=body["trigger"],
        clock=body["clock"],
        evidence=Evidence(body["evidence"]),
        value=body["value"],
        body=body["more"],
        received_ns=body["received_ns"],
        capture=Capture(*body["capture"]) if "capture" in body else None,
    )
