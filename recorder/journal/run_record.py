"""Body of a run record: written, and read again."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, replace
from typing import Any

from recorder.errors import ReportError
from recorder.journal.reading_json import facts_from_json, facts_to_json
from recorder.records import (
    Announcement,
    CollectionEnd,
    DetectorInfo,
    EndFacts,
    Goniometer,
    Json,
    RunState,
    RunStatus,
    SeriesKey,
    SeriesStart,
)
from recorder.records.report_json import (
    calibration_from_json,
    calibration_to_json,
    read_drift,
)
from recorder.runs.read_announcement import read_stored
from recorder.runs.run import Run


def run_record(run: Run, what: str) -> Json:
    """The body of a ``run`` record: enough to rebuild all but images and events."""
    announcement = run.announcement
    return {
        "what": what,
        "uid": run.uid,
        "run": run.number,
        "folder": run.folder,
        "opened_ns": run.opened_ns,
        "announced": run.announced,
        "collection_uid": announcement.uid,
        "collection_time_ns": announcement.time_ns if run.announced else None,
        "announced_ns": run.announced_ns,
        "clock_step_ns": run.clock_step_ns,
        "body": announcement.message,
        "series": _series_to_json(run),
        "state": run.state,
        "status": run.status,
        "reason": run.reason,
        "decided": run.decided,
        "revision": run.revision,
        "superseded": run.superseded,
        "silent_s": run.silent_s,
        "captures": sorted(run.captures),
        "ended_ns": run.ended_ns,
        "end": None
        if run.end is None
        else [run.end.status, run.end.reason, run.end.images, _facts(run.end)],
        "said_targets": [list(item) for item in sorted(run.said_targets.items())],
        "notes": run.notes,
        "in_doubt": run.in_doubt,
        "moved": run.moved,
        "counts": dict(run.counts),
        "gain": run.gain,
        "pedestal": run.pedestal,
        "calibrations": [calibration_to_json(item) for item in run.calibrations],
        "drift": [asdict(point) for point in run.drift],
    }


def _series_to_json(run: Run) -> Json | None:
    """The bound series: no mask, no flat field; of a file's angles only the axis."""
    if run.key is None:
        return None
    start = run.start
    info = start.info if start else None
    return {
        "source": run.key.source,
        "series_id": run.key.series_id,
        "unique_id": run.key.unique_id,
        "header": start is not None,
        "expected_images": start.expected_images if start else None,
        "arm_time_ns": start.arm_time_ns if start else None,
        "recorder_uid": start.recorder_uid if start else None,
        "goniometer": [[a.axis, a.start, a.increment] for a in start.goniometer]
        if start
        else [],
        "angles": start.angles.axis if start and start.angles else None,
        "triggers": start.triggers if start else None,
        "images_per_trigger": start.images_per_trigger if start else None,
        "detector": {
            name: getattr(info, name) for name in (info.__slots__ if info else ())
        },
    }


def read_run_record(body: Json) -> Run:
    """The run of a ``run`` record, without images and events."""
    run = Run(
        uid=body["uid"],
        number=body["run"],
        opened_ns=body["opened_ns"],
        announcement=_announcement(body),
        state=RunState(body["state"]),
        status=RunStatus(body["status"]),
        reason=body["reason"],
        decided=body.get("decided", False),
        ended_ns=body["ended_ns"],
        announced_ns=body.get("announced_ns", 0),
        clock_step_ns=body.get("clock_step_ns", 0),
        superseded=body.get("superseded", False),
        silent_s=body.get("silent_s", 0.0),
        captures={(clock, name) for clock, name in body.get("captures", ())},
        revision=body["revision"],
        folder=body["folder"],
        counts=Counter(body["counts"]),
        said_targets={float(d): int(n) for d, n in body.get("said_targets", ())},
        notes=list(body["notes"]),
        in_doubt=[(first, last) for first, last in body.get("in_doubt", ())],
        moved=body.get("moved", False),
        gain=body.get("gain"),
        pedestal=body.get("pedestal", 0.0),
    )
    for item in body.get("calibrations", ()):
        try:
            run.calibrations.append(calibration_from_json(item))
        except ReportError as error:  # it is for the report only
            run.note(f"stored by an earlier recorder: {error}")
    run.drift += read_drift(body.get("drift"))
    if body["end"] is not None:
        run.end = _end(run.uid, *body["end"])
    if (series := body["series"]) is not None:
        _bind(run, series)
    return run


def _announcement(body: Json) -> Announcement:
    """The announcement, as far as what was stored of it can be read."""
    return replace(
        read_stored(body["body"]),
        uid=body["collection_uid"] if body["announced"] else None,
        time_ns=body["collection_time_ns"] or 0,
    )


def _facts(end: CollectionEnd) -> Json | None:
    return facts_to_json(end.facts) if end.facts != EndFacts() else None


def _end(
    uid: str,
    status: str,
    reason: str,
    images: int | None = None,
    facts: Json | None = None,
) -> CollectionEnd:
    said = EndFacts() if facts is None else facts_from_json(facts)
    return CollectionEnd(uid, 0, RunStatus(status), reason, images=images, facts=said)


def _bind(run: Run, series: Json) -> None:
    run.key = SeriesKey(series["source"], series["series_id"], series["unique_id"])
    if series["header"]:
        run.start = SeriesStart(
            key=run.key,
            info=_info(series["detector"]),
            expected_images=series["expected_images"],
            arm_time_ns=series["arm_time_ns"],
            recorder_uid=series.get("recorder_uid"),
            goniometer=tuple(
                Goniometer(*axis) for axis in series.get("goniometer", ())
            ),
            triggers=series.get("triggers"),
            images_per_trigger=series.get("images_per_trigger"),
        )


def _info(detector: Json) -> DetectorInfo:
    pairs = ("shape", "pixel_size", "beam_center")
    fixed: dict[str, Any] = {
        name: tuple(value) if name in pairs and value is not None else value
        for name, value in detector.items()
    }
    return DetectorInfo(**fixed)
