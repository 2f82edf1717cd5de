"""Grids and lines of cells, in search of the crystal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recorder.techniques.mx_runs import GridRuns

if TYPE_CHECKING:
    from recorder.sinks.ispyb.techniques.rows import TechniqueRows
    from recorder.sinks.results.technique_files import TechniqueFiles


class GridTechnique:
    """See :class:`~recorder.techniques.protocols.TechniquePlugin`."""

    name = "mx-grid"
    runs = GridRuns(
        types=("Mesh", "LineScan", "Mesh3D"),
        parted_by="grid",
    )

    @property
    def files(self) -> TechniqueFiles:
        """What it adds to a run's files; imported where that is asked."""
        from recorder.sinks.results.grid_files import FILES

        return FILES

    @property
    def rows(self) -> TechniqueRows:
        """What it writes into ISPyB; imported where that is asked."""
        from recorder.sinks.ispyb.techniques.mx import GRID_ROWS

        return GRID_ROWS


PLUGIN = GridTechnique()
