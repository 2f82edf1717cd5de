"""Rebuild runs from the journal: after a restart, and for reports."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

from recorder.journal.store import Journal
from recorder.records import (
    Collection,
    CollectionEnd,
    DetectorInfo,
    Effort,
    EventType,
    Evidence,
    ImageClass,
    Json,
    RunState,
    RunStatus,
    SeriesKey,
    SeriesStart,
    TimedEvent,
    Unprocessed,
)
from recorder.runs.run import Run
from recorder.runs.seen import SeenUids

EVENT_BATCH = 10_000


def run_record(run: Run, what: str) -> Json:
    """The body of a ``run`` record: enough to rebuild all but images and events."""
    return {
        "what": what,
        **run.description(),
        "state": run.state,
        "status": run.status,
        "reason": run.reason,
        "revision": run.revision,
        "ended_ns": run.ended_ns,
        "end": None
        if run.end is None
        else [run.end.status, run.end.reason, run.end.images],
        "notes": run.notes,
        "counts": dict(run.counts),
        "calibrations": run.calibrations,
    }


def load_run(journal: Journal, uid: str) -> Run | None:
    """A run as the journal knows it, images and events included."""
    record = journal.latest("run", uid)
    if record is None:
        return None
    run = _run(record.body)
    for event in events_of(journal, uid):
        run.events.add(event)
    for row in journal.image_columns(uid):
        _add_image(run, row)
    return run


def events_of(journal: Journal, uid: str) -> Iterator[TimedEvent]:
    """All events of a run as they were received, repeated ones once."""
    record = journal.latest("run", uid)
    announced = record.body["collection_uid"] if record else None
    names = {uid, uid if announced is None else str(announced)}
    seen = SeenUids()
    for name in sorted(names):
        after = 0
        while batch := journal.records(
            after=after, kinds=("event",), run=name, limit=EVENT_BATCH
        ):
            for entry in batch:
                if seen.add(entry.body["uid"]):
                    yield event_from_json(entry.body)
            after = batch[-1].seq


def load_unsealed(journal: Journal) -> list[Run]:
    """Runs that were going on when the recorder stopped."""
    runs = []
    for uid in journal.run_uids():
        record = journal.latest("run", uid)
        if record is not None and record.body["state"] != RunState.SEALED:
            run = load_run(journal, uid)
            if run is not None:
                runs.append(run)
    return runs


def run_numbers(journal: Journal) -> dict[str, int]:
    """Highest run number of each experiment."""
    numbers: dict[str, int] = {}
    for uid in journal.run_uids():
        record = journal.latest("run", uid)
        if record is not None:
            name = (record.body["body"].get("experiment") or {}).get("name")
            key = str(name or "unnamed")
            numbers[key] = max(numbers.get(key, 0), record.body["run"])
    return numbers


def _run(body: Json) -> Run:
    collection = None
    if body["announced"]:
        collection = Collection(
            body["collection_uid"], body["collection_time_ns"], body["body"]
        )
    run = Run(
        uid=body["uid"],
        number=body["run"],
        opened_ns=body["opened_ns"],
        unannounced_body={} if body["announced"] else body["body"],
        collection=collection,
        state=RunState(body["state"]),
        status=RunStatus(body["status"]),
        reason=body["reason"],
        ended_ns=body["ended_ns"],
        revision=body["revision"],
        folder=body["folder"],
        counts=Counter(body["counts"]),
        notes=list(body["notes"]),
        calibrations=list(body.get("calibrations", ())),
    )
    if body["end"] is not None:
        status, reason, *images = body["end"]
        made = images[0] if images else None
        run.end = CollectionEnd(run.uid, 0, RunStatus(status), reason, images=made)
    if (series := body["series"]) is not None:
        key = SeriesKey(series["source"], series["series_id"], series["unique_id"])
        run.key = key
        if series["header"]:
            run.start = SeriesStart(
                key=key,
                info=_info(series["detector"]),
                expected_images=series["expected_images"],
                arm_time_ns=series["arm_time_ns"],
            )
    return run


def _info(detector: Json) -> DetectorInfo:
    pairs = ("shape", "pixel_size", "beam_center")
    fixed: dict[str, Any] = {
        name: tuple(value) if name in pairs and value is not None else value
        for name, value in detector.items()
    }
    return DetectorInfo(**fixed)


def _add_image(run: Run, row: tuple[Any, ...]) -> None:
    image_id, outcome, start_ns, stop_ns, spots, resolution, solvent, detail = row
    run.images.receive(image_id, start_ns, stop_ns)
    known: Json = json.loads(detail) if detail else {}
    lattices = known.get("lattices", ())
    run.images.finish(
        image_id,
        ImageClass(outcome) if outcome in set(ImageClass) else Unprocessed(outcome),
        spots=spots,
        cells=tuple(tuple(item["cell"]) for item in lattices),
        residuals=tuple(
            item["residual"] for item in lattices if item["residual"] is not None
        ),
        resolution=resolution,
        solvent=solvent,
        effort=Effort(known.get("effort", 0)),
        upstream=known.get("upstream", False),
    )


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
    }


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
    )
