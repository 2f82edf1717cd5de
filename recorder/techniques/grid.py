"""Grids and lines of cells, in search of the crystal."""

from __future__ import annotations

from recorder.techniques.plain import PlainRuns


class GridTechnique:
    """See :class:`~recorder.techniques.protocols.TechniquePlugin`."""

    name = "mx-grid"
    runs = PlainRuns(
        types=("Mesh", "LineScan", "Mesh3D"),
        index_every=10,
        parted_by="grid",
    )


PLUGIN = GridTechnique()
