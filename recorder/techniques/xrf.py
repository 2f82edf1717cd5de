"""Fluorescence spectra: counts by energy, no images."""

from __future__ import annotations

from dataclasses import dataclass

from recorder.records.technique_report import TechniqueReport
from recorder.runs.run import Run
from recorder.ssx.labels.timeline import Timeline
from recorder.techniques.plain import OurTechnique, PlainRuns
from recorder.techniques.spectrum_report import spectrum_report


@dataclass(frozen=True)
class XrfRuns(PlainRuns):
    """See :class:`~recorder.runs.technique.Technique`."""

    def report(self, run: Run, timeline: Timeline) -> TechniqueReport:
        """Its channels, and what is made of them."""
        return TechniqueReport(spectrum=spectrum_report(run))


PLUGIN = OurTechnique(
    "xrf",
    XrfRuns(types=("XRF spectrum",), takes_images=False),
    rows_at="recorder.sinks.ispyb.techniques.xrf:ROWS",
    files_at="recorder.sinks.results.reading_files:FILES",
)
