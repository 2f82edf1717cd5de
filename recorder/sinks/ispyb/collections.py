"""A run's rows ``DataCollection`` and ``SSXDataCollection``, and its detector."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select

from recorder.ispyb.schema import tables as t
from recorder.ispyb.schema.markers import marker
from recorder.ispyb.schema.rows import Rows
from recorder.ispyb.schema.values import latin1, local_time, number
from recorder.records import Json

RUN_STATUS = {
    "success": "DataCollection Successful",
    "aborted": "DataCollection Cancelled",
    "failed": "DataCollection Failed",
}
COMMENTS_LENGTH = 1020


def find_collection(rows: Rows, session_id: int, uid: str) -> int | None:
    """Our row of a run, by the marker in its comments."""
    mark = marker(uid)
    found = rows.execute(
        select(t.collection.c.dataCollectionId, t.collection.c.comments)
        .join(t.group, t.collection.c.dataCollectionGroupId
              == t.group.c.dataCollectionGroupId)
        .where(
            t.group.c.sessionId == session_id,
            t.collection.c.comments.contains(mark, autoescape=True),
        )
    )  # fmt: skip
    # The database compares without case.
    return next((int(known) for known, text in found if mark in text), None)


def collection_values(record: Json, zone: ZoneInfo | None) -> Json:
    """Columns of DataCollection from a ``run`` record of the journal."""
    body, series = record["body"], record["series"] or {}
    seen = series.get("detector") or {}
    beam, detector = body.get("beam") or {}, body.get("detector") or {}
    files = body.get("files") or {}
    size = _pair(beam.get("size"))
    center = _pair(detector.get("beam_center") or seen.get("beam_center"))
    pixel = _pair(seen.get("pixel_size"))
    distance = number(detector.get("distance") or seen.get("distance"))
    template = files.get("template")
    return {
        "dataCollectionNumber": record["run"],
        "startTime": local_time(record["opened_ns"], zone),
        "imageDirectory": files.get("directory"),
        "fileTemplate": template,
        "imagePrefix": str(template).split("_master")[0] if template else None,
        "startImageNumber": 1,
        "wavelength": beam.get("wavelength") or seen.get("wavelength"),
        "detectorDistance": None if distance is None else distance * 1000,
        "xBeamPix": center[0],
        "yBeamPix": center[1],
        "xBeam": _millimetres(center[0], pixel[0]),
        "yBeam": _millimetres(center[1], pixel[1]),
        "transmission": beam.get("transmission"),
        "exposureTime": detector.get("exposure_time") or seen.get("exposure_time_s"),
        "beamSizeAtSampleX": size[0],
        "beamSizeAtSampleY": size[1],
        "flux": beam.get("flux"),
        "comments": comments(record),
    }


def _pair(value: Any) -> tuple[Any, Any]:
    """Two values of a list of two; announcements are free to send anything."""
    ok = isinstance(value, list | tuple) and len(value) == 2
    return (value[0], value[1]) if ok else (None, None)


def _millimetres(pixels: Any, pixel_size: Any) -> float | None:
    a, b = number(pixels), number(pixel_size)
    return None if a is None or b is None else a * b * 1000


def comments(record: Json, timeline: str = "") -> str:
    """The experiment's comments, what the timeline's audit says, our marker."""
    text = latin1(str((record["body"].get("experiment") or {}).get("comments") or ""))
    tail = marker(record["uid"])
    if timeline:
        tail = f"timeline: {latin1(timeline)} {tail}"
    return f"{text[: COMMENTS_LENGTH - len(tail)]} {tail}".strip()


def ssx_values(record: Json) -> Json:
    """Columns of SSXDataCollection, but for the experiment's name."""
    body = record["body"]
    ssx, beam = body.get("ssx") or {}, body.get("beam") or {}
    return {
        "repetitionRate": ssx.get("repetition_rate"),
        "energyBandwidth": beam.get("energy_bandwidth"),
        "jetSpeed": ssx.get("jet_speed"),
        "jetSize": ssx.get("jet_size"),
        "laserEnergy": ssx.get("laser_energy"),
        "monoStripe": ssx.get("mono_stripe"),
        "chipPattern": ssx.get("chip_pattern"),
        "chipModel": ssx.get("chip_model"),
    }


def write_collection(rows: Rows, known: int | None, values: Json, ssx: Json) -> int:
    """Insert a run's two rows, or bring them up to date; the run's id."""
    if known is None:
        known = rows.insert(t.collection, {**values, "numberOfImages": 0})
        rows.insert(t.ssx_collection, {"dataCollectionId": known, **ssx})
    else:
        rows.update(t.collection, known, values)
        rows.update(t.ssx_collection, known, ssx)
    return known


def find_detector(rows: Rows, record: Json) -> int | None:
    """The detector by its serial number, created if it is new."""
    seen = (record["series"] or {}).get("detector") or {}
    if not (serial := seen.get("serial_number")):
        return None
    pixel = _pair(seen.get("pixel_size"))
    return rows.find_or_create(
        t.detector,
        {"detectorSerialNumber": serial},
        {
            "detectorModel": seen.get("description"),
            "detectorPixelSizeHorizontal": pixel[0],
            "detectorPixelSizeVertical": pixel[1],
        },
    )
