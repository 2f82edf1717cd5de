"""The part of a fluorescence spectrum in the report of a run."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recorder.mx.lines import find_lines, named
from recorder.records.reading_report import SHOWN_CHANNELS, LineFound, SpectrumReport
from recorder.records.readings import Spectrum
from recorder.runs.run import Run
from recorder.techniques.xray_data import ABSENT, xray_table


def spectrum_report(run: Run) -> SpectrumReport:
    """What is known of a run's spectrum."""
    plan, found = run.announcement.spectrum, run.spectrum
    facts = None if run.end is None else run.end.facts
    files, flux = (facts.files, facts.flux) if facts else (None, None)
    beam = run.announcement.beam
    planned = plan.energy if plan and plan.energy else beam.energy if beam else None
    if found is None:
        return SpectrumReport(energy=planned, flux_end=flux, files=files)
    lines, hint = lines_of(found, planned)
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
        lines=lines,
        hint=hint,
        flux_end=flux,
        files=files,
    )


def lines_of(
    spectrum: Spectrum, planned: float | None
) -> tuple[tuple[LineFound, ...], str]:
    """Its lines, and which elements they may be of.

    Args:
        spectrum: The spectrum.
        planned: Energy of the beam as announced, eV; that of the spectrum counts more.
    """
    energy = channel_energies(spectrum)
    if energy is None:
        return (), "its channels have no energies: send calibration with the spectrum"
    counts = np.array([np.nan if n is None else n for n in spectrum.counts], np.float64)
    found = find_lines(energy, counts)
    table, hint = xray_table(), ABSENT
    if table is not None:
        beam = spectrum.energy if spectrum.energy is not None else planned
        found, elements = named(found, table, beam)
        hint = f"lines of {', '.join(elements)}" if elements else "no line is known"
    lines = (LineFound(one.energy, one.counts, one.names) for one in found)
    return tuple(lines), hint if found else "no line stands out"


def channel_energies(spectrum: Spectrum) -> NDArray[np.float64] | None:
    """(n,) eV of each channel; None: unknown, or not rising."""
    if spectrum.calibration is None:
        return None
    a, b, c = spectrum.calibration
    channel = np.arange(len(spectrum.counts), dtype=np.float64)
    energy = a + b * channel + c * channel**2
    return energy if bool((np.diff(energy) > 0).all()) else None


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
