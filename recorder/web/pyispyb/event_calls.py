"""What happened in sessions, with what the recorder knows of it now."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from recorder.ispyb.reading.collections import (
    Collection,
    collections,
    without_marker,
)
from recorder.ispyb.reading.events import (
    EventRow,
    EventType,
    attached,
    event_types,
    events,
)
from recorder.ispyb.reading.run_conditions import STATUSES, EventsWanted
from recorder.ispyb.reading.scan_events import ScanRow, SpectrumRow, scan_rows
from recorder.ispyb.reading.tables import Tables
from recorder.web.pyispyb import parameters as given
from recorder.web.pyispyb.call import Asked, Page, listing
from recorder.web.pyispyb.own_runs import OwnRun

SECONDS = 60.0
"""Of a minute: py-ISPyB's durations are minutes."""


@dataclass(frozen=True, slots=True)
class EventMetadata:
    """What the recorder knows of the event's run; null: of another writer's nothing."""

    run: int | None = None
    """Its own number, whatever its place in the answer."""
    running: bool | None = None
    images: int | None = None
    hits: int | None = None
    indexed: int | None = None
    classified: int | None = None
    lost: int | None = None
    """Images that the detector made and that did not come."""
    pending: int | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """A group of runs, or a run; ``Item`` is its latest one.

    Also an energy scan (``es``) or a fluorescence spectrum (``xrf``).
    """

    id: int
    Item: Collection | ScanRow | SpectrumRow
    type: Literal["dc", "es", "xrf"] = "dc"
    startTime: datetime | None = None
    endTime: datetime | None = None
    duration: float | None = None
    """Minutes."""
    count: int = 1
    session: str | None = None
    sessionId: int | None = None
    proposal: str | None = None
    blSample: str | None = None
    blSampleId: int | None = None
    attachments: int = 0
    """How many files are attached."""
    metadata: Annotated[EventMetadata, Field(serialization_alias="_metadata")] = field(
        default_factory=EventMetadata
    )


@dataclass(frozen=True, slots=True)
class _Sample:
    blSampleId: int | None = None
    name: str | None = None


def list_events(asked: Asked, tables: Tables) -> Page[Event]:
    """`GET /events`."""
    wanted = _wanted(asked)
    total, rows = events(
        tables, asked.rights, wanted, asked.own.running, asked.skip, asked.limit
    )
    numbers = [row.id for row in rows if row.type == "dc"]
    by_kind: dict[str, list[int]] = {}
    for row in rows:
        by_kind.setdefault(row.type, []).append(row.id)
    scans = scan_rows(tables, by_kind)
    runs = collections(tables, numbers)
    own = asked.own_runs(runs)
    grouped = not (wanted.dataCollectionGroupId or wanted.dataCollectionId)
    files = attached(tables, rows, grouped=grouped)
    samples = tables.by_id(
        _Sample,
        "BLSample",
        "blSampleId",
        (row.blSampleId for row in rows if row.blSampleId is not None),
    )
    found = []
    for row in rows:
        sample = next((s.name for s in samples.get(row.blSampleId or -1, [])), None)
        if row.type != "dc":
            if (scan := scans.get((row.type, row.id))) is not None:
                found.append(_event(row, scan, EventMetadata(), sample, 0))
        elif row.id in runs:
            shown, meta = _now(runs[row.id], own.get(row.id))
            found.append(_event(row, shown, meta, sample, files.get(row.id, 0)))
    return asked.page(total, tuple(found))


def _now(run: Collection, own: OwnRun | None) -> tuple[Collection, EventMetadata]:
    """A run as it is now, and what the recorder knows of it."""
    shown = replace(run, comments=without_marker(run.comments))
    meta = EventMetadata(run.dataCollectionNumber)
    if own is not None:
        shown = replace(shown, numberOfImages=own.images)
        meta = EventMetadata(
            own.number,
            own.running,
            own.images,
            own.hits,
            own.indexed,
            own.classified,
            own.lost,
            own.pending,
        )
    return shown, meta


def _event(
    row: EventRow,
    item: Collection | ScanRow | SpectrumRow,
    meta: EventMetadata,
    sample: str | None,
    files: int,
) -> Event:
    start, end = row.startTime, row.endTime
    known = start is not None and end is not None
    return Event(
        row.id,
        item,
        _kind(row),
        start,
        end,
        (end - start).total_seconds() / SECONDS if known else None,  # type: ignore[operator]
        row.count,
        row.session,
        row.sessionId,
        row.proposal,
        sample,
        row.blSampleId,
        files,
        meta,
    )


def _kind(row: EventRow) -> Literal["dc", "es", "xrf"]:
    return "es" if row.type == "es" else "xrf" if row.type == "xrf" else "dc"


def list_types(asked: Asked, tables: Tables) -> Page[EventType]:
    """`GET /events/types`."""
    values = asked.values
    wanted = EventsWanted(
        session=values["session"],
        sessionId=values["sessionId"],
        proposal=values["proposal"],
        beamLineName=values["beamLineName"],
        blSampleId=values["blSampleId"],
    )
    found = event_types(tables, asked.rights, wanted)
    end = asked.skip + asked.limit
    return asked.page(len(found), found[asked.skip : end])


def _wanted(asked: Asked) -> EventsWanted:
    return EventsWanted(**{one.name: asked[one.name] for one in _WHICH})


_PLACE = (
    given.text("session", "Name of a session, such as mx2345-1.", given.SESSION),
    given.whole("sessionId", "Number of a session."),
    given.text("proposal", "Code and number.", given.PROPOSAL),
    given.text("beamLineName", "As the session has it."),
    given.whole("blSampleId", "A sample."),
)
_WHICH = (
    *_PLACE,
    given.whole("proposalId", "Number of a proposal."),
    given.whole("dataCollectionId", "One run."),
    given.whole("dataCollectionGroupId", "The runs of a group, one by one."),
    given.whole("proteinId", "A protein."),
    given.word("status", "How runs, or their processing, ended.", STATUSES),
    given.text("eventType", "Type of the experiment; or `dc`: all runs, `es`, `xrf`."),
)
EVENT_CALLS = (
    listing(
        "/events",
        "Groups of runs, or the runs of a group; scans: what goes on first",
        Event,
        list_events,
        _WHICH,
    ),
    listing(
        "/events/types",
        "Types of experiments that there are",
        EventType,
        list_types,
        _PLACE,
    ),
)
