"""What the run book decides; the service carries it out."""

from __future__ import annotations

from dataclasses import dataclass

from recorder.records import Image, SeriesKey, SeriesStart, TimedEvent
from recorder.runs.run import Run


@dataclass(frozen=True, slots=True, eq=False)
class Opened:
    """A run exists now: journal it, show it."""

    run: Run


@dataclass(frozen=True, slots=True, eq=False)
class Changed:
    """A run's announcement or series changed: journal its description again."""

    run: Run
    what: str


@dataclass(frozen=True, slots=True, eq=False)
class Accepted:
    """An image belongs to a run and is new: classify it."""

    run: Run
    image: Image


@dataclass(frozen=True, slots=True, eq=False)
class LookAgain:
    """All images of a run are here: look again at those that knew less than it does.

    Then ``run.second_look`` is to be set to ``DONE``.
    """

    run: Run


@dataclass(frozen=True, slots=True, eq=False)
class Due:
    """A run is complete: have its report made, then ``RunBook.take_report``."""

    run: Run


@dataclass(frozen=True, slots=True)
class Noticed:
    """Something to log and count: an event name and its fields."""

    event: str
    level: str
    fields: tuple[tuple[str, object], ...] = ()
    run: Run | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Dropped:
    """A series ended without a single image: nothing to record."""

    key: SeriesKey
    start: SeriesStart | None


@dataclass(frozen=True, slots=True, eq=False)
class Adopted:
    """Events that named no run belong to this one: journal them with it."""

    run: Run
    events: tuple[TimedEvent, ...]


Action = Opened | Changed | Accepted | LookAgain | Due | Noticed | Dropped | Adopted


def notice(
    event: str,
    level: str,
    key: SeriesKey | None,
    run: Run | None = None,
    **fields: object,
) -> Noticed:
    """Something to log about a series, its fields by name."""
    if key is not None:
        fields = {"source": key.source, "series_id": key.series_id, **fields}
    return Noticed(event, level, tuple(fields.items()), run)
