"""A run's row ``DataCollection``, as far as every technique has the same."""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from sqlalchemy import select

from recorder.ispyb.schema import tables as t
from recorder.ispyb.schema.markers import marker
from recorder.ispyb.schema.rows import Rows
from recorder.ispyb.schema.values import latin1, local_time
from recorder.ispyb.sessions import Session, find_session
from recorder.records import Beam, DetectorInfo, DetectorPlace, Files, Json
from recorder.records.run_report import RunReport
from recorder.runs.detector_reach import wavelength
from recorder.runs.run import Run
from recorder.sinks.ispyb.beamline import describe_setup, find_detector
from recorder.sinks.ispyb.step import Step

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
    template, part = files.template, announced.part
    return {
        "dataCollectionNumber": run.number,
        "startTime": local_time(run.shown_ns(run.opened_ns), zone),
        "imageDirectory": files.directory,
        "fileTemplate": template,
        "imagePrefix": template.split("_master")[0] if template else None,
        # of several runs of one series: what the series' file calls its first image
        "startImageNumber": part.first_image + 1 if part else 1,
        "wavelength": wavelength(run),
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


def comments(run: Run, said: str = "") -> str:
    """The experiment's comments, what there is to say of the run, our marker."""
    tail = marker(run.uid)
    if said:
        tail = f"{latin1(said)} {tail}"
    return marked(run.announcement.experiment.comments or "", tail)


def marked(text: str, tail: str) -> str:
    """Comments with what must not be cut at their end."""
    return f"{latin1(text)[: COMMENTS_LENGTH - len(tail)]} {tail}".strip()


@dataclass(frozen=True, slots=True)
class Opened:
    """A run's row of DataCollection, about to be written."""

    session: Session
    known: int | None
    """The row, if it is there."""
    values: Json
    """Its columns as far as every technique has them."""


def open_collection(rows: Rows, step: Step) -> Opened:
    """Find the session and the row of a run, and describe it.

    Raises:
        SinkError: There is no such session.
    """
    values = collection_values(step.run, step.zone)
    announced, start = step.run.announcement, values["startTime"]
    session = find_session(rows, announced, step.beamline, start)
    known = step.known.get("data_collection_id")
    if known is None:
        known = find_collection(rows, session.session_id, step.run.uid)
    return Opened(session, known, values)


def place_collection(rows: Rows, step: Step, opened: Opened, group_id: int) -> None:
    """Say where a run belongs: its group, detector and beamline."""
    completer, can = step.completer(rows), step.site.can
    detector_id = find_detector(completer, step.run, can)
    if detector_id is not None:
        opened.values["detectorId"] = detector_id
    describe_setup(completer, opened.session.session_id, step.run.announcement, can)
    opened.values["dataCollectionGroupId"] = group_id
    if opened.known is None and step.site.provisional_end:
        opened.values["endTime"] = opened.values["startTime"]


def write_collection(rows: Rows, opened: Opened, first: Json) -> int:
    """Insert a run's row, or bring it up to date; its id.

    Args:
        rows: The database.
        opened: What to write.
        first: Columns of a new row only.
    """
    if opened.known is None:
        return rows.insert(t.collection, {**opened.values, **first})
    rows.update(t.collection, opened.known, opened.values)
    return opened.known


def going_on(step: Step, images: int) -> Json:
    """Columns of a run that goes on."""
    end = {"endTime": step.end()} if step.site.provisional_end else {}
    return {"numberOfImages": images, **end}


def ended(step: Step, report: RunReport, said: str = "") -> Json:
    """Columns of a run that is over.

    Args:
        step: The run.
        report: Its report.
        said: What there is to say of it.
    """
    return {
        "numberOfImages": report.images.received,
        "comments": comments(step.run, said),
        "endTime": step.end(report.ended_ns),
        "runStatus": RUN_STATUS[report.status],
    }
