"""Lines of the structured log: read, chosen, and shown to people."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any

from rich.text import Text

from recorder.terminal.marks import BAD, QUIET, STRONG, WARN, Part, line

LEVELS = ("debug", "info", "warning", "error", "critical")
"""Lowest first."""
_STYLES = {"debug": QUIET, "info": "", "warning": WARN, "error": BAD, "critical": BAD}
_OWN = {"event", "level", "timestamp"}
_EVENT_WIDTH = 24
"""Columns of an event's name: nearly all fit. Chosen, not tuned."""
_MAX_VALUE = 2000
"""Characters of a field that are shown; ``--json`` has all. Chosen, not tuned."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a log."""

    raw: str
    """As it was read, without its end."""
    fields: Mapping[str, Any] = field(default_factory=dict)
    """Empty: it is none of ours."""
    cursor: str | None = None
    """Where journald has it."""

    @property
    def event(self) -> str:
        """Its name."""
        return str(self.fields.get("event", ""))

    @property
    def level(self) -> str:
        """Its level, ``info`` where it has none that is known."""
        level = self.fields.get("level")
        return level if level in LEVELS else "info"

    @property
    def time(self) -> datetime | None:
        """When, in this host's zone; None if it does not say."""
        try:
            found = datetime.fromisoformat(str(self.fields.get("timestamp")))
            return found.astimezone()
        except (ValueError, OverflowError, OSError):
            return None


def read_line(body: bytes) -> Entry:
    """A line of a log file, whatever it is."""
    text = body.decode(errors="backslashreplace")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return Entry(text)
    ours = isinstance(found, dict) and isinstance(found.get("event"), str)
    return Entry(text, found if ours else {})


@dataclass(frozen=True, slots=True)
class Choice:
    """Which events people want to see."""

    run: str | None = None
    """A run number, or the beginning of a uid."""
    level: str = "debug"
    """And all above it."""
    events: tuple[str, ...] = ()
    """Patterns as of file names; one of them must fit."""
    since: datetime | None = None

    @property
    def all(self) -> bool:
        """Whether nothing is left out."""
        return self == Choice()

    def takes(self, entry: Entry) -> bool:
        """Whether an event is wanted; a line that is none is only if all are."""
        if not entry.fields:
            return self.all
        if LEVELS.index(entry.level) < LEVELS.index(self.level):
            return False
        if self.events and not any(fnmatchcase(entry.event, p) for p in self.events):
            return False
        return self._of_run(entry) and self._late_enough(entry)

    def _of_run(self, entry: Entry) -> bool:
        if self.run is None:
            return True
        if str(entry.fields.get("run")) == self.run:
            return True
        uid = entry.fields.get("uid")
        return isinstance(uid, str) and len(self.run) >= 6 and uid.startswith(self.run)

    def _late_enough(self, entry: Entry) -> bool:
        if self.since is None:
            return True
        return entry.time is None or entry.time >= self.since


def shown(entry: Entry) -> Text:
    """An event as one line: time here, level, event, run, other fields."""
    if not entry.fields:
        return line((f"{'?':<19} {entry.raw[:_MAX_VALUE]}", QUIET))
    time = entry.time
    when = time.strftime("%Y-%m-%d %H:%M:%S") if time else f"{'(no time)':<19}"
    style = _STYLES[entry.level]
    parts: list[Part] = [
        (when, QUIET),
        (f" {entry.level:<7}", style),
        (f" {entry.event:<{_EVENT_WIDTH}}", STRONG if not style else style),
    ]
    rest = {k: v for k, v in entry.fields.items() if k not in _OWN}
    if (run := rest.pop("run", None)) is not None:
        parts.append((f" run {_value(run)}", STRONG))
    part = rest.pop("part", None)
    for name, value in rest.items():
        parts += [(f"  {name}=", QUIET), _value(value)]
    if part is not None:
        parts.append((f"  ({_value(part)})", QUIET))
    return line(*parts)


def _value(value: Any) -> str:
    if isinstance(value, str):
        text = value
    elif _is_trace(value):
        last = value[0]
        text = f"{last.get('exc_type')}: {last.get('exc_value')} (--json has the trace)"
    else:
        text = json.dumps(value, ensure_ascii=False, default=str)
    if len(text) > _MAX_VALUE:
        text = f"{text[:_MAX_VALUE]}… ({len(text)} characters; --json has all)"
    return text


def _is_trace(value: Any) -> bool:
    """Whether it is what structlog makes of an exception."""
    return (
        isinstance(value, list)
        and bool(value)
        and isinstance(value[0], dict)
        and "exc_type" in value[0]
    )
