"""A run's processing program, what links it to the run, and its files."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import select

from recorder.ispyb.flavours.flavour import RunRow
from recorder.ispyb.schema import tables as t
from recorder.ispyb.schema.capabilities import Capability
from recorder.ispyb.schema.markers import marker
from recorder.ispyb.schema.rows import Rows
from recorder.records import Json
from recorder.records.run_report import RunReport
from recorder.runtime.packages import is_installed

PROGRAM = "recorder"
TIMELINE = "timeline.json"
PAGE = "report.html"
PICTURE = "summary.png"
PICTURE_DRAWN = is_installed("PIL")
"""Whether the results sink, of the same process, draws it: that needs Pillow."""
FILES = ("ssx_stats.json", "ssx_cells.json")
"""As py-ISPyB reads them; the results sink replaces them while a run goes on."""
Status = Mapping[str, str | int | None]
"""``processingStatus`` by the run's status."""


def begin_program(rows: Rows, run: RunRow, status: str | int | None) -> Json:
    """Find or make the program of a run; its id, if that is allowed."""
    if not run.can.can(Capability.PROGRAM):
        return {}
    program_id = run.known.get("program_id") or _find(rows, run)
    if program_id is None:
        program_id = rows.insert(
            t.program,
            {
                "dataCollectionId": run.collection_id,
                "processingEnvironment": marker(run.uid),
                "processingPrograms": PROGRAM,
                "processingStatus": status,
                "processingStartTime": run.now,
                "recordTimeStamp": run.now,
            },
        )
    return {"program_id": program_id}


def begin(rows: Rows, run: RunRow, status: str | int | None) -> Json:
    """Find or make program and integration of a run; their ids, as far as allowed."""
    ids = begin_program(rows, run, status)
    if ids and run.can.can(Capability.INTEGRATION):
        ids["integration_id"] = rows.find_or_create(
            t.integration,
            {
                "dataCollectionId": run.collection_id,
                "autoProcProgramId": ids["program_id"],
            },
            {"startImageNumber": 1, "recordTimeStamp": run.now},
        )
    return ids


def _find(rows: Rows, run: RunRow) -> int | None:
    """Our program, by the run and the marker: the marker alone has no index."""
    mark = t.program.c.processingEnvironment == marker(run.uid)
    query = select(t.program.c.autoProcProgramId).where(mark)
    if rows.live.column(t.program.name, "dataCollectionId"):
        query = query.where(t.program.c.dataCollectionId == run.collection_id)
    elif run.can.can(Capability.INTEGRATION):
        query = query.join(
            t.integration,
            t.integration.c.autoProcProgramId == t.program.c.autoProcProgramId,
        ).where(t.integration.c.dataCollectionId == run.collection_id)
    found = rows.read(query.order_by(t.program.c.autoProcProgramId).limit(1))
    return found[0][0] if found else None


def attach(rows: Rows, run: RunRow, ids: Json, name: str, kind: str) -> None:
    """The attachment of a file, where it lies now; each file has exactly one."""
    if "program_id" not in ids or not run.can.can(Capability.ATTACHMENTS):
        return
    attachment_id = rows.find_or_create(
        t.attachment,
        {"autoProcProgramId": ids["program_id"], "fileName": name},
        {"fileType": kind, "filePath": run.folder, "recordTimeStamp": run.now},
    )
    rows.update(t.attachment, attachment_id, {"filePath": run.folder})


def message(report: RunReport) -> str:
    """The counts in one line, and why a run did not end well."""
    images, classes = report.images, report.classes
    text = (
        f"{images.received} images, {images.lost} lost, "
        f"{classes.indexed} indexed, {classes.non_indexed_hits} non-indexed "
        f"hits, {classes.non_hits} non-hits"
    )
    if report.reason:
        text += f"; {report.status}: {report.reason}"
    return text


def end(
    rows: Rows, run: RunRow, ids: Json, report: RunReport, status: str | int | None
) -> None:
    """Close program and integration."""
    if "program_id" in ids:
        rows.update(
            t.program,
            ids["program_id"],
            {
                "processingStatus": status,
                "processingMessage": message(report),
                "processingEndTime": run.now,
            },
        )
        if report.measured:
            attach(rows, run, ids, TIMELINE, "Log")
        attach(rows, run, ids, PAGE, "Log")
        if PICTURE_DRAWN:
            attach(rows, run, ids, PICTURE, "Graph")
    if "integration_id" in ids:
        cell = report.unit_cell.median or (None,) * len(t.CELL)
        values = dict(zip(t.CELL, cell, strict=True))
        images = report.images
        values["endImageNumber"] = images.expected or images.received
        rows.update(t.integration, ids["integration_id"], values)


class AttachedFiles:
    """Statistics as two JSON files that are attached to the run's program.

    Args:
        status: ``processingStatus`` by the run's status.
    """

    def __init__(self, status: Status) -> None:
        self._status = status

    def begin(self, rows: Rows, run: RunRow) -> Json:
        """See :class:`~recorder.ispyb.flavours.flavour.Statistics`."""
        ids = begin(rows, run, self._status["running"])
        for name in FILES:
            attach(rows, run, ids, name, "Result")
        return ids

    def update(self, rows: Rows, run: RunRow, ids: Json, report: RunReport) -> None:
        """Nothing: the readers read the files."""

    def end(self, rows: Rows, run: RunRow, ids: Json, report: RunReport) -> None:
        """See :class:`~recorder.ispyb.flavours.flavour.Statistics`."""
        end(rows, run, ids, report, self._status[run.status])
