"""Rotation of one crystal: one sweep or several, helical or not, and stills."""

from __future__ import annotations

from recorder.techniques.mx_runs import SweepRuns
from recorder.techniques.plain import OurTechnique

PLUGIN = OurTechnique(
    "mx-rotation",
    SweepRuns(
        types=(
            *("OSC", "SAD", "SAD - Inverse Beam", "MAD", "MAD - Inverse Beam"),
            *("Collect - Multiwedge", "Helical", "Multi-positional", "Burn", "Still"),
        ),
        parted_by="sweeps",
    ),
    rows_at="recorder.sinks.ispyb.techniques.mx:ROWS",
    files_at="recorder.sinks.results.mx_files:FILES",
)
