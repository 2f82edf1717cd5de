"""Files of energy scans and spectra: every value as it came, and what readers open."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recorder.foreign_text import plain
from recorder.journal.restore import event_names, take_readings
from recorder.records import Spectrum
from recorder.runs.run import Run
from recorder.runs.tables.point_table import PointArrays
from recorder.sinks.atomic_files import write_text
from recorder.sinks.held_folder import HeldFolder
from recorder.sinks.results import reading_names as names
from recorder.sinks.results.reading_plot import curve_png
from recorder.sinks.results.technique_files import SealedRun

Arrays = dict[str, NDArray[Any]]


class ReadingFiles:
    """See :class:`~recorder.sinks.results.technique_files.TechniqueFiles`."""

    units: Mapping[str, str] = {}

    def columns(self, run: Run, labels: Mapping[str, NDArray[Any]]) -> Arrays:
        """It has no images."""
        return {}

    def write(self, folder: HeldFolder, sealed: SealedRun) -> None:
        """The points, the spectrum, or both."""
        run, journal = sealed.run, sealed.journal
        take_readings(run, journal.readings(event_names(journal, run.uid)))
        if run.points.size:
            _write_scan(folder, run.points.arrays())
        if run.spectrum is not None:
            _write_spectrum(folder, run, run.spectrum)


FILES = ReadingFiles()


def _write_scan(folder: HeldFolder, points: PointArrays) -> None:
    write_text(folder, names.SCAN_CSV, scan_csv(points))
    write_text(folder, names.SCAN_POINTS, scan_text(points))
    order = np.argsort(points.energy, kind="stable")
    picture = curve_png(points.energy[order], points.counts[order])
    folder.write(names.PLOT, picture)


def scan_csv(points: PointArrays) -> str:
    """Every value with all its digits; empty where it was not given."""
    columns = (points.energy, points.counts, points.monitor, points.live_time)
    rows = zip(points.index.tolist(), *(c.tolist() for c in columns), strict=True)
    head = "point,energy_ev,counts,monitor,live_time_s"
    return _lines([head, *(",".join(map(_exact, row)) for row in rows)])


def scan_text(points: PointArrays) -> str:
    """Energy (eV) and counts by ascending energy, nothing else."""
    order = np.argsort(points.energy, kind="stable")
    pairs = zip(
        points.energy[order].tolist(), points.counts[order].tolist(), strict=True
    )
    return _lines(f"{_exact(energy)} {_exact(counts)}" for energy, counts in pairs)


def _exact(value: float | None) -> str:
    """A number that reads back as the same; whole ones without a point."""
    if value is None or value != value:
        return ""
    whole = float(value).is_integer() and abs(value) < 2**53
    return str(int(value)) if whole else repr(float(value))


def _lines(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _write_spectrum(folder: HeldFolder, run: Run, spectrum: Spectrum) -> None:
    write_text(folder, names.SPECTRUM_CSV, spectrum_csv(spectrum))
    write_text(folder, names.SPECTRUM_TEXT, spectrum_text(run, spectrum))
    counts = np.array([np.nan if n is None else n for n in spectrum.counts], np.float64)
    name = names.PLOT if not run.points.size else names.SPECTRUM_PLOT
    folder.write(name, curve_png(_axis(spectrum), counts))


def _axis(spectrum: Spectrum) -> NDArray[np.float64]:
    """(n,) eV of each channel, or its number where no calibration says them."""
    channel = np.arange(len(spectrum.counts), dtype=np.float64)
    if spectrum.calibration is None:
        return channel
    a, b, c = spectrum.calibration
    return a + b * channel + c * channel**2


def spectrum_csv(spectrum: Spectrum) -> str:
    """Channel, energy (keV, empty without a calibration) and counts."""
    unknown = spectrum.calibration is None
    energies = (_axis(spectrum) / 1000).tolist()
    rows = (
        f"{n}, {'' if unknown else _exact(energies[n])}, {_exact(counts)}"
        for n, counts in enumerate(spectrum.counts)
    )
    return _lines(["channel, Energy, counts", *rows])


def spectrum_text(run: Run, spectrum: Spectrum) -> str:
    """Three lines of head, then energy (eV) and counts; 0 where there is none."""
    known = spectrum.calibration is not None
    times = f"live {spectrum.live_time} s, real {spectrum.real_time} s"
    axis = "energy (eV)" if known else "channel"
    head = [
        f"# {plain(run.experiment)} run {run.number} {plain(run.uid)}",
        f"# calibration {list(spectrum.calibration or ())}, {times}",
        f"# {axis} counts",
    ]
    pairs = zip(_axis(spectrum).tolist(), spectrum.counts, strict=True)
    return _lines([*head, *(f"{_exact(e)} {_exact(n or 0.0)}" for e, n in pairs)])
