"""A few images far apart, from which a strategy is made."""

from __future__ import annotations

from recorder.techniques.mx_runs import SweepRuns
from recorder.techniques.plain import OurTechnique

PLUGIN = OurTechnique(
    "mx-characterisation",
    SweepRuns(
        types=("Characterization", "Characterisation", "Screening"),
        parted_by="sweeps",
        regular_is_one=True,
    ),
    rows_at="recorder.sinks.ispyb.techniques.mx:ROWS",
    files_at="recorder.sinks.results.mx_files:FILES",
)
