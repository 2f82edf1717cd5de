"""Grids and lines of cells, in search of the crystal."""

from __future__ import annotations

from recorder.techniques.mx_runs import GridRuns
from recorder.techniques.plain import OurTechnique

PLUGIN = OurTechnique(
    "mx-grid",
    GridRuns(
        types=("Mesh", "LineScan", "Mesh3D"),
        parted_by="grid",
    ),
    rows_at="recorder.sinks.ispyb.techniques.mx:GRID_ROWS",
    files_at="recorder.sinks.results.grid_files:FILES",
)
