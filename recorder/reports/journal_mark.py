"""Who records into a journal: it is marked by each recorder that opens it."""

from __future__ import annotations

import json

from recorder.config import Settings
from recorder.journal import Journal
from recorder.records import Json

MARK = "recorded_by"
"""Name in the journal's table ``meta`` of who records into it, and where to."""


def marked_by(journal: Journal) -> Json:
    """Who records into it; empty if nobody said."""
    try:
        found = json.loads(journal.marked(MARK) or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def sinks_of(settings: Settings, journal: Journal) -> tuple[str, ...]:
    """Names of the sinks of a journal: a replay's may be fewer than configured."""
    names = settings.sink_names
    known = marked_by(journal)
    if known.get("command") == "replay":
        return tuple(n for n in names if n in (known.get("sinks") or names))
    return names


def is_replays(journal: Journal) -> bool:
    """Whether only replays write into a journal."""
    return marked_by(journal).get("command") == "replay"
