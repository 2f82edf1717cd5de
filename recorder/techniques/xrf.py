"""Fluorescence spectra: counts by energy, no images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from recorder.records.technique_report import TechniqueReport
from recorder.runs.run import Run
from recorder.ssx.labels.timeline import Timeline
from recorder.techniques.plain import PlainRuns
from recorder.techniques.spectrum_report import spectrum_report

if TYPE_CHECKING:
    from recorder.sinks.ispyb.techniques.rows import TechniqueRows
    from recorder.sinks.results.technique_files import TechniqueFiles


@dataclass(frozen=True)
class XrfRuns(PlainRuns):
    """See :class:`~recorder.runs.technique.Technique`."""

    def report(self, run: Run, timeline: Timeline) -> TechniqueReport:
        """Its channels, and what is made of them."""
        return TechniqueReport(spectrum=spectrum_report(run))


class XrfTechnique:
    """See :class:`~recorder.techniques.protocols.TechniquePlugin`."""

    name = "xrf"
    runs = XrfRuns(types=("XRF spectrum",), takes_images=False)

    @property
    def rows(self) -> TechniqueRows:
        """What it writes into ISPyB; imported where that is asked."""
        from recorder.sinks.ispyb.techniques.xrf import ROWS

        return ROWS

    @property
    def files(self) -> TechniqueFiles:
        """What it adds to a run's files; imported where that is asked."""
        from recorder.sinks.results.reading_files import FILES

        return FILES


PLUGIN = XrfTechnique()
