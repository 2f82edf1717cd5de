"""Flavour ``maxiv``: rates in a table of their own, and the files attached to them."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import func

from recorder.config.ispyb import IspybSection
from recorder.ispyb.flavours import programs
from recorder.ispyb.flavours.esrf import ESRF
from recorder.ispyb.flavours.experiment_types import MAXIV_TYPES
from recorder.ispyb.flavours.families import looks_like_diamond
from recorder.ispyb.flavours.flavour import Flavour, RunRow
from recorder.ispyb.flavours.mx_dialect import PROGRAM_STATUS
from recorder.ispyb.flavours.programs import FILES
from recorder.ispyb.schema import tables as t
from recorder.ispyb.schema.capabilities import Capability
from recorder.ispyb.schema.live_schema import LiveSchema
from recorder.ispyb.schema.markers import marker
from recorder.ispyb.schema.rows import Rows
from recorder.records import Json
from recorder.records.run_report import RunReport

NOW = func.current_timestamp()
"""The server's: its TIMESTAMP columns know zones, and the writer sets this one."""
ATTACHMENT = "Real-time processing results"
RESULT_STATUS = {
    "running": "Running",
    "success": "Success",
    "aborted": "Success",
    "failed": "Failed",
}


class MaxivStatistics:
    """One ``SSXProcessingResult`` for each run, preliminary until it is sealed.

    Args:
        percent: Write rates in percent; the schema does not say which is meant.
    """

    def __init__(self, percent: bool = False) -> None:
        self._factor = 100.0 if percent else 1.0

    def begin(self, rows: Rows, run: RunRow) -> Json:
        """See :class:`~recorder.ispyb.flavours.flavour.Statistics`."""
        ids = programs.begin(rows, run, PROGRAM_STATUS["running"])
        if run.can.can(Capability.RESULTS):
            ids["result_id"] = self._result(rows, run)
        return ids

    def _result(self, rows: Rows, run: RunRow) -> int:
        result_id = rows.find_or_create(
            t.result,
            {"dataCollectionId": run.collection_id, "comments": marker(run.uid)},
            {
                "indexingType": "Preliminary",
                "status": RESULT_STATUS["running"],
                "lastUpdate": NOW,
            },
        )
        for name in FILES:
            attachment_id = rows.find_or_create(
                t.result_attachment,
                {"ssxProcessingResultId": result_id, "fileName": name},
                {"fileType": ATTACHMENT, "filePath": run.folder, "lastUpdate": NOW},
            )
            rows.update(t.result_attachment, attachment_id, {"filePath": run.folder})
        return result_id

    def update(self, rows: Rows, run: RunRow, ids: Json, report: RunReport) -> None:
        """See :class:`~recorder.ispyb.flavours.flavour.Statistics`."""
        if "result_id" in ids:
            rows.update(t.result, ids["result_id"], self._rates(report))

    def end(self, rows: Rows, run: RunRow, ids: Json, report: RunReport) -> None:
        """See :class:`~recorder.ispyb.flavours.flavour.Statistics`."""
        programs.end(rows, run, ids, report, PROGRAM_STATUS[run.status])
        if "result_id" in ids:
            final = {"indexingType": "Final", "status": RESULT_STATUS[run.status]}
            values = {**self._rates(report), **final}
            rows.update(t.result, ids["result_id"], values)

    def _rates(self, report: RunReport) -> Json:
        hit, indexed = report.rates.hit, report.rates.indexed_of_images
        return {
            "hitRate": None if hit is None else hit * self._factor,
            "indexingRate": None if indexed is None else indexed * self._factor,
            "nbCrystals": report.classes.lattices,
            "lastUpdate": NOW,
        }


def maxiv(percent: bool) -> Flavour:
    """The flavour, with rates as fractions or in percent."""
    return replace(
        ESRF,
        name="maxiv",
        experiment_types=MAXIV_TYPES,
        capabilities=ESRF.capabilities | {Capability.RESULTS},
        statistics=MaxivStatistics(percent),
    )


class MaxivPlugin:
    """See :class:`~recorder.ispyb.flavours.flavour.FlavourPlugin`."""

    name = "maxiv"

    def make(self, section: IspybSection) -> Flavour:
        """The flavour, with rates as ``ispyb.rates`` says."""
        return maxiv(section.rates == "percent")

    def matches(self, schema: LiveSchema) -> int:
        """ESRF's tables, and one more."""
        if looks_like_diamond(schema):
            return 0
        return 2 if schema.has("SSXProcessingResult") else 1


PLUGIN = MaxivPlugin()
