"""Body of a run record: written, and read again."""

from __future__ import annotations

from collections import Counter
from typing import Any

from recorder.records import (
    Collection,
    CollectionEnd,
    DetectorInfo,
    Json,
    RunState,
    RunStatus,
    SeriesKey,
    SeriesStart,
)
from recorder.runs.run import Run


def run_record(run: Run, what: str) -> Json:
    """The body of a ``run`` record: enough to rebuild all but images and events."""
    return {
        "what": what,
        **run.description(),
        "state": run.state,
        "status": run.status,
        "reason": run.reason,
        "decided": run.decided,
        "revision": run.revision,
        "ended_ns": run.ended_ns,
        "end": None
        if run.end is None
        else [run.end.status, run.end.reason, run.end.images],
        "notes": run.notes,
        "counts": dict(run.counts),
        "calibrations": run.calibrations,
    }


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
        decided=body.get("decided", False),
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
                recorder_uid=series.get("recorder_uid"),
            )
    return run


def _info(detector: Json) -> DetectorInfo:
    pairs = ("shape", "pixel_size", "beam_center")
    fixed: dict[str, Any] = {
        name: tuple(value) if name in pairs and value is not None else value
        for name, value in detector.items()
    }
    return DetectorInfo(**fixed)
