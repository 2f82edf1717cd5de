"""The part of a fluorescence spectrum in the report of a run."""

from __future__ import annotations

from recorder.records.reading_report import SHOWN_CHANNELS, SpectrumReport
from recorder.records.readings import Spectrum
from recorder.runs.run import Run


def spectrum_report(run: Run) -> SpectrumReport:
    """What is known of a run's spectrum."""
    plan, found = run.announcement.spectrum, run.spectrum
    facts = None if run.end is None else run.end.facts
    files, flux = (facts.files, facts.flux) if facts else (None, None)
    planned = plan.energy if plan else None
    if found is None:
        return SpectrumReport(energy=planned, flux_end=flux, files=files)
    together = -(-len(found.counts) // SHOWN_CHANNELS)
    return SpectrumReport(
        channels=len(found.counts),
        sum=together,
        counts=_summed(found.counts, together),
        calibration=found.calibration,
        total=sum(value for value in found.counts if value is not None),
        live_time=found.live_time,
        real_time=found.real_time,
        dead=dead_share(found),
        energy=found.energy if found.energy is not None else planned,
        flux_end=flux,
        files=files,
    )


def _summed(
    counts: tuple[float | None, ...], together: int
) -> tuple[float | None, ...]:
    """Neighbours added up; None where one of them is unknown."""
    groups = (counts[n : n + together] for n in range(0, len(counts), together))
    sums = ((None if None in group else sum(map(float, group))) for group in groups)  # type: ignore[arg-type]
    return tuple(sums)


def dead_share(spectrum: Spectrum) -> float | None:
    """Share of the real time in which nothing could be counted."""
    live, real = spectrum.live_time, spectrum.real_time
    if live is None or real is None or live > real:
        return None
    return round(1 - live / real, 6)
