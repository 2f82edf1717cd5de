"""A run's rows ``DataCollection`` and ``SSXDataCollection``, and its detector."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from sqlalchemy import select

from recorder.ispyb.schema import tables as t
from recorder.ispyb.schema.markers import marker
from recorder.ispyb.schema.rows import Rows
from recorder.ispyb.schema.values import latin1, local_time
from recorder.records import (
    Announcement,
    Beam,
    DetectorInfo,
    DetectorPlace,
    Files,
    Json,
    SsxDelivery,
)
from recorder.runs.run import Run

# py-ISPyB and SynchWeb look for "success" and "aborted" in it, and count the rest as
# failed.
RUN_STATUS = {
    "success": "DataCollection Successful",
    "aborted": "DataCollection aborted",
    "failed": "DataCollection Failed",
}
COMMENTS_LENGTH = 1020
"""Characters of a run's comments: the column has 1024, all but the blank and some
room."""


def find_collection(rows: Rows, session_id: int, uid: str) -> int | None:
    """Our row of a run, by the marker in its comments."""
    mark = marker(uid)
    found = rows.read(
        select(t.collection.c.dataCollectionId, t.collection.c.comments)
        .join(
            t.group,
            t.collection.c.dataCollectionGroupId == t.group.c.dataCollectionGroupId,
        )
        .where(
            t.group.c.sessionId == session_id,
            t.collection.c.comments.contains(mark, autoescape=True),
        )
    )
    # The database compares without case.
    return next((known for known, text in found if mark in (text or "")), None)


def collection_values(run: Run, zone: ZoneInfo | None) -> Json:
    """Columns of DataCollection: what was announced, else what the detector said."""
    announced = run.announcement
    seen = run.start.info if run.start else DetectorInfo()
    beam = announced.beam or Beam()
    place = announced.detector or DetectorPlace()
    files = announced.files or Files()
    size = beam.size or (None, None)
    center = place.beam_center or seen.beam_center or (None, None)
    pixel = seen.pixel_size or (None, None)
    distance = place.distance or seen.distance
    template = files.template
    return {
        "dataCollectionNumber": run.number,
        "startTime": local_time(run.shown_ns(run.opened_ns), zone),
        "imageDirectory": files.directory,
        "fileTemplate": template,
        "imagePrefix": template.split("_master")[0] if template else None,
        "startImageNumber": 1,
        "wavelength": beam.wavelength or seen.wavelength,
        "detectorDistance": None if distance is None else distance * 1000,
        "xBeamPix": center[0],
        "yBeamPix": center[1],
        "xBeam": _millimetres(center[0], pixel[0]),
        "yBeam": _millimetres(center[1], pixel[1]),
        "transmission": beam.transmission,
        "exposureTime": place.exposure_time or seen.exposure_time_s,
        "beamSizeAtSampleX": size[0],
        "beamSizeAtSampleY": size[1],
        "flux": beam.flux,
        "beamShape": beam.shape,
        "polarisation": beam.polarisation,
        "undulatorGap1": beam.undulator_gap,
        "synchrotronMode": beam.filling_mode,
        "comments": comments(run),
    }


def _millimetres(pixels: float | None, pixel_size: float | None) -> float | None:
    return None if pixels is None or pixel_size is None else pixels * pixel_size * 1000


def comments(run: Run, timeline: str = "") -> str:
    """The experiment's comments, what the timeline's audit says, our marker."""
    text = latin1(run.announcement.experiment.comments or "")
    tail = marker(run.uid)
    if timeline:
        tail = f"timeline: {latin1(timeline)} {tail}"
    return f"{text[: COMMENTS_LENGTH - len(tail)]} {tail}".strip()


def ssx_values(announcement: Announcement) -> Json:
    """Columns of SSXDataCollection, but for the experiment's name."""
    ssx, beam = announcement.ssx or SsxDelivery(), announcement.beam or Beam()
    return {
        "repetitionRate": ssx.repetition_rate,
        "energyBandwidth": beam.energy_bandwidth,
        "jetSpeed": ssx.jet_speed,
        "jetSize": ssx.jet_size,
        "laserEnergy": ssx.laser_energy,
        "monoStripe": ssx.mono_stripe,
        "chipPattern": ssx.chip_pattern,
        "chipModel": ssx.chip_model,
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
