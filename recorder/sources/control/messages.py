"""Control messages (docs/reference/mqtt.md): JSON in, validated records out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from recorder.errors import MAX_QUOTED, BadMessageError, UsageError, shown
from recorder.records import (
    Announcement,
    BadMessage,
    CollectionEnd,
    ControlRecord,
    EventType,
    Evidence,
    RunStatus,
    TimedEvent,
)
from recorder.records.announcement import Count, Finite
from recorder.records.limits import (
    MAX_ANNOUNCEMENT_BYTES,
    MAX_NAME,
    MAX_OBJECTS,
    MAX_PAYLOAD_BYTES,
    load_json,
    require_finite,
)
from recorder.records.positions import wrong_positions
from recorder.records.texts import Label, Name, Reason, Text
from recorder.records.times import parse_time
from recorder.runs.read_announcement import read_announcement
from recorder.sources.control.end_facts import end_facts
from recorder.sources.control.readings import (
    SCAN_SCHEMA,
    SPECTRUM_SCHEMA,
    scan_points,
    spectrum,
)
from recorder.sources.control.time_units import check_unit
from recorder.ssx.chains.declared import read_chains

SOURCE = "mqtt"
COLLECTION_SCHEMA = "recorder.collection/1"
EVENT_SCHEMA = "recorder.event/1"
_SCHEMAS = {
    "event": EVENT_SCHEMA,
    "scan/points": SCAN_SCHEMA,
    "spectrum": SPECTRUM_SCHEMA,
}
READINGS = ("scan/points", "spectrum")
"""Topics of what is measured without images."""
_SHOWN = 5
"""Problems of a message that are named."""


class _Open(BaseModel):
    """Unknown keys are kept with the run, not refused."""

    model_config = ConfigDict(extra="allow")


class _Timed(_Open):
    uid: Name
    time: Text | None = None
    time_ns: Annotated[int, Field(ge=-(2**63), lt=2**63)] | None = None

    @model_validator(mode="after")
    def _has_time(self) -> _Timed:
        if self.time_ns is None and self.time is None:
            raise ValueError("needs time (RFC 3339 with zone) or time_ns")
        if self.time_ns is None:
            self.time_ns = parse_time(str(self.time))
        return self


class CollectionEndMessage(_Timed):
    """The end of a run."""

    status: Literal["success", "aborted", "failed"]
    reason: Reason | None = None
    images: Count | None = None


class EventMessage(_Timed):
    """Something that happened."""

    type: EventType
    collection: Label | None = None
    name: Label | None = None
    duration: Finite | None = None
    trigger: Annotated[int, Field(ge=0, lt=2**63)] | None = None
    clock: Label | None = None
    evidence: Evidence = Evidence.COMMANDED
    value: Finite | None = None

    @field_validator("evidence")
    @classmethod
    def _senders_grade(cls, value: Evidence) -> Evidence:
        allowed = (Evidence.MEASURED, Evidence.CAPTURED, Evidence.COMMANDED)
        if value not in allowed:
            raise ValueError("must be measured, captured or commanded")
        return value


def chains_of(body: Any) -> list[dict[str, Any]]:
    """Event chains of a list, or of an object with ``event_chains``, validated.

    Raises:
        UsageError: They are none; the message says what is wrong.
    """
    chains = body.get("event_chains") if isinstance(body, dict) else body
    found = read_chains({"event_chains": chains})
    if found.problems or not found.chains:
        raise UsageError("; ".join(found.problems) or "no event chains in it")
    return list(chains or ())


def parse_message(
    topic: str, payload: bytes, received_ns: int = 0, *, retained: bool = False
) -> list[ControlRecord]:
    """Turn one message into records; a malformed one becomes a ``BadMessage``.

    Args:
        topic: Last part of the topic: ``collection/start``, ``collection/end``,
            ``event``, ``scan/points`` or ``spectrum``.
        payload: UTF-8 JSON, one object or an array of objects; nothing gives nothing.
        received_ns: Host time.
        retained: Seen on connecting: state, not news. Only an announcement counts.
    """
    if not payload:
        return []  # it clears a retained message, and says nothing else
    parser = _PARSERS.get(topic)
    if parser is None:
        known = f"{', '.join(list(_PARSERS)[:-1])} or {list(_PARSERS)[-1]}"
        text = f"no such topic: {shown(topic)}; use {known}"
        return [BadMessage(SOURCE, "unknown_topic", text, received_ns)]
    if retained and topic != "collection/start":
        text = f"retained message on {topic} ignored: publish it without retain"
        return [BadMessage(SOURCE, "retained", text, received_ns)]
    try:
        items = _objects(payload, finite=topic not in READINGS)
    except BadMessageError as error:
        return [BadMessage(SOURCE, error.kind, str(error), received_ns)]
    found = [_record(parser, topic, item, received_ns) for item in items]
    return [*found, *_bad_positions(found, received_ns)]


def _bad_positions(
    found: list[ControlRecord], received_ns: int
) -> Iterator[BadMessage]:
    """Positions of events that are none: they cost only themselves."""
    for event in found:
        wrong = wrong_positions(event.body) if isinstance(event, TimedEvent) else ""
        if wrong:
            text = f"event: {wrong}"[:MAX_QUOTED]
            yield BadMessage(SOURCE, "positions", text, received_ns)


def _objects(payload: bytes, *, finite: bool) -> list[Any]:
    value = load_json(payload, "payload", MAX_PAYLOAD_BYTES)
    if finite:  # a reading with one NaN is good but for that
        require_finite(value, "payload")
    items = value if isinstance(value, list) else [value]
    if len(items) > MAX_OBJECTS:
        text = f"payload: {len(items)} objects, at most {MAX_OBJECTS} are read"
        raise BadMessageError("too_big", text)
    return items


Parser = Callable[[dict[str, Any], int], ControlRecord]


def _record(parser: Parser, topic: str, item: Any, received_ns: int) -> ControlRecord:
    try:
        if not isinstance(item, dict):
            raise BadMessageError("json", f"{topic}: payload is no JSON object")
        _check_schema(topic, item)
        check_unit(topic, item)
        return parser(item, received_ns)
    except BadMessageError as error:
        kind, text = error.kind, str(error)
    except ValidationError as error:
        kind, text = "invalid", _joined(topic, _texts(error))[:MAX_QUOTED]
    return BadMessage(SOURCE, kind, text, received_ns, _meant(topic, item))


def _meant(topic: str, item: Any) -> str | None:
    """The run that a reading is for, whatever else is wrong with it."""
    if topic not in READINGS or not isinstance(item, dict):
        return None
    uid = item.get("collection")
    return uid if isinstance(uid, str) and 0 < len(uid) <= MAX_NAME else None


def _texts(error: ValidationError) -> list[str]:
    return [
        f"{'.'.join(map(str, item['loc'])) or 'message'}: {item['msg']}"
        for item in error.errors(include_url=False, include_input=False)
    ]


def _joined(topic: str, wrong: list[str]) -> str:
    return f"{topic}: {'; '.join(wrong[:_SHOWN])}"


def _check_schema(topic: str, item: dict[str, Any]) -> None:
    expected = _SCHEMAS.get(topic, COLLECTION_SCHEMA)
    found = item.get("schema", expected)
    if found != expected:
        raise BadMessageError(
            "unknown_schema",
            f"{topic}: schema {shown(found)} is not known, send {expected!r}",
        )


def _announcement(item: dict[str, Any], received_ns: int) -> Announcement:
    """All that is wrong with it is said at once, its time as well."""
    wrong: list[str] = []
    time_ns, found = 0, None
    try:
        time_ns = _Timed.model_validate(item).time_ns or 0
    except ValidationError as error:
        wrong += _texts(error)
    untimed = {name: value for name, value in item.items() if name != "time_ns"}
    try:
        found = read_announcement(untimed, received_ns)
    except ValidationError as error:
        wrong += [text for text in _texts(error) if text not in wrong]
    if wrong or found is None:
        raise BadMessageError("invalid", _joined("collection/start", wrong))
    if found.size > MAX_ANNOUNCEMENT_BYTES:
        raise BadMessageError(
            "too_big",
            f"collection/start: {shown(found.uid)} has {found.size} bytes, at most "
            f"{MAX_ANNOUNCEMENT_BYTES} are kept with a run: send less with it",
        )
    return replace(found, time_ns=time_ns, message={**item, "time_ns": time_ns})


def _collection_end(item: dict[str, Any], received_ns: int) -> CollectionEnd:
    message = CollectionEndMessage.model_validate(item)
    return CollectionEnd(
        message.uid,
        message.time_ns or 0,
        RunStatus(message.status),
        (message.reason or "")[:MAX_QUOTED],
        received_ns,
        message.images,
        end_facts(item),
    )


def _event(item: dict[str, Any], received_ns: int) -> TimedEvent:
    message = EventMessage.model_validate(item)
    return TimedEvent(
        uid=message.uid,
        type=message.type,
        time_ns=message.time_ns or 0,
        collection=message.collection,
        name=message.name,
        duration_s=message.duration,
        trigger=message.trigger,
        clock=message.clock,
        evidence=message.evidence,
        value=message.value,
        body=message.model_extra or {},
        received_ns=received_ns,
    )


_PARSERS: dict[str, Parser] = {
    "collection/start": _announcement,
    "collection/end": _collection_end,
    "event": _event,
    "scan/points": scan_points,
    "spectrum": spectrum,
}
