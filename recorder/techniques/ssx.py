"""Serial crystallography: one image a crystal."""

from __future__ import annotations

from recorder.techniques.plain import OurTechnique, PlainRuns

PLUGIN = OurTechnique(
    "ssx",
    PlainRuns(
        types=("SSX-Jet", "SSX-Chip", "Serial Jet", "Serial Fixed"),
    ),
    rows_at="recorder.sinks.ispyb.techniques.ssx:ROWS",
)
