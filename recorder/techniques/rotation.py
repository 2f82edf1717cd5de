"""Rotation of one crystal: one sweep or several, helical or not, and stills."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recorder.techniques.mx_runs import SweepRuns

if TYPE_CHECKING:
    from recorder.sinks.ispyb.techniques.rows import TechniqueRows
    from recorder.sinks.results.technique_files import TechniqueFiles


class RotationTechnique:
    """See :class:`~recorder.techniques.protocols.TechniquePlugin`."""

    name = "mx-rotation"
    runs = SweepRuns(
        types=(
            *("OSC", "SAD", "SAD - Inverse Beam", "MAD", "MAD - Inverse Beam"),
            *("Collect - Multiwedge", "Helical", "Multi-positional", "Burn", "Still"),
        ),
        parted_by="sweeps",
    )

    @property
    def files(self) -> TechniqueFiles:
        """What it adds to a run's files; imported where that is asked."""
        from recorder.sinks.results.mx_files import FILES

        return FILES

    @property
    def rows(self) -> TechniqueRows:
        """What it writes into ISPyB; imported where that is asked."""
        from recorder.sinks.ispyb.techniques.mx import ROWS

        return ROWS


PLUGIN = RotationTechnique()
