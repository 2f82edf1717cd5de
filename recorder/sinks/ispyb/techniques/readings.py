"""Rows of runs without images: one in a table of their own, beside the groups."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import Table, select

from recorder.ispyb.schema.markers import marker
from recorder.ispyb.schema.rows import Rows
from recorder.ispyb.schema.values import latin1, local_time
from recorder.ispyb.sessions import Session, find_session
from recorder.records import Beam, EndFacts, Json, ReadingFiles
from recorder.records.run_report import RunReport
from recorder.sinks.ispyb.collections import COMMENTS_LENGTH
from recorder.sinks.ispyb.samples import announced_sample
from recorder.sinks.ispyb.step import Step

PATHS = (
    *("scanFileFullPath", "choochFileFullPath", "jpegChoochFileFullPath"),
    *("fittedDataFileFullPath", "jpegScanFileFullPath", "annotatedPymcaXfeSpectrum"),
    *("filename", "workingDirectory"),
)
"""Columns that are of no use if they are cut, and lead elsewhere."""
_HINT = "choose a shorter path, in plain letters"


def open_reading(rows: Rows, step: Step, table: Table) -> tuple[int, Json]:
    """A run's row, found or made; its id, and columns that follow from the run alone.

    Args:
        rows: The database.
        step: The run.
        table: Where its row is.

    Raises:
        SinkError: There is no such session, or no such sample.
    """
    announced = step.run.announcement
    start: Any = local_time(step.run.shown_ns(step.run.opened_ns), step.zone)
    session = find_session(rows, announced, step.beamline, start)
    completer = step.completer(rows)
    can = step.site.can
    sample = announced_sample(completer, session.proposal_id, announced, can)
    beam = announced.beam or Beam()
    size = beam.size or (None, None)
    place = announced.detector
    values = {
        "sessionId": session.session_id,
        "blSampleId": sample,
        "startTime": start,
        "exposureTime": place.exposure_time if place else None,
        "beamSizeHorizontal": _micrometres(size[0]),
        "beamSizeVertical": _micrometres(size[1]),
        "flux": beam.flux,
        "comments": comments(step),
    }
    known = _found(rows, step, table, session)
    if known is None:
        return rows.insert(table, values), values
    rows.update(table, known, values)
    return known, values


def _micrometres(millimetres: float | None) -> float | None:
    return None if millimetres is None else millimetres * 1000


def _found(rows: Rows, step: Step, table: Table, session: Session) -> int | None:
    """The row that was written before, by its id or by the marker in its comments."""
    key = next(iter(table.primary_key.columns))
    known = step.known.get(key.name)
    if known is not None:
        return int(known)
    mark = marker(step.run.uid)
    found = rows.read(
        select(key, table.c.comments).where(
            table.c.sessionId == session.session_id,
            table.c.comments.contains(mark, autoescape=True),
        )
    )
    return next((number for number, text in found if mark in (text or "")), None)


def comments(step: Step, said: str = "") -> str:
    """The experiment's comments, what is said of the run, our marker."""
    text = latin1(step.run.announcement.experiment.comments or "")
    tail = f"{latin1(said)} {marker(step.run.uid)}".strip()
    return f"{text[: max(0, COMMENTS_LENGTH - len(tail))]} {tail}".strip()


def ended(step: Step, report: RunReport, said: str) -> Json:
    """Columns of a run that is over.

    Args:
        step: The run.
        report: Its report.
        said: What there is to say of it beside how it ended.
    """
    how = "" if report.status == "success" else f"{report.status}: {report.reason}"
    return {
        "endTime": step.end(report.ended_ns),
        "flux_end": facts_of(step).flux,
        "comments": comments(step, " ".join(filter(None, (said, how)))[:500]),
    }


def facts_of(step: Step) -> EndFacts:
    """What the end of the run said."""
    return EndFacts() if step.run.end is None else step.run.end.facts


def files_of(step: Step) -> ReadingFiles:
    """Files of the sender, as it said."""
    return facts_of(step).files or ReadingFiles()


def own_file(step: Step, name: str) -> str:
    """Path of a file of ours in the run's folder."""
    return str(Path(step.folder) / name)


def update(rows: Rows, table: Table, number: int, values: Json) -> None:
    """Change a row; a path that its column cannot hold is left out and said."""
    rows.update(
        table, number, {n: _fitting(rows, table, n, v) for n, v in values.items()}
    )


def _fitting(rows: Rows, table: Table, name: str, value: Any) -> Any:
    column = rows.live.column(table.name, name)
    if name not in PATHS or value is None or column is None:
        return value
    if (column.length is None or len(value) <= column.length) and latin1(
        value
    ) == value:
        return value
    where = f"{table.name}.{name}"
    holds = f"it holds {column.length} {column.charset} characters: {_HINT}"
    rows.live.left_out.say(where, value, holds)
    return None
