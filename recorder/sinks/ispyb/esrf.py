"""Flavour ``esrf``: statistics are two JSON files, attached to a program of the run."""

from __future__ import annotations

from recorder.records import Json
from recorder.sinks.ispyb import programs
from recorder.sinks.ispyb.capabilities import Capability
from recorder.sinks.ispyb.flavour import Flavour, RunRow
from recorder.sinks.ispyb.rows import Rows

FILES = ("ssx_stats.json", "ssx_cells.json")
"""As py-ISPyB reads them; the results sink replaces them while a run goes on."""
PROGRAM_STATUS = {
    "running": "RUNNING",
    "success": "SUCCESS",
    "aborted": "SUCCESS",
    "failed": "FAILED",
}


class EsrfStatistics:
    """One program for each run, with its link to the run, and the files."""

    def begin(self, rows: Rows, run: RunRow) -> Json:
        """See :class:`~recorder.sinks.ispyb.flavour.Statistics`."""
        ids = programs.begin(rows, run, PROGRAM_STATUS["running"])
        for name in FILES:
            programs.attach(rows, run, ids, name, "Result")
        return ids

    def update(self, rows: Rows, run: RunRow, ids: Json, report: Json) -> None:
        """Nothing: the readers read the files."""

    def end(self, rows: Rows, run: RunRow, ids: Json, report: Json) -> None:
        """See :class:`~recorder.sinks.ispyb.flavour.Statistics`."""
        programs.end(rows, run, ids, report, PROGRAM_STATUS[run.status])


ESRF = Flavour(
    name="esrf",
    chain_scope="collection",
    experiment_types={"SSX-Jet": "SSX-Jet", "SSX-Chip": "SSX-Chip"},
    program_status=PROGRAM_STATUS,
    without=frozenset({"BLSample.support", "DataCollectionGroup.experimentTypeId"}),
    capabilities=frozenset(Capability)
    - {Capability.EXPERIMENT_TYPES, Capability.RESULTS},
    image_rows=False,
    statistics=EsrfStatistics(),
)
