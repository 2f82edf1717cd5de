"""Alarms as journal records: what was said of each, and what that comes to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from pydantic import TypeAdapter, ValidationError

from recorder.journal.records import Record, RecordKind
from recorder.journal.store import Journal
from recorder.records import Json
from recorder.records.alarms import RunAlarm

RAISED, CLEARED, SEEN, NORMAL = "raised", "cleared", "seen", "normal"
"""What a record says of an alarm: it was told, or told anew with more words; it is
over; somebody saw it; somebody took its level as the normal one."""
_ADAPTER = TypeAdapter(RunAlarm)


def raised_body(alarm: RunAlarm) -> Json:
    """The body of the record of an alarm that is raised."""
    return {"what": RAISED, "alarm": _ADAPTER.dump_python(alarm, mode="json")}


def cleared_body(alarm: RunAlarm) -> Json:
    """The body of the record of an alarm that is over."""
    return {
        "what": CLEARED,
        "id": alarm.id,
        "kind": alarm.kind,
        "time": alarm.cleared,
        "because": alarm.cleared_because,
    }


def said_body(what: str, alarm: str, by: str, time: str | None) -> Json:
    """The body of the record of what somebody said of an alarm.

    Args:
        what: ``SEEN`` or ``NORMAL``.
        alarm: Its id.
        by: Who said it.
        time: When, RFC 3339.
    """
    return {"what": what, "id": alarm, "by": by, "time": time}


def alarm_to_json(alarm: RunAlarm) -> Json:
    """An alarm as plain JSON."""
    body: Json = _ADAPTER.dump_python(alarm, mode="json")
    return body


def alarm_from_json(body: Any) -> RunAlarm | None:
    """The reverse of :func:`alarm_to_json`; None for what cannot be read."""
    try:
        return _ADAPTER.validate_python(body)
    except ValidationError:
        return None


def after(alarms: Mapping[str, RunAlarm], body: Json) -> dict[str, RunAlarm]:
    """Alarms by id, after one more record of them; one that says nothing is left out.

    Args:
        alarms: Before.
        body: Of the record.
    """
    found, what = dict(alarms), body.get("what")
    if what == RAISED:
        new = alarm_from_json(body.get("alarm"))
        if new is not None:
            old = found.get(new.id)
            found[new.id] = replace(new, seen_by=old.seen_by if old else None)
        return found
    known = found.get(str(body.get("id")))
    if known is None:
        return found
    if what == CLEARED:
        because = str(body.get("because", ""))
        time = body.get("time")
        found[known.id] = replace(known, cleared=time, cleared_because=because)
    elif what == SEEN:
        found[known.id] = replace(known, seen_by=str(body.get("by", "")) or None)
    return found


def alarms_of(journal: Journal, uid: str) -> dict[str, RunAlarm]:
    """The alarms of a run by their ids, in the order in which they were raised."""
    return folded(journal.records(kinds=(RecordKind.ALARM,), run=uid))


def folded(records: Iterable[Record]) -> dict[str, RunAlarm]:
    """Alarms by id, from records of them in order."""
    found: dict[str, RunAlarm] = {}
    for record in records:
        found = after(found, record.body)
    return found
