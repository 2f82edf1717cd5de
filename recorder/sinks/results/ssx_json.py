"""The two JSON files that py-ISPyB reads."""

from __future__ import annotations

from recorder.records import Json
from recorder.records.run_report import RunReport
from recorder.ssx.lattices.symmetry import lattice_type

MAX_CELLS = 5000
"""Unit cells in the file that py-ISPyB reads as a whole for its histograms. Chosen, not
tuned."""


NO_LATTICE = "unknown"


def ssx_stats(report: RunReport) -> Json:
    """``ssx_stats.json`` as py-ISPyB reads it: all four keys, none of them null."""
    cell = report.unit_cell.median
    return {
        "nbHits": report.classes.hits,
        "nbIndexed": report.classes.indexed,
        "laticeType": NO_LATTICE
        if cell is None
        else _found(report) or lattice_type(cell, report.space_group),
        "estimatedResolution": float(report.resolution.median or 0.0),
    }


def _found(report: RunReport) -> str | None:
    """Lattice of a cell that nobody gave."""
    last = report.classification.calibrations[-1:]
    return last[0].lattice if last and last[0].cell_found else None
